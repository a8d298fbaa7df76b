// The functions under test in plain C.

#include "math_support.h"
#include "simd/generic.h"

#include "math_functions.inc.h"

const MathFunction math_functions_generic[MATH_FUNCTION_COUNT] = MATH_FUNCTIONS_OF_VOCABULARY;

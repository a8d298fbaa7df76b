// The functions under test for AVX2.

#if defined(__x86_64__)

#include <math.h>

#include "math_support.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "simd/avx2.h"

#include "math_functions.inc.h"
#pragma clang attribute pop

const MathFunction math_functions_avx2[MATH_FUNCTION_COUNT] = MATH_FUNCTIONS_OF_VOCABULARY;

#endif

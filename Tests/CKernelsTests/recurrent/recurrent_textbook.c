// The reference of recurrent layers once more, in float32: the error that plain loops have, which bounds may not be tighter than.

#include <math.h>
#include <stddef.h>
#include <string.h>

#define double float

#define heed_recurrent_reference recurrent_textbook
#include "reference/recurrent.c"

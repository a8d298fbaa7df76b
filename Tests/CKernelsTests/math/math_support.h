// The functions of template/math that no entry point reaches alone, for each vocabulary: what they promise in ulp, and over which interval.

#ifndef HEED_MATH_TEST_SUPPORT_H
#define HEED_MATH_TEST_SUPPORT_H

#include <stddef.h>

#define MATH_LANES 16 // as many as the widest vocabulary has; the others take them in turn

typedef struct MathFunction {
  const char *name;
  void (*apply)(const float *x, float *y); // to MATH_LANES numbers
  long double (*exact)(long double x);
  float low, high;
  double ulp, ulp_per_square; // promised: ulp + ulp_per_square x^2
} MathFunction;

#define MATH_FUNCTION_COUNT 6

extern const MathFunction math_functions_generic[MATH_FUNCTION_COUNT];
#if defined(__x86_64__)
extern const MathFunction math_functions_avx2[MATH_FUNCTION_COUNT];
extern const MathFunction math_functions_avx512[MATH_FUNCTION_COUNT];
#endif

// Phi(-a) e^(a^2 / 2)
long double math_exact_mills(long double a);

#endif

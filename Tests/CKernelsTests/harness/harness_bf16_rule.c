// The rule for products of bfloat16 numbers. See bf16_rule.h.

#include <math.h>
#include <string.h>

#include "bf16_rule.h"
#include "heed/runtime.h"

enum { BLOCK = 32 };

static float without_denormals(float x) { return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x; }

// A result that rounds to less than 2^-126 in a format whose exponent has no lower end is tiny. Below 2^-126 the spacing of such a format
// is half that of float's denormal numbers, so a float of 2^-126 may have been rounded up from a result that is tiny: then the same result
// is computed 2^60 times as large, where no number is denormal.
float bf16_rule_fma(float a, float b, float c) {
  a = without_denormals(a), b = without_denormals(b), c = without_denormals(c);
  const float result = fmaf(a, b, c);
  if (fabsf(result) == 0x1p-126f && fabsf(fmaf(a * 0x1p30f, b * 0x1p30f, c * 0x1p60f)) < 0x1p-66f) return copysignf(0, result);
  return without_denormals(result);
}

// The sum of two floats is exact where it is tiny.
float bf16_rule_add(float a, float b) { return without_denormals(without_denormals(a) + without_denormals(b)); }

float bf16_rule_multiply_add(float a, float b, float c) { return bf16_rule_add(bf16_rule_fma(a, b, -0.0f), c); }

float bf16_rule_product(size_t count, const float *a, ptrdiff_t a_step, const float *b, ptrdiff_t b_step, bool fused) {
  float total = 0;
  for (size_t first = 0; first < count; first += BLOCK) {
    float sums[2] = {0, 0};
    for (size_t k = first; k < count && k < first + BLOCK; k++) {
      const float x = a[(ptrdiff_t)k * a_step], y = b[(ptrdiff_t)k * b_step];
      float *sum = &sums[k % 2];
      *sum = fused ? bf16_rule_fma(x, y, *sum) : bf16_rule_multiply_add(x, y, *sum);
    }
    total = bf16_rule_add(total, bf16_rule_add(sums[0], sums[1]));
  }
  return total;
}

bool bf16_rule_is_fused(void) { return heed_isa_current() != HeedISAGeneric; }

bool bf16_rule_agrees(float x, float expected) { return (isnan(x) && isnan(expected)) || memcmp(&x, &expected, sizeof x) == 0; }

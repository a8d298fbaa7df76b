// The rule for products of bfloat16 numbers (heed/gemm.h), in scalar code of its own: what every table's kernels must give bit for bit.
//
// Functions take bfloat16 numbers as the floats they are, and compute in the mode that a thread begins in (to nearest, denormals kept):
// flushing is done by hand.

#ifndef HEED_TEST_BF16_RULE_H
#define HEED_TEST_BF16_RULE_H

#include <stdbool.h>
#include <stddef.h>

// a * b + c, denormal operands counting as zeros of their sign, rounded once to nearest even, a tiny result a zero of its sign.
float bf16_rule_fma(float a, float b, float c);
// The same with the product rounded first, as HeedISAGeneric does.
float bf16_rule_multiply_add(float a, float b, float c);
// a + b in the same way.
float bf16_rule_add(float a, float b);

// sum of a[k * a_step] * b[k * b_step] over k < count. `fused`: whether the table in use has fused multiply-adds.
float bf16_rule_product(size_t count, const float *a, ptrdiff_t a_step, const float *b, ptrdiff_t b_step, bool fused);

// Whether the table in use has fused multiply-adds.
bool bf16_rule_is_fused(void);

// Whether two results agree: the same bits, or both NaN, whose payload is free.
bool bf16_rule_agrees(float x, float expected);

#endif

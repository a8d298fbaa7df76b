// Private: the argument checks of every matrix product.

#ifndef HEED_GEMM_CHECKS_H
#define HEED_GEMM_CHECKS_H

#include <math.h>

#include "checks/array_checks.h"
#include "checks/element.h"
#include "heed/gemm.h"

// Whether A and B are read at all.
static inline bool heed_gemm_reads(const HeedGemmShape *s) { return s->k > 0 && s->alpha != 0.0f; }

// The errors of gemm.h. `c_is_strided` is false for a variant whose C is contiguous whatever the strides say.
// Strides of B are not looked at where `b_is_packed`.
static inline HeedStatus heed_gemm_check_operands(const HeedGemmShape *s, const void *a, const void *b, const void *c, bool c_is_strided,
                                                  bool b_is_packed) {
  if (!s) return HeedStatusBadArgument;
  const HeedArray A = {3, {s->batch, s->m, s->k}, {s->a_batch, s->a_row, s->a_column}};
  const HeedArray B = {3, {s->batch, s->k, s->n}, {s->b_batch, s->b_row, s->b_column}};
  const HeedArray C = {3, {s->batch, s->m, s->n}, {s->c_batch, s->c_row, s->c_column}};
  if (!heed_array_sizes_fit(&A) || !heed_array_sizes_fit(&B) || !heed_array_sizes_fit(&C)) return HeedStatusBadShape;
  if (!heed_array_distances_fit(&A, sizeof(float))) return HeedStatusBadStride;
  if (!b_is_packed && !heed_array_distances_fit(&B, sizeof(float))) return HeedStatusBadStride;
  if (c_is_strided && !heed_array_is_writable(&C, sizeof(float))) return HeedStatusBadStride;
  if (!heed_element_exists(s->element) || !isfinite(s->alpha) || !isfinite(s->beta)) return HeedStatusBadArgument;
  if (heed_array_is_empty(&C)) return HeedStatusOk;
  if (!c || (heed_gemm_reads(s) && (!a || !b))) return HeedStatusBadArgument;
  return HeedStatusOk;
}

// The same for a variant that takes float32 only, and no packed B.
static inline HeedStatus heed_gemm_check(const HeedGemmShape *s, const float *a, const float *b, const void *c, bool c_is_strided) {
  const HeedStatus status = heed_gemm_check_operands(s, a, b, c, c_is_strided, false);
  return status == HeedStatusOk && s->element != HeedElementFloat32 ? HeedStatusBadArgument : status;
}

// `e` may be null.
static inline HeedStatus heed_gemm_check_epilogue(const HeedGemmShape *s, const HeedGemmEpilogue *e) {
  if (!e) return HeedStatusOk;
  if ((unsigned)e->activation >= HEED_ACTIVATION_COUNT) return HeedStatusBadArgument;
  const HeedArray bias = {3, {s->batch, s->m, s->n}, {e->bias_batch, e->bias_row, e->bias_column}};
  return !e->bias || heed_array_distances_fit(&bias, sizeof(float)) ? HeedStatusOk : HeedStatusBadStride;
}

#endif

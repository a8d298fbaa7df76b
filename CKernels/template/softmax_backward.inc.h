// Gradient of one row of a softmax or log-softmax (formulas and promises: heed/softmax.h).
//
//   sum <- sum y dy                         (log: sum dy; in float64, 16 lanes)
//   dx <- scale y (dy - sum)                (log: scale (dy - exp(y) sum))

#include "simd/sixteen_lanes.h"
#include "template/math/exp.inc.h"

INLINE_KERNEL vm softmax_backward_seen(const HeedSoftmaxBackwardRow *x, size_t j, size_t count, vf y) {
  vm seen = vm_first(count);
  if (x->mask) seen = vm_and(seen, vm_from_bytes_n(x->mask + j, heed_size_min(count, HEED_LANES)));
  return x->logarithm ? seen : vm_and(seen, vm_not(vf_equal(y, vf_zero())));
}

INLINE_KERNEL void softmax_backward_add(const bool logarithm, const HeedSoftmaxBackwardRow *x, size_t j, size_t count, vd sum[2]) {
  vf y = vf_load_n(x->output + j, count), dy = vf_load_n(x->d_output + j, count);
  const vm seen = softmax_backward_seen(x, j, count, y);
  dy = vf_select(seen, dy, vf_zero());
  if (logarithm) {
    sum[0] = vd_add(sum[0], vd_low(dy));
    sum[1] = vd_add(sum[1], vd_high(dy));
  } else {
    y = vf_select(seen, y, vf_zero());
    sum[0] = vd_fma(vd_low(y), vd_low(dy), sum[0]);
    sum[1] = vd_fma(vd_high(y), vd_high(dy), sum[1]);
  }
}

INLINE_KERNEL void softmax_backward_store(const bool logarithm, const HeedSoftmaxBackwardRow *x, size_t j, size_t count, vf scale, vf sum) {
  const vf y = vf_load_n(x->output + j, count), dy = vf_load_n(x->d_output + j, count);
  const vm seen = softmax_backward_seen(x, j, count, y);
  vf dx;
  if (logarithm)
    dx = vf_mul(scale, vf_sub(dy, vf_mul(exp_rr2_t16_p3(y), sum)));
  else
    dx = vf_mul(y, vf_mul(scale, vf_sub(dy, sum))); // y last: it may be so small that a product with it loses bits
  vf_store_n(x->d_input + j, vf_select(seen, dx, vf_zero()), count);
}

INLINE_KERNEL void softmax_backward_row_of(const bool logarithm, const HeedSoftmaxBackwardRow *x) {
  const size_t n = x->columns;
  vd sum[2 * HEED_SUM_PARTS];
#pragma clang loop unroll(full)
  for (int i = 0; i < 2 * HEED_SUM_PARTS; i++) sum[i] = vd_zero();
  size_t j = 0;
  for (; j + HEED_SUM_LANES <= n; j += HEED_SUM_LANES)
#pragma clang loop unroll(full)
    for (size_t part = 0; part < HEED_SUM_PARTS; part++)
      softmax_backward_add(logarithm, x, j + part * HEED_LANES, HEED_LANES, sum + 2 * part);
#pragma clang loop unroll(full)
  for (size_t part = 0; part < HEED_SUM_PARTS; part++, j += HEED_LANES)
    if (j < n) softmax_backward_add(logarithm, x, j, n - j, sum + 2 * part);
  const vf total = vf_set1((float)sixteen_lanes_sum_double(sum)), scale = vf_set1(x->scale);
  for (j = 0; j + HEED_LANES <= n; j += HEED_LANES) softmax_backward_store(logarithm, x, j, HEED_LANES, scale, total);
  if (j < n) softmax_backward_store(logarithm, x, j, n - j, scale, total);
}

static void softmax_backward_row(const HeedSoftmaxBackwardRow *row) {
  if (row->logarithm)
    softmax_backward_row_of(true, row);
  else
    softmax_backward_row_of(false, row);
}

#define SOFTMAX_BACKWARD_KERNELS .row = softmax_backward_row

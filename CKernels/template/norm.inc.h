// Layer norm and RMS norm of one row, forward (formulas and promises: include/norm.h).
//
//   mean <- sum s / n                       (layer; s = x + r, summed in float64)
//   variance <- sum (s - mean)^2 / n        (squared and summed in float64)
//   y <- (s - mean) d w + b
//
// The mean is kept as a float32 and what that leaves of it: (s - high) - low is s - mean with an error of one rounding, for where the first
// difference is not exact, s is far from the mean and the error small beside it. So only sums are in float64.

#ifndef HEED_NORM_INC_H
#define HEED_NORM_INC_H

// What a row's passes share; constant arguments drop what is not there.
typedef struct NormPasses {
  bool fused, centred; // constants: a residual is added, a mean is taken away
  const HeedNormRow *row;
  vf high, low; // of the mean
} NormPasses;

INLINE_KERNEL vf norm_load(const NormPasses *x, size_t j, size_t count) {
  const vf input = vf_load_n(x->row->input + j, count);
  return x->fused ? vf_add(input, vf_load_n(x->row->residual + j, count)) : input;
}

// s - mean, 0 in lanes beyond the row.
INLINE_KERNEL vf norm_distance(const NormPasses *x, size_t j, size_t count) {
  const vf s = norm_load(x, j, count);
  if (!x->centred) return s;
  const vf distance = vf_sub(vf_sub(s, x->high), x->low);
  return count >= HEED_LANES ? distance : vf_select(vm_first(count), distance, vf_zero());
}

typedef struct NormSum {
  vd low, high;
} NormSum;

INLINE_KERNEL NormSum norm_add(NormSum sum, vf x) { return (NormSum){vd_add(sum.low, vd_low(x)), vd_add(sum.high, vd_high(x))}; }
INLINE_KERNEL NormSum norm_add_product(NormSum sum, vf a, vf b) {
  return (NormSum){vd_fma(vd_low(a), vd_low(b), sum.low), vd_fma(vd_high(a), vd_high(b), sum.high)};
}
INLINE_KERNEL double norm_total(const NormSum sum[2]) {
  return vd_reduce_add(vd_add(vd_add(sum[0].low, sum[0].high), vd_add(sum[1].low, sum[1].high)));
}

INLINE_KERNEL double norm_row_sum(const NormPasses *x) {
  const size_t n = x->row->columns, pair = 2 * HEED_LANES;
  NormSum sum[2] = {{vd_zero(), vd_zero()}, {vd_zero(), vd_zero()}};
  size_t j = 0;
  for (; j + pair <= n; j += pair) {
    sum[0] = norm_add(sum[0], norm_load(x, j, HEED_LANES));
    sum[1] = norm_add(sum[1], norm_load(x, j + HEED_LANES, HEED_LANES));
  }
  for (int half = 0; j < n; j += HEED_LANES, half ^= 1) sum[half] = norm_add(sum[half], norm_load(x, j, n - j));
  return norm_total(sum);
}

INLINE_KERNEL double norm_row_squares(const NormPasses *x) {
  const size_t n = x->row->columns, pair = 2 * HEED_LANES;
  NormSum sum[2] = {{vd_zero(), vd_zero()}, {vd_zero(), vd_zero()}};
  size_t j = 0;
  for (; j + pair <= n; j += pair) {
    const vf a = norm_distance(x, j, HEED_LANES), b = norm_distance(x, j + HEED_LANES, HEED_LANES);
    sum[0] = norm_add_product(sum[0], a, a);
    sum[1] = norm_add_product(sum[1], b, b);
  }
  for (int half = 0; j < n; j += HEED_LANES, half ^= 1) {
    const vf a = norm_distance(x, j, n - j);
    sum[half] = norm_add_product(sum[half], a, a);
  }
  return norm_total(sum);
}

INLINE_KERNEL void norm_store(const NormPasses *x, size_t j, size_t count, vf inverse) {
  const HeedNormRow *row = x->row;
  vf y = vf_mul(norm_distance(x, j, count), inverse);
  if (row->weight && row->bias)
    y = vf_fma(y, vf_load_n(row->weight + j, count), vf_load_n(row->bias + j, count));
  else if (row->weight)
    y = vf_mul(y, vf_load_n(row->weight + j, count));
  else if (row->bias)
    y = vf_add(y, vf_load_n(row->bias + j, count));
  if (row->sum) vf_store_n(row->sum + j, norm_load(x, j, count), count);
  if (row->output) vf_store_n(row->output + j, y, count);
}

// A row whose distances or whose d leave float32, or that holds an infinity or NaN: every step in float64.
static void norm_row_in_double(const HeedNormRow *row) {
  const size_t n = row->columns;
  double sum = 0, squares = 0;
  for (int pass = 0; pass < 2; pass++)
    for (size_t j = 0; j < n; j++) {
      const double s = (double)(row->residual ? row->input[j] + row->residual[j] : row->input[j]);
      const double distance = s - sum / (double)n;
      if (pass)
        squares += distance * distance;
      else if (row->kind == HeedNormLayer)
        sum += s;
    }
  const double mean = sum / (double)n, inverse = 1 / sqrt(squares / (double)n + row->epsilon);
  for (size_t j = 0; j < n; j++) {
    const float s = row->residual ? row->input[j] + row->residual[j] : row->input[j];
    const double y = ((double)s - mean) * inverse * (row->weight ? (double)row->weight[j] : 1) + (row->bias ? (double)row->bias[j] : 0);
    if (row->sum) row->sum[j] = s;
    if (row->output) row->output[j] = (float)y;
  }
  if (row->statistics) {
    row->statistics[0] = (float)mean;
    row->statistics[1] = (float)(mean - (double)(float)mean);
    row->statistics[2] = (float)inverse;
  }
}

INLINE_KERNEL void norm_row_of(const bool fused, const bool centred, const HeedNormRow *row) {
  const size_t n = row->columns;
  NormPasses x = {fused, centred, row, vf_zero(), vf_zero()};
  const double mean = centred ? norm_row_sum(&x) / (double)n : 0;
  const float high = (float)mean, low = (float)(mean - (double)high);
  x.high = vf_set1(high), x.low = vf_set1(low);
  const double inverse = 1 / sqrt(norm_row_squares(&x) / (double)n + row->epsilon);
  if (!(inverse >= 0x1p-120 && inverse <= 0x1p120)) {
    norm_row_in_double(row);
    return;
  }
  const vf factor = vf_set1((float)inverse);
  size_t j = 0;
  for (; j + HEED_LANES <= n; j += HEED_LANES) norm_store(&x, j, HEED_LANES, factor);
  if (j < n) norm_store(&x, j, n - j, factor);
  if (!row->statistics) return;
  row->statistics[0] = high;
  row->statistics[1] = low;
  row->statistics[2] = (float)inverse;
}

static void norm_forward_row(const HeedNormRow *row) {
  const bool centred = row->kind == HeedNormLayer;
  if (row->residual && centred)
    norm_row_of(true, true, row);
  else if (row->residual)
    norm_row_of(true, false, row);
  else if (centred)
    norm_row_of(false, true, row);
  else
    norm_row_of(false, false, row);
}

#include "norm_backward.inc.h"

#define NORM_KERNELS .forward_row = norm_forward_row, .backward_chunk = norm_backward_chunk

#endif

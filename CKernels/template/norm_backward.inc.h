// Layer norm and RMS norm of a chunk of rows, backward (formulas: heed/norm.h). In groups of HEED_NORM_GROUP rows, which stay in the
// caches:
//   weight sums <- + sum over the group of y' h,  bias sums <- + sum over the group of y'         (a group in float32, groups in float64)
//   a, b <- sum g / n, sum g h / n of each row                                                     (as forward: trees and their error)
//   input gradient <- s' + d (g - a - h b)
// The sums come first, for the input gradient may lie where y' lay.

#include "template/norm.inc.h"

// One row's operands.
typedef struct NormBackwardRow {
  const float *sum, *weight, *output_gradient, *sum_gradient;
  float *input_gradient;
  size_t columns;
  vf high, low, inverse;
} NormBackwardRow;

INLINE_KERNEL vf norm_normal(vf s, vf high, vf low, vf inverse) { return vf_mul(vf_sub(vf_sub(s, high), low), inverse); }

INLINE_KERNEL void norm_add_to(double *sums, vf x) {
  vd_store(sums, vd_add(vd_load(sums), vd_low(x)));
  vd_store(sums + HEED_LANES / 2, vd_add(vd_load(sums + HEED_LANES / 2), vd_high(x)));
}

static void norm_group_sums(const HeedNormChunk *c, size_t first, size_t rows) {
  for (size_t j = 0; j < c->columns; j += HEED_LANES) {
    const size_t count = c->columns - j;
    const float *s = c->sum + (ptrdiff_t)first * c->sum_row + (ptrdiff_t)j;
    const float *y = c->output_gradient + (ptrdiff_t)first * c->output_gradient_row + (ptrdiff_t)j;
    const float *statistics = c->statistics + first * HEED_NORM_STATISTICS;
    vf weight = vf_zero(), bias = vf_zero();
    for (size_t r = 0; r < rows; r++, s += c->sum_row, y += c->output_gradient_row, statistics += HEED_NORM_STATISTICS) {
      const vf gradient = vf_load_n(y, count);
      const vf normal = norm_normal(vf_load_n(s, count), vf_set1(statistics[0]), vf_set1(statistics[1]), vf_set1(statistics[2]));
      weight = vf_fma(gradient, normal, weight);
      bias = vf_add(bias, gradient);
    }
    if (c->weight_sums) norm_add_to(c->weight_sums + j, weight);
    if (c->bias_sums) norm_add_to(c->bias_sums + j, bias);
  }
}

// g and h of one vector, 0 in lanes beyond the row.
INLINE_KERNEL void norm_gradient(const NormBackwardRow *x, size_t j, size_t count, vf *gradient, vf *normal) {
  *gradient = vf_load_n(x->output_gradient + j, count);
  if (x->weight) *gradient = vf_mul(*gradient, vf_load_n(x->weight + j, count));
  *normal = norm_normal(vf_load_n(x->sum + j, count), x->high, x->low, x->inverse);
  if (count < HEED_LANES) *normal = vf_select(vm_first(count), *normal, vf_zero());
}

INLINE_KERNEL void norm_gradient_store(const NormBackwardRow *x, size_t j, size_t count, vf mean, vf slope) {
  vf gradient, normal;
  norm_gradient(x, j, count, &gradient, &normal);
  const vf centred = vf_fma(vf_sub(vf_zero(), normal), slope, vf_sub(gradient, mean));
  const vf through = x->sum_gradient ? vf_load_n(x->sum_gradient + j, count) : vf_zero();
  vf_store_n(x->input_gradient + j, vf_fma(centred, x->inverse, through), count);
}

INLINE_KERNEL void norm_input_gradient(const bool centred, const NormBackwardRow *x) {
  const size_t n = x->columns;
  NormSum sum = norm_start(0), product = norm_start(0);
  vf gradient[NORM_VECTORS], normal[NORM_VECTORS];
  size_t j = 0;
  for (; j + NORM_VECTORS * HEED_LANES <= n; j += NORM_VECTORS * HEED_LANES) {
#pragma clang loop unroll(full)
    for (size_t v = 0; v < NORM_VECTORS; v++) norm_gradient(x, j + v * HEED_LANES, HEED_LANES, &gradient[v], &normal[v]);
    if (centred) sum = norm_add(sum, norm_tree(gradient));
    product = norm_add(product, norm_tree_of_products(gradient, normal));
  }
  for (; j < n; j += HEED_LANES) {
    norm_gradient(x, j, n - j, &gradient[0], &normal[0]);
    if (centred) sum = norm_add(sum, gradient[0]);
    product = norm_add(product, vf_mul(gradient[0], normal[0]));
  }
  const vf mean = vf_set1((float)(norm_total(sum) / (double)n));
  const vf slope = vf_set1((float)(norm_total(product) / (double)n));
  for (j = 0; j + HEED_LANES <= n; j += HEED_LANES) norm_gradient_store(x, j, HEED_LANES, mean, slope);
  if (j < n) norm_gradient_store(x, j, n - j, mean, slope);
}

static void norm_backward_chunk(const HeedNormChunk *c) {
  const size_t padded = HEED_PADDED(c->columns);
  for (size_t j = 0; j < padded; j++) {
    if (c->weight_sums) c->weight_sums[j] = 0;
    if (c->bias_sums) c->bias_sums[j] = 0;
  }
  for (size_t first = 0; first < c->rows; first += HEED_NORM_GROUP) {
    const size_t rows = heed_size_min(c->rows - first, HEED_NORM_GROUP);
    if (c->weight_sums || c->bias_sums) norm_group_sums(c, first, rows);
    for (size_t r = first; c->input_gradient && r < first + rows; r++) {
      const float *statistics = c->statistics + r * HEED_NORM_STATISTICS;
      const NormBackwardRow row = {
          .sum = c->sum + (ptrdiff_t)r * c->sum_row,
          .weight = c->weight,
          .output_gradient = c->output_gradient + (ptrdiff_t)r * c->output_gradient_row,
          .sum_gradient = c->sum_gradient ? c->sum_gradient + (ptrdiff_t)r * c->sum_gradient_row : NULL,
          .input_gradient = c->input_gradient + (ptrdiff_t)r * c->input_gradient_row,
          .columns = c->columns,
          .high = vf_set1(statistics[0]),
          .low = vf_set1(statistics[1]),
          .inverse = vf_set1(statistics[2]),
      };
      if (c->kind == HeedNormLayer)
        norm_input_gradient(true, &row);
      else
        norm_input_gradient(false, &row);
    }
  }
}

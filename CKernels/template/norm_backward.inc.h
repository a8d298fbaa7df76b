// Layer norm and RMS norm of a chunk of rows, backward (formulas: heed/norm.h). In groups of HEED_NORM_GROUP rows, which stay in the
// caches:
//   weight sums <- + sum over the group of dy h,  bias sums <- + sum over the group of dy         (a group in float32, groups in float64)
//   a, b <- sum g / n, sum g h / n of each row                                                     (as forward: trees and their error)
//   dx <- ds + rstd (g - a - h b)
// The sums come first, because the input gradient may overwrite dy.

#include "template/norm.inc.h"

// One row's operands.
typedef struct NormBackwardRow {
  const float *sum, *weight, *d_output, *d_sum;
  float *d_input;
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
    const float *y = c->d_output + (ptrdiff_t)first * c->d_output_row + (ptrdiff_t)j;
    const float *statistics = c->statistics + first * HEED_NORM_STATISTICS;
    vf weight = vf_zero(), bias = vf_zero();
    for (size_t r = 0; r < rows; r++, s += c->sum_row, y += c->d_output_row, statistics += HEED_NORM_STATISTICS) {
      const vf d_output = vf_load_n(y, count);
      const vf normal = norm_normal(vf_load_n(s, count), vf_set1(statistics[0]), vf_set1(statistics[1]), vf_set1(statistics[2]));
      weight = vf_fma(d_output, normal, weight);
      bias = vf_add(bias, d_output);
    }
    if (c->weight_sums) norm_add_to(c->weight_sums + j, weight);
    if (c->bias_sums) norm_add_to(c->bias_sums + j, bias);
  }
}

// g and h of one vector, 0 in lanes beyond the row.
INLINE_KERNEL void norm_d_normal(const NormBackwardRow *x, size_t j, size_t count, vf *d_normal, vf *normal) {
  *d_normal = vf_load_n(x->d_output + j, count);
  if (x->weight) *d_normal = vf_mul(*d_normal, vf_load_n(x->weight + j, count));
  *normal = norm_normal(vf_load_n(x->sum + j, count), x->high, x->low, x->inverse);
  if (count < HEED_LANES) *normal = vf_select(vm_first(count), *normal, vf_zero());
}

INLINE_KERNEL void norm_store_d_input(const NormBackwardRow *x, size_t j, size_t count, vf mean, vf mean_product) {
  vf d_normal, normal;
  norm_d_normal(x, j, count, &d_normal, &normal);
  const vf centred = vf_fma(vf_sub(vf_zero(), normal), mean_product, vf_sub(d_normal, mean));
  const vf through = x->d_sum ? vf_load_n(x->d_sum + j, count) : vf_zero();
  vf_store_n(x->d_input + j, vf_fma(centred, x->inverse, through), count);
}

INLINE_KERNEL void norm_d_input(const bool centred, const NormBackwardRow *x) {
  const size_t n = x->columns;
  NormSum sum = norm_start(0), product = norm_start(0);
  size_t first = 0;
  for (; first + NORM_VECTORS * HEED_SUM_LANES <= n; first += NORM_VECTORS * HEED_SUM_LANES)
#pragma clang loop unroll(full)
    for (size_t part = 0; part < HEED_SUM_PARTS; part++) {
      vf d_normal[NORM_VECTORS], normal[NORM_VECTORS];
#pragma clang loop unroll(full)
      for (size_t v = 0; v < NORM_VECTORS; v++)
        norm_d_normal(x, first + part * HEED_LANES + v * HEED_SUM_LANES, HEED_LANES, &d_normal[v], &normal[v]);
      if (centred) norm_add(&sum, part, norm_tree(d_normal));
      norm_add(&product, part, norm_tree_of_products(d_normal, normal));
    }
  for (; first < n; first += HEED_SUM_LANES)
#pragma clang loop unroll(full)
    for (size_t part = 0; part < HEED_SUM_PARTS; part++) {
      const size_t at = first + part * HEED_LANES;
      if (at >= n) break;
      vf d_normal, normal;
      norm_d_normal(x, at, n - at, &d_normal, &normal);
      if (centred) norm_add(&sum, part, d_normal);
      norm_add(&product, part, vf_mul(d_normal, normal));
    }
  const vf mean = vf_set1((float)(norm_total(sum) / (double)n));
  const vf mean_product = vf_set1((float)(norm_total(product) / (double)n));
  size_t j = 0;
  for (; j + HEED_LANES <= n; j += HEED_LANES) norm_store_d_input(x, j, HEED_LANES, mean, mean_product);
  if (j < n) norm_store_d_input(x, j, n - j, mean, mean_product);
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
    for (size_t r = first; c->d_input && r < first + rows; r++) {
      const float *statistics = c->statistics + r * HEED_NORM_STATISTICS;
      const NormBackwardRow row = {
          .sum = c->sum + (ptrdiff_t)r * c->sum_row,
          .weight = c->weight,
          .d_output = c->d_output + (ptrdiff_t)r * c->d_output_row,
          .d_sum = c->d_sum ? c->d_sum + (ptrdiff_t)r * c->d_sum_row : NULL,
          .d_input = c->d_input + (ptrdiff_t)r * c->d_input_row,
          .columns = c->columns,
          .high = vf_set1(statistics[0]),
          .low = vf_set1(statistics[1]),
          .inverse = vf_set1(statistics[2]),
      };
      if (c->kind == HeedNormLayer)
        norm_d_input(true, &row);
      else
        norm_d_input(false, &row);
    }
  }
}

// Reduction of one block (order and promises: heed/arithmetic.h): 16 partial results whatever the number of lanes.

#include "simd/sixteen_lanes.h"

INLINE_KERNEL vf arithmetic_join(HeedArithmeticReduction reduction, vf a, vf b) {
  switch (reduction) {
  case HeedArithmeticReductionMaximum:
    return arithmetic_max(a, b);
  case HeedArithmeticReductionMinimum:
    return arithmetic_min(a, b);
  case HeedArithmeticReductionSum:
  case HeedArithmeticReductionMean:
    return vf_add(a, b);
  }
  return a;
}

INLINE_KERNEL float arithmetic_join_scalars(HeedArithmeticReduction reduction, float a, float b) {
  switch (reduction) {
  case HeedArithmeticReductionMaximum:
    return a != a || a > b ? a : b;
  case HeedArithmeticReductionMinimum:
    return a != a || a < b ? a : b;
  case HeedArithmeticReductionSum:
  case HeedArithmeticReductionMean:
    return a + b;
  }
  return a;
}

INLINE_KERNEL float arithmetic_start(HeedArithmeticReduction reduction) {
  return reduction == HeedArithmeticReductionMaximum ? -INFINITY : reduction == HeedArithmeticReductionMinimum ? INFINITY : 0.0f;
}

INLINE_KERNEL float arithmetic_line(HeedArithmeticReduction reduction, size_t count, const float *x) {
  vf partial[HEED_SUM_PARTS];
  for (int v = 0; v < HEED_SUM_PARTS; v++) partial[v] = vf_set1(arithmetic_start(reduction));
  size_t i = 0;
  for (; i + HEED_SUM_LANES <= count; i += HEED_SUM_LANES)
#pragma clang loop unroll(full)
    for (int v = 0; v < HEED_SUM_PARTS; v++) partial[v] = arithmetic_join(reduction, partial[v], vf_load(x + i + v * HEED_LANES));
  float all[HEED_SUM_LANES];
  for (int v = 0; v < HEED_SUM_PARTS; v++) vf_store(all + v * HEED_LANES, partial[v]);
  for (size_t p = 0; i + p < count; p++) all[p] = arithmetic_join_scalars(reduction, all[p], x[i + p]);
  for (int half = HEED_SUM_LANES / 2; half > 0; half /= 2)
    for (int p = 0; p < half; p++) all[p] = arithmetic_join_scalars(reduction, all[p], all[p + half]);
  return all[0];
}

INLINE_KERNEL void arithmetic_columns(HeedArithmeticReduction reduction, size_t count, const float *x, const ptrdiff_t *rows,
                                      size_t columns, float *output) {
  float all[HEED_SUM_LANES][HEED_ARITHMETIC_COLUMNS];
  const size_t partials = heed_size_min(count, HEED_SUM_LANES);
  for (size_t p = 0; p < HEED_SUM_LANES; p++)
    for (size_t j = 0; j < columns; j += HEED_LANES) vf_store(all[p] + j, vf_set1(arithmetic_start(reduction)));
  for (size_t i = 0; i < count; i += partials)
    for (size_t p = 0; p < partials && i + p < count; p++) {
      const float *row = x + rows[i + p];
      for (size_t j = 0; j < columns; j += HEED_LANES)
        vf_store(all[p] + j, arithmetic_join(reduction, vf_load(all[p] + j), vf_load_n(row + j, columns - j)));
    }
  for (size_t half = HEED_SUM_LANES / 2; half > 0; half /= 2)
    for (size_t p = 0; p < half; p++)
      for (size_t j = 0; j < columns; j += HEED_LANES)
        vf_store(all[p] + j, arithmetic_join(reduction, vf_load(all[p] + j), vf_load(all[p + half] + j)));
  for (size_t j = 0; j < columns; j += HEED_LANES) vf_store_n(output + j, vf_load(all[0] + j), columns - j);
}

static float arithmetic_reduce_line(HeedArithmeticReduction reduction, size_t count, const float *x) {
  switch (reduction) {
  case HeedArithmeticReductionMaximum:
    return arithmetic_line(HeedArithmeticReductionMaximum, count, x);
  case HeedArithmeticReductionMinimum:
    return arithmetic_line(HeedArithmeticReductionMinimum, count, x);
  case HeedArithmeticReductionSum:
  case HeedArithmeticReductionMean:
    break;
  }
  return arithmetic_line(HeedArithmeticReductionSum, count, x);
}

static void arithmetic_reduce_columns(HeedArithmeticReduction reduction, size_t count, const float *x, const ptrdiff_t *rows,
                                      size_t columns, float *output) {
  switch (reduction) {
  case HeedArithmeticReductionMaximum:
    arithmetic_columns(HeedArithmeticReductionMaximum, count, x, rows, columns, output);
    return;
  case HeedArithmeticReductionMinimum:
    arithmetic_columns(HeedArithmeticReductionMinimum, count, x, rows, columns, output);
    return;
  case HeedArithmeticReductionSum:
  case HeedArithmeticReductionMean:
    break;
  }
  arithmetic_columns(HeedArithmeticReductionSum, count, x, rows, columns, output);
}

#define ARITHMETIC_KERNELS                                                                                                                 \
  .forward = arithmetic_forward, .compare = arithmetic_compare, .select = arithmetic_select, .reduce_line = arithmetic_reduce_line,        \
  .reduce_columns = arithmetic_reduce_columns

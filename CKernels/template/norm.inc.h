// Layer norm and RMS norm of one row, forward (formulas and promises: heed/norm.h).
//
//   p <- about the mean: of the first PIVOT_COLUMNS numbers            (rms: 0; s = x + r)
//   t <- sum (s - p) / n,  q <- sum (s - p)^2 / n                      (one pass)
//   mean <- p + t,  variance <- q - t^2
//   y <- ((s - p) - t) d w + b
//
// Everything is near the pivot, so float32 will do. With u = 2^-24: s - p has an error of u |s - p| (none where the mean dominates).
// Squares are summed in 16 lanes by trees of 4, then a running sum whose error is summed apart: 3 u. The mean must lose next to nothing,
// because s - mean has to keep its digits where it is small. So distances are summed if they are exact, else the numbers themselves, each
// into a running sum that begins above them all, so that three operations give the addition's error. While |t| <= sigma / 4 the variance is
// that to 4.3 u, d to 2.2 u and its own rounding, t to u |t|, and y to 9 u = 5.4e-7 of the row's largest. A pivot that is worse than that
// (a first stretch far from the rest) is replaced by the mean it led to; where that does not help either, or where squares might leave
// float32's range, every step is in float64. A row of tiny numbers is taken times a power of 2, so that no square is denormal.

#ifndef HEED_NORM_INC_H
#define HEED_NORM_INC_H

#include "simd/sixteen_lanes.h"

#define PIVOT_COLUMNS 256      // whose mean is the first pivot
#define NORM_VECTORS  4        // terms of a lane, 16 columns apart, that are summed as a tree
#define NORM_START    32       // times the pivot and the reach: above all running sums of this many numbers
#define NORM_LEAST    16       // columns that show whether a row has tiny numbers
#define NORM_TINY     0x1p-16f // a row with nothing above it is one of tiny numbers
#define NORM_RAISE    0x1p64   // the factor for such a row

// The operands that a row's passes share. Constant arguments drop those that are null.
typedef struct NormPasses {
  bool fused;  // constant: a residual is added
  bool raised; // constant: times NORM_RAISE
  const float *input, *residual;
  size_t columns;
  float pivot;
  float start; // of the sum: no term is larger, judging by the first stretch
} NormPasses;

INLINE_KERNEL vf norm_sum(const NormPasses *x, size_t j, size_t count) {
  const vf input = vf_load_n(x->input + j, count);
  return x->fused ? vf_add(input, vf_load_n(x->residual + j, count)) : input;
}

INLINE_KERNEL vf norm_raised(const NormPasses *x, vf s) { return x->raised ? vf_mul(s, vf_set1((float)NORM_RAISE)) : s; }
INLINE_KERNEL vf norm_load(const NormPasses *x, size_t j, size_t count) { return norm_raised(x, norm_sum(x, j, count)); }

// s - p, 0 in lanes beyond the row.
INLINE_KERNEL vf norm_distance(const NormPasses *x, size_t j, size_t count) {
  const vf distance = vf_add_by_multiplier(norm_load(x, j, count), vf_set1(-x->pivot));
  return count >= HEED_LANES ? distance : vf_select(vm_first(count), distance, vf_zero());
}

// A running sum, and the sum of its rounding errors.
typedef struct NormSum {
  vf sum[HEED_SUM_PARTS], error[HEED_SUM_PARTS];
} NormSum;

INLINE_KERNEL void norm_add(NormSum *s, size_t part, vf term) {
  const vf before = s->sum[part], sum = vf_add(before, term), back = vf_sub(sum, before);
  s->sum[part] = sum;
  s->error[part] = vf_add(s->error[part], vf_add(vf_sub(before, vf_sub(sum, back)), vf_sub(term, back)));
}
// The same for a term no larger than the sum so far; a larger one may lose a rounding of its own.
INLINE_KERNEL void norm_add_smaller(NormSum *s, size_t part, vf term) {
  const vf before = s->sum[part], sum = vf_add_by_multiplier(before, term);
  s->sum[part] = sum;
  s->error[part] = vf_add_by_multiplier(s->error[part], vf_sub(term, vf_sub(sum, before)));
}
INLINE_KERNEL NormSum norm_start(float x) {
  NormSum s;
#pragma clang loop unroll(full)
  for (int part = 0; part < HEED_SUM_PARTS; part++) s.sum[part] = vf_set1(x), s.error[part] = vf_zero();
  return s;
}
INLINE_KERNEL vf norm_tree(const vf x[NORM_VECTORS]) { return vf_add(vf_add(x[0], x[1]), vf_add(x[2], x[3])); }
INLINE_KERNEL vf norm_tree_of_products(const vf x[NORM_VECTORS], const vf y[NORM_VECTORS]) {
  return vf_add(vf_fma(x[0], y[0], vf_mul(x[1], y[1])), vf_fma(x[2], y[2], vf_mul(x[3], y[3])));
}
INLINE_KERNEL double norm_total(NormSum s) { return sixteen_lanes_sum_of_both(s.sum, s.error); }

// A mean, and roughly how far the numbers are from it.
typedef struct NormPlace {
  float pivot, reach;
} NormPlace;

INLINE_KERNEL NormPlace norm_first_stretch(const NormPasses *x) {
  const size_t n = heed_size_min(x->columns, PIVOT_COLUMNS);
  vf sum[HEED_SUM_PARTS], low = vf_set1(INFINITY), high = vf_set1(-INFINITY);
#pragma clang loop unroll(full)
  for (size_t part = 0; part < HEED_SUM_PARTS; part++) sum[part] = vf_zero();
  for (size_t first = 0; first < n; first += HEED_SUM_LANES)
#pragma clang loop unroll(full)
    for (size_t part = 0; part < HEED_SUM_PARTS; part++) {
      const size_t j = first + part * HEED_LANES;
      if (j >= n) break;
      const vf s = norm_load(x, j, n - j);
      const vm there = vm_first(n - j);
      sum[part] = vf_add(sum[part], s); // 0 in lanes beyond the row
      low = vf_min(low, j + HEED_LANES <= n ? s : vf_select(there, s, low));
      high = vf_max(high, j + HEED_LANES <= n ? s : vf_select(there, s, high));
    }
  const float reach = vf_reduce_max(high) + vf_reduce_max(vf_sub(vf_zero(), low));
  return (NormPlace){(float)(sixteen_lanes_sum_widened(sum) / (double)n), reach};
}

typedef struct NormMoments {
  double shift, variance; // of the mean against the pivot
} NormMoments;

// The term that is summed for the mean.
typedef enum NormTerms {
  NormNoTerms,
  NormDistances,
  NormNumbers,
} NormTerms;

INLINE_KERNEL NormMoments norm_moments_of(const NormTerms terms, const NormPasses *x) {
  const size_t n = x->columns, step = NORM_VECTORS * HEED_SUM_LANES;
  NormSum sum = norm_start(x->start), squares = norm_start(0);
  // One part after the other: with the sums of two, AVX2's registers do not suffice.
#pragma clang loop unroll(full)
  for (size_t part = 0; part < HEED_SUM_PARTS; part++) {
    size_t j = part * HEED_LANES, first = 0;
    for (; first + step <= n; first += step, j += step) {
      vf d[NORM_VECTORS];
#pragma clang loop unroll(full)
      for (size_t v = 0; v < NORM_VECTORS; v++) {
        const size_t at = j + v * HEED_SUM_LANES;
        d[v] = norm_distance(x, at, HEED_LANES);
        if (terms != NormNoTerms) norm_add_smaller(&sum, part, terms == NormDistances ? d[v] : norm_load(x, at, HEED_LANES));
      }
      norm_add(&squares, part, norm_tree_of_products(d, d));
    }
    for (; j < n; j += HEED_SUM_LANES) {
      const vf d = norm_distance(x, j, n - j);
      if (terms != NormNoTerms) norm_add_smaller(&sum, part, terms == NormDistances ? d : norm_load(x, j, n - j));
      norm_add(&squares, part, vf_mul(d, d));
    }
  }
  const double total = terms == NormNoTerms ? 0 : norm_total(sum) - HEED_SUM_LANES * (double)x->start;
  const double shift = total / (double)n - (terms == NormNumbers ? (double)x->pivot : 0);
  return (NormMoments){shift, norm_total(squares) / (double)n - shift * shift};
}

// Distances of numbers within a factor of 2 of the pivot are exact (Sterbenz).
INLINE_KERNEL NormMoments norm_moments_about(NormPasses *x, NormPlace place) {
  const float pivot = place.pivot, magnitude = pivot < 0 ? -pivot : pivot;
  x->pivot = pivot;
  if (magnitude >= 2 * place.reach) {
    x->start = NORM_START * place.reach;
    return norm_moments_of(NormDistances, x);
  }
  x->start = (pivot < 0 ? -NORM_START : NORM_START) * (magnitude + place.reach);
  return norm_moments_of(NormNumbers, x);
}

// The numbers from which a row's outputs are computed.
typedef struct NormOutputs {
  const float *weight, *bias;
  float *output, *sum;
  vf inverse, offset; // d, -t d
} NormOutputs;

INLINE_KERNEL void norm_store(const bool affine, const NormPasses *x, const NormOutputs *o, size_t j, size_t count) {
  const vf s = norm_sum(x, j, count);
  vf y = vf_fma(vf_sub(norm_raised(x, s), vf_set1(x->pivot)), o->inverse, o->offset);
  if (affine || (o->weight && o->bias))
    y = vf_fma(y, vf_load_n(o->weight + j, count), vf_load_n(o->bias + j, count));
  else if (o->weight)
    y = vf_mul(y, vf_load_n(o->weight + j, count));
  else if (o->bias)
    y = vf_add(y, vf_load_n(o->bias + j, count));
  if (o->sum) vf_store_n(o->sum + j, s, count);
  if (affine || o->output) vf_store_n(o->output + j, y, count);
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

// `affine`: only y is asked for, with weight and bias.
INLINE_KERNEL void norm_store_row(const bool affine, const NormPasses *x, const NormOutputs *o) {
  size_t j = 0;
  for (; j + HEED_LANES <= x->columns; j += HEED_LANES) norm_store(affine, x, o, j, HEED_LANES);
  if (j < x->columns) norm_store(affine, x, o, j, x->columns - j);
}

INLINE_KERNEL void norm_row_of(const bool fused, const bool centred, const bool raised, const HeedNormRow *row) {
  NormPasses x = {fused, raised, row->input, row->residual, row->columns, 0, 0};
  const double raise = raised ? NORM_RAISE : 1;
  NormMoments m = centred ? norm_moments_about(&x, norm_first_stretch(&x)) : norm_moments_of(NormNoTerms, &x);
  if (centred && !(m.shift * m.shift <= m.variance / 16))
    m = norm_moments_about(&x, (NormPlace){(float)((double)x.pivot + m.shift), (float)(8 * sqrt(m.variance))});
  const double mean = ((double)x.pivot + m.shift) / raise, inverse = 1 / sqrt(m.variance / raise / raise + row->epsilon);
  if (!(m.shift * m.shift <= m.variance / 16 && inverse >= 0x1p-60 && inverse <= 0x1p60)) {
    norm_row_in_double(row);
    return;
  }
  const NormOutputs o = {
      row->weight, row->bias, row->output, row->sum, vf_set1((float)(inverse / raise)), vf_set1((float)(-m.shift * inverse / raise)),
  };
  if (row->weight && row->bias && row->output && !row->sum)
    norm_store_row(true, &x, &o);
  else
    norm_store_row(false, &x, &o);
  if (!row->statistics) return;
  row->statistics[0] = (float)mean;
  row->statistics[1] = (float)(mean - (double)(float)mean);
  row->statistics[2] = (float)inverse;
}

static bool norm_is_tiny(const HeedNormRow *row) {
  float largest = 0;
  for (size_t j = 0; j < row->columns && j < NORM_LEAST; j++) {
    const float magnitude = fabsf(row->residual ? row->input[j] + row->residual[j] : row->input[j]);
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest < NORM_TINY;
}

#define NORM_ROW(name, raised)                                                                                                             \
  static __attribute__((noinline)) void name(const HeedNormRow *row) {                                                                     \
    const bool centred = row->kind == HeedNormLayer;                                                                                       \
    if (row->residual && centred)                                                                                                          \
      norm_row_of(true, true, raised, row);                                                                                                \
    else if (row->residual)                                                                                                                \
      norm_row_of(true, false, raised, row);                                                                                               \
    else if (centred)                                                                                                                      \
      norm_row_of(false, true, raised, row);                                                                                               \
    else                                                                                                                                   \
      norm_row_of(false, false, raised, row);                                                                                              \
  }
NORM_ROW(norm_ordinary_row, false)
NORM_ROW(norm_tiny_row, true)

static void norm_forward_row(const HeedNormRow *row) { (norm_is_tiny(row) ? norm_tiny_row : norm_ordinary_row)(row); }

#include "template/norm_backward.inc.h"

#define NORM_KERNELS .forward_row = norm_forward_row, .backward_chunk = norm_backward_chunk

#endif

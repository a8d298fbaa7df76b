// Softmax and log-softmax of one row whose columns are contiguous (formula and promises: heed/softmax.h).
//
//   m <- max z                     (begins at the lowest finite number, which decides nothing where anything above minus infinity is seen)
//   e_j <- exp(z_j - m), stored    (z_j - m in one rounding; 0 if hidden)
//   s <- sum e_j                   (in 16 lanes: of each 64 columns a tree of 4, then a running sum with its error summed separately)
//   y_j <- e_j * (1 / s), 0 where that would be denormal   (log: z_j - m - log s)
//
// Rows that follow each other begin a page each, where the processor's own prefetching stops: the next row is prefetched while this one's
// exponentials are computed.
//
// The lane and step of a column depend only on its index, so neither columns behind the last one seen nor the lanes of a vector change the
// bits.

#ifndef HEED_SOFTMAX_INC_H
#define HEED_SOFTMAX_INC_H

#include "runtime/constants.h"
#include "simd/sixteen_lanes.h"
#include "template/math/exp.inc.h"

#define SOFTMAX_GROUP 4 // columns of a lane that are summed as a tree, and vectors at a time elsewhere

// The operands of a row's columns. Constant arguments drop those that are not given.
typedef struct SoftmaxScores {
  bool masked, added; // constants
  const HeedSoftmaxRow *row;
  vf scale;
} SoftmaxScores;

INLINE_KERNEL vm softmax_seen(const SoftmaxScores *x, size_t column, size_t count) {
  vm seen = vm_first(count);
  if (x->row->boolean) seen = vm_and(seen, vm_from_bytes_n(x->row->boolean + column, heed_size_min(count, HEED_LANES)));
  if (x->added) seen = vm_and(seen, vm_not(vf_equal(vf_load_n(x->row->additive + column, count), vf_set1(-INFINITY))));
  return seen;
}

// z - shift.
INLINE_KERNEL vf softmax_score(const SoftmaxScores *x, size_t column, size_t count, vf shift) {
  const vf input = vf_load_n(x->row->input + column, count);
  if (!x->added) return vf_fma(input, x->scale, vf_sub(vf_zero(), shift));
  const vf biased = vf_fma(input, x->scale, vf_load_n(x->row->additive + column, count));
  return vf_sub(vf_max(vf_set1(HEED_LOWEST), biased), shift);
}

// The largest z that is seen; NaN is passed over here and shows in the sum.
INLINE_KERNEL float softmax_maximum(const SoftmaxScores *x, size_t visible) {
  vf top[SOFTMAX_GROUP];
#pragma clang loop unroll(full)
  for (int v = 0; v < SOFTMAX_GROUP; v++) top[v] = vf_set1(HEED_LOWEST);
  size_t j = 0;
  if (!x->masked && x->row->scale >= 0.0f) {
    // A product rounds monotonously: the largest z is that of the largest input.
    for (; j + SOFTMAX_GROUP * HEED_LANES <= visible; j += SOFTMAX_GROUP * HEED_LANES)
#pragma clang loop unroll(full)
      for (int v = 0; v < SOFTMAX_GROUP; v++) top[v] = vf_max(vf_load(x->row->input + j + (size_t)v * HEED_LANES), top[v]);
#pragma clang loop unroll(full)
    for (int v = 0; v < SOFTMAX_GROUP; v++) top[v] = vf_max(vf_mul(top[v], x->scale), vf_set1(HEED_LOWEST));
  }
  for (; j < visible; j += HEED_LANES) {
    const vf z = softmax_score(x, j, visible - j, vf_zero());
    const vm seen = x->masked ? softmax_seen(x, j, visible - j) : vm_first(visible - j);
    top[0] = vf_select(seen, vf_max(z, top[0]), top[0]);
  }
  return vf_reduce_max(vf_max(vf_max(top[0], top[1]), vf_max(top[2], top[3])));
}

// exp(z - m) of one vector, 0 where nothing is seen, stored.
INLINE_KERNEL vf softmax_exponential(const SoftmaxScores *x, size_t column, size_t visible, vf maximum) {
  if (column >= visible) return vf_zero();
  const size_t count = visible - column;
  vf e = exp_rr2_t16_p3(softmax_score(x, column, count, maximum));
  const vm seen = x->masked ? softmax_seen(x, column, count) : vm_first(count);
  e = vf_select(seen, e, vf_zero());
  if (!x->row->logarithm) vf_store_n(x->row->output + column, e, count);
  return e;
}

typedef struct SoftmaxSum {
  vf sum[HEED_SUM_PARTS], error[HEED_SUM_PARTS];
} SoftmaxSum;

// The sum begins above every term, so that the error of an addition is exact and no denormal number where all terms of a lane are small.
#define SOFTMAX_START ((float)SOFTMAX_GROUP)

INLINE_KERNEL SoftmaxSum softmax_start(float start) {
  SoftmaxSum s;
#pragma clang loop unroll(full)
  for (int part = 0; part < HEED_SUM_PARTS; part++) s.sum[part] = vf_set1(start), s.error[part] = vf_zero();
  return s;
}

// A term no larger than the sum so far.
INLINE_KERNEL void softmax_add(SoftmaxSum *s, int part, vf term) {
  const vf before = s->sum[part], sum = vf_add(before, term);
  s->sum[part] = sum;
  s->error[part] = vf_add(s->error[part], vf_sub(term, vf_sub(sum, before)));
}

INLINE_KERNEL double softmax_total(SoftmaxSum s, float start) {
#pragma clang loop unroll(full)
  for (int part = 0; part < HEED_SUM_PARTS; part++) s.sum[part] = vf_sub(s.sum[part], vf_set1(start));
  return sixteen_lanes_sum_of_both(s.sum, s.error);
}

INLINE_KERNEL double softmax_sum(const SoftmaxScores *x, size_t visible, vf maximum) {
  SoftmaxSum s = softmax_start(SOFTMAX_START);
  const size_t step = SOFTMAX_GROUP * HEED_SUM_LANES;
  const float *const next_input = x->row->next_input, *const next_output = x->row->next_output;
  size_t j = 0;
  for (; !x->masked && j + step <= visible; j += step) {
#pragma clang loop unroll(full)
    for (size_t line = 0; line < step; line += 16) {
      if (next_input) __builtin_prefetch(next_input + j + line);
      if (next_output) __builtin_prefetch(next_output + j + line, 1);
    }
#pragma clang loop unroll(full)
    for (int part = 0; part < HEED_SUM_PARTS; part++) {
      const size_t first = j + (size_t)part * HEED_LANES;
      vf e[SOFTMAX_GROUP];
#pragma clang loop unroll(full)
      for (int v = 0; v < SOFTMAX_GROUP; v++)
        e[v] = exp_rr2_t16_p3(softmax_score(x, first + (size_t)v * HEED_SUM_LANES, HEED_LANES, maximum));
      if (!x->row->logarithm)
#pragma clang loop unroll(full)
        for (int v = 0; v < SOFTMAX_GROUP; v++) vf_store(x->row->output + first + (size_t)v * HEED_SUM_LANES, e[v]);
      softmax_add(&s, part, vf_add(vf_add(e[0], e[1]), vf_add(e[2], e[3])));
    }
  }
  for (; j < visible; j += step)
#pragma clang loop unroll(full)
    for (int part = 0; part < HEED_SUM_PARTS; part++) {
      const size_t first = j + (size_t)part * HEED_LANES;
      if (first >= visible) break; // neither have the parts that follow columns
      vf e[SOFTMAX_GROUP];
      for (int v = 0; v < SOFTMAX_GROUP; v++) e[v] = softmax_exponential(x, first + (size_t)v * HEED_SUM_LANES, visible, maximum);
      softmax_add(&s, part, vf_add(vf_add(e[0], e[1]), vf_add(e[2], e[3])));
    }
  return softmax_total(s, SOFTMAX_START);
}

// y <- e * inverse, or 0 if that would be denormal: no product with a denormal result is taken. If the sum is not finite, only columns that
// are seen take part.
INLINE_KERNEL vf softmax_quotient(vf e, vf least, vf inverse) { return vf_mul(vf_select(vf_less(e, least), vf_zero(), e), inverse); }

INLINE_KERNEL void softmax_normalise(const SoftmaxScores *x, size_t visible, double sum) {
  float *y = x->row->output;
  const vf inverse = vf_set1(sum == 0.0 ? 0.0f : (float)(1.0 / sum)), least = vf_set1((float)(sum * 0x1.000002p-126));
  const bool careful = x->masked && !(sum < INFINITY);
  size_t j = 0;
  for (; !careful && j + SOFTMAX_GROUP * HEED_LANES <= visible; j += SOFTMAX_GROUP * HEED_LANES)
#pragma clang loop unroll(full)
    for (size_t v = 0; v < SOFTMAX_GROUP; v++)
      vf_store(y + j + v * HEED_LANES, softmax_quotient(vf_load(y + j + v * HEED_LANES), least, inverse));
  for (; j < visible; j += HEED_LANES) {
    vf value = softmax_quotient(vf_load_n(y + j, visible - j), least, inverse);
    if (careful) value = vf_select(softmax_seen(x, j, visible - j), value, vf_zero());
    vf_store_n(y + j, value, visible - j);
  }
}

INLINE_KERNEL void softmax_logarithms(const SoftmaxScores *x, size_t visible, vf maximum, double sum) {
  const vf shift = vf_set1((float)log(sum)), hidden = vf_set1(-INFINITY);
  for (size_t j = 0; j < visible; j += HEED_LANES) {
    const vf value = vf_sub(softmax_score(x, j, visible - j, maximum), shift);
    const vm seen = x->masked ? softmax_seen(x, j, visible - j) : vm_first(visible - j);
    vf_store_n(x->row->output + j, vf_select(seen, value, hidden), visible - j);
  }
}

INLINE_KERNEL void softmax_row_of(const bool masked, const bool added, const HeedSoftmaxRow *row) {
  const SoftmaxScores x = {masked, added, row, vf_set1(row->scale)};
  size_t visible = row->visible;
  const float top = softmax_maximum(&x, visible);
  const float m = top == INFINITY ? NAN : top; // a finite z that overflowed would leave a row of zeros
  const vf maximum = vf_set1(m);
  const double sum = softmax_sum(&x, visible, maximum);
  if (!row->logarithm)
    softmax_normalise(&x, visible, sum);
  else if (sum == 0.0)
    visible = 0;
  else
    softmax_logarithms(&x, visible, maximum, sum);
  const vf hidden = vf_set1(row->logarithm ? -INFINITY : 0.0f);
  for (size_t j = visible; j < row->columns; j += HEED_LANES) vf_store_n(row->output + j, hidden, row->columns - j);
  if (row->log_sum_exp) *row->log_sum_exp = sum == 0.0 ? -INFINITY : (float)((double)m + log(sum));
}

static void softmax_row(const HeedSoftmaxRow *row) {
  if (row->additive)
    softmax_row_of(true, true, row);
  else if (row->boolean)
    softmax_row_of(true, false, row);
  else
    softmax_row_of(false, false, row);
}

#define SOFTMAX_KERNELS .row = softmax_row

#endif

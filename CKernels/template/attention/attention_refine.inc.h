// Large scores, computed again in float64.
//
// A float32 sum over D whose result is s has an error of some ulp of s, and the exponential turns that error into a relative error of the
// weight: at s = 300 it is 1e-4. So if the largest score of a tile is large, the scores of the tile whose weight is not small compared with
// the row's largest are computed again from Q and K themselves. (That includes small scores, which may be the difference of large terms.)
// Products of float32 numbers are exact in float64. They are summed over d in order, times scale and log2 e, plus the bias. Rounding the
// result to one float would still cost half an ulp, 3e-5 at s = 1000. So it is kept as the sum of two, like the row's maximum, until the
// maximum has been subtracted. The choice of these scores follows from the keys that the row sees up to this tile, so that every path
// makes the same choice. Such a score takes ten times as long as others, but scores of trained models are seldom that large.

#ifndef HEED_ATTENTION_REFINE_INC_H
#define HEED_ATTENTION_REFINE_INC_H

#include <math.h>

#include "template/attention/attention_mask.inc.h"

// One tile of keys and values, where the products read them.
typedef struct TileOperands {
  const float *key, *value;
  ptrdiff_t key_row, key_column, value_row, value_column;
  float scale;         // of the scores, in base 2
  ptrdiff_t key_block; // from 16 keys to the next 16
} TileOperands;

INLINE_KERNEL const float *key_at(const TileOperands *x, size_t j) {
  return x->key + (ptrdiff_t)(j / KEY_BLOCK) * x->key_block + (ptrdiff_t)(j % KEY_BLOCK) * x->key_row;
}

// The lanes whose scores in base 2 are not far below the row's maximum so far.
INLINE_KERNEL vm refine_near(vf score, vf maximum) { return vf_less(vf_sub(maximum, vf_set1(REFINE_NEAR)), score); }

// The lanes in which a tile whose largest scores are `top` has scores to compute again: those of refine_near.
INLINE_KERNEL vm refine_lanes(vf top, vf maximum) {
  return vm_and(vm_not(vf_less(vf_magnitude(top), vf_set1(REFINE_LARGE))), refine_near(top, maximum));
}

// What a row has so far, [QUERY_TILE] of each: its maximum, in two parts, and the sum of its weights.
typedef struct RowStatistics {
  float *max, *rest, *sum;
} RowStatistics;

INLINE_KERNEL RowStatistics row_statistics_at(RowStatistics rows, size_t lane) {
  return (RowStatistics){rows.max + lane, rows.rest + lane, rows.sum + lane};
}

// The largest scores of a tile, in two parts, and what is still to be subtracted from its scores: the row's maximum up to this tile, or 0
// where it has been subtracted.
typedef struct TileTop {
  vf max[HEED_BLOCK_VECTORS], rest[HEED_BLOCK_VECTORS], shift[HEED_BLOCK_VECTORS];
} TileTop;

INLINE_KERNEL TileTop tile_top(const int vectors, const vf max[HEED_BLOCK_VECTORS], RowStatistics rows) {
  TileTop top;
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++)
    top.max[v] = max[v], top.rest[v] = vf_zero(), top.shift[v] = vf_max(max[v], vf_load(rows.max + v * HEED_LANES));
  return top;
}

// S^T of one vector of queries, in base 2, with the bias added and what is hidden minus infinity, computed again where refine_near says so
// in `lanes`: in `scores` rounded, and what that took away in `rest` [KEY_TILE][HEED_LANES].
static __attribute__((noinline)) void refine_scores(float scale, size_t head_dim, const float *query, const TileOperands *x, size_t keys,
                                                    vm lanes, vf maximum, const float *bias, float *scores, float *rest) {
  size_t wanted[KEY_TILE], count = 0;
  vd low[KEY_TILE], high[KEY_TILE];
  for (size_t j = 0; j < keys; j++) {
    vf_store(rest + j * HEED_LANES, vf_zero());
    if (vm_any(vm_and(lanes, refine_near(vf_load(scores + j * QUERY_TILE), maximum))))
      low[count] = high[count] = vd_zero(), wanted[count++] = j;
  }
  for (size_t d = 0; d < head_dim; d++) {
    const vf column = vf_load(query + d * QUERY_TILE);
    const vd column_low = vd_low(column), column_high = vd_high(column);
    for (size_t c = 0; c < count; c++) {
      const vd element = vd_low(vf_set1(key_at(x, wanted[c])[(ptrdiff_t)d * x->key_column]));
      low[c] = vd_fma(column_low, element, low[c]);
      high[c] = vd_fma(column_high, element, high[c]);
    }
  }
  double factors[HEED_LANES / 2], logs[HEED_LANES / 2], minus_ones[HEED_LANES / 2];
  for (size_t i = 0; i < HEED_LANES / 2; i++) factors[i] = refine_factor(scale), logs[i] = HEED_LOG2_E, minus_ones[i] = -1.0;
  const vd factor = vd_load(factors), log2_e = vd_load(logs), minus_one = vd_load(minus_ones);
  for (size_t c = 0; c < count; c++) {
    float *score = scores + wanted[c] * QUERY_TILE;
    low[c] = vd_fma(low[c], factor, vd_zero()), high[c] = vd_fma(high[c], factor, vd_zero());
    if (bias) {
      const vf added = vf_load(bias + wanted[c] * QUERY_TILE);
      low[c] = vd_add(low[c], vd_fma(vd_low(added), log2_e, vd_zero()));
      high[c] = vd_add(high[c], vd_fma(vd_high(added), log2_e, vd_zero()));
    }
    const vf before = vf_load(score), refined = vf_round_double(low[c], high[c]);
    const vf left = vf_round_double(vd_fma(vd_low(refined), minus_one, low[c]), vd_fma(vd_high(refined), minus_one, high[c]));
    const vm again = vm_and(lanes, refine_near(before, maximum));
    vf_store(score, vf_select(again, bias ? vf_max(vf_set1(HEED_LOWEST), refined) : refined, before));
    // Nothing is left of an infinity.
    vf_store(rest + wanted[c] * HEED_LANES, vf_select(vm_and(again, vf_less(vf_magnitude(refined), vf_set1(INFINITY))), left, vf_zero()));
  }
}

// The largest of those scores, in two parts.
static __attribute__((noinline)) vf refine_largest(size_t keys, const float *scores, const float *rest, vf *largest_rest) {
  vf top = vf_set1(HEED_LOWEST), top_rest = vf_set1(HEED_LOWEST);
  for (size_t j = 0; j < keys; j++) top = vf_max(vf_load(scores + j * QUERY_TILE), top);
  for (size_t j = 0; j < keys; j++) {
    const vm is_top = vf_equal(vf_load(scores + j * QUERY_TILE), top);
    top_rest = vf_select(is_top, vf_max(vf_load(rest + j * HEED_LANES), top_rest), top_rest);
  }
  *largest_rest = vf_select(vf_equal(top_rest, vf_set1(HEED_LOWEST)), vf_zero(), top_rest);
  return top;
}

// In `lanes` those scores less a number in two parts; what is hidden stays minus infinity, and nothing else becomes it.
static __attribute__((noinline)) void refine_subtract(size_t keys, vm lanes, vf max, vf max_rest, const float *rest, float *scores) {
  for (size_t j = 0; j < keys; j++, scores += QUERY_TILE, rest += HEED_LANES) {
    const vf score = vf_load(scores), difference = vf_add(vf_sub(score, max), vf_sub(vf_load(rest), max_rest));
    const vm seen = vm_and(lanes, vm_not(vf_equal(score, vf_set1(-INFINITY))));
    vf_store(scores, vf_select(seen, vf_max(vf_set1(HEED_LOWEST), difference), score));
  }
}

// All of this for `vectors` vectors of a tile, where `top` holds its largest scores and `rows` the statistics of the tiles before. Most
// tiles have no large score, and nothing is computed again.
INLINE_KERNEL void refine_tile(const int vectors, float scale, size_t head_dim, const float *query, const TileOperands *x, size_t keys,
                               const float *bias, RowStatistics rows, float *scores, TileTop *top) {
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) {
    const size_t at = (size_t)(v * HEED_LANES);
    const vm lanes = refine_lanes(top->max[v], top->shift[v]);
    if (!__builtin_expect(vm_any(lanes), false)) continue;
    float rest[KEY_TILE * HEED_LANES] __attribute__((aligned(64)));
    refine_scores(scale, head_dim, query + at, x, keys, lanes, top->shift[v], bias ? bias + at : NULL, scores + at, rest);
    top->max[v] = refine_largest(keys, scores + at, rest, &top->rest[v]);
    const vf before = vf_load(rows.max + at), now = vf_max(top->max[v], before);
    const vf now_rest = vf_select(vf_less(before, top->max[v]), top->rest[v], vf_load(rows.rest + at));
    refine_subtract(keys, lanes, now, now_rest, rest, scores + at);
    top->shift[v] = vf_select(lanes, vf_zero(), now);
  }
}

#endif

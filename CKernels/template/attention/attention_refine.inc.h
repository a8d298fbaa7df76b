// Large scores, computed again in float64.
//
// A float32 sum over D whose result is s has an error of some ulp of s, and the exponential turns that error into a relative error of the
// weight: at s = 300 it is 1e-4. So if the largest score of a tile is large, the scores of the tile whose weight is not small compared with
// the row's largest are computed again from Q and K themselves. (That includes small scores, which may be the difference of large terms.)
// Products of float32 numbers are exact in float64. They are summed over d in order, times scale and log2 e, plus the bias, and rounded
// once. The choice of these scores follows from the keys that the row sees up to this tile, so that every path makes the same choice. Such
// a score takes ten times as long as others, but scores of trained models are seldom that large.

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

// S^T of one vector of queries, in base 2, with the bias added and hidden scores minus infinity, computed again where refine_near says so
// in `lanes`. Returns the maxima.
static __attribute__((noinline)) vf refine_scores(float scale, size_t head_dim, const float *query, const TileOperands *x, size_t keys,
                                                  vm lanes, vf maximum, const float *bias, float *scores) {
  size_t wanted[KEY_TILE], count = 0;
  vd low[KEY_TILE], high[KEY_TILE];
  for (size_t j = 0; j < keys; j++)
    if (vm_any(vm_and(lanes, refine_near(vf_load(scores + j * QUERY_TILE), maximum))))
      low[count] = high[count] = vd_zero(), wanted[count++] = j;
  for (size_t d = 0; d < head_dim; d++) {
    const vf column = vf_load(query + d * QUERY_TILE);
    const vd column_low = vd_low(column), column_high = vd_high(column);
    for (size_t c = 0; c < count; c++) {
      const vd element = vd_low(vf_set1(key_at(x, wanted[c])[(ptrdiff_t)d * x->key_column]));
      low[c] = vd_fma(column_low, element, low[c]);
      high[c] = vd_fma(column_high, element, high[c]);
    }
  }
  double factors[HEED_LANES / 2], logs[HEED_LANES / 2];
  for (size_t i = 0; i < HEED_LANES / 2; i++) factors[i] = refine_factor(scale), logs[i] = HEED_LOG2_E;
  const vd factor = vd_load(factors), log2_e = vd_load(logs);
  for (size_t c = 0; c < count; c++) {
    float *score = scores + wanted[c] * QUERY_TILE;
    low[c] = vd_fma(low[c], factor, vd_zero()), high[c] = vd_fma(high[c], factor, vd_zero());
    if (bias) {
      const vf added = vf_load(bias + wanted[c] * QUERY_TILE);
      low[c] = vd_add(low[c], vd_fma(vd_low(added), log2_e, vd_zero()));
      high[c] = vd_add(high[c], vd_fma(vd_high(added), log2_e, vd_zero()));
    }
    const vf before = vf_load(score), refined = vf_round_double(low[c], high[c]);
    vf_store(score, vf_select(vm_and(lanes, refine_near(before, maximum)), bias ? vf_max(vf_set1(HEED_LOWEST), refined) : refined, before));
  }
  vf top = vf_set1(HEED_LOWEST);
  for (size_t j = 0; j < keys; j++) top = vf_max(vf_load(scores + j * QUERY_TILE), top);
  return top;
}

// The same for `vectors` vectors of a tile in which `max` are the largest scores and `before` the maxima of the tiles before. Nothing where
// no tile's largest score is large.
INLINE_KERNEL void refine_tile(const int vectors, float scale, size_t head_dim, const float *query, const TileOperands *x, size_t keys,
                               const float *bias, const float *before, float *scores, vf max[HEED_BLOCK_VECTORS]) {
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) {
    const vf now = vf_max(max[v], vf_load(before + v * HEED_LANES));
    const size_t at = (size_t)(v * HEED_LANES);
    const vm lanes = refine_lanes(max[v], now);
    if (__builtin_expect(vm_any(lanes), false))
      max[v] = refine_scores(scale, head_dim, query + at, x, keys, lanes, now, bias ? bias + at : NULL, scores + at);
  }
}

#endif

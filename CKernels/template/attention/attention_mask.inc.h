// The masks of tiled attention: the keys that a row sees by length and causality, and boolean and additive masks as numbers to add.

#ifndef HEED_ATTENTION_MASK_INC_H
#define HEED_ATTENTION_MASK_INC_H

#include "template/attention/attention_online.inc.h"
#include "template/gemm/pack.inc.h"
#include "template/random.inc.h"

#define QUERY_TILE (HEED_LANES * HEED_BLOCK_VECTORS)

// Keys that row `row` of the tile sees by causality and length: those below the result.
INLINE_KERNEL ptrdiff_t visible_keys(const HeedAttentionTile *tile, size_t row) {
  const ptrdiff_t keys = (ptrdiff_t)tile->keys, causal = tile->visible_first + (ptrdiff_t)row;
  return causal < 0 ? 0 : (causal < keys ? causal : keys);
}

// The first key that the sliding window leaves row `row`; behind the visible ones where it sees nothing.
INLINE_KERNEL ptrdiff_t first_key(const HeedAttentionTile *tile, size_t row) {
  const ptrdiff_t first = tile->visible_first + (ptrdiff_t)row - tile->window;
  return first > 0 ? first : 0;
}

// A distance from the tile's first key as a number that lanes compare with.
INLINE_KERNEL float lane_limit(ptrdiff_t distance) { return (float)(distance < 0 ? 0 : (distance < KEY_TILE ? distance : KEY_TILE)); }

// Applies the masks to S^T of a tile whose first key is `first`: adds the bias and sets hidden scores to minus infinity for the maximum.
// `max` receives the maxima of the scores that are seen.
INLINE_KERNEL void mask_tile(const int vectors, const HeedAttentionTile *tile, size_t first, size_t keys, size_t lane, const float *bias,
                             float *scores, vf max[HEED_BLOCK_VECTORS]) {
  float begins[QUERY_TILE], ends[QUERY_TILE];
  for (int i = 0; i < vectors * HEED_LANES; i++) {
    begins[i] = lane_limit(first_key(tile, lane + (size_t)i) - (ptrdiff_t)first);
    ends[i] = lane_limit(visible_keys(tile, lane + (size_t)i) - (ptrdiff_t)first);
  }
  const vf hidden_score = vf_set1(-INFINITY);
  for (int v = 0; v < vectors; v++) {
    const vf begin = vf_load(begins + v * HEED_LANES), end = vf_load(ends + v * HEED_LANES);
    vf top = vf_set1(HEED_LOWEST);
    for (size_t j = 0; j < keys; j++) {
      float *s = scores + j * QUERY_TILE + v * HEED_LANES;
      vf score = vf_load(s);
      vm seen = vm_and(vf_less(vf_set1((float)j), end), vm_not(vf_less(vf_set1((float)j), begin)));
      if (bias) {
        const vf added = vf_load(bias + j * QUERY_TILE + v * HEED_LANES);
        seen = vm_and(seen, vm_not(vf_equal(added, hidden_score)));
        score = vf_max(vf_set1(HEED_LOWEST), vf_fma(added, vf_set1((float)HEED_LOG2_E), score));
      }
      score = vf_select(seen, score, hidden_score);
      top = vf_max(score, top);
      vf_store(s, score);
    }
    max[v] = top;
  }
}

_Static_assert(KEY_TILE == HEED_RANDOM_BLOCK, "a tile of keys is one block of random numbers");

// multipliers[key][query] <- the dropout multipliers of a tile's weights, from vector of queries `lane` on.
INLINE_KERNEL void drop_tile(const int vectors, const HeedAttentionTile *tile, size_t first, size_t lane, float *multipliers) {
  const RandomKeys keys = random_keys(tile->dropout_seed);
  const vf factor = vf_set1((float)(1 / (1 - (double)tile->dropout)));
  for (int v = 0; v < vectors; v++)
    for (size_t counter = 0; counter < KEY_TILE / 4; counter++) {
      vf numbers[4];
      random_unit_rows(&keys, tile->dropout_stream + lane + (size_t)(v * HEED_LANES), first / KEY_TILE, counter, numbers);
      for (size_t w = 0; w < 4; w++)
        vf_store(multipliers + (counter + w * (KEY_TILE / 4)) * QUERY_TILE + v * HEED_LANES,
                 vf_select(random_keep(numbers[w], tile->dropout), factor, vf_zero()));
    }
}

// target <- weights times multipliers. Hidden weights stay -0.
INLINE_KERNEL void multiply_weights(const int vectors, size_t keys, const float *weights, const float *multipliers, float *target) {
  for (size_t j = 0; j < keys; j++)
    for (int v = 0; v < vectors; v++) {
      const size_t at = j * QUERY_TILE + (size_t)(v * HEED_LANES);
      vf_store(target + at, vf_mul(vf_load(weights + at), vf_load(multipliers + at)));
    }
}

// The effect of the boolean and additive masks on one tile of keys.
typedef enum TileMask { TileMaskNone, TileMaskSome, TileMaskAll } TileMask;

// bias[key][query] <- 0 where the boolean mask shows the key and minus infinity where it hides it; over an additive mask that is there
// already (`added`) only the latter. Reports whether anything was seen and whether anything was hidden.
INLINE_KERNEL void gather_boolean(const HeedAttentionTile *tile, size_t first, size_t keys, bool added, float *bias, bool *seen,
                                  bool *hidden) {
  const uint8_t *source = tile->boolean + (ptrdiff_t)first * tile->boolean_column;
  const vf hides = vf_set1(-INFINITY);
  if (tile->boolean_row == 0) { // one mask for all queries
    for (size_t j = 0; j < keys; j++) {
      const bool shows = source[(ptrdiff_t)j * tile->boolean_column] != 0;
      *seen = *seen || shows;
      *hidden = *hidden || !shows;
      if (shows && added) continue;
      for (size_t i = 0; i < QUERY_TILE; i += HEED_LANES) vf_store(bias + j * QUERY_TILE + i, shows ? vf_zero() : hides);
    }
    return;
  }
  for (size_t row = 0; row < QUERY_TILE; row += HEED_LANES) {
    const size_t count = row >= tile->queries ? 0 : heed_size_min(tile->queries - row, HEED_LANES);
    for (size_t column = 0; column < keys; column += HEED_LANES) {
      const size_t width = heed_size_min(keys - column, HEED_LANES);
      vf block[HEED_LANES];
      for (size_t i = 0; i < HEED_LANES; i++) {
        block[i] = vf_zero();
        if (i >= count) continue;
        uint8_t bytes[HEED_LANES];
        const uint8_t *line = source + (ptrdiff_t)(row + i) * tile->boolean_row + (ptrdiff_t)column * tile->boolean_column;
        if (tile->boolean_column != 1) {
          for (size_t j = 0; j < width; j++) bytes[j] = line[(ptrdiff_t)j * tile->boolean_column];
          line = bytes;
        }
        const vm shows = vm_from_bytes_n(line, width), there = vm_first(width);
        *seen = *seen || vm_any(vm_and(shows, there));
        *hidden = *hidden || vm_any(vm_and(vm_not(shows), there));
        block[i] = vf_select(shows, vf_zero(), hides);
      }
      vf_transpose(block);
      for (size_t j = 0; j < width; j++) {
        float *to = bias + (column + j) * QUERY_TILE + row;
        vf_store(to, added ? vf_select(vf_equal(block[j], hides), hides, vf_load(to)) : block[j]);
      }
    }
  }
}

// A tile's boolean and additive masks as numbers to add, transposed into lanes.
INLINE_KERNEL TileMask gather_bias(const HeedAttentionTile *tile, size_t first, size_t keys, float *bias) {
  if (tile->additive)
    pack_transposed(tile->additive + (ptrdiff_t)first * tile->additive_column, tile->additive_row, tile->additive_column, tile->queries,
                    keys, 1.0f, bias, QUERY_TILE, QUERY_TILE);
  if (!tile->boolean) return tile->additive ? TileMaskSome : TileMaskNone;
  bool seen = false, hidden = false;
  gather_boolean(tile, first, keys, tile->additive != NULL, bias, &seen, &hidden);
  if (!seen) return TileMaskAll;
  return hidden || tile->additive ? TileMaskSome : TileMaskNone;
}

#endif

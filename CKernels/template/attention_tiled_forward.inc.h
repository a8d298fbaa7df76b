// Attention forward, one tile of queries of one head (letters: include/attention.h).
//
// Queries stand in the lanes. Of the operands only Q is packed, transposed, with scale and log2 e folded in; every element of K and V is
// broadcast from where it lies. So the maximum, the sum and the rescaling of a row are vertical, and both products are the same block:
//
//   S^T <- K Q^T      64 keys x 64 queries, in base 2
//   m'  <- max(m, rows of S^T);  P^T <- 2^(S^T - m');  alpha <- 2^(m - m')
//   l   <- l * alpha + sum of the tile's P^T
//   O^T <- O^T * alpha + V^T P^T, the tile's product summed on its own from zero: a carried accumulator has twice the error

#include "attention_online.inc.h"
#include "block_product.inc.h"
#include "pack.inc.h"

#define QUERY_TILE (HEED_LANES * HEED_BLOCK_VECTORS)

typedef struct TileScratch {
  float *query;                                         // Q^T [D][QUERY_TILE]
  float *scores;                                        // S^T, then P^T [KEY_TILE][QUERY_TILE]
  float *bias;                                          // masks of one tile as numbers to add, minus infinity where hidden, or unused
  float *chunk, *total;                                 // O^T [E][QUERY_TILE] of the chunk and of the chunks before
  float *chunk_max, *chunk_sum, *total_max, *total_sum; // [QUERY_TILE]
} TileScratch;

static size_t attention_tiled_scratch(size_t head_dim, size_t value_dim) {
  return QUERY_TILE * (head_dim + 2 * KEY_TILE + 2 * value_dim + 4);
}

INLINE_KERNEL TileScratch carve_scratch(const HeedAttentionTile *tile) {
  TileScratch s;
  float *next = tile->scratch;
  s.query = next, next += QUERY_TILE * tile->head_dim;
  s.scores = next, next += QUERY_TILE * KEY_TILE;
  s.bias = next, next += QUERY_TILE * KEY_TILE;
  s.chunk = next, next += QUERY_TILE * tile->value_dim;
  s.total = next, next += QUERY_TILE * tile->value_dim;
  s.chunk_max = next, next += QUERY_TILE;
  s.chunk_sum = next, next += QUERY_TILE;
  s.total_max = next, next += QUERY_TILE;
  s.total_sum = next;
  return s;
}

// Keys that row `row` of the tile sees by causality and length: those below the result.
INLINE_KERNEL ptrdiff_t visible_keys(const HeedAttentionTile *tile, size_t row) {
  const ptrdiff_t keys = (ptrdiff_t)tile->keys, causal = tile->visible_first + (ptrdiff_t)row;
  return causal < 0 ? 0 : (causal < keys ? causal : keys);
}

// S^T of rows x vectors, stored; the maxima run along in `max`.
INLINE_KERNEL void score_rows(const int rows, const int vectors, const HeedAttentionTile *tile, const float *key, const float *query,
                              float *scores, vf max[HEED_BLOCK_VECTORS]) {
  vf sum[BLOCK_ROWS_MOST][HEED_BLOCK_VECTORS];
  block_product(rows, vectors, key, tile->key_row, tile->key_column, query, QUERY_TILE, tile->head_dim, sum);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      vf_store(scores + r * QUERY_TILE + v * HEED_LANES, sum[r][v]);
      max[v] = vf_max(sum[r][v], max[v]); // NaN is passed over here and shows in P
    }
}

INLINE_KERNEL void score_tile(const int vectors, const HeedAttentionTile *tile, const float *key, size_t keys, const float *query,
                              float *scores, vf max[HEED_BLOCK_VECTORS]) {
  const int rows = vectors == HEED_BLOCK_VECTORS ? HEED_BLOCK_ROWS : 2 * HEED_BLOCK_ROWS;
  size_t j = 0;
  for (; j + (size_t)rows <= keys; j += (size_t)rows)
    score_rows(rows, vectors, tile, key + (ptrdiff_t)j * tile->key_row, query, scores + j * QUERY_TILE, max);
  for (; j < keys; j++) score_rows(1, vectors, tile, key + (ptrdiff_t)j * tile->key_row, query, scores + j * QUERY_TILE, max);
}

// O^T <- O^T * alpha + V^T P^T for rows x vectors.
INLINE_KERNEL void value_rows(const int rows, const int vectors, const float *value, ptrdiff_t value_row, ptrdiff_t value_column,
                              size_t keys, const float *weights, const vf alpha[HEED_BLOCK_VECTORS], float *output) {
  vf sum[BLOCK_ROWS_MOST][HEED_BLOCK_VECTORS];
  block_product(rows, vectors, value, value_column, value_row, weights, QUERY_TILE, keys, sum);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      float *o = output + r * QUERY_TILE + v * HEED_LANES;
      vf_store(o, vf_fma(vf_load(o), alpha[v], sum[r][v]));
    }
}

INLINE_KERNEL void value_tile(const int vectors, const float *value, ptrdiff_t value_row, ptrdiff_t value_column, size_t keys,
                              size_t value_dim, const float *weights, const vf alpha[HEED_BLOCK_VECTORS], float *output) {
  const int rows = vectors == HEED_BLOCK_VECTORS ? HEED_BLOCK_ROWS : 2 * HEED_BLOCK_ROWS;
  size_t e = 0;
  for (; e + (size_t)rows <= value_dim; e += (size_t)rows)
    value_rows(rows, vectors, value + (ptrdiff_t)e * value_column, value_row, value_column, keys, weights, alpha, output + e * QUERY_TILE);
  for (; e < value_dim; e++)
    value_rows(1, vectors, value + (ptrdiff_t)e * value_column, value_row, value_column, keys, weights, alpha, output + e * QUERY_TILE);
}

// The same product where a hidden value may be NaN or infinite: lanes whose weight has a sign are left alone.
INLINE_KERNEL void value_tile_careful(const int vectors, const float *value, ptrdiff_t value_row, ptrdiff_t value_column, size_t keys,
                                      size_t value_dim, const float *weights, const vf alpha[HEED_BLOCK_VECTORS], float *output) {
  for (size_t e = 0; e < value_dim; e++)
    for (int v = 0; v < vectors; v++) {
      vf sum = vf_zero();
      for (size_t j = 0; j < keys; j++) {
        const vf weight = vf_load(weights + j * QUERY_TILE + v * HEED_LANES);
        const vf element = vf_set1(value[(ptrdiff_t)j * value_row + (ptrdiff_t)e * value_column]);
        sum = vf_select(vf_sign_bit(weight), sum, vf_fma(element, weight, sum));
      }
      float *o = output + e * QUERY_TILE + v * HEED_LANES;
      vf_store(o, vf_fma(vf_load(o), alpha[v], sum));
    }
}

INLINE_KERNEL bool all_finite(const float *value, ptrdiff_t value_row, ptrdiff_t value_column, size_t keys, size_t value_dim) {
  vf seen = vf_zero(); // x * 0 is 0 for what is finite, else NaN, which stays
  float seen_alone = 0.0f;
  for (size_t j = 0; j < keys; j++) {
    const float *row = value + (ptrdiff_t)j * value_row;
    if (value_column == 1)
      for (size_t e = 0; e < value_dim; e += HEED_LANES) seen = vf_fma(vf_load_n(row + e, value_dim - e), vf_zero(), seen);
    else
      for (size_t e = 0; e < value_dim; e++) seen_alone += row[(ptrdiff_t)e * value_column] * 0.0f;
  }
  return !vm_any(vf_is_nan(seen)) && seen_alone == 0.0f;
}

// Applies the masks to S^T of a tile whose first key is `first`: adds the bias and turns what is hidden into minus infinity for the maximum;
// `max` receives the maxima of what is seen.
INLINE_KERNEL void mask_tile(const int vectors, const HeedAttentionTile *tile, size_t first, size_t keys, size_t lane, const float *bias,
                             float *scores, vf max[HEED_BLOCK_VECTORS]) {
  float limits[QUERY_TILE];
  for (int i = 0; i < vectors * HEED_LANES; i++) {
    const ptrdiff_t seen = visible_keys(tile, lane + (size_t)i) - (ptrdiff_t)first;
    limits[i] = (float)(seen < 0 ? 0 : (seen < KEY_TILE ? seen : KEY_TILE));
  }
  const vf hidden_score = vf_set1(-INFINITY);
  for (int v = 0; v < vectors; v++) {
    const vf limit = vf_load(limits + v * HEED_LANES);
    vf top = vf_set1(LOWEST);
    for (size_t j = 0; j < keys; j++) {
      float *s = scores + j * QUERY_TILE + v * HEED_LANES;
      vf score = vf_load(s);
      vm seen = vf_less(vf_set1((float)j), limit);
      if (bias) {
        const vf added = vf_load(bias + j * QUERY_TILE + v * HEED_LANES);
        seen = vm_and(seen, vm_not(vf_equal(added, hidden_score)));
        score = vf_max(vf_set1(LOWEST), vf_fma(added, vf_set1(0x1.715476p+0f), score));
      }
      score = vf_select(seen, score, hidden_score);
      top = vf_max(score, top);
      vf_store(s, score);
    }
    max[v] = top;
  }
}

// One tile of keys against `vectors` vectors of queries from lane `lane` on: the steps at the head of this file.
INLINE_KERNEL void attend_tile(const int vectors, const bool masked, const HeedAttentionTile *tile, const TileScratch *s, size_t first,
                               size_t keys, size_t lane, const float *bias) {
  float *scores = s->scores + lane, *chunk_max = s->chunk_max + lane, *chunk_sum = s->chunk_sum + lane;
  vf max[HEED_BLOCK_VECTORS], alpha[HEED_BLOCK_VECTORS];
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) max[v] = vf_set1(LOWEST);
  score_tile(vectors, tile, tile->key + (ptrdiff_t)first * tile->key_row, keys, s->query + lane, scores, max);
  if (masked) mask_tile(vectors, tile, first, keys, lane, bias ? bias + lane : NULL, scores, max);
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) {
    const vf before = vf_load(chunk_max + v * HEED_LANES), now = vf_max(max[v], before);
    alpha[v] = weight_of(vf_sub(before, now));
    vf_store(chunk_max + v * HEED_LANES, now);
    vf sum = vf_zero();
    float *p = scores + v * HEED_LANES;
#pragma clang loop unroll_count(4)
    for (size_t j = 0; j < keys; j++, p += QUERY_TILE) {
      const vf score = vf_load(p);
      vf weight = weight_of(vf_sub(score, now));
      if (masked) weight = vf_select(vf_equal(score, vf_set1(-INFINITY)), vf_set1(-0.0f), weight);
      sum = vf_add(sum, weight);
      vf_store(p, weight);
    }
    vf_store(chunk_sum + v * HEED_LANES, vf_fma(vf_load(chunk_sum + v * HEED_LANES), alpha[v], sum));
  }
  const float *value = tile->value + (ptrdiff_t)first * tile->value_row;
  if (masked && !all_finite(value, tile->value_row, tile->value_column, keys, tile->value_dim))
    value_tile_careful(vectors, value, tile->value_row, tile->value_column, keys, tile->value_dim, scores, alpha, s->chunk + lane);
  else
    value_tile(vectors, value, tile->value_row, tile->value_column, keys, tile->value_dim, scores, alpha, s->chunk + lane);
}

// One kernel a number of vectors, so that a few queries do not pay for a full tile.
#define ATTEND(vectors, masked)                                                                                                            \
  static __attribute__((noinline)) void attend_##vectors##_##masked(const HeedAttentionTile *tile, const TileScratch *s, size_t first,     \
                                                                    size_t keys, size_t lane, const float *bias) {                         \
    attend_tile(vectors, masked, tile, s, first, keys, lane, bias);                                                                        \
  }
ATTEND(1, false)
ATTEND(1, true)
ATTEND(2, false)
ATTEND(2, true)
#if HEED_BLOCK_VECTORS > 2
ATTEND(3, false)
ATTEND(3, true)
#endif
#if HEED_BLOCK_VECTORS > 3
ATTEND(4, false)
ATTEND(4, true)
#endif
#undef ATTEND

typedef void (*AttendTile)(const HeedAttentionTile *, const TileScratch *, size_t, size_t, size_t, const float *);
static const AttendTile attend[HEED_BLOCK_VECTORS][2] = {
    {attend_1_false, attend_1_true},
    {attend_2_false, attend_2_true},
#if HEED_BLOCK_VECTORS > 2
    {attend_3_false, attend_3_true},
#endif
#if HEED_BLOCK_VECTORS > 3
    {attend_4_false, attend_4_true},
#endif
};

// A tile's boolean and additive masks as numbers to add, transposed into lanes.
typedef enum TileMask { TileMaskNone, TileMaskSome, TileMaskAll } TileMask;

INLINE_KERNEL TileMask gather_bias(const HeedAttentionTile *tile, size_t first, size_t keys, float *bias) {
  if (!tile->boolean && !tile->additive) return TileMaskNone;
  size_t hidden = 0;
  bool added = false;
  if (tile->additive) {
    pack_transposed(tile->additive + (ptrdiff_t)first * tile->additive_column, tile->additive_row, tile->additive_column, tile->queries,
                    keys, 1.0f, bias, QUERY_TILE, QUERY_TILE);
    added = true;
  }
  if (tile->boolean) {
    const uint8_t *source = tile->boolean + (ptrdiff_t)first * tile->boolean_column;
    for (size_t j = 0; j < keys; j++) {
      float *row = bias + j * QUERY_TILE;
      const uint8_t *column = source + (ptrdiff_t)j * tile->boolean_column;
      if (tile->boolean_row == 0) { // one mask for all queries
        if (*column && added) continue;
        const float number = *column ? 0.0f : -INFINITY;
        for (size_t i = 0; i < QUERY_TILE; i += HEED_LANES) vf_store(row + i, vf_set1(number));
        hidden += *column ? 0 : tile->queries;
      } else {
        for (size_t i = 0; i < tile->queries; i++) {
          const bool seen = column[(ptrdiff_t)i * tile->boolean_row] != 0;
          if (!added || !seen) row[i] = seen ? 0.0f : -INFINITY;
          hidden += !seen;
        }
        for (size_t i = tile->queries; !added && i < QUERY_TILE; i++) row[i] = 0.0f;
      }
    }
    if (hidden == keys * tile->queries) return TileMaskAll;
    if (hidden == 0 && !added) return TileMaskNone;
  }
  return TileMaskSome;
}

// The tiles of one chunk.
static void attend_chunk(const HeedAttentionTile *tile, const TileScratch *s, size_t begin, size_t end) {
  const size_t groups = (tile->queries + HEED_LANES - 1) / HEED_LANES;
  for (size_t i = 0; i < QUERY_TILE; i++) s->chunk_max[i] = LOWEST, s->chunk_sum[i] = 0.0f;
  for (size_t i = 0; i < QUERY_TILE * tile->value_dim; i++) s->chunk[i] = 0.0f;
  for (size_t first = begin; first < end; first += KEY_TILE) {
    const size_t keys = end - first < KEY_TILE ? end - first : KEY_TILE;
    const TileMask mask = gather_bias(tile, first, keys, s->bias);
    if (mask == TileMaskAll) continue;
    const float *bias = mask == TileMaskSome ? s->bias : NULL;
    if (visible_keys(tile, 0) >= (ptrdiff_t)(first + keys)) {
      attend[groups - 1][bias != NULL](tile, s, first, keys, 0, bias);
      continue;
    }
    // The diagonal crosses this tile: each vector of queries goes as far as its last row sees.
    for (size_t group = 0; group < groups; group++) {
      const size_t lane = group * HEED_LANES, last = lane + HEED_LANES < tile->queries ? lane + HEED_LANES - 1 : tile->queries - 1;
      const ptrdiff_t seen = visible_keys(tile, last) - (ptrdiff_t)first, all = visible_keys(tile, lane) - (ptrdiff_t)first;
      if (seen <= 0) continue;
      const size_t count = (size_t)seen < keys ? (size_t)seen : keys;
      attend[0][bias != NULL || all < (ptrdiff_t)count](tile, s, first, count, lane, bias);
    }
  }
}

// total <- total and chunk, by their maxima and sums.
static void merge_chunk(const TileScratch *s, size_t value_dim) {
  for (size_t lane = 0; lane < QUERY_TILE; lane += HEED_LANES) {
    const vf before = vf_load(s->total_max + lane), chunk = vf_load(s->chunk_max + lane), now = vf_max(before, chunk);
    const vf a = weight_of(vf_sub(before, now)), b = weight_of(vf_sub(chunk, now));
    vf_store(s->total_max + lane, now);
    vf_store(s->total_sum + lane, vf_fma(vf_load(s->total_sum + lane), a, vf_mul(vf_load(s->chunk_sum + lane), b)));
    for (size_t e = 0; e < value_dim; e++) {
      float *o = s->total + e * QUERY_TILE + lane;
      vf_store(o, vf_fma(vf_load(o), a, vf_mul(vf_load(s->chunk + e * QUERY_TILE + lane), b)));
    }
  }
}

static void attention_tiled_forward(const HeedAttentionTile *tile) {
  TileScratch s = carve_scratch(tile);
  pack_transposed(tile->query, tile->query_row, tile->query_column, tile->queries, tile->head_dim,
                  (float)((double)tile->scale * 0x1.71547652b82fep+0), s.query, QUERY_TILE, QUERY_TILE);
  const size_t seen = (size_t)visible_keys(tile, tile->queries - 1);
  attend_chunk(tile, &s, 0, seen < KEY_CHUNK ? seen : KEY_CHUNK);
  if (seen > KEY_CHUNK) { // the first chunk is the total so far
    float *const pointers[] = {s.chunk, s.chunk_max, s.chunk_sum};
    s.chunk = s.total, s.chunk_max = s.total_max, s.chunk_sum = s.total_sum;
    s.total = pointers[0], s.total_max = pointers[1], s.total_sum = pointers[2];
    for (size_t begin = KEY_CHUNK; begin < seen; begin += KEY_CHUNK) {
      attend_chunk(tile, &s, begin, seen - begin < KEY_CHUNK ? seen : begin + KEY_CHUNK);
      merge_chunk(&s, tile->value_dim);
    }
    s.chunk = s.total, s.chunk_max = s.total_max, s.chunk_sum = s.total_sum;
  }
  float inverse[QUERY_TILE];
  for (size_t i = 0; i < QUERY_TILE; i++) inverse[i] = s.chunk_sum[i] == 0.0f ? 0.0f : 1.0f / s.chunk_sum[i];
  unpack_transposed(s.chunk, QUERY_TILE, inverse, tile->queries, tile->value_dim, tile->output, tile->output_row, tile->output_column);
  if (tile->log_sum_exp)
    for (size_t i = 0; i < tile->queries; i++) tile->log_sum_exp[i] = log_sum_exp_of(s.chunk_max[i], s.chunk_sum[i]);
}

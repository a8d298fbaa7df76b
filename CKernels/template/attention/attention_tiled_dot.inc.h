// Tiled attention in bfloat16 with the dot product instruction: the products of attention_tiled_forward.inc.h, two terms at a time.
//
// A lane holds two neighbours along d of Q^T. Pairs of K are broadcast as 32 bits from their place in memory. V is interleaved by pairs of
// keys, and so is P when it is rounded. K must be rows with contiguous columns and an even D; other shapes take the converting kernel,
// which gives the same bits.

typedef struct DotScratch {
  TileScratch common;
  uint32_t *query, *weights, *value; // pairs [D/2][QUERY_TILE], [KEY_TILE/2][QUERY_TILE], [KEY_TILE/2][E]
} DotScratch;

INLINE_KERNEL uint32_t load_pair(const void *p) {
  uint32_t x;
  __builtin_memcpy(&x, p, sizeof x);
  return x;
}

// block_product in pairs; the strides of A are in bytes.
INLINE_KERNEL void block_dot(const int rows, const int vectors, const char *a, ptrdiff_t a_row, ptrdiff_t a_column, const uint32_t *b,
                             ptrdiff_t b_row, size_t depth, vf sum[][HEED_BLOCK_VECTORS]) {
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) sum[r][v] = vf_zero();
  for (; depth > 0; depth--, a += a_column, b += b_row)
    BLOCK_TERM(rows, vectors, vp_set1(load_pair(a + r * a_row)), vp_load(b + v * HEED_LANES), vf_dot_bf16, sum[r][v]);
}

INLINE_KERNEL void score_rows_dot(const int rows, const int vectors, const HeedAttentionTile *tile, const char *key, const uint32_t *query,
                                  vf scale, float *scores, vf max[HEED_BLOCK_VECTORS]) {
  vf sum[BLOCK_ROWS_MOST][HEED_BLOCK_VECTORS];
  block_dot(rows, vectors, key, 2 * tile->key_row, 4, query, QUERY_TILE, tile->head_dim / 2, sum);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      const vf score = vf_mul(sum[r][v], scale);
      vf_store(scores + r * QUERY_TILE + v * HEED_LANES, score);
      max[v] = vf_max(score, max[v]);
    }
}

INLINE_KERNEL void value_rows_dot(const int rows, const int vectors, const uint32_t *value, size_t value_dim, size_t pairs,
                                  const uint32_t *weights, const vf alpha[HEED_BLOCK_VECTORS], float *output) {
  vf sum[BLOCK_ROWS_MOST][HEED_BLOCK_VECTORS];
  block_dot(rows, vectors, (const char *)value, 4, (ptrdiff_t)(4 * value_dim), weights, QUERY_TILE, pairs, sum);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      float *o = output + r * QUERY_TILE + v * HEED_LANES;
      vf_store(o, vf_fma(vf_load(o), alpha[v], sum[r][v]));
    }
}

// P rounded and interleaved by pairs of keys. A single last key is paired with 0.
INLINE_KERNEL void pair_weights(const int vectors, const float *weights, size_t keys, uint32_t *pairs) {
  for (size_t j = 0; j < keys; j += 2)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      const vf even = vf_load(weights + j * QUERY_TILE + v * HEED_LANES);
      const vf odd = j + 1 < keys ? vf_load(weights + (j + 1) * QUERY_TILE + v * HEED_LANES) : vf_zero();
      vp_store(pairs + j / 2 * QUERY_TILE + v * HEED_LANES, vp_round(even, odd));
    }
}

INLINE_KERNEL void attend_tile_dot(const int vectors, const bool masked, const HeedAttentionTile *tile, const TileScratch *s,
                                   const TileOperands *x, size_t first, size_t keys, size_t lane, const float *bias) {
  const DotScratch *dot = (const DotScratch *)s;
  const int rows = vectors == HEED_BLOCK_VECTORS ? HEED_BLOCK_ROWS : 2 * HEED_BLOCK_ROWS;
  const char *key = (const char *)x->key;
  const vf scale = vf_set1(x->scale);
  float *scores = s->scores + lane;
  vf max[HEED_BLOCK_VECTORS], alpha[HEED_BLOCK_VECTORS];
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) max[v] = vf_set1(HEED_LOWEST);
  size_t j = 0;
  for (; j + (size_t)rows <= keys; j += (size_t)rows)
    score_rows_dot(rows, vectors, tile, key + 2 * (ptrdiff_t)j * tile->key_row, dot->query + lane, scale, scores + j * QUERY_TILE, max);
  for (; j < keys; j++)
    score_rows_dot(1, vectors, tile, key + 2 * (ptrdiff_t)j * tile->key_row, dot->query + lane, scale, scores + j * QUERY_TILE, max);
  if (masked) mask_tile(vectors, tile, first, keys, lane, bias ? bias + lane : NULL, scores, max);
  const RowStatistics statistics = row_statistics_at(s->chunk_rows, lane);
  const TileTop top = tile_top(vectors, max, statistics);
  weigh_tile(vectors, masked, false, keys, scores, statistics, &top, alpha);
  float *output = s->chunk + lane;
  if (masked) {
    convert_rows_bf16((const uint16_t *)tile->value + (ptrdiff_t)first * tile->value_row, tile->value_row, tile->value_column, keys,
                      tile->value_dim, s->value);
    if (!all_finite(s->value, (ptrdiff_t)tile->value_dim, 1, keys, tile->value_dim)) {
      const TileOperands converted = {.value = s->value, .value_row = (ptrdiff_t)tile->value_dim, .value_column = 1};
      value_tile_careful(vectors, true, &converted, keys, tile->value_dim, scores, alpha, output);
      return;
    }
  }
  pair_weights(vectors, scores, keys, dot->weights + lane);
  const size_t pairs = (keys + 1) / 2, dim = tile->value_dim;
  size_t e = 0;
  for (; e + (size_t)rows <= dim; e += (size_t)rows)
    value_rows_dot(rows, vectors, dot->value + e, dim, pairs, dot->weights + lane, alpha, output + e * QUERY_TILE);
  for (; e < dim; e++) value_rows_dot(1, vectors, dot->value + e, dim, pairs, dot->weights + lane, alpha, output + e * QUERY_TILE);
}
ATTEND_ALL(attend_dot, attend_tile_dot)

static TileOperands operands_dot(const HeedAttentionTile *tile, const TileScratch *s, size_t first, size_t keys) {
  const DotScratch *dot = (const DotScratch *)s;
  const uint16_t *value = (const uint16_t *)tile->value + (ptrdiff_t)first * tile->value_row;
  const size_t dim = tile->value_dim;
  for (size_t j = 0; j < keys; j += 2, value += 2 * tile->value_row) {
    const uint16_t *odd = j + 1 < keys ? value + tile->value_row : NULL;
    uint32_t *pairs = dot->value + j / 2 * dim;
    if (tile->value_column == 1)
      for (size_t e = 0; e < dim; e += HEED_LANES)
        vp_store_n(pairs + e, vp_interleave_n(value + e, odd ? odd + e : NULL, dim - e), dim - e);
    else
      for (size_t e = 0; e < dim; e++)
        pairs[e] = value[(ptrdiff_t)e * tile->value_column] | (odd ? (uint32_t)odd[(ptrdiff_t)e * tile->value_column] << 16 : 0);
  }
  const uint16_t *key = (const uint16_t *)tile->key + (ptrdiff_t)first * tile->key_row;
  return (TileOperands){.key = (const float *)(const void *)key, .scale = scale_in_base_2(tile->scale)};
}

static size_t attention_tiled_dot_scratch(size_t head_dim, size_t value_dim) {
  return tile_scratch_floats(head_dim, value_dim, true) + QUERY_TILE * (head_dim / 2 + KEY_TILE / 2) + KEY_TILE / 2 * value_dim;
}

static void attention_tiled_dot_forward(const HeedAttentionTile *tile) {
  if (tile->key_chunks || tile->key_column != 1 || tile->head_dim % 2 != 0) {
    attention_tiled_bf16_forward(tile);
    return;
  }
  const size_t pairs = tile->head_dim / 2;
  DotScratch s = {.common = carve_tile_scratch(tile, true)};
  s.query = (uint32_t *)(void *)(tile->scratch + tile_scratch_floats(tile->head_dim, tile->value_dim, true));
  s.weights = s.query + QUERY_TILE * pairs;
  s.value = s.weights + QUERY_TILE * (KEY_TILE / 2);
  for (size_t row = 0; row < QUERY_TILE; row += HEED_LANES)
    for (size_t pair = 0; pair < pairs; pair += HEED_LANES) {
      vf block[HEED_LANES];
      for (size_t i = 0; i < HEED_LANES; i++) {
        block[i] = vf_zero();
        if (row + i >= tile->queries) continue;
        const uint16_t *source =
            (const uint16_t *)tile->query + (ptrdiff_t)(row + i) * tile->query_row + (ptrdiff_t)(2 * pair) * tile->query_column;
        uint16_t gathered[2 * HEED_LANES];
        const size_t there = heed_size_min(pairs - pair, HEED_LANES);
        if (tile->query_column != 1) {
          for (size_t d = 0; d < 2 * there; d++) gathered[d] = source[(ptrdiff_t)d * tile->query_column];
          source = gathered;
        }
        block[i] = vp_load_n(source, there);
      }
      vf_transpose(block);
      for (size_t i = 0; i < HEED_LANES && pair + i < pairs; i++) vp_store(s.query + (pair + i) * QUERY_TILE + row, block[i]);
    }
  attend_all(tile, &s.common, operands_dot, attend_dot);
}

// Tiled attention in bfloat16 with the dot product instruction: the products of attention_tiled_forward.inc.h by pairs of terms.
//
// Q^T, K, P^T and V are copied as pairs (gemm_dot.inc.h) along d or keys. K must be rows with contiguous columns; other layouts take the
// converting kernel, which gives the same bits.

BLOCK_PRODUCT_CHAINS(block_product_dot, HEED_GEMM_BF16_KC / 2, vf_dot_bf16)

#define ROW_TERMS (2 * HEED_LANES) // that a vector of pairs holds

typedef struct DotScratch {
  TileScratch common;
  size_t pairs;                            // of a row of Q or K: whole vectors
  uint32_t *query, *key, *weights, *value; // [pairs][QUERY_TILE], [KEY_TILE][pairs], [KEY_TILE / 2][QUERY_TILE], [KEY_TILE / 2][E]
} DotScratch;

// The pairs of so many terms, and the earlier term of pair p; the later one is two further on.
INLINE_KERNEL size_t pairs_of(size_t terms) { return heed_divide_up(terms, 4) * 2; }
INLINE_KERNEL size_t term_of_pair(size_t p) { return p / 2 * 4 + p % 2; }
INLINE_KERNEL const float *as_lanes(const uint32_t *pairs) { return (const float *)(const void *)pairs; }

INLINE_KERNEL void score_rows_dot(const int rows, const int vectors, const HeedAttentionTile *tile, size_t pairs, const uint32_t *key,
                                  const uint32_t *query, vf scale, float *scores, vf max[HEED_BLOCK_VECTORS]) {
  vf sum[BLOCK_ROWS_MOST][HEED_BLOCK_VECTORS];
  block_product_dot(rows, vectors, as_lanes(key), (ptrdiff_t)pairs, 1, as_lanes(query), QUERY_TILE, pairs_of(tile->head_dim), sum);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      const vf score = vf_mul(sum[r][v], scale);
      vf_store(scores + r * QUERY_TILE + v * HEED_LANES, score);
      max[v] = vf_max(score, max[v]);
    }
}

INLINE_KERNEL void value_rows_dot(const int rows, const int vectors, const uint32_t *value, size_t value_dim, size_t keys,
                                  const uint32_t *weights, const vf alpha[HEED_BLOCK_VECTORS], float *output) {
  vf sum[BLOCK_ROWS_MOST][HEED_BLOCK_VECTORS];
  block_product_dot(rows, vectors, as_lanes(value), 1, (ptrdiff_t)value_dim, as_lanes(weights), QUERY_TILE, pairs_of(keys), sum);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      float *o = output + r * QUERY_TILE + v * HEED_LANES;
      vf_store(o, vf_fma(vf_load(o), alpha[v], sum[r][v]));
    }
}

INLINE_KERNEL vf weights_or_zero(const float *weights, size_t j, size_t keys) {
  return j < keys ? vf_load(weights + j * QUERY_TILE) : vf_zero();
}

// P rounded, in pairs of keys. What has no partner is paired with 0.
INLINE_KERNEL void pair_weights(const int vectors, const float *weights, size_t keys, uint32_t *pairs) {
  for (size_t p = 0; p < pairs_of(keys); p++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      const float *from = weights + v * HEED_LANES;
      const vf upper = weights_or_zero(from, term_of_pair(p), keys), lower = weights_or_zero(from, term_of_pair(p) + 2, keys);
      vp_store(pairs + p * QUERY_TILE + v * HEED_LANES, vp_round(upper, lower));
    }
}

INLINE_KERNEL void attend_tile_dot(const int vectors, const bool masked, const HeedAttentionTile *tile, const TileScratch *s,
                                   const TileOperands *x, size_t first, size_t keys, size_t lane, const float *bias) {
  const DotScratch *dot = (const DotScratch *)s;
  const int rows = chain_rows(vectors);
  const vf scale = vf_set1(x->scale);
  float *scores = s->scores + lane;
  vf max[HEED_BLOCK_VECTORS], alpha[HEED_BLOCK_VECTORS];
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) max[v] = vf_set1(HEED_LOWEST);
  size_t j = 0;
  for (; j + (size_t)rows <= keys; j += (size_t)rows)
    score_rows_dot(rows, vectors, tile, dot->pairs, dot->key + j * dot->pairs, dot->query + lane, scale, scores + j * QUERY_TILE, max);
  for (; j < keys; j++)
    score_rows_dot(1, vectors, tile, dot->pairs, dot->key + j * dot->pairs, dot->query + lane, scale, scores + j * QUERY_TILE, max);
  if (masked) mask_tile(vectors, tile, first, keys, lane, bias ? bias + lane : NULL, scores, max);
  const RowStatistics statistics = row_statistics_at(s->chunk_rows, lane);
  const TileTop top = tile_top(vectors, max, statistics);
  weigh_tile(vectors, masked, false, keys, scores, statistics, &top, alpha);
  float *output = s->chunk + lane;
  if (masked) {
    // The last pairs may have keys that these rows do not see.
    const size_t partners = heed_size_min(heed_round_up(keys, 4), tile->keys - first);
    convert_rows_bf16((const uint16_t *)tile->value + (ptrdiff_t)first * tile->value_row, tile->value_row, tile->value_column, partners,
                      tile->value_dim, s->value);
    if (!all_finite(s->value, (ptrdiff_t)tile->value_dim, 1, partners, tile->value_dim)) {
      const TileOperands converted = {.value = s->value, .value_row = (ptrdiff_t)tile->value_dim, .value_column = 1};
      value_tile_careful(vectors, true, &converted, keys, tile->value_dim, scores, alpha, output);
      return;
    }
  }
  pair_weights(vectors, scores, keys, dot->weights + lane);
  const size_t dim = tile->value_dim;
  size_t e = 0;
  for (; e + (size_t)rows <= dim; e += (size_t)rows)
    value_rows_dot(rows, vectors, dot->value + e, dim, keys, dot->weights + lane, alpha, output + e * QUERY_TILE);
  for (; e < dim; e++) value_rows_dot(1, vectors, dot->value + e, dim, keys, dot->weights + lane, alpha, output + e * QUERY_TILE);
}
ATTEND_ALL(attend_dot, attend_tile_dot)

INLINE_KERNEL const uint16_t *value_or_null(const HeedAttentionTile *tile, size_t first, size_t j, size_t keys) {
  return j < keys ? (const uint16_t *)tile->value + (ptrdiff_t)(first + j) * tile->value_row : NULL;
}

static TileOperands operands_dot(const HeedAttentionTile *tile, const TileScratch *s, size_t first, size_t keys) {
  const DotScratch *dot = (const DotScratch *)s;
  const size_t dim = tile->value_dim;
  for (size_t p = 0; dim > 0 && p < pairs_of(keys); p++) {
    const uint16_t *upper = value_or_null(tile, first, term_of_pair(p), keys),
                   *lower = value_or_null(tile, first, term_of_pair(p) + 2, keys);
    uint32_t *pairs = dot->value + p * dim;
    if (tile->value_column == 1)
      for (size_t e = 0; e < dim; e += HEED_LANES)
        vp_store_n(pairs + e, vp_interleave_n(upper ? upper + e : NULL, lower ? lower + e : NULL, 0, dim - e), dim - e);
    else
      for (size_t e = 0; e < dim; e++) {
        const ptrdiff_t at = (ptrdiff_t)e * tile->value_column;
        pairs[e] = (uint32_t)(upper ? upper[at] : 0) << 16 | (lower ? lower[at] : 0);
      }
  }
  const uint16_t *key = (const uint16_t *)tile->key + (ptrdiff_t)first * tile->key_row;
  for (size_t j = 0; tile->head_dim > 0 && j < keys; j++, key += tile->key_row)
    for (size_t d = 0; d < tile->head_dim; d += ROW_TERMS)
      vp_store(dot->key + j * dot->pairs + d / 2, vp_load_terms_n(key + d, 0, tile->head_dim - d));
  return (TileOperands){.scale = scale_in_base_2(tile->scale)};
}

INLINE_KERNEL size_t row_pairs(size_t head_dim) { return heed_round_up(head_dim, ROW_TERMS) / 2; }

static size_t attention_tiled_dot_scratch(size_t head_dim, size_t value_dim) {
  return tile_scratch_floats(head_dim, value_dim, true) + (QUERY_TILE + KEY_TILE) * row_pairs(head_dim) + QUERY_TILE * (KEY_TILE / 2) +
         KEY_TILE / 2 * value_dim;
}

// The vector of pairs of one query that begins with term d.
INLINE_KERNEL vf query_pairs(const HeedAttentionTile *tile, size_t row, size_t d) {
  const uint16_t *source = (const uint16_t *)tile->query + (ptrdiff_t)row * tile->query_row + (ptrdiff_t)d * tile->query_column;
  const size_t there = heed_size_min(tile->head_dim - d, ROW_TERMS);
  uint16_t gathered[ROW_TERMS];
  if (tile->query_column != 1) {
    for (size_t i = 0; i < there; i++) gathered[i] = source[(ptrdiff_t)i * tile->query_column];
    source = gathered;
  }
  return vp_load_terms_n(source, 0, there);
}

static void attention_tiled_dot_forward(const HeedAttentionTile *tile) {
  if (tile->key_chunks || tile->key_column != 1) {
    attention_tiled_bf16_forward(tile);
    return;
  }
  DotScratch s = {.common = carve_tile_scratch(tile, true), .pairs = row_pairs(tile->head_dim)};
  s.query = (uint32_t *)(void *)(tile->scratch + tile_scratch_floats(tile->head_dim, tile->value_dim, true));
  s.key = s.query + QUERY_TILE * s.pairs;
  s.weights = s.key + KEY_TILE * s.pairs;
  s.value = s.weights + QUERY_TILE * (KEY_TILE / 2);
  for (size_t row = 0; row < QUERY_TILE; row += HEED_LANES)
    for (size_t d = 0; d < tile->head_dim; d += ROW_TERMS) {
      vf block[HEED_LANES];
      for (size_t i = 0; i < HEED_LANES; i++) block[i] = row + i < tile->queries ? query_pairs(tile, row + i, d) : vf_zero();
      vf_transpose(block);
      for (size_t i = 0; i < HEED_LANES; i++) vp_store(s.query + (d / 2 + i) * QUERY_TILE + row, block[i]);
    }
  attend_all(tile, &s.common, operands_dot, attend_dot);
}

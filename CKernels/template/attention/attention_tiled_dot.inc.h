// Tiled attention in bfloat16 with the dot product instruction: the products of attention_tiled_forward.inc.h by pairs of terms.
//
// Q^T, K, P^T and V are copied as pairs (heed/gemm.h: of the even terms of a block, then of the odd ones), which take the place of d or of
// keys. Each block of 32 terms has 16 pairs, of which a short block uses the first of each half. K must be rows with contiguous columns;
// other layouts take the converting kernel, which gives the same bits.

#define BLOCK_TERMS HEED_GEMM_BF16_KC
#define BLOCK_PAIRS (BLOCK_TERMS / 2)
#define CHAIN_PAIRS (BLOCK_PAIRS / 2) // of the even terms, and as many of the odd ones

typedef struct DotScratch {
  TileScratch common;
  size_t pairs;                            // of a row of Q or K: those of whole blocks
  uint32_t *query, *key, *weights, *value; // [pairs][QUERY_TILE], [KEY_TILE][pairs], [KEY_TILE / 2][QUERY_TILE], [KEY_TILE / 2][E]
} DotScratch;

INLINE_KERNEL size_t pairs_of(size_t terms) { return heed_divide_up(terms, BLOCK_TERMS) * BLOCK_PAIRS; }

// block_product_bf16 in pairs, of `depth` terms.
INLINE_KERNEL void block_dot(const int rows, const int vectors, const uint32_t *a, ptrdiff_t a_row, ptrdiff_t a_column, const uint32_t *b,
                             ptrdiff_t b_row, size_t depth, vf sum[][HEED_BLOCK_VECTORS]) {
  float even[BLOCK_FLOATS] __attribute__((aligned(64))), total[BLOCK_FLOATS] __attribute__((aligned(64)));
  const float *before = block_zeros;
  bool odd = false;
  for (size_t left = depth;;) {
    const size_t terms = heed_size_min(left, BLOCK_TERMS);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) sum[r][v] = vf_zero();
    const uint32_t *x = a, *y = b;
    for (size_t k = (terms + 3 - odd) / 4; k > 0; k--, x += a_column, y += b_row)
      BLOCK_TERM(rows, vectors, vp_set1(x[r * a_row]), vp_load(y + v * HEED_LANES), vf_dot_bf16, sum[r][v]);
    if (depth > 0) a += CHAIN_PAIRS * a_column, b += CHAIN_PAIRS * b_row;
    if (!odd) {
      block_keep(rows, vectors, sum, even);
      odd = true;
      continue;
    }
    block_add(rows, vectors, even, sum);
    block_add(rows, vectors, before, sum);
    odd = false, left -= terms;
    if (left == 0) return;
    block_keep(rows, vectors, sum, total);
    before = total;
  }
}

INLINE_KERNEL void score_rows_dot(const int rows, const int vectors, const HeedAttentionTile *tile, size_t pairs, const uint32_t *key,
                                  const uint32_t *query, vf scale, float *scores, vf max[HEED_BLOCK_VECTORS]) {
  vf sum[BLOCK_ROWS_MOST][HEED_BLOCK_VECTORS];
  block_dot(rows, vectors, key, (ptrdiff_t)pairs, 1, query, QUERY_TILE, tile->head_dim, sum);
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
  block_dot(rows, vectors, value, 1, (ptrdiff_t)value_dim, weights, QUERY_TILE, keys, sum);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      float *o = output + r * QUERY_TILE + v * HEED_LANES;
      vf_store(o, vf_fma(vf_load(o), alpha[v], sum[r][v]));
    }
}

// The key, or the term of d, that stands in the upper half of pair p of a tile; the lower half's is two further on.
INLINE_KERNEL size_t term_of_pair(size_t p) {
  const size_t within = p % BLOCK_PAIRS;
  return p / BLOCK_PAIRS * BLOCK_TERMS + within % CHAIN_PAIRS * 4 + within / CHAIN_PAIRS;
}

INLINE_KERNEL vf weights_or_zero(const float *weights, size_t j, size_t keys) {
  return j < keys ? vf_load(weights + j * QUERY_TILE) : vf_zero();
}

// P rounded, in pairs of keys. What has no partner is paired with 0.
INLINE_KERNEL void pair_weights(const int vectors, const float *weights, size_t keys, uint32_t *pairs) {
  for (size_t p = 0; p < pairs_of(keys); p++) {
    const size_t j = term_of_pair(p);
    if (j >= keys) continue; // not read
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      const float *from = weights + v * HEED_LANES;
      vp_store(pairs + p * QUERY_TILE + v * HEED_LANES, vp_round(weights_or_zero(from, j, keys), weights_or_zero(from, j + 2, keys)));
    }
  }
}

INLINE_KERNEL void attend_tile_dot(const int vectors, const bool masked, const HeedAttentionTile *tile, const TileScratch *s,
                                   const TileOperands *x, size_t first, size_t keys, size_t lane, const float *bias) {
  const DotScratch *dot = (const DotScratch *)s;
  const int rows = vectors == HEED_BLOCK_VECTORS ? HEED_BLOCK_ROWS : 2 * HEED_BLOCK_ROWS;
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
    // The last keys have partners in their pairs that these rows may not see.
    const size_t partners = heed_size_min(heed_size_min(keys + 2, KEY_TILE), tile->keys - first);
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
    if (!upper) continue; // not read
    uint32_t *pairs = dot->value + p * dim;
    if (tile->value_column == 1)
      for (size_t e = 0; e < dim; e += HEED_LANES)
        vp_store_n(pairs + e, vp_interleave_n(upper + e, lower ? lower + e : NULL, 0, dim - e), dim - e);
    else
      for (size_t e = 0; e < dim; e++) {
        const ptrdiff_t at = (ptrdiff_t)e * tile->value_column;
        pairs[e] = (uint32_t)upper[at] << 16 | (lower ? lower[at] : 0);
      }
  }
  const uint16_t *key = (const uint16_t *)tile->key + (ptrdiff_t)first * tile->key_row;
  for (size_t j = 0; tile->head_dim > 0 && j < keys; j++, key += tile->key_row)
    for (size_t d = 0; d < tile->head_dim; d += BLOCK_TERMS)
      vp_store(dot->key + j * dot->pairs + d / 2, vp_load_terms_n(key + d, 0, tile->head_dim - d));
  return (TileOperands){.scale = scale_in_base_2(tile->scale)};
}

static size_t attention_tiled_dot_scratch(size_t head_dim, size_t value_dim) {
  return tile_scratch_floats(head_dim, value_dim, true) + (QUERY_TILE + KEY_TILE) * pairs_of(head_dim) + QUERY_TILE * (KEY_TILE / 2) +
         KEY_TILE / 2 * value_dim;
}

// The block of pairs of one query that begins with term d.
INLINE_KERNEL vf query_pairs(const HeedAttentionTile *tile, size_t row, size_t d) {
  const uint16_t *source = (const uint16_t *)tile->query + (ptrdiff_t)row * tile->query_row + (ptrdiff_t)d * tile->query_column;
  const size_t there = heed_size_min(tile->head_dim - d, BLOCK_TERMS);
  uint16_t gathered[BLOCK_TERMS];
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
  DotScratch s = {.common = carve_tile_scratch(tile, true), .pairs = pairs_of(tile->head_dim)};
  s.query = (uint32_t *)(void *)(tile->scratch + tile_scratch_floats(tile->head_dim, tile->value_dim, true));
  s.key = s.query + QUERY_TILE * s.pairs;
  s.weights = s.key + KEY_TILE * s.pairs;
  s.value = s.weights + QUERY_TILE * (KEY_TILE / 2);
  for (size_t row = 0; row < QUERY_TILE; row += HEED_LANES)
    for (size_t d = 0; d < tile->head_dim; d += BLOCK_TERMS) {
      vf block[HEED_LANES];
      for (size_t i = 0; i < HEED_LANES; i++) block[i] = row + i < tile->queries ? query_pairs(tile, row + i, d) : vf_zero();
      vf_transpose(block);
      for (size_t i = 0; i < BLOCK_PAIRS; i++) vp_store(s.query + (d / 2 + i) * QUERY_TILE + row, block[i]);
    }
  attend_all(tile, &s.common, operands_dot, attend_dot);
}

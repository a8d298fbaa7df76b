// The two products of tiled attention in float32, and the steps between them (letters and order: attention_tiled_forward.inc.h).
//
// `bf16`: operands are bfloat16 numbers, here as float32, and both products sum by the rule of heed/gemm.h.

#ifndef HEED_ATTENTION_TILE_INC_H
#define HEED_ATTENTION_TILE_INC_H

#include "template/attention/attention_refine.inc.h"
#include "template/gemm/block_product.inc.h"
#include "template/gemm/block_product_bf16.inc.h"

typedef struct TileScratch {
  float *query;                         // Q^T [D][QUERY_TILE]
  float *scores;                        // S^T, then P^T [KEY_TILE][QUERY_TILE]
  float *bias;                          // masks of one tile as numbers to add, minus infinity where hidden
  float *chunk, *total;                 // O^T [E][QUERY_TILE] of the chunk and of the chunks before
  RowStatistics chunk_rows, total_rows; // the same
  float *multipliers;                   // of dropout [KEY_TILE][QUERY_TILE]
  float *key, *value;                   // one tile of K and V converted to float32, [KEY_TILE][D] and [KEY_TILE][E]
} TileScratch;

// S^T of rows x vectors, stored; the maxima run along in `max`.
INLINE_KERNEL void score_rows(const int rows, const int vectors, const bool bf16, const TileOperands *x, const float *key, size_t head_dim,
                              const float *query, float *scores, vf max[HEED_BLOCK_VECTORS]) {
  vf sum[BLOCK_ROWS_MOST][HEED_BLOCK_VECTORS];
  if (bf16)
    block_product_bf16(rows, vectors, key, x->key_row, x->key_column, query, QUERY_TILE, head_dim, sum);
  else
    block_product(rows, vectors, key, x->key_row, x->key_column, query, QUERY_TILE, head_dim, sum);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      sum[r][v] = vf_mul(sum[r][v], vf_set1(x->scale));
      vf_store(scores + r * QUERY_TILE + v * HEED_LANES, sum[r][v]);
      max[v] = vf_max(sum[r][v], max[v]); // NaN is passed over here and shows in P
    }
}

INLINE_KERNEL void score_tile(const int vectors, const bool bf16, const TileOperands *x, size_t keys, size_t head_dim, const float *query,
                              float *scores, vf max[HEED_BLOCK_VECTORS]) {
  const int rows = bf16 ? chain_rows(vectors) : vectors == HEED_BLOCK_VECTORS ? HEED_BLOCK_ROWS : 2 * HEED_BLOCK_ROWS;
  size_t j = 0;
  for (; j + (size_t)rows <= keys; j += (size_t)rows)
    score_rows(rows, vectors, bf16, x, key_at(x, j), head_dim, query, scores + j * QUERY_TILE, max);
  for (; j < keys; j++) score_rows(1, vectors, bf16, x, key_at(x, j), head_dim, query, scores + j * QUERY_TILE, max);
}

// m' <- max(m, tile), P^T <- 2^(S^T - m') in place, alpha <- 2^(m - m'), l <- l * alpha + sum of P^T. `rounded`: P as bfloat16, the sum
// not.
INLINE_KERNEL void weigh_tile(const int vectors, const bool masked, const bool rounded, size_t keys, float *scores, RowStatistics rows,
                              const TileTop *top, vf alpha[HEED_BLOCK_VECTORS]) {
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) {
    const vf before = vf_load(rows.max + v * HEED_LANES), before_rest = vf_load(rows.rest + v * HEED_LANES);
    const vf now = vf_max(top->max[v], before), now_rest = vf_select(vf_less(before, top->max[v]), top->rest[v], before_rest);
    alpha[v] = weight_of_maximum(before, before_rest, now, now_rest);
    vf_store(rows.max + v * HEED_LANES, now);
    vf_store(rows.rest + v * HEED_LANES, now_rest);
    vf sum = vf_zero();
    float *p = scores + v * HEED_LANES;
#pragma clang loop unroll_count(4)
    for (size_t j = 0; j < keys; j++, p += QUERY_TILE) {
      const vf score = vf_load(p);
      vf weight = weight_of(vf_sub(score, top->shift[v]));
      if (masked) weight = vf_select(vf_equal(score, vf_set1(-INFINITY)), vf_set1(-0.0f), weight);
      sum = vf_add(sum, weight);
      vf_store(p, rounded ? vf_round_bf16(weight) : weight);
    }
    vf_store(rows.sum + v * HEED_LANES, vf_fma(vf_load(rows.sum + v * HEED_LANES), alpha[v], sum));
  }
}

// O^T <- O^T * alpha + V^T P^T for rows x vectors.
INLINE_KERNEL void value_rows(const int rows, const int vectors, const bool bf16, const TileOperands *x, const float *value, size_t keys,
                              const float *weights, const vf alpha[HEED_BLOCK_VECTORS], float *output) {
  vf sum[BLOCK_ROWS_MOST][HEED_BLOCK_VECTORS];
  if (bf16)
    block_product_bf16(rows, vectors, value, x->value_column, x->value_row, weights, QUERY_TILE, keys, sum);
  else
    block_product(rows, vectors, value, x->value_column, x->value_row, weights, QUERY_TILE, keys, sum);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      float *o = output + r * QUERY_TILE + v * HEED_LANES;
      vf_store(o, vf_fma(vf_load(o), alpha[v], sum[r][v]));
    }
}

INLINE_KERNEL void value_tile(const int vectors, const bool bf16, const TileOperands *x, size_t keys, size_t value_dim,
                              const float *weights, const vf alpha[HEED_BLOCK_VECTORS], float *output) {
  const int rows = bf16 ? chain_rows(vectors) : vectors == HEED_BLOCK_VECTORS ? HEED_BLOCK_ROWS : 2 * HEED_BLOCK_ROWS;
  size_t e = 0;
  for (; e + (size_t)rows <= value_dim; e += (size_t)rows)
    value_rows(rows, vectors, bf16, x, x->value + (ptrdiff_t)e * x->value_column, keys, weights, alpha, output + e * QUERY_TILE);
  for (; e < value_dim; e++)
    value_rows(1, vectors, bf16, x, x->value + (ptrdiff_t)e * x->value_column, keys, weights, alpha, output + e * QUERY_TILE);
}

// The same product if a hidden value may be NaN or infinite: lanes whose weight has a sign do not change.
INLINE_KERNEL vf value_term_careful(const bool bf16, const TileOperands *x, size_t j, size_t e, const float *weights, vf sum) {
  const vf exact = vf_load(weights + j * QUERY_TILE), weight = bf16 ? vf_round_bf16(exact) : exact;
  const vf element = vf_set1(x->value[(ptrdiff_t)j * x->value_row + (ptrdiff_t)e * x->value_column]);
  return vf_select(vf_sign_bit(weight), sum, vf_fma(element, weight, sum));
}

INLINE_KERNEL vf value_sum_careful(const bool bf16, const TileOperands *x, size_t keys, size_t e, const float *weights) {
  vf total = vf_zero();
  if (!bf16) {
    for (size_t j = 0; j < keys; j++) total = value_term_careful(bf16, x, j, e, weights, total);
    return total;
  }
  for (size_t first = 0; first < keys; first += HEED_GEMM_BF16_KC) {
    const size_t end = first + heed_size_min(keys - first, HEED_GEMM_BF16_KC);
    vf even = vf_zero(), odd = vf_zero();
    for (size_t j = first; j < end; j += 2) even = value_term_careful(bf16, x, j, e, weights, even);
    for (size_t j = first + 1; j < end; j += 2) odd = value_term_careful(bf16, x, j, e, weights, odd);
    total = vf_add(total, vf_add(even, odd));
  }
  return total;
}

INLINE_KERNEL void value_tile_careful(const int vectors, const bool bf16, const TileOperands *x, size_t keys, size_t value_dim,
                                      const float *weights, const vf alpha[HEED_BLOCK_VECTORS], float *output) {
  for (size_t e = 0; e < value_dim; e++)
    for (int v = 0; v < vectors; v++) {
      const vf sum = value_sum_careful(bf16, x, keys, e, weights + v * HEED_LANES);
      float *o = output + e * QUERY_TILE + v * HEED_LANES;
      vf_store(o, vf_fma(vf_load(o), alpha[v], sum));
    }
}

// One tile of keys, the first of them `first`, against `vectors` vectors of queries from lane `lane` on.
INLINE_KERNEL void attend_tile(const int vectors, const bool masked, const bool bf16, const HeedAttentionTile *tile, const TileScratch *s,
                               const TileOperands *x, size_t first, size_t keys, size_t lane, const float *bias) {
  float *scores = s->scores + lane;
  vf max[HEED_BLOCK_VECTORS], alpha[HEED_BLOCK_VECTORS];
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) max[v] = vf_set1(HEED_LOWEST);
  score_tile(vectors, bf16, x, keys, tile->head_dim, s->query + lane, scores, max);
  if (masked) mask_tile(vectors, tile, first, keys, lane, bias ? bias + lane : NULL, scores, max);
  const RowStatistics rows = row_statistics_at(s->chunk_rows, lane);
  TileTop top = tile_top(vectors, max, rows);
  if (!bf16) refine_tile(vectors, tile->scale, tile->head_dim, s->query + lane, x, keys, bias ? bias + lane : NULL, rows, scores, &top);
  weigh_tile(vectors, masked, bf16, keys, scores, rows, &top, alpha);
  if (!bf16 && tile->dropout > 0) { // L is that of the weights before; bfloat16 takes none
    drop_tile(vectors, tile, first, lane, s->multipliers + lane);
    multiply_weights(vectors, keys, scores, s->multipliers + lane, scores);
  }
  if (masked && !all_finite(x->value, x->value_row, x->value_column, keys, tile->value_dim))
    value_tile_careful(vectors, bf16, x, keys, tile->value_dim, scores, alpha, s->chunk + lane);
  else
    value_tile(vectors, bf16, x, keys, tile->value_dim, scores, alpha, s->chunk + lane);
}

#endif

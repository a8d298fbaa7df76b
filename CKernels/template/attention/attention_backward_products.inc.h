// The products of attention backward, and the elementwise steps between them, for one pair of tiles (letters: heed/attention.h).
//
// Queries stand in the lanes of S^T, P^T, dP^T, dS^T and dQ^T, the head dimension in those of dK and dV. All five products are the same
// register block; each sums its own tile from zero before it is added to the sum so far.

#ifndef HEED_ATTENTION_BACKWARD_PRODUCTS_INC_H
#define HEED_ATTENTION_BACKWARD_PRODUCTS_INC_H

#include "template/attention/attention_tile.inc.h"

_Static_assert(KEY_TILE == HEED_ATTENTION_KEY_TILE, "the drivers cut keys by the same tiles");
_Static_assert(QUERY_TILE <= HEED_ATTENTION_QUERY_GROUP && QUERY_TILE % HEED_LANES == 0 && HEED_ATTENTION_QUERY_GROUP % HEED_LANES == 0,
               "a vector of queries is in one group");

// The arrays of one pair of tiles, [KEY_TILE][QUERY_TILE] each.
typedef struct BackwardArrays {
  float *scores;      // S^T, then P^T: -0 where hidden
  float *weights;     // P^T as dV takes it: scores, but with dropout
  float *d_scores;    // dS^T: +0 where hidden
  float *bias;        // masks as numbers to add
  float *multipliers; // of dropout
} BackwardArrays;

#define BACKWARD_ARRAYS 5 // of the struct

// Where a weight says that its key is hidden. (A NaN may have a sign too.)
INLINE_KERNEL vm backward_hidden(vf weight) { return vm_and(vf_sign_bit(weight), vf_equal(weight, vf_zero())); }

// P^T <- 2^(S^T - statistics), 0 below the least weight, -0 where hidden.
INLINE_KERNEL void backward_weigh(const int vectors, const bool masked, size_t keys, const float *statistics,
                                  const vf shift[HEED_BLOCK_VECTORS], float *scores) {
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) {
    const vf first = vf_load(statistics + QUERY_TILE + v * HEED_LANES), second = vf_load(statistics + 2 * QUERY_TILE + v * HEED_LANES);
    const vm nothing = vf_equal(first, vf_set1(INFINITY)); // rows that see nothing
    float *p = scores + v * HEED_LANES;
#pragma clang loop unroll_count(4)
    for (size_t j = 0; j < keys; j++, p += QUERY_TILE) {
      const vf score = vf_load(p);
      vf weight = exp2_t16_p3(HEED_ATTENTION_LEAST_EXPONENT, vf_sub(vf_sub(score, shift[v]), second));
      if (masked) weight = vf_select(vm_or(nothing, vf_equal(score, vf_set1(-INFINITY))), vf_set1(-0.0f), weight);
      vf_store(p, weight);
    }
  }
}

// dS^T <- P^T * (V dO^T - delta) for rows x vectors; with dropout its multipliers go on V dO^T.
INLINE_KERNEL void backward_d_scores_rows(const int rows, const int vectors, const bool masked, const bool drops, const float *value,
                                          size_t value_dim, const float *d_output, const float *statistics, const float *scores,
                                          const float *multipliers, float *d_scores) {
  vf sum[BLOCK_ROWS_MOST][HEED_BLOCK_VECTORS];
  block_product(rows, vectors, value, (ptrdiff_t)value_dim, 1, d_output, QUERY_TILE, value_dim, sum);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      const vf weight = vf_load(scores + r * QUERY_TILE + v * HEED_LANES);
      if (drops) sum[r][v] = vf_mul(sum[r][v], vf_load(multipliers + r * QUERY_TILE + v * HEED_LANES));
      const vf difference = vf_sub(sum[r][v], vf_load(statistics + v * HEED_LANES));
      vf result = vf_mul(weight, vf_sub(difference, vf_load(statistics + 3 * QUERY_TILE + v * HEED_LANES)));
      if (masked) result = vf_select(backward_hidden(weight), vf_zero(), result);
      vf_store(d_scores + r * QUERY_TILE + v * HEED_LANES, result);
    }
}

INLINE_KERNEL void backward_d_scores_tile(const int vectors, const bool masked, const bool drops, size_t keys, const float *value,
                                          size_t value_dim, const float *d_output, const float *statistics, const float *scores,
                                          const float *multipliers, float *d_scores) {
  const int rows = vectors == HEED_BLOCK_VECTORS ? HEED_BLOCK_ROWS : 2 * HEED_BLOCK_ROWS;
  size_t j = 0;
  for (; j + (size_t)rows <= keys; j += (size_t)rows)
    backward_d_scores_rows(rows, vectors, masked, drops, value + j * value_dim, value_dim, d_output, statistics, scores + j * QUERY_TILE,
                           drops ? multipliers + j * QUERY_TILE : NULL, d_scores + j * QUERY_TILE);
  for (; j < keys; j++)
    backward_d_scores_rows(1, vectors, masked, drops, value + j * value_dim, value_dim, d_output, statistics, scores + j * QUERY_TILE,
                           drops ? multipliers + j * QUERY_TILE : NULL, d_scores + j * QUERY_TILE);
}

// sum^T[d] += sum over the tile's keys of K[j][d] * dS^T[j] for rows x vectors.
INLINE_KERNEL void backward_query_rows(const int rows, const int vectors, const float *key, size_t head_dim, size_t keys,
                                       const float *d_scores, float *sum_lanes) {
  vf sum[BLOCK_ROWS_MOST][HEED_BLOCK_VECTORS];
  block_product(rows, vectors, key, 1, (ptrdiff_t)head_dim, d_scores, QUERY_TILE, keys, sum);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      float *to = sum_lanes + r * QUERY_TILE + v * HEED_LANES;
      vf_store(to, vf_add(vf_load(to), sum[r][v]));
    }
}

INLINE_KERNEL void backward_query_tile(const int vectors, const float *key, size_t head_dim, size_t keys, const float *d_scores,
                                       float *sum_lanes) {
  const int rows = vectors == HEED_BLOCK_VECTORS ? HEED_BLOCK_ROWS : 2 * HEED_BLOCK_ROWS;
  size_t d = 0;
  for (; d + (size_t)rows <= head_dim; d += (size_t)rows)
    backward_query_rows(rows, vectors, key + d, head_dim, keys, d_scores, sum_lanes + d * QUERY_TILE);
  for (; d < head_dim; d++) backward_query_rows(1, vectors, key + d, head_dim, keys, d_scores, sum_lanes + d * QUERY_TILE);
}

// The same if a hidden key may be NaN or infinite: elements that P^T marks as hidden do not change.
static void backward_query_careful(const float *key, size_t head_dim, size_t keys, const float *d_scores, const float *scores, size_t lanes,
                                   float *sum_lanes) {
  for (size_t d = 0; d < head_dim; d++)
    for (size_t lane = 0; lane < lanes; lane += HEED_LANES) {
      vf sum = vf_zero();
      for (size_t j = 0; j < keys; j++) {
        const vf next = vf_accumulate(vf_set1(key[j * head_dim + d]), vf_load(d_scores + j * QUERY_TILE + lane), sum);
        sum = vf_select(backward_hidden(vf_load(scores + j * QUERY_TILE + lane)), sum, next);
      }
      float *to = sum_lanes + d * QUERY_TILE + lane;
      vf_store(to, vf_add(vf_load(to), sum));
    }
}

// The queries of a tile that are in one group (HEED_ATTENTION_QUERY_GROUP), of which they are the first ones that are seen or the last
// ones, or both.
typedef struct BackwardPiece {
  size_t begin, end; // in the tile
  bool opens, closes;
} BackwardPiece;

// Where the sums over a group's queries begin and go: rows of dK or dV.
typedef struct BackwardKeySums {
  float *sum, *part; // of all groups before; of the group so far
} BackwardKeySums;

INLINE_KERNEL BackwardKeySums key_sums_at(BackwardKeySums sums, size_t at) { return (BackwardKeySums){sums.sum + at, sums.part + at}; }

// part[j] += sum over the queries of a piece of A^T[j][i] * X[i] for rows x vectors: from zero if the piece opens its group, and into
// sum[j] if it closes it.
INLINE_KERNEL void backward_key_rows(const int rows, const int vectors, const BackwardPiece *piece, const float *factors, const float *x,
                                     size_t width, size_t queries, BackwardKeySums sums) {
  vf sum[BLOCK_ROWS_MOST][HEED_BLOCK_VECTORS];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) sum[r][v] = piece->opens ? vf_zero() : vf_load(sums.part + (size_t)r * width + v * HEED_LANES);
  block_product_onto(rows, vectors, factors, QUERY_TILE, 1, x, (ptrdiff_t)width, queries, sum);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      const size_t at = (size_t)r * width + (size_t)v * HEED_LANES;
      if (piece->closes)
        vf_store(sums.sum + at, vf_add(vf_load(sums.sum + at), sum[r][v]));
      else
        vf_store(sums.part + at, sum[r][v]);
    }
}

// Which queries see which keys of a tile: of the vector of queries `g` the first counts[g] keys have been computed.
typedef struct BackwardRange {
  size_t queries;                    // of the tile
  size_t counts[HEED_BLOCK_VECTORS]; // rounded up to whole blocks of rows; keys beyond the last one seen are hidden
} BackwardRange;

INLINE_KERNEL void backward_key_panel(const int vectors, const BackwardRange *range, const BackwardPiece *piece, size_t keys,
                                      const float *factors, const float *x, size_t width, BackwardKeySums sums) {
  const int rows = vectors == HEED_BLOCK_VECTORS ? HEED_BLOCK_ROWS : 2 * HEED_BLOCK_ROWS;
  for (size_t j = 0; j < keys;) {
    size_t begin = piece->begin, end = piece->end;
    while (begin < end && range->counts[begin / HEED_LANES] <= j) begin += HEED_LANES;
    while (end > begin && range->counts[(end - 1) / HEED_LANES] <= j) end = (end - 1) / HEED_LANES * HEED_LANES;
    if (begin > end) begin = end;
    const bool whole = j + (size_t)rows <= keys, changes = begin < end || piece->opens != piece->closes;
    const float *factor = factors + j * QUERY_TILE + begin, *row = x + begin * width;
    if (changes && whole)
      backward_key_rows(rows, vectors, piece, factor, row, width, end - begin, key_sums_at(sums, j * width));
    else if (changes)
      backward_key_rows(1, vectors, piece, factor, row, width, end - begin, key_sums_at(sums, j * width));
    j += whole ? (size_t)rows : 1;
  }
}

#define BACKWARD_KEY_PANEL(vectors)                                                                                                        \
  static __attribute__((noinline)) void backward_key_panel_##vectors(const BackwardRange *range, const BackwardPiece *piece, size_t keys,  \
                                                                     const float *factors, const float *x, size_t width,                   \
                                                                     BackwardKeySums sums) {                                               \
    backward_key_panel(vectors, range, piece, keys, factors, x, width, sums);                                                              \
  }
#define BACKWARD_KEY_PANEL_NAME(vectors) backward_key_panel_##vectors,
HEED_FOR_EACH_VECTORS(BACKWARD_KEY_PANEL)

typedef void (*BackwardKeyPanel)(const BackwardRange *, const BackwardPiece *, size_t, const float *, const float *, size_t,
                                 BackwardKeySums);
static const BackwardKeyPanel backward_key_panels[] = {HEED_FOR_EACH_VECTORS(BACKWARD_KEY_PANEL_NAME)};

// All columns of dV (factors P^T, x = dO) or dK (factors dS^T, x = Q).
static void backward_key_tile(const BackwardRange *range, const BackwardPiece *piece, size_t keys, const float *factors, const float *x,
                              size_t width, BackwardKeySums sums) {
  for (size_t column = 0; column < width;) {
    const size_t left = (width - column) / HEED_LANES, vectors = heed_size_min(left, HEED_BLOCK_VECTORS);
    backward_key_panels[vectors - 1](range, piece, keys, factors, x + column, width, key_sums_at(sums, column));
    column += vectors * HEED_LANES;
  }
}

// The same where the query or dO of a row that does not see a key may be NaN or infinite.
static void backward_key_careful(const BackwardRange *range, const BackwardPiece *piece, size_t keys, const float *factors,
                                 const float *scores, const float *x, size_t width, BackwardKeySums sums) {
  for (size_t j = 0; j < keys; j++)
    for (size_t column = 0; column < width; column += HEED_LANES) {
      float *part = sums.part + j * width + column, *to = sums.sum + j * width + column;
      vf sum = piece->opens ? vf_zero() : vf_load(part);
      for (size_t i = piece->begin; i < piece->end; i++) {
        const float weight = scores[j * QUERY_TILE + i];
        if (range->counts[i / HEED_LANES] <= j || (weight == 0.0f && __builtin_signbit(weight))) continue;
        sum = vf_accumulate(vf_set1(factors[j * QUERY_TILE + i]), vf_load(x + i * width + column), sum);
      }
      if (piece->closes)
        vf_store(to, vf_add(vf_load(to), sum));
      else
        vf_store(part, sum);
    }
}

#endif

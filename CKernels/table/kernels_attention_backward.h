// Private: the table kernels of attention backward (letters and formulas: heed/attention.h).
//
// The drivers walk heads, blocks of keys and tiles of queries; these do the work of one tile. Between them stand packed tiles of queries
// and keys and running sums in scratch, whose rows hold D (or E) rounded up to the lanes.

#ifndef HEED_KERNELS_ATTENTION_BACKWARD_H
#define HEED_KERNELS_ATTENTION_BACKWARD_H

#include "table/kernels_attention.h"

#define HEED_ATTENTION_KEY_TILE                                                                                                            \
  64 // keys of a tile, as in the forward pass: S^T of a tile of queries, 16 KiB, stays in the first-level cache

// dK and dV are summed over groups of so many queries from a head's first one on: a group's terms in order from zero, the groups in order.
// A carried sum of all queries would have twice the error. It is the largest tile of queries; where the tile is smaller, a group ends
// within one, and its terms so far stand apart from the sums until then.
#define HEED_ATTENTION_QUERY_GROUP    64
#define HEED_ATTENTION_NO_QUERY_GROUP SIZE_MAX

// A log-sum-exp beyond this is too coarse in float32 for the weights: their maximum and sum are taken from the scores again.
#define HEED_ATTENTION_LARGE      16.0f
#define HEED_ATTENTION_STATISTICS 4 // numbers per query, see HeedAttentionBackwardQueries
// Gradients take smaller weights for 0: products with them would be denormal or nearly so (heed/attention.h).
#define HEED_ATTENTION_LEAST_WEIGHT   0x1p-100f
#define HEED_ATTENTION_LEAST_EXPONENT (-100.0f) // of that weight, in base 2

// One tile of queries of one head.
typedef struct HeedAttentionBackwardQueries {
  const HeedAttentionTile *tile;    // sizes, masks, and the addresses of queries, keys and values
  size_t first_query, query_length; // the position of the tile's first query in its head, and how many the head has
  const float *output, *d_output;   // rows of O and dO
  ptrdiff_t output_row, output_column, d_output_row, d_output_column;
  const float *log_sum_exp; // L
  float *statistics;        // [HEED_ATTENTION_STATISTICS][query tile]: delta; the shift of scores in base 2, in two parts; delta's rest
  float *query_lanes, *query_rows;       // Q^T [D][query tile], Q [query tile][D rounded up]
  float *d_output_lanes, *d_output_rows; // the same for dO^T and dO
  bool query_finite, d_output_finite;    // no NaN and no infinity in Q, in dO
  bool sees_nothing;                     // for some row L is minus infinity
} HeedAttentionBackwardQueries;

// One tile of keys and their values, packed.
typedef struct HeedAttentionBackwardKeys {
  size_t first_key, count;  // position of the first, at most HEED_ATTENTION_KEY_TILE
  const float *key, *value; // [count][D], [count][E]
  bool key_finite;
  float *key_sum, *value_sum;   // running sums of dK / scale and dV, [count][D or E rounded up], or null
  float *key_part, *value_part; // the same of the group of queries *open
  size_t *open;                 // the group whose terms are in the parts, or HEED_ATTENTION_NO_QUERY_GROUP
} HeedAttentionBackwardKeys;

// The other results of one pair of tiles.
typedef struct HeedAttentionBackwardSums {
  float *query_sum; // running sum of dQ^T / scale [D][query tile], or null
  // Running sum of dS^T [HEED_ATTENTION_KEY_TILE][HEED_ATTENTION_QUERY_GROUP], a query at its position in its group, or null.
  float *additive_sum;
  float *scratch; // pair_scratch floats, 64-byte aligned
} HeedAttentionBackwardSums;

typedef struct HeedAttentionBackwardKernels {
  // statistics <- from O, dO, L, and where L is large from Q, K and V; needs `scratch` of statistics_scratch floats.
  size_t (*statistics_scratch)(size_t head_dim, size_t value_dim);
  void (*statistics)(const HeedAttentionBackwardQueries *queries, float *scratch);
  // The packed copies and the three flags.
  void (*pack_queries)(HeedAttentionBackwardQueries *queries);
  // A contiguous copy [rows][columns]; whether all of it is finite.
  bool (*pack_keys)(const float *source, ptrdiff_t source_row, ptrdiff_t source_column, size_t rows, size_t columns, float *target);
  size_t pair_scratch;
  void (*pair)(const HeedAttentionBackwardQueries *queries, const HeedAttentionBackwardKeys *keys, const HeedAttentionBackwardSums *sums);
  // Adds the parts of a group that is open to the sums, after the last pair of a tile of keys.
  void (*close_group)(const HeedAttentionBackwardKeys *keys, size_t head_dim, size_t value_dim);
  // target <- factor * query_sum, transposed; target <- factor * rows of [rows][columns rounded up]; sum <- source, which are such rows.
  void (*finish_queries)(const float *query_sum, float factor, size_t rows, size_t columns, float *target, ptrdiff_t target_row,
                         ptrdiff_t target_column);
  void (*finish_keys)(const float *sum, float factor, size_t rows, size_t columns, float *target, ptrdiff_t target_row,
                      ptrdiff_t target_column);
  void (*resume_keys)(const float *source, ptrdiff_t source_row, ptrdiff_t source_column, size_t rows, size_t columns, float *sum);
  // One row of the materialised arm: weights <- exp(scores - log_sum_exp) where seen (null: everywhere), else 0;
  // weights <- 0 where below HEED_ATTENTION_LEAST_WEIGHT; scores <- weights * (d_weights - delta) where seen, else 0.
  void (*weigh_row)(size_t count, const float *scores, const uint8_t *seen, float log_sum_exp, float *weights);
  void (*score_row)(size_t count, float *weights, const float *d_weights, const uint8_t *seen, float delta, float *scores);
} HeedAttentionBackwardKernels;

#endif

// Private: the table kernels of additive and multiplicative attention (heed/scored_attention.h).

#ifndef HEED_KERNELS_SCORED_ATTENTION_H
#define HEED_KERNELS_SCORED_ATTENTION_H

#include "heed/runtime.h"

// Projected queries or keys, prepared: row r of dim floats at [r * stride].
typedef struct HeedScoredAttentionAdditiveRows {
  const float *projection;  // x
  const float *exponential; // e^2x
  const float *largest;     // the largest |x| of each row, infinity if one is NaN; one number per row
} HeedScoredAttentionAdditiveRows;

// scores[i * scores_row + j] <- sum_a weight[a] tanh(query[i][a] + key[j][a])
typedef struct HeedScoredAttentionAdditiveScores {
  size_t queries, keys, dim;
  HeedScoredAttentionAdditiveRows query, key; // rows of dim floats one behind the other
  const float *weight;                        // [dim]
  float *scores;
  size_t scores_row;
} HeedScoredAttentionAdditiveScores;

// The backward pass of a block of at most `additive_columns` columns, whose pointers stand at the block's first column. With dS the
// gradients of the scores and x[i,j,a] = query[i][a] + key[j][a]:
typedef struct HeedScoredAttentionAdditiveGradients {
  size_t queries, keys, columns, dim; // rows are dim floats apart
  HeedScoredAttentionAdditiveRows query, key;
  const float *weight;   // [columns]
  const float *d_scores; // [queries][d_scores_row]
  size_t d_scores_row;
  float *d_query;  // <- weight[a] sum_j dS[i,j] (1 - tanh^2 x), or null
  float *d_key;    // <- weight[a] sum_i dS[i,j] (1 - tanh^2 x), or null
  float *d_weight; // <- sum_i sum_j dS[i,j] tanh x, [columns], or null
  float *scratch;  // keys * additive_columns floats, 64-byte aligned
} HeedScoredAttentionAdditiveGradients;

typedef struct HeedScoredAttentionKernels {
  size_t additive_columns;
  // exponential and largest of rows of projections.
  void (*additive_prepare)(size_t rows, size_t dim, const float *projection, float *exponential, float *largest);
  void (*additive_scores)(const HeedScoredAttentionAdditiveScores *tile);
  void (*additive_backward)(const HeedScoredAttentionAdditiveGradients *block);
} HeedScoredAttentionKernels;

#endif

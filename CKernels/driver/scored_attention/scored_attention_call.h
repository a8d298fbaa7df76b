// Private: one checked call of additive or multiplicative attention, with the members that its forward and backward passes share.

#ifndef HEED_SCORED_ATTENTION_CALL_H
#define HEED_SCORED_ATTENTION_CALL_H

#include "checks/scored_attention_checks.h"
#include "table/kernels.h"

typedef struct HeedScoredAttentionCall {
  const HeedKernels *kernels;
  const HeedScoredAttentionShape *shape;
  const HeedScoredAttentionInputs *inputs;
  size_t block_rows, blocks;                     // queries per task, tasks per sequence
  HeedScoredAttentionAdditiveRows queries, keys; // additive: [B * N], [B * T] rows of A
  const float *left;                             // dot and general: the factor of the keys, q or W^T q ...
  HeedScoredAttentionStrides left_strides;
  void *room; // of the projections
} HeedScoredAttentionCall;

// Fills the call, whose kernels, shape and inputs are given: its blocks; the projections in scratch, until heed_scored_attention_release.
void heed_scored_attention_plan(HeedScoredAttentionCall *call);
HeedStatus heed_scored_attention_project(HeedScoredAttentionCall *call);
void heed_scored_attention_release(HeedScoredAttentionCall *call);

// Element (b, i, j).
static inline ptrdiff_t heed_scored_attention_offset(HeedScoredAttentionStrides s, size_t b, size_t i, size_t j) {
  return (ptrdiff_t)b * s.batch + (ptrdiff_t)i * s.row + (ptrdiff_t)j * s.column;
}

static inline HeedScoredAttentionStrides heed_scored_attention_rows(size_t rows, size_t columns) {
  return (HeedScoredAttentionStrides){(ptrdiff_t)(rows * columns), (ptrdiff_t)columns, 1};
}

// Rows of sequences: [batch, rows, columns], of which sequence b has visible[b] (null: all).
typedef struct HeedScoredAttentionRows {
  const float *data;
  HeedScoredAttentionStrides strides;
  size_t columns;
} HeedScoredAttentionRows;

// target[b, i, :] <- x[b, i, :] M, target contiguous, M[h, n] at h * m_row + n * m_column, for all rows.
HeedStatus heed_scored_attention_multiply(size_t batch, size_t rows, HeedScoredAttentionRows x, const float *m, ptrdiff_t m_row,
                                          ptrdiff_t m_column, size_t columns, float *target);

// target [left.columns, right.columns] <- (or +=) sum over b, i < visible(b) of left[b, i, :]^T right[b, i, :], visible(b) being rows or,
// with lengths, lengths[b] (`all_or_none`: rows unless that is 0). Hidden rows are not read.
HeedStatus heed_scored_attention_outer(const HeedScoredAttentionCall *call, size_t rows, bool all_or_none, HeedScoredAttentionRows left,
                                       HeedScoredAttentionRows right, bool accumulate, float *target);

// target [B, rows, columns] <- x M as heed_scored_attention_multiply, in the visible rows only: the others are 0, whatever M holds.
HeedStatus heed_scored_attention_multiply_visible(const HeedScoredAttentionCall *call, size_t rows, bool all_or_none,
                                                  HeedScoredAttentionRows x, const float *m, ptrdiff_t m_row, ptrdiff_t m_column,
                                                  size_t columns, float *target);

// Zeros in the rows of target [B, rows, columns] that are not visible.
void heed_scored_attention_clear_hidden(const HeedScoredAttentionCall *call, size_t rows, bool all_or_none, size_t columns, float *target);

// The backward pass of additive attention from the gradients of the scores [B, N, T].
HeedStatus heed_scored_attention_additive_backward(const HeedScoredAttentionCall *call, const float *d_scores,
                                                   const HeedScoredAttentionGradients *gradients);

#endif

// Private: one call of additive or multiplicative attention, checked, with what its forward and backward passes share.

#ifndef HEED_SCORED_ATTENTION_CALL_H
#define HEED_SCORED_ATTENTION_CALL_H

#include "checks/scored_attention_checks.h"
#include "table/kernels.h"

typedef struct HeedScoredCall {
  const HeedKernels *kernels;
  const HeedScoredAttentionShape *shape;
  const HeedScoredAttentionInputs *inputs;
  size_t block_rows, blocks;      // queries of a task, tasks of a sequence
  HeedAdditiveRows queries, keys; // additive: [B * N], [B * T] rows of A
  const float *left;              // dot and general: what meets the keys, q or W^T q ...
  HeedSequenceStrides left_strides;
  void *room; // of the projections
} HeedScoredCall;

// Fills the call, whose kernels, shape and inputs are given: its blocks; the projections in scratch, until heed_scored_release.
void heed_scored_plan(HeedScoredCall *call);
HeedStatus heed_scored_project(HeedScoredCall *call);
void heed_scored_release(HeedScoredCall *call);

// Element (b, i, j).
static inline ptrdiff_t heed_scored_offset(HeedSequenceStrides s, size_t b, size_t i, size_t j) {
  return (ptrdiff_t)b * s.batch + (ptrdiff_t)i * s.row + (ptrdiff_t)j * s.column;
}

static inline HeedSequenceStrides heed_scored_rows(size_t rows, size_t columns) {
  return (HeedSequenceStrides){(ptrdiff_t)(rows * columns), (ptrdiff_t)columns, 1};
}

// Rows of sequences: [batch, rows, columns], of which sequence b has visible[b] (null: all).
typedef struct HeedScoredRows {
  const float *data;
  HeedSequenceStrides strides;
  size_t columns;
} HeedScoredRows;

// target[b, i, :] <- x[b, i, :] M, target contiguous, M[h, n] at h * m_row + n * m_column, for all rows.
HeedStatus heed_scored_multiply(size_t batch, size_t rows, HeedScoredRows x, const float *m, ptrdiff_t m_row, ptrdiff_t m_column,
                                size_t columns, float *target);

// target [left.columns, right.columns] <- (or +=) sum over b, i < visible(b) of left[b, i, :]^T right[b, i, :], visible(b) being rows or, with
// lengths, lengths[b] (`all_or_none`: rows unless that is 0). What is not visible is not read.
HeedStatus heed_scored_outer(const HeedScoredCall *call, size_t rows, bool all_or_none, HeedScoredRows left, HeedScoredRows right,
                             bool accumulate, float *target);

// target [B, rows, columns] <- x M as heed_scored_multiply, in the visible rows only: the others are 0, whatever M holds.
HeedStatus heed_scored_multiply_visible(const HeedScoredCall *call, size_t rows, bool all_or_none, HeedScoredRows x, const float *m,
                                        ptrdiff_t m_row, ptrdiff_t m_column, size_t columns, float *target);

// Zeros in the rows of target [B, rows, columns] that are not visible.
void heed_scored_clear_hidden(const HeedScoredCall *call, size_t rows, bool all_or_none, size_t columns, float *target);

// The backward pass of additive attention from the gradients of the scores [B, N, T].
HeedStatus heed_additive_backward(const HeedScoredCall *call, const float *score_gradients, const HeedScoredAttentionGradients *gradients);

#endif

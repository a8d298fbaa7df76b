// Private: the argument checks of additive and multiplicative attention.

#ifndef HEED_SCORED_ATTENTION_CHECKS_H
#define HEED_SCORED_ATTENTION_CHECKS_H

#include "checks/array_checks.h"
#include "heed/scored_attention.h"

static inline HeedArray heed_scored_attention_array(size_t batch, size_t rows, size_t columns, HeedScoredAttentionStrides s) {
  return (HeedArray){3, {batch, rows, columns}, {s.batch, s.row, s.column}};
}

static inline HeedArray heed_scored_attention_contiguous(size_t batch, size_t rows, size_t columns) {
  return (HeedArray){3, {batch, rows, columns}, {0}};
}

// Keys of sequence b that are seen.
static inline size_t heed_scored_attention_length(const HeedScoredAttentionShape *s, const HeedScoredAttentionInputs *inputs, size_t b) {
  return inputs->lengths ? (size_t)inputs->lengths[b] : s->key_length;
}

// Checks the sizes and strides of the inputs. `keys`: whether the keys themselves are read.
static inline HeedStatus heed_scored_attention_check_sizes(const HeedScoredAttentionShape *s, bool keys) {
  if (!s || (unsigned)s->score > HeedScoredAttentionScoreAdditive) return HeedStatusBadArgument;
  const size_t B = s->batch, N = s->query_length, T = s->key_length;
  if (s->score == HeedScoredAttentionScoreDot && s->query_dim != s->key_dim) return HeedStatusBadShape;
  const size_t inner = s->score == HeedScoredAttentionScoreAdditive ? s->attention_dim : s->key_dim;
  const HeedArray arrays[] = {
      heed_scored_attention_array(B, N, s->query_dim, s->query),
      heed_scored_attention_array(B, T, s->value_dim, s->value),
      heed_scored_attention_array(B, T, s->key_dim, s->key),
      heed_scored_attention_array(B, N, s->value_dim, s->output),
      heed_scored_attention_contiguous(B, N, T),
      heed_scored_attention_contiguous(B, N, inner),
      heed_scored_attention_contiguous(B, T, inner),
      heed_scored_attention_contiguous(1, inner, s->query_dim),
      heed_scored_attention_contiguous(1, inner, s->key_dim),
      heed_scored_attention_contiguous(1, s->query_dim, s->key_dim),
  };
  for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
    if (!heed_array_sizes_fit(&arrays[i])) return HeedStatusBadShape;
  for (size_t i = 0; i < 2 + (size_t)keys; i++)
    if (!heed_array_distances_fit(&arrays[i], sizeof(float))) return HeedStatusBadStride;
  return HeedStatusOk;
}

static inline HeedStatus heed_scored_attention_check_lengths(const HeedScoredAttentionShape *s, const HeedScoredAttentionInputs *in) {
  for (size_t b = 0; in->lengths && b < s->batch; b++)
    if (in->lengths[b] < 0 || (uint64_t)in->lengths[b] > s->key_length) return HeedStatusBadArgument;
  return HeedStatusOk;
}

// The errors of scored_attention.h that concern the inputs.
static inline HeedStatus heed_scored_attention_check_inputs(const HeedScoredAttentionShape *s, const HeedScoredAttentionInputs *in) {
  if (!in) return HeedStatusBadArgument;
  const HeedStatus status = heed_scored_attention_check_sizes(s, !in->prepared_keys);
  if (status != HeedStatusOk) return status;
  const bool additive = s->score == HeedScoredAttentionScoreAdditive, general = s->score == HeedScoredAttentionScoreGeneral;
  if (in->prepared_keys && !additive) return HeedStatusBadArgument;
  const size_t B = s->batch, N = s->query_length, T = s->key_length, A = s->attention_dim;
  const HeedArray query = heed_scored_attention_contiguous(B, N, s->query_dim), key = heed_scored_attention_contiguous(B, T, s->key_dim),
                  value = heed_scored_attention_contiguous(B, T, s->value_dim),
                  weight = heed_scored_attention_contiguous(1, s->query_dim, s->key_dim),
                  query_weight = heed_scored_attention_contiguous(1, A, s->query_dim),
                  key_weight = heed_scored_attention_contiguous(1, A, s->key_dim), score_weight = heed_scored_attention_contiguous(1, 1, A);
  if (!heed_array_has(&query, in->query) || !heed_array_has(&value, in->value)) return HeedStatusBadArgument;
  if (!in->prepared_keys && !heed_array_has(&key, in->key)) return HeedStatusBadArgument;
  if (general && !heed_array_has(&weight, in->weight)) return HeedStatusBadArgument;
  if (additive && (!heed_array_has(&query_weight, in->query_weight) || !heed_array_has(&score_weight, in->score_weight)))
    return HeedStatusBadArgument;
  if (additive && !in->prepared_keys && !heed_array_has(&key_weight, in->key_weight)) return HeedStatusBadArgument;
  return heed_scored_attention_check_lengths(s, in);
}

static inline HeedStatus heed_scored_attention_check_output_gradients(const HeedScoredAttentionShape *s,
                                                                      const HeedScoredAttentionOutputGradients *c, bool weights) {
  if (!c) return HeedStatusBadArgument;
  const HeedArray gradient = heed_scored_attention_array(s->batch, s->query_length, s->value_dim, s->d_output),
                  stored = heed_scored_attention_contiguous(s->batch, s->query_length, s->key_length);
  if (c->d_output && !heed_array_distances_fit(&gradient, sizeof(float))) return HeedStatusBadStride;
  return weights && !heed_array_has(&stored, c->weights) ? HeedStatusBadArgument : HeedStatusOk;
}

#endif

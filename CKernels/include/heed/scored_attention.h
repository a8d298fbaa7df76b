// Attention of encoders and decoders before the Transformer, fused: scores, softmax over the keys of each sequence, context.
//
//   S[b,i,j] = score(query[b,i], key[b,j])                          for j < lengths[b]
//     dot       q . k                                               (Luong et al. 2015; query_dim = key_dim)
//     general   q^T W k           W  [query_dim, key_dim]           (the same paper; also called "multiplicative")
//     additive  v^T tanh(Wq q + Wk k)                               (Bahdanau et al. 2015; Luong's "concat" is this one, its weight split)
//               Wq [attention_dim, query_dim], Wk [attention_dim, key_dim], v [attention_dim]
//   P[b,i,:] = softmax of S[b,i,:] over the keys j < lengths[b]     0 for the others
//   O[b,i,:] = sum_j P[b,i,j] value[b,j,:]
//
// Sources: Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and translate" (2015); Luong, Pham and
// Manning, "Effective approaches to attention-based neural machine translation" (2015).
//
// Dimension letters: B batch, N queries per sequence, T keys per sequence, Hq query_dim, Hk key_dim, E value_dim, A attention_dim.
// The [B, N, T, A] array of tanh is never stored, neither forward nor backward.
//
// Lengths. Keys and values from lengths[b] on have no effect, even if they hold NaN, and their gradients are 0. If lengths[b] is 0, then
// the weights and the output of the sequence are 0, and the sequence adds nothing to any gradient, whatever its queries hold.
//
// NaN. A NaN in a query, or in a key or value that is seen, makes NaN only what depends on it: its own row and the gradients of its own
// sequence. A row whose scores are all minus infinity has the weights 0.
//
// Strides. Queries, keys, values, the output and the gradient of the output have strides, in elements and of any sign; they may be 0,
// except those of the output. All other arrays are contiguous and row-major. No output may overlap an input or another output.
//
// Gradients. Outputs overwrite. If `accumulate` is true, the gradients of weights are added to what their arrays hold ("Gradients" in
// runtime.h).
//
// Accuracy. Let r be the result in float64, and let an error be ||x - r||2 in units of eps ||r||2, eps = 2^-23, for the weights, the output
// or one gradient as a whole.
//   - If projections and scores are a few units large, the error is at most 40. For an array of fewer than 16 elements, whose sums may
//     almost cancel, it is at most 64 times that.
//   - It grows with the scores, because their rounding is a relative error of the weights: for scores S near 88 and 150, the error of the
//     weights, the output and the values' gradient is at most 8 + |S| / 3.
//   - It grows with projections of size s, because the derivative of tanh passes on their rounding: the error of the weights, the output
//     and the values' gradient is at most 100 + 10 min(s, 100) for any s. The same holds for all gradients if s is 1e-4 ... 100. For
//     smaller s it holds for all gradients except those of the queries and of their weight, whose terms cancel.
//
// Accuracy of tanh. tanh(q + k) has an absolute error of at most 3 eps, and is computed in one of three ways:
//   - all elements of a projected query and a projected key are at most 21 in magnitude: from the product of their exponentials,
//     tanh(q + k) = 1 - 2 / (1 + e^2q e^2k). That costs a multiply-add and a division; a tanh costs 30 operations;
//   - all are at most 1/4: from a polynomial, with a relative error of 3 ulp of the larger of |q| and |k|;
//   - otherwise: from tanh itself.
//
// Small numbers. Numbers below 2^-126 in magnitude count as 0 and become 0, also in weights and gradients.
//
// Bits. A result has the same bits for any number of threads, for a sequence by itself or in a batch, and with or without padding on the
// right. Forward results also have the same bits for a query by itself or among many. Gradients of weights are summed over the sequences in
// order, and hidden keys are left out of the sum.
//
// Errors, checked before anything is written:
//   HeedStatusBadShape     query_dim is not key_dim for dot; a product of sizes overflows
//   HeedStatusBadStride    two elements of the output share an address, or might; an element's distance from the first overflows
//   HeedStatusBadArgument  a null descriptor, or a null pointer where data is needed; a score that does not exist; a length below 0 or
//                          above T; prepared keys for another score than additive
//   HeedStatusOutOfMemory  no scratch memory

#ifndef HEED_SCORED_ATTENTION_H
#define HEED_SCORED_ATTENTION_H

#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum HEED_CLOSED HeedScoredAttentionScore {
  HeedScoredAttentionScoreDot = 0,
  HeedScoredAttentionScoreGeneral,
  HeedScoredAttentionScoreAdditive,
} HeedScoredAttentionScore;

// Strides of a [B, rows, columns] array, in elements.
typedef struct HeedScoredAttentionStrides {
  ptrdiff_t batch, row, column;
} HeedScoredAttentionStrides;

typedef struct HeedScoredAttentionShape {
  HeedScoredAttentionScore score;
  size_t batch, query_length, key_length;       // B, N, T
  size_t query_dim, key_dim, value_dim;         // Hq, Hk, E
  size_t attention_dim;                         // A, only for additive
  HeedScoredAttentionStrides query, key, value; // [B, N, Hq], [B, T, Hk], [B, T, E]
  HeedScoredAttentionStrides output, d_output;  // [B, N, E]
  bool accumulate;                              // backward: gradients of weight, query_weight, key_weight and score_weight
} HeedScoredAttentionShape;

typedef struct HeedScoredAttentionInputs {
  const float *query, *key, *value;
  const int64_t *lengths;    // [B], or null for T everywhere
  const float *weight;       // [Hq, Hk], general
  const float *query_weight; // [A, Hq], additive
  const float *key_weight;   // [A, Hk], additive; not read if the keys are prepared
  const float *score_weight; // [A], additive
  // Additive, or null: the result of heed_scored_attention_additive_prepare_keys, for a decoder that attends step by step to the same
  // keys. If it is given, `key` is not read.
  const float *prepared_keys;
} HeedScoredAttentionInputs;

typedef struct HeedScoredAttentionOutputs {
  float *output;  // [B, N, E] with strides
  float *weights; // [B, N, T], or null
} HeedScoredAttentionOutputs;

// A gradient that is null is not computed.
typedef struct HeedScoredAttentionGradients {
  float *d_query;        // [B, N, Hq]
  float *d_key;          // [B, T, Hk]; must be null if the keys are prepared
  float *d_value;        // [B, T, E]
  float *d_weight;       // [Hq, Hk], general
  float *d_query_weight; // [A, Hq], additive
  float *d_key_weight;   // [A, Hk], additive; must be null if the keys are prepared
  float *d_score_weight; // [A], additive
} HeedScoredAttentionGradients;

// The gradients from which the backward pass starts, and the weights that it needs.
typedef struct HeedScoredAttentionOutputGradients {
  const float *d_output;  // [B, N, E] with strides, or null for zeros
  const float *d_weights; // [B, N, T], or null for zeros
  const float *weights;   // [B, N, T], the weights of the forward pass
} HeedScoredAttentionOutputGradients;

HeedStatus heed_scored_attention_forward(const HeedScoredAttentionShape *shape, const HeedScoredAttentionInputs *inputs,
                                         const HeedScoredAttentionOutputs *outputs);
HeedStatus heed_scored_attention_backward(const HeedScoredAttentionShape *shape, const HeedScoredAttentionInputs *inputs,
                                          const HeedScoredAttentionOutputGradients *d_outputs,
                                          const HeedScoredAttentionGradients *gradients);

// ---- Prepared keys --------------------------------------------------------------------------------------------------------------------

// The number of floats that B * T prepared keys take; SIZE_MAX if it overflows, and for a null shape.
size_t heed_scored_attention_additive_prepared_size(const HeedScoredAttentionShape *shape);

// Projects the keys and prepares the projection for any number of forward and backward calls. Reads only `key` and `key_weight`.
HeedStatus heed_scored_attention_additive_prepare_keys(const HeedScoredAttentionShape *shape, const HeedScoredAttentionInputs *inputs,
                                                       float *prepared);

// ---- The specification in code: scalar, float64, one thread ---------------------------------------------------------------------------

// All arrays are contiguous, and each may be null. The reference computes its own weights in both directions: it ignores `prepared_keys`,
// `d_outputs->weights` and `accumulate`.
typedef struct HeedScoredAttentionReference {
  double *output, *weights;
  double *d_query, *d_key, *d_value, *d_weight, *d_query_weight, *d_key_weight, *d_score_weight; // gradients, which overwrite
} HeedScoredAttentionReference;

// `d_outputs` may be null if no gradient is asked for.
HeedStatus heed_scored_attention_reference(const HeedScoredAttentionShape *shape, const HeedScoredAttentionInputs *inputs,
                                           const HeedScoredAttentionOutputGradients *d_outputs,
                                           const HeedScoredAttentionReference *results);

#ifdef __cplusplus
}
#endif

#endif

// Attention of encoders and decoders before the Transformer, fused: score, softmax over the keys of each sequence, context.
//
//   S[b,i,j] = score(query[b,i], key[b,j])                          for j < lengths[b]
//     dot       q . k                                               (Luong et al. 2015; query_dim = key_dim)
//     general   q^T W k           W  [query_dim, key_dim]           (the same; "multiplicative")
//     additive  v^T tanh(Wq q + Wk k)                               (Bahdanau et al. 2015; Luong's "concat" is this one, its weight split)
//               Wq [attention_dim, query_dim], Wk [attention_dim, key_dim], v [attention_dim]
//   P[b,i,:] = softmax of S[b,i,:] over the keys j < lengths[b]     0 for the others
//   O[b,i,:] = sum_j P[b,i,j] value[b,j,:]
//
// Sources: Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and translate" (2015); Luong, Pham and
// Manning, "Effective approaches to attention-based neural machine translation" (2015).
//
// Dimension letters: B batch, N queries of a sequence, T keys of a sequence, Hq query_dim, Hk key_dim, E value_dim, A attention_dim.
// The [B, N, T, A] array of tanh is never stored, neither forward nor backward.
//
// Keys and values from lengths[b] on have no effect, whatever they hold (NaN too); their gradients are 0. Where lengths[b] is 0, weights
// and output of the sequence are 0, and whatever its queries hold, it adds nothing to any gradient. A NaN that is seen, in a query, a key
// or a value, makes NaN what depends on it (its own row, its own sequence's gradients) and nothing else of the outputs. A row whose scores
// are all minus infinity has the weights 0.
//
// Queries, keys, values, the output and the output's gradient have strides (in elements, any sign, 0 too but for the output); all other
// arrays are contiguous, row-major. Outputs overwrite, but the gradients of weights are added to what they hold where `accumulate` is set
// ("Gradients" in runtime.h). No output may overlap an input or another output.
//
// Accuracy: of the weights, the output and each gradient as a whole, ||x - r||2 is at most 40 eps ||r||2 of float64's r where projections
// and scores are a few units large (of an array of fewer than 16 elements, whose sums may all but cancel, 64 times that). It grows with
// scores, for their rounding is the weights' relative error: 8 + |S| / 3 eps of weights, output and gradient of the values for scores near
// 88 and 150; and with projections of size s, whose rounding the derivative of tanh passes on: 100 + 10 min(s, 100) eps of these three at
// any s, of all gradients at an s of 1e-4 ... 100, below that of all but the queries' and their weight's, whose terms cancel.
//
// tanh(q + k) itself has an absolute error of at most 3 eps: where all magnitudes of a projected query and a projected key are at most 21
// it comes from the product of their exponentials, tanh(q + k) = 1 - 2 / (1 + e^2q e^2k), which costs a multiply-add and a division where a
// tanh costs 30 operations; where all are at most 1/4, from a polynomial, with a relative error of 3 ulp of the larger of |q| and |k|;
// elsewhere from tanh itself.
//
// Numbers below 2^-126 in magnitude count as 0 and become 0, weights and gradients among them.
//
// The same bits come out for any number of threads, for a sequence alone or in a batch, padded on the right or not; forward for a query
// alone or among many too. Gradients of weights are summed over sequences in order; what is hidden is left out of the sum.
//
// Errors, checked before anything is written:
//   HeedStatusBadShape     query_dim is not key_dim for dot; a product of sizes overflows
//   HeedStatusBadStride    two elements of the output share an address, or might; an element's distance from the first overflows
//   HeedStatusBadArgument  a null descriptor, or a null pointer where data is needed; no such score; a length below 0 or above T; prepared
//                          keys for another score than additive
//   HeedStatusOutOfMemory  scratch

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
  size_t attention_dim;                         // A, additive alone
  HeedScoredAttentionStrides query, key, value; // [B, N, Hq], [B, T, Hk], [B, T, E]
  HeedScoredAttentionStrides output, d_output;  // [B, N, E]
  bool accumulate;                              // backward: gradients of weight, query_weight, key_weight and score_weight
} HeedScoredAttentionShape;

typedef struct HeedScoredAttentionInputs {
  const float *query, *key, *value;
  const int64_t *lengths;    // [B], or null: all T
  const float *weight;       // [Hq, Hk], general
  const float *query_weight; // [A, Hq], additive
  const float *key_weight;   // [A, Hk], additive; not read where the keys are prepared
  const float *score_weight; // [A], additive
  // Additive, or null: what heed_scored_attention_additive_prepare_keys made of the keys; then `key` is not read. For a decoder that
  // attends step by step to the same keys.
  const float *prepared_keys;
} HeedScoredAttentionInputs;

typedef struct HeedScoredAttentionOutputs {
  float *output;  // [B, N, E] with strides
  float *weights; // [B, N, T], or null
} HeedScoredAttentionOutputs;

// Null is a gradient that is not wanted.
typedef struct HeedScoredAttentionGradients {
  float *d_query;        // [B, N, Hq]
  float *d_key;          // [B, T, Hk]; must be null where the keys are prepared
  float *d_value;        // [B, T, E]
  float *d_weight;       // [Hq, Hk], general
  float *d_query_weight; // [A, Hq], additive
  float *d_key_weight;   // [A, Hk], additive; must be null where the keys are prepared
  float *d_score_weight; // [A], additive
} HeedScoredAttentionGradients;

// What the backward pass starts from.
typedef struct HeedScoredAttentionOutputGradients {
  const float *d_output;  // [B, N, E] with strides, or null: 0
  const float *d_weights; // [B, N, T], or null: 0
  const float *weights;   // [B, N, T], the weights of the forward pass
} HeedScoredAttentionOutputGradients;

HeedStatus heed_scored_attention_forward(const HeedScoredAttentionShape *shape, const HeedScoredAttentionInputs *inputs,
                                         const HeedScoredAttentionOutputs *outputs);
HeedStatus heed_scored_attention_backward(const HeedScoredAttentionShape *shape, const HeedScoredAttentionInputs *inputs,
                                          const HeedScoredAttentionOutputGradients *d_outputs,
                                          const HeedScoredAttentionGradients *gradients);

// ---- Prepared keys --------------------------------------------------------------------------------------------------------------------

// Floats of B * T prepared keys; SIZE_MAX where they overflow, and for a null shape.
size_t heed_scored_attention_additive_prepared_size(const HeedScoredAttentionShape *shape);

// Projects the keys and prepares the projection for any number of forward and backward calls. Reads only key and key_weight of the inputs.
HeedStatus heed_scored_attention_additive_prepare_keys(const HeedScoredAttentionShape *shape, const HeedScoredAttentionInputs *inputs,
                                                       float *prepared);

// ---- The specification in code: scalar, float64, one thread ---------------------------------------------------------------------------

// Contiguous; each may be null. The reference computes its own weights in both directions and does not look at `prepared_keys`,
// `d_outputs->weights` and `accumulate`.
typedef struct HeedScoredAttentionReference {
  double *output, *weights;
  double *d_query, *d_key, *d_value, *d_weight, *d_query_weight, *d_key_weight, *d_score_weight; // gradients, which overwrite
} HeedScoredAttentionReference;

// `d_outputs` may be null where no gradient is asked for.
HeedStatus heed_scored_attention_reference(const HeedScoredAttentionShape *shape, const HeedScoredAttentionInputs *inputs,
                                           const HeedScoredAttentionOutputGradients *d_outputs,
                                           const HeedScoredAttentionReference *results);

#ifdef __cplusplus
}
#endif

#endif

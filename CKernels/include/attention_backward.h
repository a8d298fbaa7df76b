// Attention backward, float32: the gradients of attention.h from the cotangent dO of its output.
//
//   P[b,h,i,j]  = exp(S[b,h,i,j] - L[b,h,i])                where row i may attend key j, else 0
//   delta[b,h,i] = sum_e dO[b,h,i,e] * O[b,h,i,e]
//   dP[b,h,i,j] = sum_e dO[b,h,i,e] * V[b,g,j,e]
//   dS[b,h,i,j] = P[b,h,i,j] * (dP[b,h,i,j] - delta[b,h,i])
//   dQ[b,h,i,d] = scale * sum_j dS[b,h,i,j] * K[b,g,j,d]
//   dK[b,g,j,d] = scale * sum over the heads h of group g, and over i, of dS[b,h,i,j] * Q[b,h,i,d]
//   dV[b,g,j,e] =         sum over the heads h of group g, and over i, of  P[b,h,i,j] * dO[b,h,i,e]
//   with dropout, of multipliers M[b,h,i,j] = 1 / (1 - p) or 0 (attention.h): M dP for dP, M P for P in dV
//   dA[b,h,i,j] = dS[b,h,i,j], summed over every dimension in which dA has the stride 0 (a mask that was broadcast there)
//
// Source: Dao et al., "FlashAttention" (2022), appendix B; letters, masks and groups as in attention.h.
//
// O and L are what the forward pass of any variant gave. Any gradient may be null: it is not computed. Gradients overwrite; none may overlap
// another or an input. A zero in one is +0.
//
// Masks and NaN as forward: what a hidden key, its value, or the query and cotangent of a row that does not see a key hold has no effect on
// what they are hidden from, bit for bit. A row that may attend nothing has the gradient zero and adds nothing to any other, whatever its
// query and cotangent hold, and so has a key that no row sees. A NaN that is seen gives NaN: a query, a cotangent or a log-sum-exp that is
// NaN in its own row of dQ and in dK (and dV, and dA) of every key that the row sees; a key in dQ of the rows that see it and in dK and dV of
// all keys those rows see; a value, which makes O NaN, likewise but for dV. Infinities follow IEEE and mostly end as NaN. Where the scores
// of a row are so large that its L cannot hold them to a few ulp (|L| above 16), its maximum and sum are computed again from them. The tiled variant
// sums large scores in float64, as the forward pass does. Weights below 2^-100 count as 0, so that no product with them is denormal.
//
// Strides of the cotangent are any, 0 too.
//
// The same bits come out for any number of threads, batch, padding on the right, subset of gradients, and for an entry of the batch alone.
// They depend on the instruction set, D, E, and what the rows and keys that see each other hold. Sums over keys run by tiles of 64 keys from
// left to right, sums over queries by tiles of the instruction set's query tile from the first head of a group to the last, each tile's own
// sum starting at zero.
//
// Errors, checked before anything is written: those of attention.h, for dO, dQ, dK, dV and dA too (an element of a gradient may be shared
// only in dA and only by a stride of 0).

#ifndef HEED_ATTENTION_BACKWARD_H
#define HEED_ATTENTION_BACKWARD_H

#include "attention.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct HeedAttentionBackwardShape {
  HeedAttentionShape forward;    // as the forward pass had it; its strides of the output are those of O
  HeedStrides output_gradient;   // [B, H, Nq, E]
  HeedStrides query_gradient;    // [B, H, Nq, D], read only where gradients.query is given; likewise below
  HeedStrides key_gradient;      // [B, G, Nk, D]
  HeedStrides value_gradient;    // [B, G, Nk, E]
  HeedStrides additive_gradient; // [B, H, Nq, Nk]; 0: summed over that dimension
} HeedAttentionBackwardShape;

typedef struct HeedAttentionBackwardInputs {
  HeedAttentionInputs forward;
  const float *output;          // O
  const float *log_sum_exp;     // L [B, H, Nq] contiguous
  const float *output_gradient; // dO
} HeedAttentionBackwardInputs;

typedef struct HeedAttentionGradients {
  float *query, *key, *value; // or null
  float *additive;            // or null; the forward pass need not have had an additive mask
} HeedAttentionGradients;

// The same in float64, for the oracle: query, key and value contiguous in row-major order, additive with the strides of the shape.
typedef struct HeedAttentionReferenceGradients {
  double *query, *key, *value, *additive; // or null
} HeedAttentionReferenceGradients;

// Scalar, float64, one thread: the specification and the oracle. It computes O and L itself: those of `inputs` are not read.
HeedStatus heed_attention_reference_backward(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs,
                                             const HeedAttentionReferenceGradients *gradients);

// A variant of the backward pass, so that a benchmark or a test is a loop over these.
typedef HeedStatus (*HeedAttentionBackward)(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs,
                                            const HeedAttentionGradients *gradients);

// Textbook loops in float32 with P and dS of H x Nq x Nk stored.
HeedStatus heed_attention_naive_backward(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs,
                                         const HeedAttentionGradients *gradients);

// Matrix products with P and dS of H x Nq x Nk stored: what a framework does without a fused kernel.
HeedStatus heed_attention_materialized_backward(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs,
                                                const HeedAttentionGradients *gradients);

// Tiles, P recomputed from L: O(N) memory.
HeedStatus heed_attention_tiled_backward(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs,
                                         const HeedAttentionGradients *gradients);

#ifdef __cplusplus
}
#endif

#endif

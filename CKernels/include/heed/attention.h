// Attention: the forward pass from float32 or bfloat16, and the backward pass in float32.
//
//   S[b,h,i,j] = scale * sum_d Q[b,h,i,d] * K[b,g,j,d] + A[b,h,i,j]      g = h / (heads / key_value_heads)
//   P[b,h,i,:] = softmax over the keys j that row i may attend
//   O[b,h,i,e] = sum_j P[b,h,i,j] * V[b,g,j,e]
//   L[b,h,i]   = log sum_j exp S[b,h,i,j]
//
// Sources: Vaswani et al., "Attention is all you need" (2017). Tiles: Dao et al., "FlashAttention" (2022), and Rabe and Staats,
// "Self-attention does not need O(n^2) memory" (2021).
//
// Dimension letters, here and in every attention file:
//   B batch, H query heads, G key/value heads (G divides H: grouped queries; G = 1: multi query), Nq queries, Nk keys,
//   D head dimension of queries and keys, E head dimension of values and output.
//
// Masks. Row i may attend key j if every mask that is given allows it:
//   causal       j <= i + causal_offset                       (upper left: 0; lower right: Nk - Nq; any sign)
//   window       j >  i + causal_offset - window              (only with causal; 0: no window)
//   key_lengths  j <  key_lengths[b]
//   boolean      boolean[b,h,i,j] != 0
//   additive     additive[b,h,i,j] is not minus infinity      (any other number is added, even -3.4e38; the sum saturates at -FLT_MAX)
// A hidden key and its value have no effect on the row, bit for bit, even if they hold NaN or infinities. The output of a row that may
// attend nothing is zero, and its L is minus infinity. A zero output is +0.
//
// NaN. A NaN in a query, a key or the additive mask makes every row NaN that sees it, and no other row. A NaN in a value makes its column
// NaN in the rows that see it, even where the weight has underflowed to 0; other columns are not affected.
//
// Infinities follow IEEE. A score of +inf makes its row NaN. A score of -inf has the weight 0, and a row whose scores are all -inf counts
// as a row that may attend nothing. An infinite value makes its column infinite, or NaN where it meets an infinity of the other sign or a
// weight of 0. The tiled and decode variants sum before they divide by the sum of the weights: values above FLT_MAX / Nk may overflow
// there.
//
// Saturated scores. If all scores of a row are saturated at -FLT_MAX, its weights are equal, and its L is an unspecified number below
// -2e38.
//
// Small weights. A weight that would be denormal is 0: below 2^-126, either in itself or relative to the largest weight of its row. Some
// processors take a hundred times as long over denormal numbers. Denormal float32 values stay as they are.
//
// Large scores. A float32 score of 300 has an error of 1e-5 or more, and its weight has the same relative error. The tiled, decode and
// cached variants therefore look at 64 keys at a time. If the largest score that a row sees among them exceeds 11 in magnitude, the row's
// scores there are summed again, in float64 from float32 Q and K, and rounded once. Scores whose weight is below 2^-32 of the row's largest
// so far are left as they are.
//
// Dropout of the weights (Srivastava et al. 2014). A weight becomes 0 with probability p; else it is divided by 1 - p. L and the `weights`
// output are those before dropout. Which weights are kept depends only on (seed, offset, b * H + h, i, j): keep(j) of the stream
// heed_random_row(offset + b * H + h, i) in random.h. So the backward pass draws the same numbers, tile by tile, and nothing is stored. A
// dropped weight is 0, not hidden: a NaN in its value still has an effect. Increase the offset by B * H for the next call with the same
// seed, and it draws new numbers. Dropout is for training: the decode and cached variants do not support it, and no variant does from
// bfloat16.
//
// Elements. Q, K and V are all float32 or all bfloat16; masks and outputs are float32. From bfloat16, products are of bfloat16 numbers,
// sums and softmax are in float32, and P is rounded to bfloat16 for the second product. Both products sum by the rule of gemm.h: S over d,
// and P V over 64 keys at a time, counted from the first. The whole call counts denormal numbers as zeros, in masks and outputs too, and
// rounds what would be denormal to zero. The tiled, decode and automatic variants take both types. The reference, the naive and the
// materialised variant, and the backward pass, take only float32.
//
// Strides are in elements and may have any sign. They may be 0 (broadcast), also for the last dimension. Outputs overwrite. Rows of an
// output must not overlap each other or an input.
//
// Bits. A result has the same bits for any number of threads, any batch, any padding on the right, any order of rows, and for one row
// computed by itself. The bits depend on D and E, and on the row's own mask (see also heed/runtime.h, Bits).
//
// Errors, checked before anything is written:
//   HeedStatusBadShape      G = 0, or G does not divide H (unless H = 0); a product of sizes overflows
//   HeedStatusBadStride     two elements of the output share an address, or might (with dimensions sorted by size of stride, each stride of
//                           the output must step over all that the smaller ones span; a size of 1 needs no stride); the distance of an
//                           element from the first one overflows
//   HeedStatusBadArgument   a null descriptor, or a null pointer for data that is not empty; scale NaN or infinite; a window without
//                           causal; a key length below 0 or above Nk; a dropout probability below 0, NaN, or 1 and above;
//                           an element that does not exist or that the variant does not take
//   HeedStatusNotSupported  weights from a variant that never holds them; dropout from a variant without dropout
//   HeedStatusOutOfMemory   no scratch memory

#ifndef HEED_ATTENTION_H
#define HEED_ATTENTION_H

#include "heed/random.h"
#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

// Strides of a [B, heads, rows, columns] array, in elements.
typedef struct HeedAttentionStrides {
  ptrdiff_t batch, head, row, column;
} HeedAttentionStrides;

typedef struct HeedAttentionDropout {
  float probability; // p, 0 for none
  uint64_t seed, offset;
} HeedAttentionDropout;

typedef struct HeedAttentionShape {
  size_t batch;                  // B
  size_t heads;                  // H
  size_t key_value_heads;        // G
  size_t query_length;           // Nq
  size_t key_length;             // Nk
  size_t head_dim;               // D
  size_t value_dim;              // E
  HeedElement element;           // of Q, K and V
  HeedAttentionStrides query;    // [B, H, Nq, D]
  HeedAttentionStrides key;      // [B, G, Nk, D]
  HeedAttentionStrides value;    // [B, G, Nk, E]
  HeedAttentionStrides output;   // [B, H, Nq, E]
  HeedAttentionStrides boolean;  // [B, H, Nq, Nk], read only where inputs.boolean is given
  HeedAttentionStrides additive; // [B, H, Nq, Nk], read only where inputs.additive is given
  float scale;                   // usually 1 / sqrt(D)
  bool causal;
  ptrdiff_t causal_offset;
  size_t window; // with causal: a row attends at most this many keys, the last ones that it sees (sliding window); 0 for all
  HeedAttentionDropout dropout;
} HeedAttentionShape;

typedef struct HeedAttentionInputs {
  const void *query, *key, *value; // of the shape's element
  const int64_t *key_lengths;      // [B], or null
  const uint8_t *boolean;          // or null
  const float *additive;           // or null
} HeedAttentionInputs;

typedef struct HeedAttentionOutputs {
  float *output;      // [B, H, Nq, E] with the strides of the shape
  float *log_sum_exp; // [B, H, Nq] contiguous, or null
  float *weights;     // P [B, H, Nq, Nk] contiguous, or null
} HeedAttentionOutputs;

// The same in float64, for the oracle. All arrays are contiguous, in row-major order.
typedef struct HeedAttentionReferenceOutputs {
  double *output, *log_sum_exp, *weights; // the last two or null
  double *largest_score;                  // max |S| over the keys that are seen, 0 if there are none; or null
} HeedAttentionReferenceOutputs;

// The strides of a row-major [B, H, N, C] array.
HeedAttentionStrides heed_attention_strides_contiguous(size_t heads, size_t rows, size_t columns);

// Scalar, float64, one thread: this is the specification and the oracle.
HeedStatus heed_attention_reference_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                            const HeedAttentionReferenceOutputs *outputs);

// The type of every variant of the forward pass: a benchmark or a test is a loop over the variants.
typedef HeedStatus (*HeedAttentionForward)(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                           const HeedAttentionOutputs *outputs);

// Textbook loops in float32. Stores the H x Nq x Nk scores. Can return the weights.
HeedStatus heed_attention_naive_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                        const HeedAttentionOutputs *outputs);

// GEMM, softmax, GEMM: what a framework does without a fused kernel. Stores the H x Nq x Nk scores. Can return the weights.
HeedStatus heed_attention_materialized_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                               const HeedAttentionOutputs *outputs);

// Tiles of 64 queries by 64 keys with online softmax: O(N) memory. Cannot return the weights.
HeedStatus heed_attention_tiled_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                        const HeedAttentionOutputs *outputs);

// For a few queries (e.g. 8 or fewer) over many keys. Keys are in the lanes, the cores share the keys in chunks, and each key is read once.
// The bits are those of the tiled variant. Returns HeedStatusNotSupported with a boolean or additive mask, and HeedStatusBadStride unless
// the columns of K and V are contiguous.
HeedStatus heed_attention_decode_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                         const HeedAttentionOutputs *outputs);

// Tiled or decode, whichever is faster for the shape. The choice never shows in the bits.
HeedStatus heed_attention_automatic_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                            const HeedAttentionOutputs *outputs);

// ---- Backward ---------------------------------------------------------------------------------------------------------------------------

// Attention backward, float32: from the gradient dO of the output, the gradients of Q, K, V and the additive mask.
//
//   P[b,h,i,j]  = exp(S[b,h,i,j] - L[b,h,i])                where row i may attend key j, else 0
//   delta[b,h,i] = sum_e dO[b,h,i,e] * O[b,h,i,e]
//   dP[b,h,i,j] = sum_e dO[b,h,i,e] * V[b,g,j,e]
//   dS[b,h,i,j] = P[b,h,i,j] * (dP[b,h,i,j] - delta[b,h,i])
//   dQ[b,h,i,d] = scale * sum_j dS[b,h,i,j] * K[b,g,j,d]
//   dK[b,g,j,d] = scale * sum over the heads h of group g, and over i, of dS[b,h,i,j] * Q[b,h,i,d]
//   dV[b,g,j,e] =         sum over the heads h of group g, and over i, of  P[b,h,i,j] * dO[b,h,i,e]
//   dA[b,h,i,j] = dS[b,h,i,j], summed over every dimension in which dA has the stride 0 (a mask that was broadcast there)
//   with dropout, M[b,h,i,j] = 1 / (1 - p) or 0 (see "Dropout"): M dP replaces dP, and M P replaces P in dV
//
// Source: Dao et al., "FlashAttention" (2022), appendix B. Letters, masks and groups are those of the forward pass.
//
// O and L are the results of the forward pass, of any variant. A gradient that is null is not computed. Gradients overwrite. A gradient
// must not overlap another gradient or an input. A zero in a gradient is +0.
//
// Masks. If a row does not see a key, then the key and its value have no effect on the row's gradients, and the row's query and dO have no
// effect on the key's gradients, bit for bit, whatever they hold. The gradient of a row that may attend nothing is zero, and the row adds
// nothing to any other gradient, whatever its query and dO hold. The gradients of a key that no row sees are zero.
//
// NaN. A NaN that is seen has these effects:
//   in a query, dO or L  its own row of dQ is NaN, and so are dK, dV and dA of every key that the row sees
//   in a key             dQ of the rows that see it is NaN, and so are dK and dV of all keys that those rows see
//   in a value           it makes O NaN, and so has the effect of a NaN in a key, but not on dV
// Infinities follow IEEE and mostly end as NaN.
//
// Large scores. If |L| of a row is above 16, L cannot hold the scores to a few ulp: the row's maximum and sum are computed again from its
// scores. The tiled variant sums large scores in float64, as the forward pass does.
//
// Small weights. Weights below 2^-100 count as 0, so that no product with them is denormal.
//
// Strides of dO are free, and may be 0.
//
// Bits. A gradient has the same bits for any number of threads, any batch, any padding on the right, any subset of gradients, and for one
// entry of the batch by itself. The bits depend on D and E, and on the rows and keys that see each other. Sums over keys run by tiles of 64
// keys from left to right. Sums over queries run by groups of 64 queries, from the first head of a group to the last. The sum of each tile
// or group starts at zero.
//
// Errors, checked before anything is written: those of the forward pass, for dO, dQ, dK, dV and dA too. Elements of a gradient may share an
// address only in dA, and only by a stride of 0.

typedef struct HeedAttentionBackwardShape {
  HeedAttentionShape forward;      // the forward pass's shape; its output strides are those of O
  HeedAttentionStrides d_output;   // [B, H, Nq, E]
  HeedAttentionStrides d_query;    // [B, H, Nq, D]; as those below, read only where that gradient is given
  HeedAttentionStrides d_key;      // [B, G, Nk, D]
  HeedAttentionStrides d_value;    // [B, G, Nk, E]
  HeedAttentionStrides d_additive; // [B, H, Nq, Nk]; a stride of 0 sums over its dimension
} HeedAttentionBackwardShape;

typedef struct HeedAttentionBackwardInputs {
  HeedAttentionInputs forward;
  const float *output;      // O
  const float *log_sum_exp; // L [B, H, Nq] contiguous
  const float *d_output;    // dO
} HeedAttentionBackwardInputs;

typedef struct HeedAttentionGradients {
  float *d_query, *d_key, *d_value; // or null
  float *d_additive;                // or null; may be asked for even without an additive mask
} HeedAttentionGradients;

// The same in float64, for the oracle. Those of query, key and value are contiguous in row-major order; d_additive has the shape's strides.
typedef struct HeedAttentionReferenceGradients {
  double *d_query, *d_key, *d_value, *d_additive; // or null
} HeedAttentionReferenceGradients;

// Scalar, float64, one thread: this is the specification and the oracle. It computes O and L itself and does not read those of `inputs`.
HeedStatus heed_attention_reference_backward(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs,
                                             const HeedAttentionReferenceGradients *gradients);

// The type of every variant of the backward pass: a benchmark or a test is a loop over the variants.
typedef HeedStatus (*HeedAttentionBackward)(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs,
                                            const HeedAttentionGradients *gradients);

// Textbook loops in float32. Stores P and dS, H x Nq x Nk each.
HeedStatus heed_attention_naive_backward(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs,
                                         const HeedAttentionGradients *gradients);

// Matrix products: what a framework does without a fused kernel. Stores P and dS, H x Nq x Nk each.
HeedStatus heed_attention_materialized_backward(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs,
                                                const HeedAttentionGradients *gradients);

// Tiles; P is recomputed from L: O(N) memory.
HeedStatus heed_attention_tiled_backward(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs,
                                         const HeedAttentionGradients *gradients);

#ifdef __cplusplus
}
#endif

#endif

// Attention forward, in float32 or from bfloat16.
//
//   S[b,h,i,j] = scale * sum_d Q[b,h,i,d] * K[b,g,j,d] + A[b,h,i,j]      g = h / (heads / key_value_heads)
//   P[b,h,i,:] = softmax over the keys j that row i may attend
//   O[b,h,i,e] = sum_j P[b,h,i,j] * V[b,g,j,e]
//   L[b,h,i]   = log sum_j exp S[b,h,i,j]
//
// Source: Vaswani et al., "Attention is all you need" (2017); tiles: Dao et al., "FlashAttention" (2022), Rabe and Staats,
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
//   additive     additive[b,h,i,j] is not minus infinity      (any other number, -3.4e38 too, is added; the sum saturates at -FLT_MAX)
// What a hidden key or its value holds (NaN and infinity too) has no effect on the row, bit for bit. A row that may attend nothing gives
// zeros and L = minus infinity. A NaN that is seen, in a query, a key, a value or the additive mask, gives NaN in the rows that see it and
// nowhere else; a value's NaN in its own column alone, even where the weight has underflowed to 0. A zero output is +0.
// Infinities follow IEEE: a score of +inf makes its row NaN, one of -inf has the weight 0, and a row whose scores are all -inf counts as
// one that may attend nothing; an infinite value makes its column infinite or, where infinities or a weight of 0 meet it, NaN.
// A row whose scores are all saturated is uniform; its L is some number below -2e38. The tiled and decode variants sum before they divide
// by the sum of the weights: values above FLT_MAX / Nk may overflow there.
//
// Small weights. A weight that would be denormal (below 2^-126, of the row's largest or of 1) is 0: over denormal numbers some processors
// take a hundred times as long. Values keep their denormals.
//
// Large scores. A float32 score of 300 is off by 1e-5 and more, and so is its weight. Where the largest score that a row sees among 64 keys
// is beyond 11, the tiled, decode and cached variants sum those of them whose weight is not below 2^-32 of the row's largest so far again,
// in float64 from float32 Q and K, and round once.
//
// Dropout (Srivastava et al. 2014) of the weights: with probability p a weight is 0, else it is divided by 1 - p; L and `weights` are those
// before. Whether it is kept depends on (seed, offset, b * H + h, i, j) alone: keep(j) of the stream heed_random_row(offset + b * H + h, i)
// in random.h, so the backward pass draws the same, tile by tile, and nothing is stored. A weight that was dropped is 0, not hidden: NaN in
// its value shows. A next call of the same seed draws afresh where its offset is larger by B * H. For training: the decode and cached
// variants take none, nor does any from bfloat16.
//
// Elements. Q, K and V are all float32 or all bfloat16; masks and outputs are float32. From bfloat16: products of bfloat16 numbers, sums
// and softmax in float32, P rounded to bfloat16 for the second product. Every instruction set sums in the order of AVX512_BF16's dot
// product (the second of a pair of terms first). The tiled, decode and automatic variants take both; the reference, the naive and the
// materialised one take float32 only, and so does the backward pass.
//
// Strides are in elements, any sign, 0 too (broadcast), for the last dimension too. Outputs overwrite; their rows must not overlap
// each other or an input.
//
// The same bits come out for any number of threads, batch, padding on the right, order of rows, and for a row alone. They depend on the
// instruction set, D, E and the row's own mask.
//
// Errors, checked before anything is written:
//   HeedStatusBadShape      G = 0 or G does not divide H (unless H = 0); a product of sizes overflows
//   HeedStatusBadStride     two elements of an output share an address, or might (taken by size, each stride of the output must step over
//                           all that the smaller ones span; a size of 1 needs no stride); an element's distance from the first overflows
//   HeedStatusBadArgument   a null descriptor, or a null pointer for data that is not empty; scale NaN or infinite; a window without
//                           causal; a key length below 0 or above Nk; a probability of dropout below 0, of 1 or above, or NaN;
//                           no such element, or one that the variant does not take
//   HeedStatusNotSupported  weights asked of a variant that never holds them; dropout of one that takes none
//   HeedStatusOutOfMemory   scratch

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
  size_t window; // with causal: how many keys, up to the last it sees, a row may attend (sliding window); 0 for all
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

// The same in float64, for the oracle; all three contiguous in row-major order.
typedef struct HeedAttentionReferenceOutputs {
  double *output, *log_sum_exp, *weights; // the last two or null
  double *largest_score;                  // max |S| over what is seen, 0 where nothing is; or null
} HeedAttentionReferenceOutputs;

// A row-major [B, H, N, C] array.
HeedAttentionStrides heed_attention_strides_contiguous(size_t heads, size_t rows, size_t columns);

// Scalar, float64, one thread: the specification and the oracle.
HeedStatus heed_attention_reference_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                            const HeedAttentionReferenceOutputs *outputs);

// A variant of the forward pass, so that a benchmark or a test is a loop over these.
typedef HeedStatus (*HeedAttentionForward)(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                           const HeedAttentionOutputs *outputs);

// Textbook loops in float32 with the H x Nq x Nk scores stored. Gives weights.
HeedStatus heed_attention_naive_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                        const HeedAttentionOutputs *outputs);

// GEMM, softmax, GEMM with the H x Nq x Nk scores stored: what a framework does without a fused kernel. Gives weights.
HeedStatus heed_attention_materialized_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                               const HeedAttentionOutputs *outputs);

// Tiles of 64 queries by 64 keys with online softmax: O(N) memory. Does not give weights.
HeedStatus heed_attention_tiled_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                        const HeedAttentionOutputs *outputs);

// For a few queries (8 or fewer, say) over many keys: keys in the lanes, chunks of keys handed to the cores, each read once. The bits are
// those of the tiled variant. HeedStatusNotSupported with a boolean or additive mask, HeedStatusBadStride unless columns of K and V are
// contiguous.
HeedStatus heed_attention_decode_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                         const HeedAttentionOutputs *outputs);

// Tiled or decode, whichever is faster for the shape: the choice never shows in the bits.
HeedStatus heed_attention_automatic_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                            const HeedAttentionOutputs *outputs);

// ---- Backward ---------------------------------------------------------------------------------------------------------------------------

// Attention backward, float32: the gradients of the above from the gradient dO of its output.
//
//   P[b,h,i,j]  = exp(S[b,h,i,j] - L[b,h,i])                where row i may attend key j, else 0
//   delta[b,h,i] = sum_e dO[b,h,i,e] * O[b,h,i,e]
//   dP[b,h,i,j] = sum_e dO[b,h,i,e] * V[b,g,j,e]
//   dS[b,h,i,j] = P[b,h,i,j] * (dP[b,h,i,j] - delta[b,h,i])
//   dQ[b,h,i,d] = scale * sum_j dS[b,h,i,j] * K[b,g,j,d]
//   dK[b,g,j,d] = scale * sum over the heads h of group g, and over i, of dS[b,h,i,j] * Q[b,h,i,d]
//   dV[b,g,j,e] =         sum over the heads h of group g, and over i, of  P[b,h,i,j] * dO[b,h,i,e]
//   with dropout, of multipliers M[b,h,i,j] = 1 / (1 - p) or 0 (above): M dP for dP, M P for P in dV
//   dA[b,h,i,j] = dS[b,h,i,j], summed over every dimension in which dA has the stride 0 (a mask that was broadcast there)
//
// Source: Dao et al., "FlashAttention" (2022), appendix B; letters, masks and groups as above.
//
// O and L are what the forward pass of any variant gave. Any gradient may be null: it is not computed. Gradients overwrite; none may
// overlap another or an input. A zero in one is +0.
//
// Masks and NaN as forward: what a hidden key, its value, or the query and dO of a row that does not see a key hold has no effect on
// what they are hidden from, bit for bit. A row that may attend nothing has the gradient zero and adds nothing to any other, whatever its
// query and dO hold, and so has a key that no row sees. A NaN that is seen gives NaN: a query, dO or a log-sum-exp that is
// NaN in its own row of dQ and in dK (and dV, and dA) of every key that the row sees; a key in dQ of the rows that see it and in dK and dV
// of all keys those rows see; a value, which makes O NaN, likewise but for dV. Infinities follow IEEE and mostly end as NaN. Where the
// scores of a row are so large that its L cannot hold them to a few ulp (|L| above 16), its maximum and sum are computed again from them.
// The tiled variant sums large scores in float64, as the forward pass does. Weights below 2^-100 count as 0, so that no product with them
// is denormal.
//
// Strides of dO are any, 0 too.
//
// The same bits come out for any number of threads, batch, padding on the right, subset of gradients, and for an entry of the batch alone.
// They depend on the instruction set, D, E, and what the rows and keys that see each other hold. Sums over keys run by tiles of 64 keys
// from left to right, sums over queries by tiles of the instruction set's query tile from the first head of a group to the last, each
// tile's own sum starting at zero.
//
// Errors, checked before anything is written: those of the forward pass, for dO, dQ, dK, dV and dA too (an element of a gradient may be
// shared only in dA and only by a stride of 0).

typedef struct HeedAttentionBackwardShape {
  HeedAttentionShape forward;      // as the forward pass had it; its strides of the output are those of O
  HeedAttentionStrides d_output;   // [B, H, Nq, E]
  HeedAttentionStrides d_query;    // [B, H, Nq, D], read only where gradients.d_query is given; likewise below
  HeedAttentionStrides d_key;      // [B, G, Nk, D]
  HeedAttentionStrides d_value;    // [B, G, Nk, E]
  HeedAttentionStrides d_additive; // [B, H, Nq, Nk]; 0: summed over that dimension
} HeedAttentionBackwardShape;

typedef struct HeedAttentionBackwardInputs {
  HeedAttentionInputs forward;
  const float *output;      // O
  const float *log_sum_exp; // L [B, H, Nq] contiguous
  const float *d_output;    // dO
} HeedAttentionBackwardInputs;

typedef struct HeedAttentionGradients {
  float *d_query, *d_key, *d_value; // or null
  float *d_additive;                // or null; the forward pass need not have had an additive mask
} HeedAttentionGradients;

// The same in float64, for the oracle: query, key and value contiguous in row-major order, additive with the strides of the shape.
typedef struct HeedAttentionReferenceGradients {
  double *d_query, *d_key, *d_value, *d_additive; // or null
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

// Recurrent layers over whole sequences: one layer, one direction, forward and backward. The caller stacks layers and directions.
//
// Dimension letters: B batch, T time, I input, H hidden, G gates (1 for an RNN, 4 for LSTM, 3 for GRU). x_t is [I], h_t and c_t are [H].
// Weights are laid out as in PyTorch: w_ih [G*H, I], w_hh [G*H, H], b_ih and b_hh [G*H], row-major; gates i f g o for LSTM and r z n for
// GRU. Let a_t = w_ih x_t + b_ih and u_t = w_hh h_(t-1) + b_hh, cut into gates; s is the sigmoid, and * multiplies element by element:
//
//   Rnn             h_t = act(a_t + u_t), act = tanh, relu or sigmoid                                   (Elman 1990)
//   Lstm            i, f, o = s(a + u), g = tanh(a_g + u_g),  c_t = f * c_(t-1) + i * g,  h_t = o * tanh(c_t)
//                                                                   (Hochreiter and Schmidhuber 1997; Gers et al. 2000)
//                   With a projection to P < H units (`projection` of the shape, proj_size of PyTorch): h_t = w_hr (o * tanh(c_t)), w_hr
//                   [P, H]. Then h_t is [P] wherever it stands (output, h_0, h_n, d_h and their gradients), and w_hh is [G*H, P]; c_t
//                   stays [H].                                                        (Sak, Senior and Beaufays 2014)
//   GruResetAfter   r, z = s(a + u),  n = tanh(a_n + r * u_n),  h_t = (1 - z) * n + z * h_(t-1)          (as PyTorch and cuDNN)
//   GruResetBefore  the same with u_n = w_hn (r * h_(t-1)) + b_hn,  n = tanh(a_n + u_n)                  (Cho et al. 2014)
//
// Lengths. Sequence b has lengths[b] steps (T if `lengths` is null). Its outputs past them are 0, and h_n and c_n are the states at its own
// end. A sequence without steps has h_n = h_0 and c_n = c_0. With `reverse` a sequence begins at its own last step and ends at step 0;
// output t still belongs to input t. Inputs and gradients past a sequence's end have no effect on any bit, even if they hold NaN.
//
// Initial states that are null are zeros.
//
// Small numbers. Numbers below 2^-126 in magnitude count as 0 and become 0, as operands, states, gates and gradients. Otherwise a state
// that decays, or a gradient that vanishes over many steps, would end among the denormals, which take some processors a hundred times as
// long.
//
// NaN and infinities go through the formulas and stay within their sequence, except in gradients of weights, which sum over sequences.
//
// Bits. The bits of a sequence's outputs, states and gradients do not depend on threads, on the other sequences, on padding, on strides, on
// whether the weights were packed, on whether a reserve is kept, nor on whether one call computes all steps or many calls carry the state.
// Sums over H and P, and over the gates in the backward pass, are taken in blocks of HEED_RECURRENT_DEPTH terms, each from zero, and the
// blocks are added from left to right. Gradients of weights are sums over all steps of all sequences: first step 0 of every sequence that
// has one, longest sequence first (equally long ones in the order of the batch), then step 1, and so on. Steps are counted in the order of
// processing.
//
// Errors: BadShape (sizes overflow, or a projection is not smaller than H), BadStride (elements of an output overlap or might, or a
// distance overflows), BadArgument (null data, a cell that does not exist, a projection of a cell that is no LSTM, a length that is
// negative or above T), OutOfMemory. No output may overlap an input or another output.

#ifndef HEED_RECURRENT_H
#define HEED_RECURRENT_H

#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_RECURRENT_DEPTH 64 // terms per block of a product, as in gemm.h

typedef enum HEED_CLOSED HeedRecurrentCell {
  HeedRecurrentCellRnnTanh = 0,
  HeedRecurrentCellRnnRelu,
  HeedRecurrentCellRnnSigmoid,
  HeedRecurrentCellLstm,
  HeedRecurrentCellGruResetAfter,
  HeedRecurrentCellGruResetBefore,
} HeedRecurrentCell;

#define HEED_RECURRENT_CELL_COUNT 6

// Strides are in elements; the last dimension of every array is contiguous.
typedef struct HeedRecurrentShape {
  HeedRecurrentCell cell;
  bool reverse;
  size_t batch, time, input, hidden;
  size_t projection;                   // P of an LSTM, or 0: none, and h has H units
  ptrdiff_t input_batch, input_time;   // of the input and of its gradient [B, T, I]; the input's may be 0 or negative
  ptrdiff_t output_batch, output_time; // of the output and of its gradient [B, T, H], with a projection [B, T, P]
  const int64_t *lengths;              // [B], or null
  bool accumulate;                     // backward: gradients of weights and biases
} HeedRecurrentShape;

typedef struct HeedRecurrentWeights {
  const float *w_ih, *w_hh; // not read by the forward pass if `packed` is given
  const float *b_ih, *b_hh; // or null for zeros
  const void *packed;       // from heed_recurrent_pack; if null, every call packs the weights again
  const float *w_hr;        // read only with a projection, and as w_ih and w_hh
} HeedRecurrentWeights;

typedef struct HeedRecurrentInputs {
  const float *input;     // [B, T, I]
  const float *h_0, *c_0; // [B, H] contiguous (h_0 with a projection [B, P]), or null; c_0 only for LSTM
} HeedRecurrentInputs;

// Outputs are overwritten. Each may be null.
typedef struct HeedRecurrentOutputs {
  float *output;    // [B, T, H], with a projection [B, T, P]
  float *h_n, *c_n; // [B, H] contiguous (h_n with a projection [B, P]); c_n only for LSTM
  float *reserve;   // the data that the backward pass needs
} HeedRecurrentOutputs;

// The number of gates of a cell: weights have this times H rows. 0 for a cell that does not exist.
size_t heed_recurrent_gates(HeedRecurrentCell cell);

// The bytes of packed weights, the same for every instruction set. Only the cell, input, hidden and projection of the shape are read.
// SIZE_MAX if the bytes overflow, for a null shape, and for a cell or projection that does not exist.
size_t heed_recurrent_packed_size(const HeedRecurrentShape *shape);

// Packs w_ih, w_hh and w_hr for any number of calls. The same members of the shape are read as above. `packed` has the size above and is
// aligned to 4 bytes or more.
HeedStatus heed_recurrent_pack(const HeedRecurrentShape *shape, const HeedRecurrentWeights *weights, void *packed);

// The bytes of the reserve that training keeps from the forward pass to the backward pass: B * T * H floats, times 2 for an RNN
// (activations, previous state), 6 for LSTM (gates, c, previous h), 5 for GRU (gates, u_n or r * h, previous h). With a projection
// B * T * (6 * H + P) floats (gates, c, o * tanh(c), previous h). SIZE_MAX if they overflow, for a null shape, and for a cell or projection
// that does not exist.
size_t heed_recurrent_reserve_size(const HeedRecurrentShape *shape);

// A call with T = 1 is a single step. Scratch holds a few hundred rows of gates, whatever T is.
HeedStatus heed_recurrent_forward(const HeedRecurrentShape *shape, const HeedRecurrentWeights *weights, const HeedRecurrentInputs *inputs,
                                  const HeedRecurrentOutputs *outputs);

// ---- Backward -------------------------------------------------------------------------------------------------------------------------

// The gradients of the outputs. Null counts as zeros.
typedef struct HeedRecurrentOutputGradients {
  const float *d_output; // [B, T, H] (with a projection [B, T, P]), with its own strides (any sign, also 0)
  ptrdiff_t d_output_batch, d_output_time;
  const float *d_h_n, *d_c_n; // [B, H] contiguous (d_h_n with a projection [B, P])
} HeedRecurrentOutputGradients;

// A gradient that is null is not computed. All overwrite; that of the input is 0 past a sequence's end. If `accumulate` is true, those of
// weights and biases are added to what their arrays hold ("Gradients" in runtime.h).
//
// `d_h` is the whole gradient of h_t: from the output at t, from h_n, and from all later steps:
//
//   dh_t = d_output_t + (dh_(t+1)/dh_t)^T dh_(t+1)  (of an LSTM also by c_(t+1)),  at the sequence's last step  dh = d_output + d_h_n
//
// Its norm, as a function of t, shows whether gradients vanish or explode on their way back (Bengio et al. 1994; Pascanu et al. 2013).
typedef struct HeedRecurrentGradients {
  float *d_input;       // [B, T, I], with the strides of the shape
  float *d_h_0, *d_c_0; // [B, H] contiguous (d_h_0 with a projection [B, P])
  float *d_w_ih, *d_w_hh, *d_b_ih, *d_b_hh;
  float *d_h;    // [B, T, H] (with a projection [B, T, P]), with the strides of the shape
  float *d_w_hr; // [P, H]; not written without a projection
} HeedRecurrentGradients;

// `reserve` holds what heed_recurrent_forward wrote for the same shape, weights and inputs. It is not changed. w_ih is read only for the
// gradient of the input; the biases and `packed` are never read. Scratch: 4 (RNN 1, GruResetBefore 3) floats per step, sequence and unit,
// with a projection P floats per step and sequence, a copy of the input and, for a GRU, a copy of w_ih.
HeedStatus heed_recurrent_backward(const HeedRecurrentShape *shape, const HeedRecurrentWeights *weights, const HeedRecurrentInputs *inputs,
                                   const float *reserve, const HeedRecurrentOutputGradients *d_outputs,
                                   const HeedRecurrentGradients *gradients);

// ---- Reference: scalar, float64, one thread ---------------------------------------------------------------------------------------------

// Arrays are contiguous, and each may be null. Gradients overwrite.
typedef struct HeedRecurrentReferenceOutputs {
  double *output, *h_n, *c_n;
} HeedRecurrentReferenceOutputs;

typedef struct HeedRecurrentReferenceGradients {
  double *d_input, *d_h_0, *d_c_0, *d_w_ih, *d_w_hh, *d_b_ih, *d_b_hh, *d_h, *d_w_hr;
} HeedRecurrentReferenceGradients;

// If `d_outputs` and `gradients` are null, only the forward pass is computed. The shape's strides are those of the input.
HeedStatus heed_recurrent_reference(const HeedRecurrentShape *shape, const HeedRecurrentWeights *weights, const HeedRecurrentInputs *inputs,
                                    const HeedRecurrentReferenceOutputs *outputs, const HeedRecurrentOutputGradients *d_outputs,
                                    const HeedRecurrentReferenceGradients *gradients);

#ifdef __cplusplus
}
#endif

#endif

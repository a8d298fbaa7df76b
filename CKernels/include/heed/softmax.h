// Softmax and log-softmax over the rows of a matrix, float32, fused with a scale and a mask.
//
//   z[i,j] = scale * X[i,j]            y[i,j] = exp(z[i,j] - m_i) / sum_k exp(z[i,k] - m_i)         m_i = max_j z[i,j]
//   log:                               y[i,j] = z[i,j] - m_i - log sum_k exp(z[i,k] - m_i)
//
// X and Y are [rows, columns], each with a stride per row and column, in elements and of any sign. Y may be stored in place of X.
//
// Masks. Columns that the mask hides have no effect, whatever they hold, and give 0 (log: minus infinity). A row that sees nothing gives
// zeros (log: minus infinity).
//
// NaN and infinities. A NaN that is seen makes its row NaN. An infinite z, also one that overflows float32, follows IEEE: +inf makes its
// row NaN, and -inf has the weight 0. A row of only -inf sees nothing.
//
// Small results. A y that would be denormal (below 2^-126) is 0.
//
// Accuracy: the relative error is at most (3 + 0.5 |z - m|) eps, eps = 2^-23, where y is not 0 (log: absolute error, plus eps |y|). A row
// of 10^6 sums to 1 within 2 eps. An instruction set without fused multiply-adds rounds z first, which adds 0.5 (|z| + |m|) eps if the
// scale is not a power of 2. The bits of a row depend only on that row (see also heed/runtime.h, Bits).
//
// Errors: BadShape (overflow), BadStride (elements of Y overlap), BadArgument (null data, scale not finite).

#ifndef HEED_SOFTMAX_H
#define HEED_SOFTMAX_H

#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct HeedSoftmaxShape {
  size_t rows, columns;
  ptrdiff_t input_row, input_column;   // strides of X
  ptrdiff_t output_row, output_column; // strides of Y
  ptrdiff_t mask_row, mask_column;     // strides of the mask, read only where it is given
  float scale;
  bool logarithm;
} HeedSoftmaxShape;

typedef struct HeedSoftmaxInputs {
  const float *input;
  const uint8_t *mask; // 0 = hidden; or null
} HeedSoftmaxInputs;

HeedStatus heed_softmax_reference_forward(const HeedSoftmaxShape *shape, const HeedSoftmaxInputs *inputs, double *output);
HeedStatus heed_softmax_forward(const HeedSoftmaxShape *shape, const HeedSoftmaxInputs *inputs, float *output);

// ---- Backward ---------------------------------------------------------------------------------------------------------------------------

// Gradients of softmax and log-softmax over the rows of a matrix, float32.
//
//   dx[i,j] = scale * y[i,j] (dy[i,j] - sum_k y[i,k] dy[i,k])              y = softmax(scale * x)
//   log:    dx[i,j] = scale * (dy[i,j] - exp(y[i,j]) sum_k dy[i,k])        y = log-softmax(scale * x)
//
// Y, dY and dX are [rows, columns] with strides in elements and of any sign; those of Y and dY may be 0. dX may be stored in place of Y or
// dY. The sum is computed in float64.
//
// Masks. Columns that the mask hides have no effect, whatever Y and dY hold there, and give 0. In a softmax the same holds for a column
// whose y is 0, with or without a mask.
//
// Small numbers. Numbers below 2^-126 in magnitude count as 0 and become 0. Otherwise products with small weights would be denormal, and
// some processors take a hundred times as long over denormals.
//
// A NaN that is seen makes its row NaN. Accuracy: |dx - exact| <= 2 eps |scale y| (|dy| + |sum|), eps = 2^-23 (log: 4 eps |scale| (|dy| +
// (1 + |y| / 8) |exp(y) sum|)), except for numbers that became 0. The bits of a row depend only on that row.
//
// Errors: BadShape (overflow), BadStride (elements of dX overlap), BadArgument (null data, scale not finite), OutOfMemory.

typedef struct HeedSoftmaxBackwardShape {
  size_t rows, columns;
  ptrdiff_t output_row, output_column;     // strides of Y
  ptrdiff_t d_output_row, d_output_column; // of dY
  ptrdiff_t d_input_row, d_input_column;   // of dX
  ptrdiff_t mask_row, mask_column;         // of the mask, read only where it is given
  float scale;
  bool logarithm;
} HeedSoftmaxBackwardShape;

typedef struct HeedSoftmaxBackwardInputs {
  const float *output, *d_output;
  const uint8_t *mask; // 0 = hidden; or null
} HeedSoftmaxBackwardInputs;

// Float64, one scalar step after the other. `d_input` is contiguous.
HeedStatus heed_softmax_reference_backward(const HeedSoftmaxBackwardShape *shape, const HeedSoftmaxBackwardInputs *inputs, double *d_input);
HeedStatus heed_softmax_backward(const HeedSoftmaxBackwardShape *shape, const HeedSoftmaxBackwardInputs *inputs, float *d_input);

#ifdef __cplusplus
}
#endif

#endif

// Layer norm and RMS norm over the rows of a matrix, float32, forward and backward, with an optional residual addition before the norm.
//
//   s[i,j] = x[i,j] + r[i,j]                     (r optional; rounded to float32)
//   layer:   mean_i = sum_j s[i,j] / n,  variance_i = sum_j (s[i,j] - mean_i)^2 / n                  (Ba, Kiros and Hinton 2016)
//   rms:     mean_i = 0,                 variance_i = sum_j s[i,j]^2 / n                             (Zhang and Sennrich 2019)
//   y[i,j] = h[i,j] w[j] + b[j],         h[i,j] = (s[i,j] - mean_i) rstd_i,  rstd_i = 1 / sqrt(variance_i + epsilon)     (w, b optional)
//
// Shapes. Matrices are [rows, columns]; n = columns. Columns are contiguous. Each matrix has its own stride of rows, in elements and of any
// sign; that of an input may be 0. Every output may be null, and is then left out. s may be stored in place of x or r. y may be stored in
// place of x or r if s is not asked for.
//
// Statistics are [rows][HEED_NORM_STATISTICS], contiguous: the mean rounded to float32, the rest of the mean that the rounding left, and
// rstd. The backward pass takes them, together with s (x if there is no residual).
//
// Backward. dy is the gradient of y, ds is a gradient of s from elsewhere (optional), and g[i,j] = w[j] dy[i,j]:
//   dx[i,j] = ds[i,j] + rstd_i (g[i,j] - sum_k g[i,k] / n - h[i,j] sum_k g[i,k] h[i,k] / n)      rms: without the second term
//   dw[j]   = sum_i dy[i,j] h[i,j]                         db[j] = sum_i dy[i,j]
// The gradient of the residual is that of the input. The input gradient overwrites, and may be stored in place of dy or ds. If `accumulate`
// is true, the weight and bias gradients are added to what their arrays hold ("Gradients" in runtime.h), before they are rounded. Each
// gradient may be left out.
//
// Accuracy. The mean has more bits than float32, so that a mean as large as 10^6 standard deviations does no harm:
// |y - exact| <= 6e-7 max |y| of the row (and 2^-149 in s - mean). The error of the weight gradient is at most
// 6 eps sum_i |dy[i,j] h[i,j]|, eps = 2^-23.
//
// Bits. For the weight and bias gradients, groups of HEED_NORM_GROUP rows are summed in float32, and the groups are summed in float64,
// chunk by chunk of HEED_NORM_CHUNK rows: the order is the same for any number of threads. The bits of a row of y, of the statistics and of
// the input gradient depend only on that row.
//
// NaN and infinities. NaN in s makes its row of y and of the input gradient NaN, and the whole weight gradient. An infinity in s does the
// same in a layer norm. In an RMS norm an infinity becomes NaN in y, the finite elements of its row become 0 in y, its row of the input
// gradient is NaN, and so is its column of the weight gradient. NaN in dy makes its row of the input gradient and its column of the weight
// and bias gradients NaN. If variance and epsilon are both 0, the result is NaN. Statistics beyond float32 are stored as infinities.
//
// Errors: BadShape (overflow), BadStride (rows of an output overlap, a distance overflows), BadArgument (null data, nothing asked for,
// epsilon negative or not finite), OutOfMemory.

#ifndef HEED_NORM_H
#define HEED_NORM_H

#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_NORM_STATISTICS 3  // numbers per row, see above
#define HEED_NORM_GROUP      8  // rows summed in float32 before their sum is added in float64
#define HEED_NORM_CHUNK      32 // rows that one task sums in order

typedef enum HEED_CLOSED HeedNormKind {
  HeedNormLayer = 0,
  HeedNormRms,
} HeedNormKind;

typedef struct HeedNormShape {
  HeedNormKind kind;
  size_t rows, columns;
  ptrdiff_t input_row, residual_row, sum_row, output_row; // strides of x, r, s, y
  ptrdiff_t d_output_row, d_sum_row, d_input_row;         // of dy, ds and the input gradient: only for backward
  double epsilon;
  bool accumulate; // backward: gradients of weight and bias
} HeedNormShape;

typedef struct HeedNormInputs {
  const float *input;
  const float *residual;      // or null
  const float *weight, *bias; // [columns], or null
} HeedNormInputs;

typedef struct HeedNormOutputs {
  float *output;
  float *sum;        // or null; a copy of x if there is no residual
  float *statistics; // or null
} HeedNormOutputs;

typedef struct HeedNormBackwardInputs {
  const float *sum; // s, with the stride sum_row
  const float *weight;
  const float *statistics;
  const float *d_output;
  const float *d_sum; // or null
} HeedNormBackwardInputs;

typedef struct HeedNormGradients {
  float *d_input;
  float *d_weight, *d_bias; // [columns]
} HeedNormGradients;

HeedStatus heed_norm_forward(const HeedNormShape *shape, const HeedNormInputs *inputs, const HeedNormOutputs *outputs);
HeedStatus heed_norm_backward(const HeedNormShape *shape, const HeedNormBackwardInputs *inputs, const HeedNormGradients *gradients);

// The same in float64, one scalar step after the other. Outputs are contiguous, whatever the strides say. Gradients overwrite. The
// backward pass computes the statistics from s itself.
HeedStatus heed_norm_reference_forward(const HeedNormShape *shape, const HeedNormInputs *inputs, double *output);
HeedStatus heed_norm_reference_backward(const HeedNormShape *shape, const HeedNormBackwardInputs *inputs, double *d_input, double *d_weight,
                                        double *d_bias);

#ifdef __cplusplus
}
#endif

#endif

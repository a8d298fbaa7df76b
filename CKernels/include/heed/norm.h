// Layer norm and RMS norm over the rows of a matrix, float32, forward and backward, alone or behind a residual addition.
//
//   s[i,j] = x[i,j] + r[i,j]                     (r optional; rounded to float32)
//   layer:   mean_i = sum_j s[i,j] / n,  variance_i = sum_j (s[i,j] - mean_i)^2 / n                  (Ba, Kiros and Hinton 2016)
//   rms:     mean_i = 0,                 variance_i = sum_j s[i,j]^2 / n                             (Zhang and Sennrich 2019)
//   y[i,j] = h[i,j] w[j] + b[j],         h[i,j] = (s[i,j] - mean_i) rstd_i,  rstd_i = 1 / sqrt(variance_i + epsilon)     (w, b optional)
//
// Matrices are [rows, columns] with contiguous columns and a stride of rows each (in elements, any sign; 0 too for what is read). n =
// columns. Every output may be left out (null). The sum s may be x or r in place, y may be x or r where s is not asked for.
//
// Statistics are [rows][HEED_NORM_STATISTICS], contiguous: the mean as a float32 and what that leaves of it, then rstd. They are what
// backward wants, together with s (x where there is no residual).
//
// Backward, g[i,j] = w[j] dy[i,j], dy the gradient that arrives at y, ds one that arrives at s (optional):
//   dx[i,j] = ds[i,j] + rstd_i (g[i,j] - sum_k g[i,k] / n - h[i,j] sum_k g[i,k] h[i,k] / n)      rms: without the second term
//   dw[j]   = sum_i dy[i,j] h[i,j]                         db[j] = sum_i dy[i,j]
// The residual's gradient is the input's. The input gradient overwrites and may be dy or ds in place; the weight and bias gradients
// are added to what they hold where `accumulate` is set ("Gradients" in runtime.h), before they are rounded. Each gradient may be left out.
//
// Accuracy: a mean of 10^6 standard deviations costs nothing: |y - exact| <= 6e-7 max |y| of the row (and 2^-149 in s - mean), and the
// weight gradient errs by at most 6 eps sum_i |dy[i,j] h[i,j]|, for the mean is kept to more than float32. Rows are summed for the weight
// and bias gradients in groups of HEED_NORM_GROUP in float32, the groups in float64, chunk by chunk of HEED_NORM_CHUNK rows: the order is
// the same for any number of threads. The bits of y, of statistics and of an input gradient's row depend on the row and the instruction set
// alone.
//
// NaN or an infinity in s gives NaN in its row (rms: infinity gives NaN, and 0 where s is finite) and in the weight and bias gradients'
// columns that its row reaches. Variance and epsilon both 0: NaN. Statistics beyond float32 are stored as infinities.
//
// Errors: BadShape (overflow), BadStride (rows of an output overlap, a distance overflows), BadArgument (null data, nothing asked for,
// epsilon negative or not finite), OutOfMemory.

#ifndef HEED_NORM_H
#define HEED_NORM_H

#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_NORM_STATISTICS 3  // numbers of a row, see below
#define HEED_NORM_GROUP      8  // rows summed in float32 before they go over to float64
#define HEED_NORM_CHUNK      32 // rows summed in order, a task

typedef enum HEED_CLOSED HeedNormKind {
  HeedNormLayer = 0,
  HeedNormRms,
} HeedNormKind;

typedef struct HeedNormShape {
  HeedNormKind kind;
  size_t rows, columns;
  ptrdiff_t input_row, residual_row, sum_row, output_row; // strides of x, r, s, y
  ptrdiff_t d_output_row, d_sum_row, d_input_row;         // of dy, ds and the input gradient: backward alone
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
  float *sum;        // or null; without a residual a copy of x
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

// The same in float64, one scalar step after the other. Outputs are contiguous whatever the strides say, gradients overwrite, and the
// backward pass works out the statistics from s itself.
HeedStatus heed_norm_reference_forward(const HeedNormShape *shape, const HeedNormInputs *inputs, double *output);
HeedStatus heed_norm_reference_backward(const HeedNormShape *shape, const HeedNormBackwardInputs *inputs, double *d_input, double *d_weight,
                                        double *d_bias);

#ifdef __cplusplus
}
#endif

#endif

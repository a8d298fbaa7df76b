// Private: the table kernels of convolutions: unfolding images into matrices, and back, whose products are those of gemm; and sums over
// single channels.

#ifndef HEED_KERNELS_CONVOLUTION_H
#define HEED_KERNELS_CONVOLUTION_H

#include "heed/convolution.h"

#define HEED_UNFOLD_COLUMNS 512 // the most columns at a time
#define HEED_BIAS_SUMS      8   // additions that do not wait for each other, whatever the lanes

// Which x of Y read inside a row of X at column j of the kernel: first_x ... end_x - 1, and the column of X that x = 0 reads.
typedef struct HeedConvolutionKernelColumn {
  ptrdiff_t first_x, end_x, start;
} HeedConvolutionKernelColumn;

// Some columns of the matrix that a convolution multiplies: row (c, i, j) for `channels` channels, column (n, y, x) for `columns` outputs
// from `first_output` on, counted over the batch.
typedef struct HeedConvolutionUnfold {
  const HeedConvolutionShape *shape;
  size_t output_height, output_width;
  const HeedConvolutionKernelColumn *kernel_columns;
  size_t channels, first_output, columns;
  HeedConvolutionStrides strides; // of the image
  float *image;                   // channel 0 of those; not written by `unfold`
  // Element (row, column) is matrix[column / panel * panel * rows + row * panel + column % panel]; 16 floats behind the last may be
  // overwritten.
  float *matrix;
  size_t panel;
} HeedConvolutionUnfold;

// output[q] <- activation(bias + sum over k of weights[k] plane[q + offsets[k]]) for q < count, summed as gemm.h says. Up to
// HEED_SHIFTED_ROOM floats more are read and written.
#define HEED_SHIFTED_ROOM 64
typedef struct HeedConvolutionShiftedSum {
  size_t count, terms;
  const ptrdiff_t *offsets;
  const float *weights;
  const float *plane;
  const float *bias; // one number, or null
  HeedActivation activation;
  float *output;
} HeedConvolutionShiftedSum;

// sums[k][q % HEED_SHIFTED_LANES] += factors[q] plane[q + offsets[k]] for q < count: the terms of every other 16 in a sum of their own
#define HEED_SHIFTED_LANES 16 // whatever the lanes of a vector
typedef struct HeedConvolutionShiftedDots {
  size_t count, terms;
  const ptrdiff_t *offsets;
  const float *plane, *factors;
  float *sums; // [terms][HEED_SHIFTED_LANES]
} HeedConvolutionShiftedDots;

typedef struct HeedConvolutionKernels {
  void (*unfold)(const HeedConvolutionUnfold *u);
  // image += matrix; the columns are in one panel
  void (*fold)(const HeedConvolutionUnfold *u);
  void (*shifted_sum)(const HeedConvolutionShiftedSum *s);
  void (*shifted_dots)(const HeedConvolutionShiftedDots *s);
  // Adds elements first ... first + count - 1 of a sequence to HEED_BIAS_SUMS interleaved sums.
  void (*sum)(const float *x, ptrdiff_t stride, size_t count, size_t first, double sums[HEED_BIAS_SUMS]);
} HeedConvolutionKernels;

#endif

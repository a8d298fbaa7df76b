// Code shared by the passes of a convolution: which outputs read inside a row, and copies of outputs between images and matrices.

#include "driver/convolution/convolution_tiles.h"

size_t heed_convolution_output_size(size_t size, size_t kernel, size_t stride, size_t dilation, size_t before, size_t after) {
  size_t padded, reach;
  if (!size || !kernel || !stride || !dilation || __builtin_add_overflow(size, before, &padded) ||
      __builtin_add_overflow(padded, after, &padded) || padded > PTRDIFF_MAX / 2 || __builtin_mul_overflow(dilation, kernel - 1, &reach) ||
      reach >= padded || stride > PTRDIFF_MAX / 2)
    return 0;
  return (padded - reach - 1) / stride + 1;
}

void heed_convolution_kernel_columns(const HeedConvolutionShape *s, size_t output_width, HeedConvolutionKernelColumn *columns) {
  const ptrdiff_t stride = (ptrdiff_t)s->stride_width, width = (ptrdiff_t)s->width, all = (ptrdiff_t)output_width;
  for (size_t j = 0; j < s->kernel_width; j++) {
    const ptrdiff_t start = (ptrdiff_t)(j * s->dilation_width) - (ptrdiff_t)s->left;
    const ptrdiff_t first = start >= 0 ? 0 : (ptrdiff_t)heed_divide_up((size_t)-start, (size_t)stride);
    const ptrdiff_t end = start >= width ? 0 : (width - 1 - start) / stride + 1;
    columns[j] = (HeedConvolutionKernelColumn){.first_x = first < all ? first : all, .end_x = end < all ? end : all, .start = start};
  }
}

// A stretch of outputs at even distances: part of a row, or of a plane if the plane is flat.
typedef struct Stretch {
  ptrdiff_t at;
  size_t column, count;
} Stretch;

static Stretch next_stretch(const HeedConvolutionSizes *z, const HeedConvolutionStrides *s, const HeedConvolutionTile *tile,
                            size_t column) {
  const size_t at = tile->first_output + column, n = at / z->pixels, p = at % z->pixels, y = p / z->output_width, x = p % z->output_width;
  const size_t left = heed_convolution_plane_is_flat(s, z->output_height, z->output_width) ? z->pixels - p : z->output_width - x;
  return (Stretch){(ptrdiff_t)n * s->batch + (ptrdiff_t)y * s->row + (ptrdiff_t)x * s->column, column,
                   heed_size_min(tile->count - column, left)};
}

void heed_convolution_gather(const HeedKernels *kernels, const HeedConvolutionSizes *z, const HeedConvolutionStrides *strides,
                             const HeedConvolutionTile *tile, size_t channels, const float *image, float *matrix, size_t matrix_row) {
  for (size_t column = 0; column < tile->count;) {
    const Stretch s = next_stretch(z, strides, tile, column);
    kernels->matrix.copy(image + s.at, strides->channel, strides->column, channels, s.count, matrix + column, (ptrdiff_t)matrix_row, 1);
    column += s.count;
  }
}

void heed_convolution_scatter(const HeedKernels *kernels, const HeedConvolutionSizes *z, const HeedConvolutionStrides *strides,
                              const HeedConvolutionTile *tile, size_t channels, const float *matrix, size_t matrix_row, float *image) {
  for (size_t column = 0; column < tile->count;) {
    const Stretch s = next_stretch(z, strides, tile, column);
    kernels->matrix.copy(matrix + column, (ptrdiff_t)matrix_row, 1, channels, s.count, image + s.at, strides->channel, strides->column);
    column += s.count;
  }
}

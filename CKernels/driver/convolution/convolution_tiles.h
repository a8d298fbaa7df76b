// Private: how convolutions are cut into tiles, shared by the passes.

#ifndef HEED_CONVOLUTION_TILES_H
#define HEED_CONVOLUTION_TILES_H

#include "checks/convolution_checks.h"
#include "runtime/sizes.h"
#include "runtime/threads/tasks.h"
#include "table/dispatch.h"

// Whether tasks of a gradient are split once more, into `rows` rows each. Every task stages dY again, which does not pay for few rows (dW
// of 64 channels, 3 x 3: 75 % of peak with 99 rows per task, 69 % with 54).
static inline bool heed_convolution_should_split(size_t tasks, size_t rows) {
  return tasks < HEED_TASKS_WANTED && rows >= (tasks < 2 ? 16 : 60);
}

// Outputs (n, y, x), counted over the batch, are columns of the product. A tile is a part of an image or several whole images.
typedef struct HeedConvolutionColumns {
  size_t pixels, total;
  size_t per_image; // tiles of an image; 0: a tile has several images
  size_t width;     // columns per tile; the last tile of an image, or of all, may have fewer
  size_t count;     // tiles
} HeedConvolutionColumns;

// `most` is a multiple of HEED_GEMM_NR.
static inline HeedConvolutionColumns heed_convolution_columns(size_t batch, size_t pixels, size_t most) {
  HeedConvolutionColumns c = {.pixels = pixels, .total = batch * pixels};
  if (pixels >= most) {
    c.width = heed_round_up(heed_divide_up(pixels, heed_divide_up(pixels, most)), HEED_GEMM_NR);
    c.per_image = heed_divide_up(pixels, c.width);
    c.count = batch * c.per_image;
  } else {
    c.width = most / pixels * pixels;
    c.count = heed_divide_up(c.total, c.width);
  }
  return c;
}

typedef struct HeedConvolutionTile {
  size_t first_output, count;
  size_t image, pixel; // of the first
  bool single;         // all of one image
} HeedConvolutionTile;

static inline HeedConvolutionTile heed_convolution_tile(const HeedConvolutionColumns *c, size_t tile) {
  HeedConvolutionTile t;
  if (c->per_image) {
    t.image = tile / c->per_image, t.pixel = tile % c->per_image * c->width;
    t.count = heed_size_min(c->pixels - t.pixel, c->width);
  } else {
    t.image = tile * (c->width / c->pixels), t.pixel = 0;
    const size_t left = c->total - t.image * c->pixels;
    t.count = heed_size_min(left, c->width);
  }
  t.first_output = t.image * c->pixels + t.pixel;
  t.single = t.pixel + t.count <= c->pixels;
  return t;
}

// Whether the elements of a plane form one row.
static inline bool heed_convolution_plane_is_flat(const HeedConvolutionStrides *s, size_t height, size_t width) {
  return height == 1 || s->row == (ptrdiff_t)width * s->column;
}

// Whether a row of the unfolded input is a plane of it.
static inline bool heed_convolution_is_pointwise(const HeedConvolutionShape *s) {
  return s->kernel_height == 1 && s->kernel_width == 1 && s->stride_height == 1 && s->stride_width == 1 && !s->top && !s->bottom &&
         !s->left && !s->right;
}

// columns[j] for every j.
void heed_convolution_kernel_columns(const HeedConvolutionShape *s, size_t output_width, HeedConvolutionKernelColumn *columns);

// Between `channels` planes of a strided image of outputs, from channel 0 of `image` on, and rows of a matrix, a column each output of the
// tile.
void heed_convolution_gather(const HeedKernels *kernels, const HeedConvolutionSizes *z, const HeedConvolutionStrides *strides,
                             const HeedConvolutionTile *tile, size_t channels, const float *image, float *matrix, size_t matrix_row);
void heed_convolution_scatter(const HeedKernels *kernels, const HeedConvolutionSizes *z, const HeedConvolutionStrides *strides,
                              const HeedConvolutionTile *tile, size_t channels, const float *matrix, size_t matrix_row, float *image);

#endif

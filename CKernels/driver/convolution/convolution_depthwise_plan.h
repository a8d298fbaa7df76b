// Private: how a convolution of single channels is cut, and planes brought into scratch and back; shared by its passes.
//
// A tile of outputs reads, along either axis, rows y s + i d - top of X. They are staged by phase, rows of one remainder by the stride
// together, so that element i of the kernel reads row y + i d / s of phase i d mod s: for every element of the kernel a tile's outputs read
// one contiguous stretch of a plane, gaps between rows included, whose sums nobody takes. Beyond X's edges stand zeros.
//
// dX is the same the other way round: inputs h = u s + a - top of one remainder a read rows u - i d / s of dY, for those i with i d mod s =
// a.

#ifndef HEED_CONVOLUTION_DEPTHWISE_PLAN_H
#define HEED_CONVOLUTION_DEPTHWISE_PLAN_H

#include "driver/convolution/convolution_depthwise.h"
#include "driver/convolution/convolution_tiles.h"
#include "runtime/sizes.h"

// One axis of a convolution.
typedef struct HeedConvolutionDepthwiseAxis {
  size_t size, output, kernel, stride, dilation, before;
  size_t phases; // that the kernel reads: element i reads number i % phases
  size_t reach;  // rows that a tile reads beyond its own number
} HeedConvolutionDepthwiseAxis;

typedef struct HeedConvolutionDepthwisePlan {
  const HeedKernels *kernels;
  HeedConvolutionDepthwiseAxis vertical, horizontal;
  size_t first_row, first_column; // where the grid begins: 0, or for dX the smallest u
  size_t rows, columns;           // of the grid
  size_t tile_rows, tile_columns, row_tiles, column_tiles;
  size_t pitch, plane; // floats a row of a staged plane, and a plane
  size_t block;        // channels staged together: several where they are contiguous
  size_t blocks;
} HeedConvolutionDepthwisePlan;

// Of the outputs, or (`backward`) of the inputs.
HeedConvolutionDepthwisePlan heed_convolution_depthwise_plan(const HeedConvolutionShape *shape, const HeedConvolutionSizes *z,
                                                             bool backward);

// Some staged rows or columns: number i is first + i step of an image's `size`, or beyond its edges.
typedef struct HeedConvolutionDepthwiseWindow {
  ptrdiff_t first;
  size_t step, count, size;
} HeedConvolutionDepthwiseWindow;

// planes[c] <- the window of channel c from `image` on, zeros beyond its edges and up to the pitch; planes stand `distance` floats apart.
void heed_convolution_depthwise_stage(const HeedConvolutionDepthwisePlan *plan, const HeedConvolutionStrides *strides, const float *image,
                                      HeedConvolutionDepthwiseWindow rows, HeedConvolutionDepthwiseWindow columns, size_t channels,
                                      float *planes, size_t distance);
// The other way, without numbers beyond the edges.
void heed_convolution_depthwise_unstage(const HeedConvolutionDepthwisePlan *plan, const HeedConvolutionStrides *strides, float *image,
                                        HeedConvolutionDepthwiseWindow rows, HeedConvolutionDepthwiseWindow columns, size_t channels,
                                        const float *planes, size_t distance);

// A tile of the grid.
typedef struct HeedConvolutionDepthwiseTile {
  size_t row, column, rows, columns;
} HeedConvolutionDepthwiseTile;

static inline HeedConvolutionDepthwiseTile heed_convolution_depthwise_tile(const HeedConvolutionDepthwisePlan *p, size_t tile) {
  const size_t row = tile / p->column_tiles * p->tile_rows, column = tile % p->column_tiles * p->tile_columns;
  return (HeedConvolutionDepthwiseTile){
      .row = p->first_row + row,
      .column = p->first_column + column,
      .rows = heed_size_min(p->rows - row, p->tile_rows),
      .columns = heed_size_min(p->columns - column, p->tile_columns),
  };
}

static inline size_t heed_convolution_depthwise_count(const HeedConvolutionDepthwisePlan *p, const HeedConvolutionDepthwiseTile *t) {
  return (t->rows - 1) * p->pitch + t->columns;
}

#endif

// Unfolding images into the matrices that convolutions multiply (im2col), and back (col2im), a few columns at a time.
//
// Columns are outputs (n, y, x) in order, cut into runs along x. A run's part of a row of the matrix is zeros, a piece of a row of X,
// zeros. Rows are written from left to right in whole vectors, and one after the other: elements written too far are overwritten by those
// that comes next.

typedef struct ConvolutionRun {
  ptrdiff_t image;   // where kernel element (0, 0) of channel 0 would read with a padding of 0 on the left
  ptrdiff_t row;     // the row of X that it reads, with padding
  ptrdiff_t first_x; // x of Y
  size_t target, length;
} ConvolutionRun;

// The runs of the columns first ... end - 1; their number.
INLINE_KERNEL size_t convolution_runs(const HeedConvolutionUnfold *u, size_t first, size_t end, ConvolutionRun *runs) {
  const HeedConvolutionShape *s = u->shape;
  const size_t pixels = u->output_height * u->output_width;
  size_t count = 0;
  for (size_t column = first; column < end;) {
    const size_t at = u->first_output + column, n = at / pixels, y = at % pixels / u->output_width, x = at % u->output_width;
    const size_t left = u->output_width - x, length = heed_size_min(end - column, left);
    const ptrdiff_t row = (ptrdiff_t)(y * s->stride_height) - (ptrdiff_t)s->top;
    runs[count++] = (ConvolutionRun){
        .image = (ptrdiff_t)n * u->strides.batch + row * u->strides.row + (ptrdiff_t)(x * s->stride_width) * u->strides.column,
        .row = row,
        .first_x = (ptrdiff_t)x,
        .target = column - first,
        .length = length,
    };
    column += length;
  }
  return count;
}

// Which part of the run reads inside X: from .. end - 1; nothing where the row is padding.
typedef struct ConvolutionPart {
  size_t from, end;
} ConvolutionPart;

INLINE_KERNEL ConvolutionPart convolution_part(const HeedConvolutionUnfold *u, const ConvolutionRun *run, size_t i,
                                               const HeedConvolutionKernelColumn *column) {
  const HeedConvolutionShape *s = u->shape;
  const size_t row = (size_t)(run->row + (ptrdiff_t)(i * s->dilation_height)); // above X: a large number
  if (row >= s->height) return (ConvolutionPart){run->length, run->length};
  const ptrdiff_t length = (ptrdiff_t)run->length, from = column->first_x - run->first_x, end = column->end_x - run->first_x;
  const ptrdiff_t low = from < 0 ? 0 : (from > length ? length : from), high = end < low ? low : (end > length ? length : end);
  return (ConvolutionPart){(size_t)low, (size_t)high};
}

INLINE_KERNEL void convolution_copy(const float *from, ptrdiff_t step, ConvolutionPart part, size_t length, float *to) {
  if (step != 1) {
    for (size_t i = 0; i < part.from; i++) to[i] = 0;
    if (step == 2)
      for (size_t i = part.from; i < part.end; i++) to[i] = from[2 * i];
    else
      for (size_t i = part.from; i < part.end; i++) to[i] = from[(ptrdiff_t)i * step];
    for (size_t i = part.end; i < length; i++) to[i] = 0;
    return;
  }
  for (size_t i = 0; i < part.from; i += HEED_LANES) vf_store(to + i, vf_zero());
  size_t i = part.from;
  for (; i < part.end; i += HEED_LANES) vf_store(to + i, vf_load_n(from + i, part.end - i)); // zeros behind the end
  for (; i < length; i += HEED_LANES) vf_store(to + i, vf_zero());
}

static void convolution_unfold(const HeedConvolutionUnfold *u) {
  const HeedConvolutionShape *s = u->shape;
  const ptrdiff_t step = (ptrdiff_t)s->stride_width * u->strides.column;
  ConvolutionRun runs[HEED_UNFOLD_COLUMNS];
  float *row = u->matrix;
  for (size_t first = 0; first < u->columns; first += u->panel) {
    const size_t end = first + heed_size_min(u->columns - first, u->panel);
    const size_t count = convolution_runs(u, first, end, runs);
    for (size_t c = 0; c < u->channels; c++)
      for (size_t i = 0; i < s->kernel_height; i++) {
        const float *from = u->image + (ptrdiff_t)c * u->strides.channel + (ptrdiff_t)(i * s->dilation_height) * u->strides.row;
        for (size_t j = 0; j < s->kernel_width; j++, row += u->panel) {
          const HeedConvolutionKernelColumn *column = u->kernel_columns + j;
          const float *source = from + column->start * u->strides.column;
          for (size_t r = 0; r < count; r++)
            convolution_copy(source + runs[r].image, step, convolution_part(u, runs + r, i, column), runs[r].length, row + runs[r].target);
        }
      }
  }
}

static void convolution_fold(const HeedConvolutionUnfold *u) {
  const HeedConvolutionShape *s = u->shape;
  const ptrdiff_t step = (ptrdiff_t)s->stride_width * u->strides.column;
  ConvolutionRun runs[HEED_UNFOLD_COLUMNS];
  const size_t count = convolution_runs(u, 0, u->columns, runs);
  const float *row = u->matrix;
  for (size_t c = 0; c < u->channels; c++)
    for (size_t i = 0; i < s->kernel_height; i++) {
      float *to = u->image + (ptrdiff_t)c * u->strides.channel + (ptrdiff_t)(i * s->dilation_height) * u->strides.row;
      for (size_t j = 0; j < s->kernel_width; j++, row += u->panel) {
        const HeedConvolutionKernelColumn *column = u->kernel_columns + j;
        for (size_t r = 0; r < count; r++) {
          const ConvolutionPart part = convolution_part(u, runs + r, i, column);
          float *target = to + column->start * u->strides.column + runs[r].image;
          const float *from = row + runs[r].target;
          if (step == 1)
            for (size_t k = part.from; k < part.end; k += HEED_LANES) {
              const size_t n = part.end - k;
              vf_store_n(target + k, vf_add(vf_load_n(target + k, n), vf_load_n(from + k, n)), n);
            }
          else
            for (size_t k = part.from; k < part.end; k++) target[(ptrdiff_t)k * step] += from[k];
        }
      }
    }
}

static void convolution_sum(const float *x, ptrdiff_t stride, size_t count, size_t first, double sums[HEED_BIAS_SUMS]) {
  size_t i = 0;
  if (stride == 1 && first % HEED_BIAS_SUMS == 0)
    for (; i + HEED_BIAS_SUMS <= count; i += HEED_BIAS_SUMS)
      for (size_t lane = 0; lane < HEED_BIAS_SUMS; lane++) sums[lane] += (double)x[i + lane];
  for (; i < count; i++) sums[(first + i) % HEED_BIAS_SUMS] += (double)x[(ptrdiff_t)i * stride];
}

#include "template/convolution/convolution_depthwise.inc.h"

#define CONVOLUTION_KERNELS                                                                                                                \
  .unfold = convolution_unfold, .fold = convolution_fold, .sum = convolution_sum, .shifted_sum = convolution_shifted_sum,                  \
  .shifted_dots = convolution_shifted_dots

// Convolutions of single channels: their tiles, and planes between images and scratch.

#include "driver/convolution/convolution_depthwise_plan.h"

#include <string.h>

// More outputs of a channel than this are rows of a matrix product: the unfolded channel is used often enough.
#define OUTPUTS_MOST 8
// A staged plane and its sums are read from the first-level cache.
#define TILE_FLOATS 2048
// Kernels that reach further, or in larger steps, than planes of this size hold go by the general way.
#define PLANE_FLOATS ((size_t)1 << 14)
#define STEPS_MOST   64 // the phases of a plane

static size_t greatest_divisor(size_t a, size_t b) {
  while (b) {
    const size_t rest = a % b;
    a = b, b = rest;
  }
  return a;
}

static HeedConvolutionDepthwiseAxis axis(size_t size, size_t output, size_t kernel, size_t stride, size_t dilation, size_t before) {
  const size_t period = stride / greatest_divisor(dilation, stride);
  return (HeedConvolutionDepthwiseAxis){.size = size,
                                        .output = output,
                                        .kernel = kernel,
                                        .stride = stride,
                                        .dilation = dilation,
                                        .before = before,
                                        .phases = heed_size_min(kernel, period),
                                        .reach = (kernel - 1) * dilation / stride};
}

// Tiles of `most` of a number of rows, all about as large.
static size_t even_tiles(size_t count, size_t most) { return heed_divide_up(count, heed_divide_up(count, most)); }

static bool are_contiguous(const HeedConvolutionStrides *s, size_t channels) { return channels > 1 && s->channel == 1; }

HeedConvolutionDepthwisePlan heed_convolution_depthwise_plan(const HeedConvolutionShape *s, const HeedConvolutionSizes *z, bool backward) {
  HeedConvolutionDepthwisePlan p = {.kernels = heed_kernels()};
  p.vertical = axis(s->height, z->output_height, s->kernel_height, s->stride_height, s->dilation_height, s->top);
  p.horizontal = axis(s->width, z->output_width, s->kernel_width, s->stride_width, s->dilation_width, s->left);
  p.rows = z->output_height, p.columns = z->output_width;
  if (backward) {
    p.first_row = s->top / s->stride_height, p.first_column = s->left / s->stride_width;
    p.rows = (s->height - 1 + s->top) / s->stride_height + 1 - p.first_row;
    p.columns = (s->width - 1 + s->left) / s->stride_width + 1 - p.first_column;
  }
  const size_t across = p.horizontal.reach > TILE_FLOATS ? p.horizontal.reach : TILE_FLOATS;
  p.tile_columns = even_tiles(p.columns, across);
  p.pitch = p.tile_columns + p.horizontal.reach;
  const size_t fitting = TILE_FLOATS / p.pitch, most = fitting > p.vertical.reach ? fitting : p.vertical.reach;
  p.tile_rows = even_tiles(p.rows, most ? most : 1);
  p.row_tiles = heed_divide_up(p.rows, p.tile_rows), p.column_tiles = heed_divide_up(p.columns, p.tile_columns);
  p.plane = heed_round_up(heed_size_sum(heed_size_product(p.tile_rows + p.vertical.reach, p.pitch), HEED_SHIFTED_ROOM), 16);
  const HeedConvolutionStrides *input = backward ? &s->d_input : &s->input;
  p.block = are_contiguous(input, s->input_channels) || are_contiguous(&s->output, s->output_channels) ? p.kernels->lanes : 1;
  p.blocks = heed_divide_up(s->input_channels, p.block);
  return p;
}

bool heed_convolution_is_depthwise(const HeedConvolutionShape *s, const HeedConvolutionSizes *z) {
  if (z->group_inputs != 1 || z->group_outputs > OUTPUTS_MOST) return false;
  if (s->stride_height > STEPS_MOST || s->stride_width > STEPS_MOST || s->stride_height * s->stride_width > STEPS_MOST) return false;
  if ((s->kernel_height - 1) * s->dilation_height > PLANE_FLOATS || (s->kernel_width - 1) * s->dilation_width > PLANE_FLOATS) return false;
  const HeedConvolutionDepthwisePlan forward = heed_convolution_depthwise_plan(s, z, false),
                                     backward = heed_convolution_depthwise_plan(s, z, true);
  return forward.plane * forward.vertical.phases * forward.horizontal.phases <= PLANE_FLOATS &&
         backward.plane * z->group_outputs <= PLANE_FLOATS;
}

// The numbers of a window that are inside: from ... end - 1.
typedef struct Range {
  size_t from, end;
} Range;

static Range inside(HeedConvolutionDepthwiseWindow w) {
  const ptrdiff_t size = (ptrdiff_t)w.size, step = (ptrdiff_t)w.step;
  const size_t from = w.first >= 0 ? 0 : heed_divide_up((size_t)-w.first, w.step);
  const size_t end = w.first >= size ? 0 : (size_t)((size - 1 - w.first) / step) + 1;
  const size_t last = heed_size_min(end, w.count);
  return (Range){from < last ? from : last, last};
}

void heed_convolution_depthwise_stage(const HeedConvolutionDepthwisePlan *plan, const HeedConvolutionStrides *s, const float *image,
                                      HeedConvolutionDepthwiseWindow rows, HeedConvolutionDepthwiseWindow columns, size_t channels,
                                      float *planes, size_t distance) {
  const Range y = inside(rows), x = inside(columns);
  const size_t height = y.end - y.from, width = x.end - x.from, at = y.from * plan->pitch + x.from;
  const bool whole = height == rows.count && width == plan->pitch;
  for (size_t c = 0; c < channels && !whole; c++) memset(planes + c * distance, 0, rows.count * plan->pitch * sizeof *planes);
  if (height == 0 || width == 0) return;
  const ptrdiff_t row = (ptrdiff_t)rows.step * s->row, column = (ptrdiff_t)columns.step * s->column, pitch = (ptrdiff_t)plan->pitch;
  image += (rows.first + (ptrdiff_t)(y.from * rows.step)) * s->row + (columns.first + (ptrdiff_t)(x.from * columns.step)) * s->column;
  planes += at;
  if (channels > 1 && s->channel == 1)
    for (size_t r = 0; r < height; r++)
      plan->kernels->matrix.copy(image + (ptrdiff_t)r * row, 1, column, channels, width, planes + (ptrdiff_t)r * pitch, (ptrdiff_t)distance,
                                 1);
  else
    for (size_t c = 0; c < channels; c++)
      plan->kernels->matrix.copy(image + (ptrdiff_t)c * s->channel, row, column, height, width, planes + c * distance, pitch, 1);
}

void heed_convolution_depthwise_unstage(const HeedConvolutionDepthwisePlan *plan, const HeedConvolutionStrides *s, float *image,
                                        HeedConvolutionDepthwiseWindow rows, HeedConvolutionDepthwiseWindow columns, size_t channels,
                                        const float *planes, size_t distance) {
  const Range y = inside(rows), x = inside(columns);
  const size_t height = y.end - y.from, width = x.end - x.from;
  if (height == 0 || width == 0) return;
  const ptrdiff_t row = (ptrdiff_t)rows.step * s->row, column = (ptrdiff_t)columns.step * s->column, pitch = (ptrdiff_t)plan->pitch;
  image += (rows.first + (ptrdiff_t)(y.from * rows.step)) * s->row + (columns.first + (ptrdiff_t)(x.from * columns.step)) * s->column;
  planes += y.from * plan->pitch + x.from;
  if (channels > 1 && s->channel == 1)
    for (size_t r = 0; r < height; r++)
      plan->kernels->matrix.copy(planes + (ptrdiff_t)r * pitch, (ptrdiff_t)distance, 1, channels, width, image + (ptrdiff_t)r * row, 1,
                                 column);
  else
    for (size_t c = 0; c < channels; c++)
      plan->kernels->matrix.copy(planes + c * distance, pitch, 1, height, width, image + (ptrdiff_t)c * s->channel, row, column);
}

// Convolution, gradient of the input. A task is some channels of an image, or of several small ones, with all their outputs in order.
//
//   for each tile of outputs    D <- W^T dY (rows: channel, i, j);  dX <- dX + D folded
//
// Where a row of the unfolded input is a plane of it, D is dX.

#include <string.h>

#include "driver/convolution/convolution_depthwise.h"
#include "driver/convolution/convolution_tiles.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"

// As those of a matrix product (gemm.c).
#define TILE_ROWS    240
#define TILE_COLUMNS 256

typedef struct Call {
  const HeedKernels *kernels;
  const HeedConvolutionShape *shape;
  HeedConvolutionSizes z;
  HeedConvolutionColumns columns;
  const float *weight, *d_output;
  float *d_input;
  size_t task_channels, channel_tiles, task_tiles; // of a group; tiles of columns of a task
  bool pointwise, flat;                            // flat: dY is read in place
  HeedConvolutionKernelColumn *kernel_columns;
  float *scratch;
  size_t scratch_stride, gathered_at, product_at; // floats per worker, and where the parts of it begin
} Call;

// Zeros to all that the task owns.
static void clear(const Call *call, size_t first_image, size_t images, size_t channels, float *d_input) {
  const HeedConvolutionShape *s = call->shape;
  const HeedConvolutionStrides *d = &s->d_input;
  for (size_t n = first_image; n < first_image + images; n++)
    for (size_t c = 0; c < channels; c++)
      for (size_t y = 0; y < s->height; y++) {
        float *row = d_input + (ptrdiff_t)n * d->batch + (ptrdiff_t)c * d->channel + (ptrdiff_t)y * d->row;
        if (d->column == 1)
          memset(row, 0, s->width * sizeof *row);
        else
          for (size_t x = 0; x < s->width; x++) row[(ptrdiff_t)x * d->column] = 0;
      }
}

static void push_tile(const Call *call, const HeedConvolutionTile *t, size_t group, size_t first_channel, size_t channels, float *scratch) {
  const HeedConvolutionShape *s = call->shape;
  const HeedConvolutionSizes *z = &call->z;
  const size_t width = call->columns.width;
  const bool flat = call->flat && t->single, pointwise = call->pointwise && t->single;
  const float *d_output = call->d_output + (ptrdiff_t)(group * z->group_outputs) * s->output.channel;
  float *d_input = call->d_input + (ptrdiff_t)(group * z->group_inputs + first_channel) * s->d_input.channel;
  float *const gathered = scratch + call->gathered_at;
  if (!flat) heed_convolution_gather(call->kernels, z, &s->output, t, z->group_outputs, d_output, gathered, width);
  const HeedGemmTile tile = {
      .rows = channels * z->area,
      .columns = t->count,
      .depth = z->group_outputs,
      .a = call->weight + group * z->group_outputs * z->depth + first_channel * z->area,
      .a_row = 1,
      .a_column = (ptrdiff_t)z->depth,
      .b = flat ? d_output + (ptrdiff_t)t->image * s->output.batch + (ptrdiff_t)t->pixel * s->output.column : gathered,
      .b_row = flat ? s->output.channel : (ptrdiff_t)width,
      .b_column = flat ? s->output.column : 1,
      .c = pointwise ? d_input + (ptrdiff_t)t->image * s->d_input.batch + (ptrdiff_t)t->pixel * s->d_input.column : scratch,
      .c_row = pointwise ? s->d_input.channel : (ptrdiff_t)width,
      .c_column = pointwise ? s->d_input.column : 1,
      .alpha = 1,
      .scratch = scratch + call->product_at,
  };
  call->kernels->gemm.f32.tile(&tile);
  if (pointwise) return;
  const HeedConvolutionUnfold fold = {
      .shape = s,
      .output_height = z->output_height,
      .output_width = z->output_width,
      .kernel_columns = call->kernel_columns,
      .channels = channels,
      .first_output = t->first_output,
      .columns = t->count,
      .strides = s->d_input,
      .image = d_input,
      .matrix = scratch,
      .panel = width,
  };
  call->kernels->convolution.fold(&fold);
}

static void push_channels(void *context, size_t task, size_t worker) {
  const Call *call = context;
  const HeedConvolutionShape *s = call->shape;
  const size_t first = task % call->channel_tiles * call->task_channels, group = task / call->channel_tiles % s->groups;
  const size_t unit = task / call->channel_tiles / s->groups * call->task_tiles, left = call->z.group_inputs - first;
  const size_t channels = heed_size_min(left, call->task_channels);
  float *const scratch = call->scratch + worker * call->scratch_stride;
  for (size_t i = 0; i < call->task_tiles; i++) {
    const HeedConvolutionTile t = heed_convolution_tile(&call->columns, unit + i);
    if (i == 0 && !(call->pointwise && t.single))
      clear(call, t.image, t.single ? 1 : t.count / call->z.pixels, channels,
            call->d_input + (ptrdiff_t)(group * call->z.group_inputs + first) * s->d_input.channel);
    push_tile(call, &t, group, first, channels, scratch);
  }
}

static size_t units_of(const Call *call) { return call->columns.count / call->task_tiles; }
static size_t tasks_of(const Call *call) { return units_of(call) * call->shape->groups * call->channel_tiles; }

static void choose_tiles(Call *call) {
  const HeedConvolutionShape *s = call->shape;
  const size_t channels = call->z.group_inputs;
  call->columns = heed_convolution_columns(s->batch, call->z.pixels, TILE_COLUMNS);
  call->task_tiles = call->columns.per_image ? call->columns.per_image : 1;
  size_t most = TILE_ROWS / call->z.area;
  if (most == 0) most = 1;
  call->channel_tiles = heed_divide_up(channels, most);
  while (heed_convolution_should_split(tasks_of(call), heed_divide_up(channels, 2 * call->channel_tiles) * call->z.area))
    call->channel_tiles *= 2;
  call->task_channels = heed_divide_up(channels, call->channel_tiles);
  call->channel_tiles = heed_divide_up(channels, call->task_channels);
}

static bool carve_scratch(Call *call, size_t width) {
  const size_t columns = call->columns.width, rows = call->task_channels * call->z.area;
  const size_t product = call->kernels->gemm.f32.tile_scratch(rows, columns, call->z.group_outputs);
  call->gathered_at = heed_round_up(heed_size_sum(heed_size_product(rows, columns), 16), 16);
  call->product_at = call->gathered_at + heed_round_up(call->flat ? 0 : call->z.group_outputs * columns, 16);
  if (call->flat && call->columns.per_image == 0) call->product_at += heed_round_up(call->z.group_outputs * columns, 16);
  call->scratch_stride = heed_round_up(call->product_at + product, 16);
  const size_t edges = heed_round_up(call->shape->kernel_width * sizeof(HeedConvolutionKernelColumn), 64);
  char *memory = heed_scratch_push(heed_size_sum(edges, heed_size_product(width, heed_size_product(call->scratch_stride, sizeof(float)))));
  if (!memory) return false;
  call->kernel_columns = (HeedConvolutionKernelColumn *)(void *)memory;
  call->scratch = (float *)(void *)(memory + edges);
  return true;
}

HeedStatus heed_convolution_input_backward(const HeedConvolutionShape *shape, const float *weight, const float *d_output, float *d_input) {
  HEED_ENTRY();
  Call call = {.kernels = heed_kernels(), .shape = shape};
  HeedStatus status = heed_convolution_check(shape, &call.z);
  if (status == HeedStatusOk) status = heed_convolution_check_input(shape, &shape->d_input);
  if (status == HeedStatusOk) status = heed_convolution_check_output(shape, &call.z, false);
  if (status != HeedStatusOk) return status;
  const HeedArray dx = heed_image(shape->batch, shape->input_channels, shape->height, shape->width, &shape->d_input);
  if (!heed_array_is_injective(&dx)) return HeedStatusBadStride;
  if (shape->batch == 0) return HeedStatusOk;
  if (!weight || !d_output || !d_input) return HeedStatusBadArgument;
  if (heed_convolution_is_depthwise(shape, &call.z))
    return heed_convolution_depthwise_input_backward(shape, &call.z, weight, d_output, d_input);
  call.weight = weight, call.d_output = d_output, call.d_input = d_input;
  call.pointwise = heed_convolution_is_pointwise(shape) && heed_convolution_plane_is_flat(&shape->d_input, shape->height, shape->width);
  call.flat = heed_convolution_plane_is_flat(&shape->output, call.z.output_height, call.z.output_width);
  choose_tiles(&call);
  // Whether D is dX must not depend on the batch: a number that is added to zeros is never a negative zero.
  if (!call.columns.per_image && call.columns.width > call.z.pixels) call.pointwise = false;
  const double flops = 2.0 * (double)call.z.depth * (double)shape->output_channels * (double)call.columns.total;
  const size_t width = heed_parallel_width(tasks_of(&call), flops);
  if (!carve_scratch(&call, width)) return HeedStatusOutOfMemory;
  heed_convolution_kernel_columns(shape, call.z.output_width, call.kernel_columns);
  heed_parallel_for(tasks_of(&call), width, push_channels, &call);
  heed_scratch_pop(call.kernel_columns);
  return HeedStatusOk;
}

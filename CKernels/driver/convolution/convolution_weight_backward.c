// Convolution, gradients of weight and bias: one task the weights between some channels and some outputs, over the whole batch in order.
//
//   for each tile of outputs    sum <- sum + U dY^T, or dY U^T: whichever leaves fewer lanes idle (U is the unfolded input of the channels)

#include <string.h>

#include "driver/convolution/convolution_depthwise.h"
#include "driver/convolution/convolution_tiles.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"

// As for a matrix product (gemm.c), except for the unfolded columns, which are its terms.
#define TILE_ROWS    240
#define TILE_COLUMNS HEED_UNFOLD_COLUMNS
#define TILE_OUTPUTS 256

typedef struct Call {
  const HeedKernels *kernels;
  const HeedConvolutionShape *shape;
  HeedConvolutionSizes z;
  HeedConvolutionColumns columns;
  const float *input, *d_output;
  float *target;
  size_t task_channels, channel_tiles, task_outputs, output_tiles;
  bool pointwise, flat;  // flat: dY is read in place
  bool outputs_in_lanes; // sum is [channel, i, j][output], else [output][channel, i, j]
  HeedConvolutionKernelColumn *kernel_columns;
  float *scratch;
  size_t scratch_stride, gathered_at, sum_at, product_at; // floats per worker, and where the parts of it begin
} Call;

typedef struct Matrix {
  const float *first;
  ptrdiff_t row, column; // column: from one output to the next
} Matrix;

static Matrix unfolded(const Call *call, const HeedConvolutionTile *t, size_t channel, size_t channels, float *room) {
  const HeedConvolutionShape *s = call->shape;
  const float *input = call->input + (ptrdiff_t)channel * s->input.channel;
  if (call->pointwise && t->single)
    return (Matrix){input + (ptrdiff_t)t->image * s->input.batch + (ptrdiff_t)t->pixel * s->input.column, s->input.channel,
                    s->input.column};
  const HeedConvolutionUnfold unfold = {
      .shape = s,
      .output_height = call->z.output_height,
      .output_width = call->z.output_width,
      .kernel_columns = call->kernel_columns,
      .channels = channels,
      .first_output = t->first_output,
      .columns = t->count,
      .strides = s->input,
      .image = (float *)(uintptr_t)input,
      .matrix = room,
      .panel = call->columns.width,
  };
  call->kernels->convolution.unfold(&unfold);
  return (Matrix){room, (ptrdiff_t)call->columns.width, 1};
}

static Matrix gathered(const Call *call, const HeedConvolutionTile *t, size_t output, size_t outputs, float *room) {
  const HeedConvolutionShape *s = call->shape;
  const float *d_output = call->d_output + (ptrdiff_t)output * s->output.channel;
  if (call->flat && t->single)
    return (Matrix){d_output + (ptrdiff_t)t->image * s->output.batch + (ptrdiff_t)t->pixel * s->output.column, s->output.channel,
                    s->output.column};
  heed_convolution_gather(call->kernels, &call->z, &s->output, t, outputs, d_output, room, call->columns.width);
  return (Matrix){room, (ptrdiff_t)call->columns.width, 1};
}

// dW of the task's outputs and channels <- sum, or dW + sum.
static void store(const Call *call, const float *sum, size_t output, size_t outputs, size_t channel, size_t channels) {
  const size_t depth = channels * call->z.area;
  for (size_t o = 0; o < outputs; o++) {
    float *to = call->target + (output + o) * call->z.depth + channel * call->z.area;
    const float *from = call->outputs_in_lanes ? sum + o : sum + o * depth;
    const size_t step = call->outputs_in_lanes ? outputs : 1;
    for (size_t k = 0; k < depth; k++) to[k] = call->shape->accumulate ? to[k] + from[k * step] : from[k * step];
  }
}

static void sum_weights(void *context, size_t task, size_t worker) {
  const Call *call = context;
  const HeedConvolutionSizes *z = &call->z;
  const size_t channel = task % call->channel_tiles * call->task_channels;
  const size_t output = task / call->channel_tiles % call->output_tiles * call->task_outputs;
  const size_t group = task / call->channel_tiles / call->output_tiles;
  const size_t channels = heed_size_min(z->group_inputs - channel, call->task_channels);
  const size_t outputs = heed_size_min(z->group_outputs - output, call->task_outputs);
  float *const scratch = call->scratch + worker * call->scratch_stride, *const sum = scratch + call->sum_at;
  const size_t first_output = group * z->group_outputs + output;
  if (call->columns.count == 0) memset(sum, 0, channels * z->area * outputs * sizeof *sum);
  for (size_t i = 0; i < call->columns.count; i++) {
    const HeedConvolutionTile t = heed_convolution_tile(&call->columns, i);
    const Matrix u = unfolded(call, &t, group * z->group_inputs + channel, channels, scratch);
    const Matrix dy = gathered(call, &t, first_output, outputs, scratch + call->gathered_at);
    const Matrix *a = call->outputs_in_lanes ? &u : &dy, *b = call->outputs_in_lanes ? &dy : &u;
    const HeedGemmTile tile = {
        .rows = call->outputs_in_lanes ? channels * z->area : outputs,
        .columns = call->outputs_in_lanes ? outputs : channels * z->area,
        .depth = t.count,
        .a = a->first,
        .a_row = a->row,
        .a_column = a->column,
        .b = b->first,
        .b_row = b->column,
        .b_column = b->row,
        .c = sum,
        .c_row = (ptrdiff_t)(call->outputs_in_lanes ? outputs : channels * z->area),
        .c_column = 1,
        .alpha = 1,
        .beta = i == 0 ? 0 : 1,
        .scratch = scratch + call->product_at,
    };
    call->kernels->gemm.f32.tile(&tile);
  }
  store(call, sum, first_output, outputs, channel, channels);
}

static size_t tasks_of(const Call *call) { return call->shape->groups * call->output_tiles * call->channel_tiles; }

static void choose_tiles(Call *call) {
  const HeedConvolutionShape *s = call->shape;
  const HeedConvolutionSizes *z = &call->z;
  const size_t lanes = call->kernels->lanes;
  call->outputs_in_lanes = heed_round_up(z->group_outputs, lanes) * z->depth <= heed_round_up(z->depth, lanes) * z->group_outputs;
  call->columns = heed_convolution_columns(s->batch, z->pixels, TILE_COLUMNS);
  call->output_tiles = heed_divide_up(z->group_outputs, TILE_OUTPUTS);
  call->task_outputs = heed_divide_up(z->group_outputs, call->output_tiles);
  size_t most = TILE_ROWS / z->area;
  if (most == 0) most = 1;
  call->channel_tiles = heed_divide_up(z->group_inputs, most);
  // If X is read in place, tasks side by side along the lanes do no work twice: each stages its own dY.
  while (call->pointwise && call->outputs_in_lanes && tasks_of(call) < HEED_TASKS_WANTED && call->task_outputs >= 2 * HEED_GEMM_NR)
    call->output_tiles *= 2, call->task_outputs = heed_divide_up(z->group_outputs, call->output_tiles);
  while (heed_convolution_should_split(tasks_of(call), heed_divide_up(z->group_inputs, 2 * call->channel_tiles) * z->area))
    call->channel_tiles *= 2;
  call->task_channels = heed_divide_up(z->group_inputs, call->channel_tiles);
  call->channel_tiles = heed_divide_up(z->group_inputs, call->task_channels);
}

static bool carve_scratch(Call *call, size_t width) {
  const size_t columns = call->columns.width, rows = call->task_channels * call->z.area, outputs = call->task_outputs;
  const size_t product = call->outputs_in_lanes ? call->kernels->gemm.f32.tile_scratch(rows, outputs, columns)
                                                : call->kernels->gemm.f32.tile_scratch(outputs, rows, columns);
  call->gathered_at = heed_round_up(heed_size_sum(heed_size_product(rows, columns), 16), 16);
  call->sum_at = call->gathered_at + heed_round_up(outputs * columns, 16);
  call->product_at = call->sum_at + heed_round_up(heed_size_product(rows, outputs), 16);
  call->scratch_stride = heed_round_up(call->product_at + product, 16);
  const size_t edges = heed_round_up(call->shape->kernel_width * sizeof(HeedConvolutionKernelColumn), 64);
  char *memory = heed_scratch_push(heed_size_sum(edges, heed_size_product(width, heed_size_product(call->scratch_stride, sizeof(float)))));
  if (!memory) return false;
  call->kernel_columns = (HeedConvolutionKernelColumn *)(void *)memory;
  call->scratch = (float *)(void *)(memory + edges);
  return true;
}

HeedStatus heed_convolution_weight_backward(const HeedConvolutionShape *shape, const float *input, const float *d_output, float *d_weight) {
  HEED_ENTRY();
  Call call = {.kernels = heed_kernels(), .shape = shape};
  HeedStatus status = heed_convolution_check(shape, &call.z);
  if (status == HeedStatusOk) status = heed_convolution_check_input(shape, &shape->input);
  if (status == HeedStatusOk) status = heed_convolution_check_output(shape, &call.z, false);
  if (status != HeedStatusOk) return status;
  if (!d_weight || (shape->batch > 0 && (!input || !d_output))) return HeedStatusBadArgument;
  if (heed_convolution_is_depthwise(shape, &call.z))
    return heed_convolution_depthwise_weight_backward(shape, &call.z, input, d_output, d_weight);
  call.input = input, call.d_output = d_output, call.target = d_weight;
  call.pointwise = heed_convolution_is_pointwise(shape) && heed_convolution_plane_is_flat(&shape->input, shape->height, shape->width);
  call.flat = heed_convolution_plane_is_flat(&shape->output, call.z.output_height, call.z.output_width);
  choose_tiles(&call);
  const double flops = 2.0 * (double)call.z.depth * (double)shape->output_channels * (double)(call.columns.total + 1);
  const size_t width = heed_parallel_width(tasks_of(&call), flops);
  if (!carve_scratch(&call, width)) return HeedStatusOutOfMemory;
  heed_convolution_kernel_columns(shape, call.z.output_width, call.kernel_columns);
  heed_parallel_for(tasks_of(&call), width, sum_weights, &call);
  heed_scratch_pop(call.kernel_columns);
  return HeedStatusOk;
}

// ---- Bias -------------------------------------------------------------------------------------------------------------------------------

static void sum_bias(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedConvolutionStrides *s = &call->shape->output;
  const size_t rows = call->flat ? 1 : call->z.output_height, count = call->z.pixels / rows;
  double sums[HEED_BIAS_SUMS] = {0}, sum = 0;
  for (size_t n = 0; n < call->shape->batch; n++)
    for (size_t y = 0; y < rows; y++) {
      const ptrdiff_t at = (ptrdiff_t)n * s->batch + (ptrdiff_t)task * s->channel + (ptrdiff_t)y * s->row;
      call->kernels->convolution.sum(call->d_output + at, s->column, count, n * call->z.pixels + y * count, sums);
    }
  for (size_t i = 0; i < HEED_BIAS_SUMS; i++) sum += sums[i];
  call->target[task] = call->shape->accumulate ? (float)((double)call->target[task] + sum) : (float)sum;
}

HeedStatus heed_convolution_bias_backward(const HeedConvolutionShape *shape, const float *d_output, float *d_bias) {
  HEED_ENTRY();
  Call call = {.kernels = heed_kernels(), .shape = shape};
  HeedStatus status = heed_convolution_check(shape, &call.z);
  if (status == HeedStatusOk) status = heed_convolution_check_output(shape, &call.z, false);
  if (status != HeedStatusOk) return status;
  if (!d_bias || (shape->batch > 0 && !d_output)) return HeedStatusBadArgument;
  call.d_output = d_output, call.target = d_bias;
  call.flat = heed_convolution_plane_is_flat(&shape->output, call.z.output_height, call.z.output_width);
  const double flops = 4.0 * (double)shape->output_channels * (double)shape->batch * (double)call.z.pixels;
  heed_parallel_for(shape->output_channels, heed_parallel_width(shape->output_channels, flops), sum_bias, &call);
  return HeedStatusOk;
}

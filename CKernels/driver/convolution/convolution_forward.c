// Convolution forward: one task per tile of outputs of some channels. The unfolded input of a tile is made in the form of packed weights,
// which the matrix product reads straight through. If a row of it is a plane of the input, it is read in place.

#include "driver/convolution/convolution_depthwise.h"
#include "driver/convolution/convolution_tiles.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"

// As those of a matrix product (gemm.c).
#define TILE_ROWS      240
#define TILE_COLUMNS   256
#define UNFOLDED_BYTES ((size_t)512 << 10) // of a tile's unfolded input, which is read from the second-level cache

typedef struct Call {
  const HeedKernels *kernels;
  const HeedConvolutionShape *shape;
  HeedConvolutionSizes z;
  HeedConvolutionColumns columns;
  HeedActivation activation;
  const float *input, *weight, *bias;
  float *output;
  size_t tile_rows, row_tiles;
  bool pointwise, direct; // direct: outputs of an image are written where they belong
  HeedConvolutionKernelColumn *kernel_columns;
  float *scratch;
  size_t scratch_stride, result_at, product_at; // floats per worker, and where the parts of it begin
} Call;

static void convolve_tile(void *context, size_t task, size_t worker) {
  const Call *call = context;
  const HeedConvolutionShape *s = call->shape;
  const HeedConvolutionSizes *z = &call->z;
  const size_t row = task % call->row_tiles * call->tile_rows, group = task / call->row_tiles % s->groups;
  const HeedConvolutionTile t = heed_convolution_tile(&call->columns, task / call->row_tiles / s->groups);
  float *const unfolded = call->scratch + worker * call->scratch_stride, *const result = unfolded + call->result_at;
  const size_t rows = heed_size_min(z->group_outputs - row, call->tile_rows);
  const size_t channel = group * z->group_outputs + row;
  const float *input = call->input + (ptrdiff_t)(group * z->group_inputs) * s->input.channel;
  float *output = call->output + (ptrdiff_t)channel * s->output.channel;
  const bool direct = call->direct && t.single, pointwise = call->pointwise && t.single;
  HeedGemmTile tile = {
      .rows = rows,
      .columns = t.count,
      .depth = z->depth,
      .a = call->weight + channel * z->depth,
      .a_row = (ptrdiff_t)z->depth,
      .a_column = 1,
      .c = direct ? output + (ptrdiff_t)t.image * s->output.batch + (ptrdiff_t)t.pixel : result,
      .c_row = direct ? s->output.channel : (ptrdiff_t)call->columns.width,
      .c_column = 1,
      .alpha = 1,
      .bias = call->bias ? call->bias + channel : NULL,
      .bias_row = 1,
      .activation = call->activation,
      .scratch = unfolded + call->product_at,
  };
  if (pointwise) {
    tile.b = input + (ptrdiff_t)t.image * s->input.batch + (ptrdiff_t)t.pixel * s->input.column;
    tile.b_row = s->input.channel, tile.b_column = s->input.column;
  } else {
    const HeedConvolutionUnfold unfold = {
        .shape = s,
        .output_height = z->output_height,
        .output_width = z->output_width,
        .kernel_columns = call->kernel_columns,
        .channels = z->group_inputs,
        .first_output = t.first_output,
        .columns = t.count,
        .strides = s->input,
        .image = (float *)(uintptr_t)input,
        .matrix = unfolded,
        .panel = HEED_GEMM_NR,
    };
    call->kernels->convolution.unfold(&unfold);
    tile.b = unfolded, tile.b_layout = HeedGemmLayoutPacked;
  }
  call->kernels->gemm.f32.tile(&tile);
  if (!direct) heed_convolution_scatter(call->kernels, z, &s->output, &t, rows, result, call->columns.width, output);
}

static size_t tasks_of(const Call *call) { return call->columns.count * call->shape->groups * call->row_tiles; }

static void choose_tiles(Call *call) {
  const HeedConvolutionShape *s = call->shape;
  const size_t block = call->kernels->gemm.mr;
  size_t most = UNFOLDED_BYTES / sizeof(float) / call->z.depth / HEED_GEMM_NR * HEED_GEMM_NR;
  most = most > TILE_COLUMNS ? TILE_COLUMNS : (most < HEED_GEMM_NR ? HEED_GEMM_NR : most);
  size_t row_tiles = heed_divide_up(call->z.group_outputs, TILE_ROWS);
  for (;;) {
    call->columns = heed_convolution_columns(s->batch, call->z.pixels, most);
    call->tile_rows = heed_round_up(heed_divide_up(call->z.group_outputs, row_tiles), block);
    call->row_tiles = heed_divide_up(call->z.group_outputs, call->tile_rows);
    if (tasks_of(call) >= HEED_TASKS_WANTED) return;
    if (most > HEED_GEMM_NR)
      most -= HEED_GEMM_NR;
    else if (call->tile_rows >= TILE_ROWS / 2) // each tile of rows unfolds again
      row_tiles *= 2;
    else
      return;
  }
}

static bool carve_scratch(Call *call, size_t width) {
  const size_t columns = call->columns.width, panels = heed_divide_up(columns, HEED_GEMM_NR);
  const size_t unfolded = heed_size_product(panels * HEED_GEMM_NR, call->z.depth);
  const size_t product = call->kernels->gemm.f32.tile_scratch(call->tile_rows, columns, call->z.depth);
  call->result_at = heed_round_up(heed_size_sum(unfolded, 16), 16);
  call->product_at = call->result_at + heed_round_up(call->tile_rows * columns, 16);
  call->scratch_stride = heed_round_up(call->product_at + product, 16);
  const size_t edges = heed_round_up(call->shape->kernel_width * sizeof(HeedConvolutionKernelColumn), 64);
  char *memory = heed_scratch_push(heed_size_sum(edges, heed_size_product(width, heed_size_product(call->scratch_stride, sizeof(float)))));
  if (!memory) return false;
  call->kernel_columns = (HeedConvolutionKernelColumn *)(void *)memory;
  call->scratch = (float *)(void *)(memory + edges);
  return true;
}

HeedStatus heed_convolution_forward(const HeedConvolutionShape *shape, const float *input, const float *weight, const float *bias,
                                    HeedActivation activation, float *output) {
  HEED_ENTRY();
  Call call = {.kernels = heed_kernels(), .shape = shape, .activation = activation};
  HeedStatus status = heed_convolution_check(shape, &call.z);
  if (status == HeedStatusOk) status = heed_convolution_check_input(shape, &shape->input);
  if (status == HeedStatusOk) status = heed_convolution_check_output(shape, &call.z, true);
  if (status != HeedStatusOk) return status;
  if ((unsigned)activation >= HEED_ACTIVATION_COUNT) return HeedStatusBadArgument;
  if (shape->batch == 0) return HeedStatusOk;
  if (!input || !weight || !output) return HeedStatusBadArgument;
  if (heed_convolution_is_depthwise(shape, &call.z))
    return heed_convolution_depthwise_forward(shape, &call.z, input, weight, bias, activation, output);
  call.input = input, call.weight = weight, call.bias = bias, call.output = output;
  call.pointwise = heed_convolution_is_pointwise(shape) && heed_convolution_plane_is_flat(&shape->input, shape->height, shape->width);
  call.direct = (shape->output.column == 1 || call.z.output_width == 1) &&
                (call.z.output_height == 1 || shape->output.row == (ptrdiff_t)call.z.output_width);
  choose_tiles(&call);
  const double flops = 2.0 * (double)call.z.depth * (double)shape->output_channels * (double)call.columns.total;
  const size_t width = heed_parallel_width(tasks_of(&call), flops);
  if (!carve_scratch(&call, width)) return HeedStatusOutOfMemory;
  heed_convolution_kernel_columns(shape, call.z.output_width, call.kernel_columns);
  heed_parallel_for(tasks_of(&call), width, convolve_tile, &call);
  heed_scratch_pop(call.kernel_columns);
  return HeedStatusOk;
}

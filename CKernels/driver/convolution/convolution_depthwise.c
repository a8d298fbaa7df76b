// Convolutions of single channels. For Y and dX, a task is some tiles of some channels of an image; for dW, some channels over the whole
// batch in order. An output is summed in the order of the general product, whatever the tile.
//
//   Y     planes <- X by phases;  y[q] <- activation(sum over i, j of W[i,j] planes[q + offset(i,j)] + bias)
//   dX    planes <- dY;  for each remainder by the strides    dx[u] <- sum over outputs, i, j of W[i,j] planes[u + offset(i,j)]
//   dW    planes <- X by phases, factors <- dY with zeros in the gaps;
//   dW[i,j] <- dW[i,j] + sum over q of factors[q] planes[q + offset(i,j)]

#include <string.h>

#include "driver/convolution/convolution_depthwise_plan.h"
#include "runtime/scratch.h"

// Multiplications per task, enough that handing it out costs nothing.
#define TASK_PRODUCTS ((size_t)1 << 16)
// Products after which a lane's sums go over to float64.
#define LANE_PRODUCTS 256

typedef struct Call {
  HeedConvolutionDepthwisePlan plan;
  const HeedConvolutionShape *shape;
  const HeedConvolutionSizes *z;
  const float *input, *weight, *bias, *d_output; // as the pass has them
  HeedActivation activation;
  float *result; // Y, dX, dW
  size_t units, task_units;
  ptrdiff_t *offsets; // of every term
  size_t *order;      // dX: which weight of a channel each term takes
  size_t *remainders; // dX: where the terms of each remainder begin, and one more
  char *scratch;
  size_t scratch_stride, second_at, third_at, fourth_at; // bytes per worker, and where the parts of it begin
} Call;

// The operands of one unit of Y or dX.
typedef struct Unit {
  size_t image, channel, channels;
  HeedConvolutionDepthwiseTile tile;
} Unit;

static Unit unit_of(const Call *call, size_t i) {
  const HeedConvolutionDepthwisePlan *p = &call->plan;
  const size_t tiles = p->row_tiles * p->column_tiles, left = i / tiles;
  Unit u = {.tile = heed_convolution_depthwise_tile(p, i % tiles), .channel = left % p->blocks * p->block, .image = left / p->blocks};
  u.channels = heed_size_min(call->shape->input_channels - u.channel, p->block);
  return u;
}

static float *part(const Call *call, size_t worker, size_t at) {
  return (float *)(void *)(call->scratch + worker * call->scratch_stride + at);
}

// ---- Forward ----------------------------------------------------------------------------------------------------------------------------

static size_t phases(const HeedConvolutionDepthwisePlan *p) { return p->vertical.phases * p->horizontal.phases; }

static HeedConvolutionDepthwiseWindow phase_window(const HeedConvolutionDepthwiseAxis *a, size_t phase, size_t first, size_t count) {
  return (HeedConvolutionDepthwiseWindow){
      .first = (ptrdiff_t)(first * a->stride + phase * a->dilation % a->stride) - (ptrdiff_t)a->before,
      .step = a->stride,
      .count = count + a->reach,
      .size = a->size,
  };
}

static void stage_input(const Call *call, const Unit *u, float *planes) {
  const HeedConvolutionDepthwisePlan *p = &call->plan;
  const HeedConvolutionStrides *s = &call->shape->input;
  const float *image = call->input + (ptrdiff_t)u->image * s->batch + (ptrdiff_t)u->channel * s->channel;
  for (size_t a = 0; a < p->vertical.phases; a++)
    for (size_t b = 0; b < p->horizontal.phases; b++)
      heed_convolution_depthwise_stage(p, s, image, phase_window(&p->vertical, a, u->tile.row, u->tile.rows),
                                       phase_window(&p->horizontal, b, u->tile.column, u->tile.columns), u->channels,
                                       planes + (a * p->horizontal.phases + b) * p->plane, phases(p) * p->plane);
}

static void set_forward_offsets(const Call *call) {
  const HeedConvolutionDepthwisePlan *p = &call->plan;
  const HeedConvolutionDepthwiseAxis *v = &p->vertical, *h = &p->horizontal;
  for (size_t i = 0; i < v->kernel; i++)
    for (size_t j = 0; j < h->kernel; j++)
      call->offsets[i * h->kernel + j] = (ptrdiff_t)((i % v->phases * h->phases + j % h->phases) * p->plane +
                                                     i * v->dilation / v->stride * p->pitch + j * h->dilation / h->stride);
}

static HeedConvolutionDepthwiseWindow plain_window(size_t first, size_t count, size_t size) {
  return (HeedConvolutionDepthwiseWindow){.first = (ptrdiff_t)first, .step = 1, .count = count, .size = size};
}

static void convolve_unit(const Call *call, const Unit *u, size_t worker) {
  const HeedConvolutionDepthwisePlan *p = &call->plan;
  const HeedConvolutionStrides *s = &call->shape->output;
  const size_t outputs = call->z->group_outputs;
  float *const planes = part(call, worker, 0), *const sums = part(call, worker, call->second_at);
  stage_input(call, u, planes);
  for (size_t o = 0; o < u->channels * outputs; o++) {
    const size_t channel = u->channel * outputs + o;
    const HeedConvolutionShiftedSum sum = {
        .count = heed_convolution_depthwise_count(p, &u->tile),
        .terms = call->z->area,
        .offsets = call->offsets,
        .weights = call->weight + channel * call->z->area,
        .plane = planes + o / outputs * phases(p) * p->plane,
        .bias = call->bias ? call->bias + channel : NULL,
        .activation = call->activation,
        .output = sums + o * p->plane,
    };
    p->kernels->convolution.shifted_sum(&sum);
  }
  heed_convolution_depthwise_unstage(p, s, call->result + (ptrdiff_t)u->image * s->batch + (ptrdiff_t)(u->channel * outputs) * s->channel,
                                     plain_window(u->tile.row, u->tile.rows, p->vertical.output),
                                     plain_window(u->tile.column, u->tile.columns, p->horizontal.output), u->channels * outputs, sums,
                                     p->plane);
}

static void convolve_units(void *context, size_t task, size_t worker) {
  const Call *call = context;
  const size_t first = task * call->task_units, end = first + heed_size_min(call->units - first, call->task_units);
  for (size_t i = first; i < end; i++) {
    const Unit u = unit_of(call, i);
    convolve_unit(call, &u, worker);
  }
}

// ---- Input gradient ---------------------------------------------------------------------------------------------------------------------

// The terms of every remainder, in order of outputs, i, j.
static void set_backward_terms(const Call *call) {
  const HeedConvolutionDepthwisePlan *p = &call->plan;
  const HeedConvolutionDepthwiseAxis *v = &p->vertical, *h = &p->horizontal;
  size_t term = 0;
  for (size_t remainder = 0; remainder < v->stride * h->stride; remainder++) {
    call->remainders[remainder] = term;
    for (size_t o = 0; o < call->z->group_outputs; o++)
      for (size_t i = 0; i < v->kernel; i++)
        for (size_t j = 0; j < h->kernel; j++) {
          if (i * v->dilation % v->stride != remainder / h->stride || j * h->dilation % h->stride != remainder % h->stride) continue;
          call->order[term] = (o * v->kernel + i) * h->kernel + j;
          call->offsets[term++] =
              (ptrdiff_t)(o * p->plane + (v->reach - i * v->dilation / v->stride) * p->pitch + h->reach - j * h->dilation / h->stride);
        }
  }
  call->remainders[v->stride * h->stride] = term;
}

static HeedConvolutionDepthwiseWindow remainder_window(const HeedConvolutionDepthwiseAxis *a, size_t remainder, size_t first,
                                                       size_t count) {
  const ptrdiff_t at = (ptrdiff_t)(first * a->stride + remainder) - (ptrdiff_t)a->before;
  return (HeedConvolutionDepthwiseWindow){.first = at, .step = a->stride, .count = count, .size = a->size};
}

static HeedConvolutionDepthwiseWindow reached_window(const HeedConvolutionDepthwiseAxis *a, size_t first, size_t count) {
  return (HeedConvolutionDepthwiseWindow){
      .first = (ptrdiff_t)first - (ptrdiff_t)a->reach, .step = 1, .count = count + a->reach, .size = a->output};
}

static void push_unit(const Call *call, const Unit *u, size_t worker) {
  const HeedConvolutionDepthwisePlan *p = &call->plan;
  const HeedConvolutionShape *s = call->shape;
  const size_t outputs = call->z->group_outputs, weights = outputs * call->z->area;
  float *const planes = part(call, worker, 0), *const sums = part(call, worker, call->second_at);
  float *const chosen = part(call, worker, call->third_at);
  heed_convolution_depthwise_stage(
      p, &s->output, call->d_output + (ptrdiff_t)u->image * s->output.batch + (ptrdiff_t)(u->channel * outputs) * s->output.channel,
      reached_window(&p->vertical, u->tile.row, u->tile.rows), reached_window(&p->horizontal, u->tile.column, u->tile.columns),
      u->channels * outputs, planes, p->plane);
  float *const d_input = call->result + (ptrdiff_t)u->image * s->d_input.batch + (ptrdiff_t)u->channel * s->d_input.channel;
  for (size_t remainder = 0; remainder < s->stride_height * s->stride_width; remainder++) {
    const size_t first = call->remainders[remainder], terms = call->remainders[remainder + 1] - first;
    for (size_t c = 0; c < u->channels; c++) {
      for (size_t k = 0; k < terms; k++) chosen[k] = call->weight[(u->channel + c) * weights + call->order[first + k]];
      const HeedConvolutionShiftedSum sum = {
          .count = heed_convolution_depthwise_count(p, &u->tile),
          .terms = terms,
          .offsets = call->offsets + first,
          .weights = chosen,
          .plane = planes + c * outputs * p->plane,
          .output = sums + c * p->plane,
      };
      p->kernels->convolution.shifted_sum(&sum);
    }
    heed_convolution_depthwise_unstage(
        p, &s->d_input, d_input, remainder_window(&p->vertical, remainder / s->stride_width, u->tile.row, u->tile.rows),
        remainder_window(&p->horizontal, remainder % s->stride_width, u->tile.column, u->tile.columns), u->channels, sums, p->plane);
  }
}

static void push_units(void *context, size_t task, size_t worker) {
  const Call *call = context;
  const size_t first = task * call->task_units, end = first + heed_size_min(call->units - first, call->task_units);
  for (size_t i = first; i < end; i++) {
    const Unit u = unit_of(call, i);
    push_unit(call, &u, worker);
  }
}

// ---- Weight gradient --------------------------------------------------------------------------------------------------------------------

// Adds the products of a tile. A gap's factor is 0. If it might meet a number that is not finite, the rows are taken one by one.
static void add_products(const Call *call, const Unit *u, const float *planes, const float *factors, float *lanes) {
  const HeedConvolutionDepthwisePlan *p = &call->plan;
  const size_t outputs = call->z->group_outputs, area = call->z->area;
  for (size_t c = 0; c < u->channels; c++) {
    const float *plane = planes + c * phases(p) * p->plane;
    bool whole = true;
    for (size_t a = 0; a < phases(p) && u->tile.columns < p->pitch && whole; a++)
      whole = p->kernels->matrix.is_finite(plane + a * p->plane, (ptrdiff_t)p->pitch, 1, u->tile.rows + p->vertical.reach, p->pitch);
    for (size_t o = c * outputs; o < (c + 1) * outputs; o++)
      for (size_t y = 0; y < (whole ? 1 : u->tile.rows); y++) {
        const HeedConvolutionShiftedDots dots = {
            .count = whole ? heed_convolution_depthwise_count(p, &u->tile) : u->tile.columns,
            .terms = area,
            .offsets = call->offsets,
            .plane = plane + y * p->pitch,
            .factors = factors + o * p->plane + y * p->pitch,
            .sums = lanes + o * area * HEED_SHIFTED_LANES,
        };
        p->kernels->convolution.shifted_dots(&dots);
      }
  }
}

static void take_lanes(size_t weights, float *sums, double *totals) {
  for (size_t k = 0; k < weights; k++)
    for (size_t lane = 0; lane < HEED_SHIFTED_LANES; lane++) totals[k] += (double)sums[k * HEED_SHIFTED_LANES + lane];
  memset(sums, 0, weights * HEED_SHIFTED_LANES * sizeof *sums);
}

static void sum_block(void *context, size_t task, size_t worker) {
  const Call *call = context;
  const HeedConvolutionDepthwisePlan *p = &call->plan;
  const HeedConvolutionShape *s = call->shape;
  const size_t outputs = call->z->group_outputs, tiles = p->row_tiles * p->column_tiles;
  float *const planes = part(call, worker, 0), *const factors = part(call, worker, call->second_at);
  float *const sums = part(call, worker, call->third_at);
  double *const totals = (double *)(void *)part(call, worker, call->fourth_at);
  Unit u = {.channel = task * p->block};
  u.channels = heed_size_min(s->input_channels - u.channel, p->block);
  const size_t weights = u.channels * outputs * call->z->area;
  memset(sums, 0, weights * HEED_SHIFTED_LANES * sizeof *sums), memset(totals, 0, weights * sizeof *totals);
  size_t summed = 0;
  for (u.image = 0; u.image < s->batch; u.image++)
    for (size_t t = 0; t < tiles; t++) {
      u.tile = heed_convolution_depthwise_tile(p, t);
      stage_input(call, &u, planes);
      heed_convolution_depthwise_stage(
          p, &s->output, call->d_output + (ptrdiff_t)u.image * s->output.batch + (ptrdiff_t)(u.channel * outputs) * s->output.channel,
          plain_window(u.tile.row, u.tile.rows, p->vertical.output), plain_window(u.tile.column, u.tile.columns, p->horizontal.output),
          u.channels * outputs, factors, p->plane);
      add_products(call, &u, planes, factors, sums);
      summed += heed_convolution_depthwise_count(p, &u.tile) / HEED_SHIFTED_LANES + 1;
      if (summed < LANE_PRODUCTS) continue;
      take_lanes(weights, sums, totals);
      summed = 0;
    }
  take_lanes(weights, sums, totals);
  float *to = call->result + u.channel * outputs * call->z->area;
  for (size_t k = 0; k < weights; k++) to[k] = s->accumulate ? to[k] + (float)totals[k] : (float)totals[k];
}

// ---- Calls ------------------------------------------------------------------------------------------------------------------------------

static size_t floats(size_t count) { return heed_round_up(heed_size_product(count, sizeof(float)), 64); }

// `first`, `second`: planes of a channel in the first two parts; `third`, `fourth`: bytes of the others.
static HeedStatus run(Call *call, HeedTask task, size_t first, size_t second, size_t third, size_t fourth, void (*prepare)(const Call *)) {
  const HeedConvolutionDepthwisePlan *p = &call->plan;
  const size_t terms = call->z->area * call->z->group_outputs, remainders = p->vertical.stride * p->horizontal.stride + 1;
  const size_t tasks = heed_divide_up(call->units, call->task_units);
  const double flops = 2.0 * (double)terms * (double)call->shape->input_channels * (double)(call->shape->batch * call->z->pixels + 1);
  const size_t width = heed_parallel_width(tasks, flops);
  call->second_at = floats(heed_size_product(p->block * first, p->plane));
  call->third_at = call->second_at + floats(heed_size_product(p->block * second, p->plane));
  call->fourth_at = heed_size_sum(call->third_at, third);
  call->scratch_stride = heed_size_sum(call->fourth_at, fourth);
  const size_t tables = heed_round_up((2 * terms + remainders) * sizeof(size_t), 64);
  char *memory = heed_scratch_push(heed_size_sum(tables, heed_size_product(width, call->scratch_stride)));
  if (!memory) return HeedStatusOutOfMemory;
  call->offsets = (ptrdiff_t *)(void *)memory;
  call->order = (size_t *)(void *)memory + terms, call->remainders = call->order + terms;
  call->scratch = memory + tables;
  prepare(call);
  heed_parallel_for(tasks, width, task, call);
  heed_scratch_pop(memory);
  return HeedStatusOk;
}

static void set_units(Call *call) {
  const HeedConvolutionDepthwisePlan *p = &call->plan;
  call->units = call->shape->batch * p->blocks * p->row_tiles * p->column_tiles;
  const size_t products = p->block * call->z->group_outputs * call->z->area * p->tile_rows * p->pitch;
  call->task_units = products < TASK_PRODUCTS ? TASK_PRODUCTS / products : 1;
}

HeedStatus heed_convolution_depthwise_forward(const HeedConvolutionShape *shape, const HeedConvolutionSizes *z, const float *input,
                                              const float *weight, const float *bias, HeedActivation activation, float *output) {
  Call call = {
      .plan = heed_convolution_depthwise_plan(shape, z, false), .shape = shape, .z = z, .input = input, .weight = weight, .bias = bias};
  call.activation = activation, call.result = output;
  set_units(&call);
  return run(&call, convolve_units, phases(&call.plan), z->group_outputs, 0, 0, set_forward_offsets);
}

HeedStatus heed_convolution_depthwise_input_backward(const HeedConvolutionShape *shape, const HeedConvolutionSizes *z, const float *weight,
                                                     const float *d_output, float *d_input) {
  Call call = {.plan = heed_convolution_depthwise_plan(shape, z, true), .shape = shape, .z = z, .weight = weight, .d_output = d_output};
  call.result = d_input;
  set_units(&call);
  return run(&call, push_units, z->group_outputs, 1, floats(z->area * z->group_outputs), 0, set_backward_terms);
}

HeedStatus heed_convolution_depthwise_weight_backward(const HeedConvolutionShape *shape, const HeedConvolutionSizes *z, const float *input,
                                                      const float *d_output, float *d_weight) {
  Call call = {.plan = heed_convolution_depthwise_plan(shape, z, false), .shape = shape, .z = z, .input = input, .d_output = d_output};
  call.result = d_weight;
  call.units = call.plan.blocks, call.task_units = 1;
  const size_t weights = call.plan.block * z->group_outputs * z->area;
  return run(&call, sum_block, phases(&call.plan), z->group_outputs, floats(weights * HEED_SHIFTED_LANES),
             heed_round_up(weights * sizeof(double), 64), set_forward_offsets);
}

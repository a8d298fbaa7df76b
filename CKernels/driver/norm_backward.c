// Norms backward: checks, one task per chunk of HEED_NORM_CHUNK rows. The chunks' sums for the weight and bias gradients are added in the
// order of the rows, WAVE_CHUNKS of them at a time, so that scratch does not grow with the rows.

#include "checks/norm_checks.h"
#include "heed/norm.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

#define WAVE_CHUNKS       64   // whose sums are held at a time: tasks for many cores, and scratch that does not grow with the rows
#define MERGE_COLUMNS     256  // of a task that adds them up: 128 KiB of float64, in the second-level cache
#define FLOPS_PER_ELEMENT 30.0 // over all passes over its row, the gradients' sums included

typedef struct Call {
  const HeedKernels *kernels;
  const HeedNormShape *shape;
  const HeedNormBackwardInputs *inputs;
  const HeedNormGradients *gradients;
  size_t first_chunk, chunks; // of this wave
  size_t padded;              // columns, filled up to whole vectors
  double *sums;               // [WAVE_CHUNKS][weight, bias][padded], or null
  double *totals;             // [weight, bias][padded]
} Call;

static void norm_chunk(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedNormShape *s = call->shape;
  const HeedNormBackwardInputs *in = call->inputs;
  const HeedNormGradients *out = call->gradients;
  const size_t first = (call->first_chunk + task) * HEED_NORM_CHUNK, left = s->rows - first;
  const ptrdiff_t r = (ptrdiff_t)first;
  double *sums = call->sums ? call->sums + task * 2 * call->padded : NULL;
  const HeedNormChunk chunk = {
      .kind = s->kind,
      .rows = heed_size_min(left, HEED_NORM_CHUNK),
      .columns = s->columns,
      .sum = in->sum + r * s->sum_row,
      .sum_row = s->sum_row,
      .weight = in->weight,
      .statistics = in->statistics + first * HEED_NORM_STATISTICS,
      .d_output = in->d_output + r * s->d_output_row,
      .d_output_row = s->d_output_row,
      .d_sum = in->d_sum ? in->d_sum + r * s->d_sum_row : NULL,
      .d_sum_row = s->d_sum_row,
      .d_input = out->d_input ? out->d_input + r * s->d_input_row : NULL,
      .d_input_row = s->d_input_row,
      .weight_sums = out->d_weight ? sums : NULL,
      .bias_sums = out->d_bias ? sums + call->padded : NULL,
  };
  call->kernels->norm.backward_chunk(&chunk);
}

// Adds the wave's chunks to the totals, chunk after chunk.
static void merge_columns(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const size_t first = task * MERGE_COLUMNS, left = call->padded - first, end = first + heed_size_min(left, MERGE_COLUMNS);
  for (int kind = 0; kind < 2; kind++) {
    if (!(kind ? call->gradients->d_bias : call->gradients->d_weight)) continue;
    double *totals = call->totals + (size_t)kind * call->padded;
    for (size_t c = 0; c < call->chunks; c++) {
      const double *sums = call->sums + (2 * c + (size_t)kind) * call->padded;
      for (size_t j = first; j < end; j++) totals[j] += sums[j];
    }
  }
}

static void store_gradient(const HeedNormShape *s, const double *totals, float *gradient) {
  for (size_t j = 0; gradient && j < s->columns; j++) gradient[j] = (float)(s->accumulate ? (double)gradient[j] + totals[j] : totals[j]);
}

// Every chunk, a wave at a time where there are sums to merge.
static void run_chunks(Call *call) {
  const HeedNormShape *s = call->shape;
  const size_t all = heed_divide_up(s->rows, HEED_NORM_CHUNK), wave = call->sums ? WAVE_CHUNKS : all;
  const double chunk_flops = FLOPS_PER_ELEMENT * HEED_NORM_CHUNK * (double)s->columns;
  for (; call->first_chunk < all; call->first_chunk += call->chunks) {
    call->chunks = heed_size_min(all - call->first_chunk, wave);
    heed_parallel_shares(call->chunks, heed_parallel_width(call->chunks, chunk_flops * (double)call->chunks), norm_chunk, call);
    if (!call->sums) continue;
    const size_t tasks = heed_divide_up(call->padded, MERGE_COLUMNS);
    heed_parallel_shares(tasks, heed_parallel_width(tasks, 2.0 * (double)call->chunks * (double)call->padded), merge_columns, call);
  }
}

HeedStatus heed_norm_backward(const HeedNormShape *shape, const HeedNormBackwardInputs *inputs, const HeedNormGradients *gradients) {
  HEED_ENTRY();
  const HeedStatus status = heed_norm_check_backward(shape, inputs, gradients);
  if (status != HeedStatusOk) return status;
  if (shape->columns == 0 || (shape->rows == 0 && shape->accumulate)) return HeedStatusOk;
  if (shape->rows > 0 && !inputs->statistics) return HeedStatusBadArgument;
  Call call = {.kernels = heed_kernels(), .shape = shape, .inputs = inputs, .gradients = gradients};
  if (!gradients->d_weight && !gradients->d_bias) {
    run_chunks(&call);
    return HeedStatusOk;
  }
  call.padded = heed_round_up(shape->columns, 16);
  const size_t row = heed_size_product(call.padded, 2 * sizeof(double));
  call.totals = heed_scratch_push(heed_size_product(row, WAVE_CHUNKS + 1));
  if (!call.totals) return HeedStatusOutOfMemory;
  call.sums = call.totals + 2 * call.padded;
  for (size_t j = 0; j < 2 * call.padded; j++) call.totals[j] = 0;
  run_chunks(&call);
  store_gradient(shape, call.totals, gradients->d_weight);
  store_gradient(shape, call.totals + call.padded, gradients->d_bias);
  heed_scratch_pop(call.totals);
  return HeedStatusOk;
}

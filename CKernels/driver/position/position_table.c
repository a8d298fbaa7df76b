// Tables of sines and cosines of positions. A task is a block of BLOCK positions that begins at a multiple of it, whatever the first
// position asked for: the first row of a block by the library's functions, each other row by turning the one before by one step, in
// float64. So the bits of a row do not depend on which others are worked out.

#include "driver/position/position_table.h"

#include <math.h>

#include "runtime/scratch.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

#define BLOCK            64   // positions per task, which begins with a sine and a cosine in float64 per pair and continues by rotations
#define FLOPS_PER_NUMBER 20.0 // a rotation in float64, and its share of the block's beginning

typedef struct Call {
  const HeedKernels *kernels;
  const HeedPositionTable *description;
  float *table;
  size_t pairs;
  int64_t first_block;
  double *frequency, *step_cosine, *step_sine; // [pairs]
  double *angles;                              // [workers][cosine, sine][pairs]
} Call;

static void store_row(const Call *call, const double *cosine, const double *sine, float *row) {
  const size_t columns = call->description->columns;
  if (call->description->blocks) {
    for (size_t i = 0; i < call->pairs; i++) row[i] = (float)cosine[i], row[call->pairs + i] = (float)sine[i];
    return;
  }
  for (size_t i = 0; i < columns / 2; i++) row[2 * i] = (float)sine[i], row[2 * i + 1] = (float)cosine[i];
  if (columns % 2) row[columns - 1] = (float)sine[columns / 2];
}

static void fill_block(void *context, size_t task, size_t worker) {
  const Call *call = context;
  const HeedPositionTable *d = call->description;
  double *cosine = call->angles + 2 * worker * call->pairs, *sine = cosine + call->pairs;
  const int64_t begin = (call->first_block + (int64_t)task) * BLOCK, end = d->first_position + (int64_t)d->length;
  for (size_t i = 0; i < call->pairs; i++) {
    const double angle = (double)begin * call->frequency[i];
    cosine[i] = cos(angle);
    sine[i] = sin(angle);
  }
  const HeedPositionAngles angles = {call->pairs, cosine, sine, call->step_cosine, call->step_sine};
  for (int64_t p = begin; p < begin + BLOCK && p < end; p++) {
    if (p > begin) call->kernels->position.advance(&angles);
    if (p >= d->first_position) store_row(call, cosine, sine, call->table + (size_t)(p - d->first_position) * d->columns);
  }
}

bool heed_position_table_fill(const HeedPositionTable *description, float *table) {
  const HeedPositionTable *d = description;
  if (d->length == 0 || d->columns == 0) return true;
  Call call = {.kernels = heed_kernels(), .description = d, .table = table, .pairs = d->columns / 2 + d->columns % 2};
  call.first_block = d->first_position / BLOCK;
  const size_t blocks = (size_t)((d->first_position + (int64_t)d->length - 1) / BLOCK - call.first_block) + 1;
  const size_t width = heed_parallel_width(blocks, FLOPS_PER_NUMBER * (double)d->length * (double)d->columns);
  call.frequency = heed_scratch_push(heed_size_product(heed_size_product(call.pairs, sizeof(double)), 3 + 2 * width));
  if (!call.frequency) return false;
  call.step_cosine = call.frequency + call.pairs;
  call.step_sine = call.step_cosine + call.pairs;
  call.angles = call.step_sine + call.pairs;
  for (size_t i = 0; i < call.pairs; i++) {
    call.frequency[i] = pow(d->base, -2.0 * (double)i / (double)d->columns);
    call.step_cosine[i] = cos(call.frequency[i]);
    call.step_sine[i] = sin(call.frequency[i]);
  }
  heed_parallel_for(blocks, width, fill_block, &call);
  heed_scratch_pop(call.frequency);
  return true;
}

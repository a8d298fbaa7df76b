// Reductions: checks, and one task per few results or, where results are few, a stretch of blocks of one.
//
// Both ways every block's result is a float, and the blocks of a result are added in order in float64, so the bits are the same.

#include <limits.h>
#include <math.h>
#include <string.h>

#include "checks/arithmetic_checks.h"
#include "heed/arithmetic.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/tasks.h"
#include "table/dispatch.h"

#define BLOCK             HEED_ARITHMETIC_BLOCK
#define COLUMNS           HEED_ARITHMETIC_COLUMNS
#define TASKS_WANTED      16  // with fewer the blocks of a result are tasks of their own; they are even and cheap, so more than elsewhere
#define FLOPS_PER_ELEMENT 5.0 // half of HEED_STREAM_FLOPS: one operand is read, next to nothing written

// Axes of one kind (kept or reduced), joined.
typedef struct Axes {
  size_t axes, count;
  size_t size[HEED_ARITHMETIC_AXES];
  ptrdiff_t input[HEED_ARITHMETIC_AXES], output[HEED_ARITHMETIC_AXES];
} Axes;

typedef struct Call {
  const HeedKernels *kernels;
  HeedArithmeticReduction reduction;
  bool argument; // the position of the largest is asked for
  Axes kept, reduced;
  const float *input;
  void *output;
  bool by_columns;          // the last kept axis is contiguous: COLUMNS results at a time
  size_t units, task_units; // groups of results: COLUMNS of the last kept axis, or one
  size_t unit_columns, column_units;
  size_t blocks;
  bool split; // blocks are tasks
  size_t task_blocks, block_tasks;
  float *partial; // [kept][blocks] where split
} Call;

static Axes joined(const HeedArithmeticReduce *s, bool reduced) {
  Axes j = {.axes = 0, .count = 1};
  for (size_t i = 0; i < s->axes; i++) {
    if (s->reduced[i] != reduced || s->size[i] == 1) continue;
    const ptrdiff_t size = (ptrdiff_t)s->size[i];
    j.count *= s->size[i];
    const size_t last = j.axes - 1;
    const bool continues = j.axes > 0 && j.input[last] == s->input[i] * size && (reduced || j.output[last] == s->output[i] * size);
    const size_t place = continues ? last : j.axes++;
    j.size[place] = continues ? j.size[place] * s->size[i] : s->size[i];
    j.input[place] = s->input[i], j.output[place] = reduced ? 0 : s->output[i];
  }
  if (j.axes == 0) j = (Axes){.axes = 1, .count = 1, .size = {1}, .input = {1}, .output = {1}};
  return j;
}

static ptrdiff_t offset_of(const Axes *x, const ptrdiff_t *stride, size_t position) {
  ptrdiff_t offset = 0;
  for (size_t axis = x->axes; axis-- > 0; position /= x->size[axis]) offset += (ptrdiff_t)(position % x->size[axis]) * stride[axis];
  return offset;
}

// The offsets of `count` reduced elements from `first` on.
static void list_offsets(const Axes *x, size_t first, size_t count, ptrdiff_t *offsets) {
  const size_t last = x->axes - 1;
  for (size_t i = 0; i < count;) {
    const size_t within = (first + i) % x->size[last], left = x->size[last] - within, run = heed_size_min(count - i, left);
    const ptrdiff_t start = offset_of(x, x->input, first + i);
    for (size_t r = 0; r < run; r++) offsets[i + r] = start + (ptrdiff_t)r * x->input[last];
    i += run;
  }
}

// A block of reduced elements, contiguous: in place, or gathered.
static const float *contiguous_block(const Call *call, const float *input, size_t first, size_t count, float *copy) {
  const Axes *x = &call->reduced;
  const size_t last = x->axes - 1;
  if (x->axes == 1 && x->input[0] == 1) return input + first;
  for (size_t i = 0; i < count;) {
    const size_t within = (first + i) % x->size[last], left = x->size[last] - within, run = heed_size_min(count - i, left);
    const float *from = input + offset_of(x, x->input, first + i);
    if (x->input[last] == 1)
      memcpy(copy + i, from, run * sizeof(float));
    else
      for (size_t r = 0; r < run; r++) copy[i + r] = from[(ptrdiff_t)r * x->input[last]];
    i += run;
  }
  return copy;
}

static size_t block_count(const Call *call, size_t block) {
  const size_t first = block * BLOCK;
  return call->reduced.count - first < BLOCK ? call->reduced.count - first : BLOCK;
}

// The block's results for the unit's columns.
static void reduce_block(const Call *call, const float *input, size_t columns, size_t block, float *result) {
  const size_t count = block_count(call, block);
  if (call->by_columns) {
    ptrdiff_t offsets[BLOCK];
    list_offsets(&call->reduced, block * BLOCK, count, offsets);
    call->kernels->arithmetic.reduce_columns(call->reduction, count, input, offsets, columns, result);
  } else {
    float copy[BLOCK];
    result[0] = call->kernels->arithmetic.reduce_line(call->reduction, count, contiguous_block(call, input, block * BLOCK, count, copy));
  }
}

static double join(HeedArithmeticReduction reduction, double a, double b) {
  switch (reduction) {
  case HeedArithmeticReductionMaximum:
    return a != a || a > b ? a : b;
  case HeedArithmeticReductionMinimum:
    return a != a || a < b ? a : b;
  case HeedArithmeticReductionSum:
  case HeedArithmeticReductionMean:
    break;
  }
  return a + b;
}

static double start(HeedArithmeticReduction reduction) {
  return reduction == HeedArithmeticReductionMaximum ? -INFINITY : reduction == HeedArithmeticReductionMinimum ? INFINITY : 0;
}

static float finish(const Call *call, double joined_blocks) {
  return (float)(call->reduction == HeedArithmeticReductionMean ? joined_blocks / (double)call->reduced.count : joined_blocks);
}

// The first result of a unit, numbered row-major over the kept axes.
static size_t unit_result(const Call *call, size_t unit) {
  if (!call->by_columns) return unit;
  const size_t line = call->kept.size[call->kept.axes - 1];
  return unit / call->column_units * line + unit % call->column_units * COLUMNS;
}

static size_t unit_columns(const Call *call, size_t unit) {
  if (!call->by_columns) return 1;
  const size_t line = call->kept.size[call->kept.axes - 1], first = unit % call->column_units * COLUMNS;
  return line - first < COLUMNS ? line - first : COLUMNS;
}

static void store(const Call *call, size_t result, const double *sums, size_t columns) {
  const Axes *kept = &call->kept;
  float *output = (float *)call->output + offset_of(kept, kept->output, result);
  for (size_t j = 0; j < columns; j++) output[(ptrdiff_t)j * kept->output[kept->axes - 1]] = finish(call, sums[j]);
}

static void reduce_units(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const size_t first = task * call->task_units, end = first + heed_size_min(call->units - first, call->task_units);
  for (size_t unit = first; unit < end; unit++) {
    const size_t result = unit_result(call, unit), columns = unit_columns(call, unit);
    const float *input = call->input ? call->input + offset_of(&call->kept, call->kept.input, result) : NULL; // a sum of nothing
    double sums[COLUMNS];
    for (size_t j = 0; j < columns; j++) sums[j] = start(call->reduction);
    for (size_t block = 0; block < call->blocks; block++) {
      float part[COLUMNS];
      reduce_block(call, input, columns, block, part);
      for (size_t j = 0; j < columns; j++) sums[j] = join(call->reduction, sums[j], (double)part[j]);
    }
    store(call, result, sums, columns);
  }
}

static void reduce_blocks(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const size_t unit = task / call->block_tasks, first = task % call->block_tasks * call->task_blocks;
  const size_t end = first + heed_size_min(call->blocks - first, call->task_blocks);
  const size_t result = unit_result(call, unit), columns = unit_columns(call, unit);
  const float *input = call->input + offset_of(&call->kept, call->kept.input, result);
  for (size_t block = first; block < end; block++) {
    float part[COLUMNS];
    reduce_block(call, input, columns, block, part);
    for (size_t j = 0; j < columns; j++) call->partial[(result + j) * call->blocks + block] = part[j];
  }
}

static void join_partials(const Call *call) {
  for (size_t result = 0; result < call->kept.count; result++) {
    double sum = start(call->reduction);
    for (size_t block = 0; block < call->blocks; block++)
      sum = join(call->reduction, sum, (double)call->partial[result * call->blocks + block]);
    store(call, result, &sum, 1);
  }
}

static void find_largest(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const size_t first = task * call->task_units, end = first + heed_size_min(call->units - first, call->task_units);
  for (size_t unit = first; unit < end; unit++) {
    const float *input = call->input + offset_of(&call->kept, call->kept.input, unit);
    float best = -INFINITY, copy[BLOCK];
    size_t place = 0;
    for (size_t block = 0; block < call->blocks && best == best; block++) {
      const size_t count = block_count(call, block);
      const float *x = contiguous_block(call, input, block * BLOCK, count, copy);
      const float largest = call->kernels->arithmetic.reduce_line(HeedArithmeticReductionMaximum, count, x);
      if (largest <= best) continue;
      size_t i = 0;
      while (largest != largest ? x[i] == x[i] : x[i] != largest) i++;
      best = largest, place = block * BLOCK + i;
    }
    *((int32_t *)call->output + offset_of(&call->kept, call->kept.output, unit)) = (int32_t)place;
  }
}

static HeedStatus run(Call *call, const HeedArithmeticReduce *shape) {
  const bool is_sum = !call->argument && (call->reduction == HeedArithmeticReductionSum || call->reduction == HeedArithmeticReductionMean);
  size_t kept, reduced;
  const HeedStatus status = heed_arithmetic_check_reduce(shape, is_sum, call->input, call->output, sizeof(float), &kept, &reduced);
  if (status != HeedStatusOk || kept == 0) return status;
  if (call->argument && reduced > INT32_MAX) return HeedStatusBadShape;
  call->kernels = heed_kernels();
  call->kept = joined(shape, false);
  call->reduced = joined(shape, true);
  const size_t last = call->kept.axes - 1, line = call->kept.size[last];
  call->by_columns = !call->argument && call->kept.input[last] == 1 && line > 1;
  // A line that is contiguous itself is read faster that way unless results fill the lanes.
  if (call->reduced.axes == 1 && call->reduced.input[0] == 1 && line < call->kernels->lanes) call->by_columns = false;
  call->column_units = call->by_columns ? heed_divide_up(line, COLUMNS) : 1;
  call->units = call->by_columns ? kept / line * call->column_units : kept;
  call->blocks = heed_divide_up(reduced, BLOCK);
  const size_t unit_elements = heed_size_product(reduced ? reduced : 1, call->by_columns ? COLUMNS : 1);
  call->task_units = heed_task_rows(unit_elements);
  size_t tasks = heed_divide_up(call->units, call->task_units);
  const double work = FLOPS_PER_ELEMENT * (double)kept * (double)(reduced + 1);
  call->split = !call->argument && tasks < TASKS_WANTED && call->blocks > 1 && heed_parallel_width(TASKS_WANTED, work) > 1;
  if (call->split) {
    call->task_blocks = call->by_columns ? 1 : HEED_TASK_ELEMENTS / BLOCK;
    call->block_tasks = heed_divide_up(call->blocks, call->task_blocks);
    tasks = call->units * call->block_tasks;
    call->partial = heed_scratch_push(heed_size_product(heed_size_product(kept, call->blocks), sizeof(float)));
    if (!call->partial) return HeedStatusOutOfMemory;
  }
  heed_parallel_for(tasks, heed_parallel_width(tasks, work),
                    call->argument ? find_largest
                    : call->split  ? reduce_blocks
                                   : reduce_units,
                    call);
  if (call->split) {
    join_partials(call);
    heed_scratch_pop(call->partial);
  }
  return HeedStatusOk;
}

HeedStatus heed_arithmetic_reduce(const HeedArithmeticReduce *shape, HeedArithmeticReduction reduction, const float *input, float *output) {
  HEED_ENTRY();
  if ((unsigned)reduction >= HEED_ARITHMETIC_REDUCTION_COUNT) return HeedStatusBadArgument;
  return run(&(Call){.reduction = reduction, .input = input, .output = output}, shape);
}

HeedStatus heed_arithmetic_arg_maximum(const HeedArithmeticReduce *shape, const float *input, int32_t *output) {
  HEED_ENTRY();
  return run(&(Call){.reduction = HeedArithmeticReductionMaximum, .argument = true, .input = input, .output = output}, shape);
}

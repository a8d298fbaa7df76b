// Gather and scatter along an axis: checks (every index, before anything is written), then one task per stretch that has one owner.

#include <string.h>

#include "checks/array_checks.h"
#include "heed/arithmetic.h"
#include "runtime/bad_index.h"
#include "runtime/profile.h"
#include "runtime/threads/tasks.h"
#include "table/dispatch.h"

#define SCATTER_COLUMNS 256 // of a task's part of the inner axis: whole cache lines, that no other task touches

typedef struct Call {
  const HeedKernels *kernels;
  const HeedArithmeticGather *shape;
  const float *source;
  const int32_t *index;
  float *target;
  size_t task_rows, inner_tasks;
} Call;

static const int32_t *index_at(const Call *call, size_t o, size_t j) {
  const HeedArithmeticGather *s = call->shape;
  return call->index + (ptrdiff_t)o * s->index_outer + (ptrdiff_t)j * s->index_axis;
}

static void gather_rows(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedArithmeticGather *s = call->shape;
  const size_t rows = s->outer * s->count, first = task * call->task_rows, end = first + heed_size_min(rows - first, call->task_rows);
  for (size_t row = first; row < end; row++) {
    const size_t o = row / s->count, j = row % s->count;
    const int32_t *index = index_at(call, o, j);
    const float *array = call->source + (ptrdiff_t)o * s->array_outer;
    float *taken = call->target + (ptrdiff_t)o * s->taken_outer + (ptrdiff_t)j * s->taken_axis;
    if (s->index_inner == 0 && s->array_inner == 1 && s->taken_inner == 1) {
      memcpy(taken, array + *index * s->array_axis, s->inner * sizeof(float));
      continue;
    }
    for (size_t i = 0; i < s->inner; i++)
      taken[(ptrdiff_t)i * s->taken_inner] = array[(ptrdiff_t)i * s->array_inner + index[(ptrdiff_t)i * s->index_inner] * s->array_axis];
  }
}

static void scatter_columns(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedArithmeticGather *s = call->shape;
  const size_t o = task / call->inner_tasks, first = task % call->inner_tasks * SCATTER_COLUMNS;
  const size_t columns = heed_size_min(s->inner - first, SCATTER_COLUMNS);
  float *array = call->target + (ptrdiff_t)o * s->array_outer + (ptrdiff_t)first * s->array_inner;
  for (size_t j = 0; j < s->count; j++) {
    const int32_t *index = index_at(call, o, j) + (ptrdiff_t)first * s->index_inner;
    const float *taken = call->source + (ptrdiff_t)o * s->taken_outer + (ptrdiff_t)j * s->taken_axis + (ptrdiff_t)first * s->taken_inner;
    if (s->index_inner == 0) {
      float *row = array + *index * s->array_axis;
      const HeedArithmeticBlock block = {.rows = 1,
                                         .columns = columns,
                                         .a = row,
                                         .b = taken,
                                         .output = row,
                                         .a_column = s->array_inner,
                                         .b_column = s->taken_inner,
                                         .output_column = s->array_inner};
      call->kernels->arithmetic.forward(HeedArithmeticAdd, &block);
      continue;
    }
    for (size_t i = 0; i < columns; i++)
      array[(ptrdiff_t)i * s->array_inner + index[(ptrdiff_t)i * s->index_inner] * s->array_axis] += taken[(ptrdiff_t)i * s->taken_inner];
  }
}

// An index that is shared along an axis has one place there.
static HeedStatus check_indices(const HeedArithmeticGather *s, const int32_t *index) {
  const size_t outer = s->index_outer ? s->outer : 1, count = s->index_axis ? s->count : 1, inner = s->index_inner ? s->inner : 1;
  for (size_t o = 0; o < outer; o++)
    for (size_t j = 0; j < count; j++)
      for (size_t i = 0; i < inner; i++) {
        const int32_t value = index[(ptrdiff_t)o * s->index_outer + (ptrdiff_t)j * s->index_axis + (ptrdiff_t)i * s->index_inner];
        if (value < 0 || (size_t)value >= s->extent) return heed_bad_index("index", value, (o * count + j) * inner + i, s->extent);
      }
  return HeedStatusOk;
}

static HeedStatus check(const HeedArithmeticGather *s, const void *array, const int32_t *index, const void *taken, bool scatters) {
  if (!s) return HeedStatusBadArgument;
  const HeedArray a = {3, {s->outer, s->extent, s->inner}, {s->array_outer, s->array_axis, s->array_inner}},
                  t = {3, {s->outer, s->count, s->inner}, {s->taken_outer, s->taken_axis, s->taken_inner}},
                  i = {3, {s->outer, s->count, s->inner}, {s->index_outer, s->index_axis, s->index_inner}};
  if (!heed_array_sizes_fit(&a) || !heed_array_sizes_fit(&t)) return HeedStatusBadShape;
  if (heed_array_is_empty(&t)) return HeedStatusOk;
  if (!heed_array_strides_fit(&a, sizeof(float), scatters) || !heed_array_strides_fit(&t, sizeof(float), !scatters) ||
      !heed_array_distances_fit(&i, sizeof(int32_t)))
    return HeedStatusBadStride;
  if (!index || !taken) return HeedStatusBadArgument;
  const HeedStatus status = check_indices(s, index); // first: an array of no extent may be null
  return status == HeedStatusOk && !array ? HeedStatusBadArgument : status;
}

HeedStatus heed_arithmetic_gather(const HeedArithmeticGather *shape, const float *array, const int32_t *index, float *taken) {
  HEED_ENTRY();
  const HeedStatus status = check(shape, array, index, taken, false);
  if (status != HeedStatusOk || !shape->outer || !shape->count || !shape->inner) return status;
  Call call = {.shape = shape, .source = array, .index = index, .target = taken};
  call.task_rows = heed_task_rows(shape->inner);
  const size_t rows = shape->outer * shape->count, tasks = heed_divide_up(rows, call.task_rows);
  const double work = HEED_STREAM_FLOPS * (double)rows * (double)shape->inner;
  heed_parallel_for(tasks, heed_parallel_width(tasks, work), gather_rows, &call);
  return HeedStatusOk;
}

HeedStatus heed_arithmetic_scatter_add(const HeedArithmeticGather *shape, const float *taken, const int32_t *index, float *array) {
  HEED_ENTRY();
  const HeedStatus status = check(shape, array, index, taken, true);
  if (status != HeedStatusOk || !shape->outer || !shape->count || !shape->inner) return status;
  Call call = {.kernels = heed_kernels(), .shape = shape, .source = taken, .index = index, .target = array};
  call.inner_tasks = heed_divide_up(shape->inner, SCATTER_COLUMNS);
  const size_t tasks = shape->outer * call.inner_tasks;
  const double work = HEED_STREAM_FLOPS * (double)shape->outer * (double)shape->count * (double)shape->inner;
  heed_parallel_for(tasks, heed_parallel_width(tasks, work), scatter_columns, &call);
  return HeedStatusOk;
}

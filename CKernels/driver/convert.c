// Conversion of numbers: checks, one task per stretch of elements.

#include "heed/convert.h"

#include "runtime/profile.h"
#include "runtime/threads/tasks.h"
#include "table/dispatch.h"

#define TASK_ELEMENTS (4 * HEED_TASK_ELEMENTS) // half of them of 2 bytes, and less work for each than anywhere else

typedef struct Call {
  const HeedKernels *kernels;
  size_t count;
  const float *from_f32;
  uint16_t *to_bf16;
  const uint16_t *from_bf16;
  float *to_f32;
} Call;

static void convert(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const size_t first = task * TASK_ELEMENTS, left = call->count - first, count = heed_size_min(left, TASK_ELEMENTS);
  if (call->from_f32)
    call->kernels->convert.f32_to_bf16(count, call->from_f32 + first, call->to_bf16 + first);
  else
    call->kernels->convert.bf16_to_f32(count, call->from_bf16 + first, call->to_f32 + first);
}

static HeedStatus run(Call *call, const void *input, const void *output) {
  if (call->count == 0) return HeedStatusOk;
  if (!input || !output) return HeedStatusBadArgument;
  if (call->count > PTRDIFF_MAX / sizeof(float)) return HeedStatusBadShape;
  const size_t tasks = heed_divide_up(call->count, TASK_ELEMENTS);
  heed_parallel_for(tasks, heed_parallel_width(tasks, HEED_STREAM_FLOPS * (double)call->count), convert, call);
  return HeedStatusOk;
}

HeedStatus heed_convert_f32_to_bf16(size_t count, const float *input, uint16_t *output) {
  HEED_ENTRY();
  return run(&(Call){.kernels = heed_kernels(), .count = count, .from_f32 = input, .to_bf16 = output}, input, output);
}

HeedStatus heed_convert_bf16_to_f32(size_t count, const uint16_t *input, float *output) {
  HEED_ENTRY();
  return run(&(Call){.kernels = heed_kernels(), .count = count, .from_bf16 = input, .to_f32 = output}, input, output);
}

// Activation functions: checks, one task a stretch of elements.

#include "activation.h"

#include "dispatch.h"
#include "parallel.h"

#define TASK_ELEMENTS     16384
#define FLOPS_PER_ELEMENT 40.0 // of a usual one, for the choice of how many cores are worth it

typedef struct Call {
  const HeedKernels *kernels;
  HeedActivation activation;
  size_t count;
  const float *input;
  float *output;
} Call;

static void apply(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const size_t first = task * TASK_ELEMENTS, left = call->count - first;
  call->kernels->activation_forward(call->activation, left < TASK_ELEMENTS ? left : TASK_ELEMENTS, call->input + first,
                                    call->output + first);
}

HeedStatus heed_activation_forward(HeedActivation activation, size_t count, const float *input, float *output) {
  if ((unsigned)activation >= HEED_ACTIVATION_COUNT) return HeedStatusBadArgument;
  if (count == 0) return HeedStatusOk;
  if (!input || !output) return HeedStatusBadArgument;
  if (count > PTRDIFF_MAX / sizeof(float)) return HeedStatusBadShape;
  Call call = {heed_kernels(), activation, count, input, output};
  const size_t tasks = (count - 1) / TASK_ELEMENTS + 1;
  heed_parallel_for(tasks, heed_parallel_width(tasks, FLOPS_PER_ELEMENT * (double)count), apply, &call);
  return HeedStatusOk;
}

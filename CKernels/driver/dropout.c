// Dropout: checks, one task per stretch of elements.

#include "heed/dropout.h"

#include "driver/random_tasks.h"
#include "runtime/profile.h"

typedef struct Call {
  const HeedRandomKernels *kernels;
  const HeedRandom *random;
  float p, factor;
  size_t count;
  const float *input;
  float *output;
} Call;

static void drop(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedRandomTask t = heed_random_task(call->random, call->count, task);
  call->kernels->dropout(&t.random, call->p, call->factor, t.count, call->input + t.first, call->output + t.first);
}

HeedStatus heed_dropout_forward(const HeedRandom *random, float p, size_t count, const float *input, float *output) {
  HEED_ENTRY();
  if (!random || !(p >= 0 && p <= 1)) return HeedStatusBadArgument;
  if (count == 0) return HeedStatusOk;
  if (!input || !output) return HeedStatusBadArgument;
  if (count > PTRDIFF_MAX / sizeof(float)) return HeedStatusBadShape;
  Call call = {&heed_kernels()->random, random, p, heed_dropout_factor(p), count, input, output};
  const size_t tasks = heed_random_tasks(count);
  heed_parallel_for(tasks, heed_parallel_width(tasks, 30.0 * (double)count), drop, &call);
  return HeedStatusOk;
}

// Random numbers: checks, one task per stretch of whole blocks.

#include "heed/random.h"

#include <math.h>

#include "driver/random_tasks.h"
#include "runtime/profile.h"

typedef struct Call {
  const HeedRandomKernels *kernels;
  const HeedRandom *random;
  size_t count;
  float first, second; // low and high, mean and standard standard_deviation, or p
  void *output;
} Call;

static void draw_bits(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedRandomTask t = heed_random_task(call->random, call->count, task);
  call->kernels->bits(&t.random, t.count, (uint32_t *)call->output + t.first);
}

static void draw_uniform(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedRandomTask t = heed_random_task(call->random, call->count, task);
  call->kernels->uniform(&t.random, call->first, call->second, t.count, (float *)call->output + t.first);
}

static void draw_normal(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedRandomTask t = heed_random_task(call->random, call->count, task);
  call->kernels->normal(&t.random, call->first, call->second, t.count, (float *)call->output + t.first);
}

static HeedStatus draw(const HeedRandom *random, float first, float second, size_t count, void *output, HeedTask task, double flops) {
  if (count == 0) return HeedStatusOk;
  if (!output) return HeedStatusBadArgument;
  if (count > PTRDIFF_MAX / sizeof(float)) return HeedStatusBadShape;
  Call call = {&heed_kernels()->random, random, count, first, second, output};
  const size_t tasks = heed_random_tasks(count);
  heed_parallel_for(tasks, heed_parallel_width(tasks, flops * (double)count), task, &call);
  return HeedStatusOk;
}

HeedStatus heed_random_bits(const HeedRandom *random, size_t count, uint32_t *output) {
  HEED_ENTRY();
  if (!random) return HeedStatusBadArgument;
  return draw(random, 0, 0, count, output, draw_bits, 30);
}

HeedStatus heed_random_uniform(const HeedRandom *random, float low, float high, size_t count, float *output) {
  HEED_ENTRY();
  if (!random || !(low <= high) || !isfinite(low) || !isfinite(high) || !isfinite(high - low)) return HeedStatusBadArgument;
  return draw(random, low, high, count, output, draw_uniform, 30);
}

HeedStatus heed_random_normal(const HeedRandom *random, float mean, float standard_deviation, size_t count, float *output) {
  HEED_ENTRY();
  if (!random || !isfinite(mean) || !isfinite(standard_deviation) || standard_deviation < 0) return HeedStatusBadArgument;
  return draw(random, mean, standard_deviation, count, output, draw_normal, 100);
}

// Optimisers' steps: checks, coefficients in float64, one task a chunk of a parameter.

#include "checks/optimizer_checks.h"
#include "driver/optimizer/optimizer_chunks.h"
#include "runtime/profile.h"
#include "table/dispatch.h"

typedef struct Call {
  const HeedOptimizerKernels *kernels;
  const HeedParameterSpan *spans;
  HeedChunks chunks;
  HeedSgdStep sgd;
  HeedAdamStep adam;
} Call;

static HeedParameterSpan part_of(const Call *call, size_t task) {
  const size_t i = heed_chunk_span(&call->chunks, task);
  const HeedParameterSpan *x = call->spans + i;
  const HeedChunk c = heed_chunk(&call->chunks, task, i, x->count);
  return (HeedParameterSpan){
      .count = c.count,
      .value = x->value + c.begin,
      .gradient = x->gradient + c.begin,
      .first = x->first ? x->first + c.begin : NULL,
      .second = x->second ? x->second + c.begin : NULL,
      .largest = x->largest ? x->largest + c.begin : NULL,
  };
}

static void step_sgd(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedParameterSpan part = part_of(call, task);
  call->kernels->sgd(&call->sgd, &part);
}

static void step_adam(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedParameterSpan part = part_of(call, task);
  call->kernels->adam(&call->adam, &part);
}

// `first`, `second`, `largest`: which moments are needed.
static HeedStatus check_spans(size_t count, const HeedParameterSpan *spans, bool first, bool second, bool largest) {
  if (count > 0 && !spans) return HeedStatusBadArgument;
  for (size_t i = 0; i < count; i++) {
    const HeedParameterSpan *x = spans + i;
    if (!heed_span_fits(x->count)) return HeedStatusBadShape;
    if (x->count == 0) continue;
    if (!x->value || !x->gradient || (first && !x->first) || (second && !x->second) || (largest && !x->largest))
      return HeedStatusBadArgument;
  }
  return HeedStatusOk;
}

static HeedStatus run(Call *call, size_t count, HeedTask task, double flops) {
  if (!heed_chunks_begin(&call->chunks, count)) return HeedStatusOutOfMemory;
  for (size_t i = 0; i < count; i++) heed_chunks_add(&call->chunks, call->spans[i].count);
  heed_chunks_run(&call->chunks, flops, task, call);
  heed_scratch_pop(call->chunks.first);
  return HeedStatusOk;
}

HeedStatus heed_optimizer_sgd(const HeedSgd *sgd, size_t count, const HeedParameterSpan *spans) {
  HEED_ENTRY_FLUSHING_DENORMALS();
  HeedStatus status = heed_optimizer_check_sgd(sgd);
  if (status == HeedStatusOk) status = check_spans(count, spans, sgd->momentum != 0, false, false);
  if (status != HeedStatusOk) return status;
  Call call = {.kernels = &heed_kernels()->optimizer, .spans = spans};
  call.sgd = (HeedSgdStep){
      .scale = sgd->gradient_scale,
      .decay = (float)sgd->weight_decay,
      .momentum = (float)sgd->momentum,
      .contribution = (float)(1 - sgd->dampening),
      .rate = (float)sgd->learning_rate,
      .has_momentum = sgd->momentum != 0,
      .begins = sgd->step == 1,
      .nesterov = sgd->nesterov,
  };
  return run(&call, count, step_sgd, 10);
}

HeedStatus heed_optimizer_adam(const HeedAdam *adam, size_t count, const HeedParameterSpan *spans) {
  HEED_ENTRY_FLUSHING_DENORMALS();
  HeedStatus status = heed_optimizer_check_adam(adam);
  if (status == HeedStatusOk) status = check_spans(count, spans, true, true, adam->amsgrad);
  if (status != HeedStatusOk) return status;
  Call call = {.kernels = &heed_kernels()->optimizer, .spans = spans};
  call.adam = (HeedAdamStep){
      .scale = adam->gradient_scale,
      .decay = adam->decoupled ? 0 : (float)adam->weight_decay,
      .shrink = adam->decoupled ? (float)(1 - adam->learning_rate * adam->weight_decay) : 1,
      .approach1 = (float)(1 - adam->beta1),
      .beta2 = (float)adam->beta2,
      .approach2 = (float)(1 - adam->beta2),
      .rate = (float)(adam->learning_rate / (1 - pow(adam->beta1, (double)adam->step))),
      .correction = (float)(1 / sqrt(1 - pow(adam->beta2, (double)adam->step))),
      .epsilon = (float)adam->epsilon,
      .amsgrad = adam->amsgrad,
  };
  return run(&call, count, step_adam, 20);
}

// Optimisers' steps: checks, coefficients in float64, then one task per chunk of a parameter.

#include "checks/optimizer_checks.h"
#include "driver/optimizer/optimizer_chunks.h"
#include "runtime/profile.h"
#include "table/dispatch.h"

typedef struct Call {
  const HeedOptimizerKernels *kernels;
  const HeedOptimizerParameter *spans;
  HeedOptimizerChunks chunks;
  double lr;
  bool decoupled;
  HeedOptimizerSgdStep sgd; // weight decay comes from the span
  HeedOptimizerAdamStep adam;
} Call;

static HeedOptimizerParameter part_of(const Call *call, size_t task) {
  const size_t i = heed_optimizer_chunk_span(&call->chunks, task);
  const HeedOptimizerParameter *x = call->spans + i;
  const HeedOptimizerChunk c = heed_optimizer_chunk(&call->chunks, task, i, x->count);
  return (HeedOptimizerParameter){
      .count = c.count,
      .value = x->value + c.begin,
      .gradient = x->gradient + c.begin,
      .m = x->m ? x->m + c.begin : NULL,
      .v = x->v ? x->v + c.begin : NULL,
      .v_max = x->v_max ? x->v_max + c.begin : NULL,
      .weight_decay = x->weight_decay,
  };
}

static void step_sgd(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedOptimizerParameter part = part_of(call, task);
  HeedOptimizerSgdStep step = call->sgd;
  step.weight_decay = (float)part.weight_decay;
  call->kernels->sgd(&step, &part);
}

static void step_adam(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedOptimizerParameter part = part_of(call, task);
  HeedOptimizerAdamStep step = call->adam;
  if (call->decoupled)
    step.w_scale = (float)(1 - call->lr * part.weight_decay);
  else
    step.weight_decay = (float)part.weight_decay;
  call->kernels->adam(&step, &part);
}

// `m`, `v`, `v_max`: which moments are needed.
static HeedStatus check_spans(size_t count, const HeedOptimizerParameter *spans, bool m, bool v, bool v_max) {
  if (count > 0 && !spans) return HeedStatusBadArgument;
  for (size_t i = 0; i < count; i++) {
    const HeedOptimizerParameter *x = spans + i;
    if (!heed_optimizer_span_fits(x->count)) return HeedStatusBadShape;
    if (!heed_is_amount(x->weight_decay)) return HeedStatusBadArgument;
    if (x->count == 0) continue;
    if (!x->value || !x->gradient || (m && !x->m) || (v && !x->v) || (v_max && !x->v_max)) return HeedStatusBadArgument;
  }
  return HeedStatusOk;
}

static HeedStatus run(Call *call, size_t count, HeedTask task, double flops) {
  if (!heed_optimizer_chunks_begin(&call->chunks, count)) return HeedStatusOutOfMemory;
  for (size_t i = 0; i < count; i++) heed_optimizer_chunks_add(&call->chunks, call->spans[i].count);
  heed_optimizer_chunks_run(&call->chunks, flops, task, call);
  heed_scratch_pop(call->chunks.first_task);
  return HeedStatusOk;
}

HeedStatus heed_optimizer_sgd(const HeedOptimizerSgd *sgd, size_t count, const HeedOptimizerParameter *spans) {
  HEED_ENTRY_FLUSHING_DENORMALS();
  HeedStatus status = heed_optimizer_check_sgd(sgd);
  if (status == HeedStatusOk) status = check_spans(count, spans, sgd->momentum != 0, false, false);
  if (status != HeedStatusOk) return status;
  Call call = {.kernels = &heed_kernels()->optimizer, .spans = spans};
  call.sgd = (HeedOptimizerSgdStep){
      .gradient_scale = sgd->gradient_scale,
      .momentum = (float)sgd->momentum,
      .one_minus_dampening = (float)(1 - sgd->dampening),
      .lr = (float)sgd->lr,
      .has_momentum = sgd->momentum != 0,
      .is_first = sgd->step == 1,
      .nesterov = sgd->nesterov,
  };
  return run(&call, count, step_sgd, 10);
}

HeedStatus heed_optimizer_adam(const HeedOptimizerAdam *adam, size_t count, const HeedOptimizerParameter *spans) {
  HEED_ENTRY_FLUSHING_DENORMALS();
  HeedStatus status = heed_optimizer_check_adam(adam);
  if (status == HeedStatusOk) status = check_spans(count, spans, true, true, adam->amsgrad);
  if (status != HeedStatusOk) return status;
  Call call = {.kernels = &heed_kernels()->optimizer, .spans = spans, .lr = adam->lr, .decoupled = adam->decoupled};
  call.adam = (HeedOptimizerAdamStep){
      .gradient_scale = adam->gradient_scale,
      .w_scale = 1,
      .one_minus_beta1 = (float)(1 - adam->beta1),
      .beta2 = (float)adam->beta2,
      .one_minus_beta2 = (float)(1 - adam->beta2),
      .lr_over_correction1 = (float)(adam->lr / (1 - pow(adam->beta1, (double)adam->step))),
      .one_over_root_correction2 = (float)(1 / sqrt(1 - pow(adam->beta2, (double)adam->step))),
      .eps = (float)adam->eps,
      .amsgrad = adam->amsgrad,
  };
  return run(&call, count, step_adam, 20);
}

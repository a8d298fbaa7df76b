// Elementwise losses. One task a block of HEED_LOSS_BLOCK elements, whose sums are added in order.

#include "checks/loss_checks.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

// Of an element (heed_parallel_width): two reads; an exponential and a logarithm.
#define SQUARED_FLOPS 5.0
#define BINARY_FLOPS  80.0

typedef struct Elements {
  double (*kernel)(const HeedLossElements *elements);
  const HeedLossElementwiseShape *shape;
  const HeedLossElementwiseInputs *inputs;
  const HeedLossElementwiseOutputs *outputs;
  double *sums;
} Elements;

static void block(void *context, size_t task, size_t worker) {
  (void)worker;
  const Elements *call = context;
  const HeedLossElementwiseShape *s = call->shape;
  const size_t first = task * HEED_LOSS_BLOCK, left = s->count - first;
  const bool each = s->reduction == HeedLossReductionNone;
  const HeedLossElements elements = {
      .count = heed_size_min(left, HEED_LOSS_BLOCK),
      .input = call->inputs->input + first,
      .targets = call->inputs->targets + first,
      .positive_weight = s->positive_weight,
      .factors = each && call->inputs->d_loss ? call->inputs->d_loss + first : NULL,
      .factor = each ? 1.0f : (float)heed_loss_factor(s->reduction, call->inputs->d_loss, 0, (double)s->count),
      .loss = each && call->outputs->loss ? call->outputs->loss + first : NULL,
      .d_input = call->outputs->d_input ? call->outputs->d_input + first : NULL,
  };
  call->sums[task] = call->kernel(&elements);
}

static HeedStatus run(Elements *call, double flops) {
  const HeedLossElementwiseShape *s = call->shape;
  const size_t tasks = heed_divide_up(s->count, HEED_LOSS_BLOCK);
  call->sums = heed_scratch_push(heed_size_product(tasks, sizeof(double)));
  if (!call->sums) return HeedStatusOutOfMemory;
  heed_parallel_for(tasks, heed_parallel_width(tasks, flops * (double)s->count), block, call);
  if (call->outputs->loss && s->reduction != HeedLossReductionNone) {
    double sum = 0.0;
    for (size_t i = 0; i < tasks; i++) sum += call->sums[i];
    call->outputs->loss[0] = (float)heed_loss_total(s->reduction, sum, (double)s->count);
  }
  heed_scratch_pop(call->sums);
  return HeedStatusOk;
}

HeedStatus heed_loss_binary_cross_entropy(const HeedLossElementwiseShape *shape, const HeedLossElementwiseInputs *inputs,
                                          const HeedLossElementwiseOutputs *outputs) {
  HEED_ENTRY();
  const HeedStatus status = outputs ? heed_loss_check_elementwise(shape, inputs) : HeedStatusBadArgument;
  if (status != HeedStatusOk) return status;
  Elements call = {heed_kernels()->loss.binary_cross_entropy, shape, inputs, outputs, NULL};
  return run(&call, BINARY_FLOPS);
}

HeedStatus heed_loss_squared_error(const HeedLossElementwiseShape *shape, const HeedLossElementwiseInputs *inputs,
                                   const HeedLossElementwiseOutputs *outputs) {
  HEED_ENTRY();
  const HeedStatus status = outputs ? heed_loss_check_elementwise(shape, inputs) : HeedStatusBadArgument;
  if (status != HeedStatusOk) return status;
  Elements call = {heed_kernels()->loss.squared_error, shape, inputs, outputs, NULL};
  return run(&call, SQUARED_FLOPS);
}

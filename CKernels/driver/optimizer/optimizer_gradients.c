// Gradients before a step: norm, the factor of clipping, accumulation. One task per chunk; sums of chunks are added in order afterwards.

#include "checks/optimizer_checks.h"
#include "driver/optimizer/optimizer_chunks.h"
#include "runtime/profile.h"
#include "table/dispatch.h"

typedef struct Call {
  const HeedOptimizerKernels *kernels;
  const HeedOptimizerSpan *spans, *sources;
  HeedOptimizerChunks chunks;
  float factor;
  double *sums; // of squares, a chunk each
} Call;

static HeedOptimizerChunk chunk_of(const Call *call, size_t task) {
  const size_t i = heed_optimizer_chunk_span(&call->chunks, task);
  return heed_optimizer_chunk(&call->chunks, task, i, call->spans[i].count);
}

static void square(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedOptimizerChunk c = chunk_of(call, task);
  call->sums[task] = call->kernels->sum_of_squares(c.count, call->spans[c.span].data + c.begin);
}

static void accumulate(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedOptimizerChunk c = chunk_of(call, task);
  call->kernels->accumulate(c.count, call->factor, call->sources[c.span].data + c.begin, call->spans[c.span].data + c.begin);
}

static HeedStatus check(size_t count, const HeedOptimizerSpan *spans) {
  if (count > 0 && !spans) return HeedStatusBadArgument;
  for (size_t i = 0; i < count; i++) {
    if (!heed_optimizer_span_fits(spans[i].count)) return HeedStatusBadShape;
    if (spans[i].count > 0 && !spans[i].data) return HeedStatusBadArgument;
  }
  return HeedStatusOk;
}

static HeedStatus begin(Call *call, size_t count) {
  call->kernels = &heed_kernels()->optimizer;
  if (!heed_optimizer_chunks_begin(&call->chunks, count)) return HeedStatusOutOfMemory;
  for (size_t i = 0; i < count; i++) heed_optimizer_chunks_add(&call->chunks, call->spans[i].count);
  return HeedStatusOk;
}

HeedStatus heed_optimizer_gradient_norm(size_t count, const HeedOptimizerSpan *spans, double *norm, size_t *not_finite) {
  HEED_ENTRY();
  HeedStatus status = check(count, spans);
  if (status != HeedStatusOk) return status;
  Call call = {.spans = spans};
  status = begin(&call, count);
  if (status != HeedStatusOk) return status;
  call.sums = heed_scratch_push(heed_size_product(heed_size_sum(call.chunks.tasks, 1), sizeof(double)));
  if (!call.sums) {
    heed_scratch_pop(call.chunks.first_task);
    return HeedStatusOutOfMemory;
  }
  heed_optimizer_chunks_run(&call.chunks, 4, square, &call);
  double sum = 0;
  size_t bad = count;
  for (size_t i = 0; i < count; i++)
    for (size_t task = call.chunks.first_task[i]; task < call.chunks.first_task[i + 1]; task++) {
      if (bad == count && !isfinite(call.sums[task])) bad = i;
      sum += call.sums[task];
    }
  heed_scratch_pop(call.sums);
  heed_scratch_pop(call.chunks.first_task);
  if (norm) *norm = sqrt(sum);
  if (not_finite) *not_finite = bad;
  return HeedStatusOk;
}

float heed_optimizer_clip_factor(double norm, double max_norm) {
  HEED_FLOAT_MODE();
  const double factor = max_norm / (norm + 1e-6);
  float result = isfinite(norm) && factor < 1 ? (float)factor : 1;
  HEED_FLOAT_COMPUTED(result);
  return result;
}

HeedStatus heed_optimizer_gradient_accumulate(size_t count, const HeedOptimizerSpan *targets, const HeedOptimizerSpan *sources,
                                              float factor) {
  HEED_ENTRY();
  if (!isfinite(factor)) return HeedStatusBadArgument;
  HeedStatus status = check(count, targets);
  if (status == HeedStatusOk) status = check(count, sources);
  if (status != HeedStatusOk) return status;
  for (size_t i = 0; i < count; i++)
    if (targets[i].count != sources[i].count) return HeedStatusBadShape;
  Call call = {.spans = targets, .sources = sources, .factor = factor};
  status = begin(&call, count);
  if (status != HeedStatusOk) return status;
  heed_optimizer_chunks_run(&call.chunks, 4, accumulate, &call);
  heed_scratch_pop(call.chunks.first_task);
  return HeedStatusOk;
}

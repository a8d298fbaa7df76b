// Losses of the rows of a matrix of logits: cross-entropy and distillation. One task a few rows; their values are summed in order.

#include <string.h>

#include "checks/loss_checks.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/tasks.h"
#include "table/dispatch.h"

// A task has about HEED_TASK_ELEMENTS, and of long rows several, as far as there are enough for every thread, since a row is prefetched
// during the one before it; but not rows of more than PREFETCH_CLASSES, of which two and their gradients would not fit the second cache
// beside each other. `heed bench pointwise --op cross_entropy --rows 1280 --columns 8000`
#define TASK_LONG_ROWS    8
#define PREFETCH_CLASSES  32768
#define FLOPS_PER_ELEMENT 25.0 // a softmax's and a little more

typedef struct Rows {
  const HeedKernels *kernels;
  size_t rows, classes, task_rows;
  double count; // the divisor of a mean
  double *values;
  const HeedLossCrossEntropyShape *cross_entropy;
  const HeedLossCrossEntropyInputs *cross_entropy_inputs;
  const HeedLossCrossEntropyOutputs *cross_entropy_outputs;
  const HeedLossDistillationShape *distillation;
  const HeedLossDistillationInputs *distillation_inputs;
  const HeedLossDistillationOutputs *distillation_outputs;
  float *scratch; // 2 * classes a worker
} Rows;

static void cross_entropy_rows(void *context, size_t task, size_t worker) {
  (void)worker;
  const Rows *call = context;
  const HeedLossCrossEntropyShape *s = call->cross_entropy;
  const HeedLossCrossEntropyInputs *in = call->cross_entropy_inputs;
  const size_t first = task * call->task_rows, end = first + heed_size_min(s->rows - first, call->task_rows);
  if (s->classes == 0) { // an empty array may be null: no address is formed from it
    for (size_t i = first; i < end; i++) call->values[i] = heed_loss_cross_entropy_ignores(s, in, i) ? 0.0 : NAN;
    return;
  }
  for (size_t i = first; i < end; i++) {
    float *d_logits = call->cross_entropy_outputs->d_logits;
    if (d_logits) d_logits += (ptrdiff_t)i * s->d_logits_row;
    if (heed_loss_cross_entropy_ignores(s, in, i)) {
      if (d_logits) memset(d_logits, 0, s->classes * sizeof *d_logits);
      call->values[i] = 0.0;
      continue;
    }
    const bool prefetches = i + 1 < end && s->classes <= PREFETCH_CLASSES;
    const HeedLossCrossEntropyRow row = {
        .classes = s->classes,
        .logits = in->logits + (ptrdiff_t)i * s->logits_row,
        .probabilities = in->target_probabilities ? in->target_probabilities + (ptrdiff_t)i * s->probabilities_row : NULL,
        .target = in->targets ? (size_t)in->targets[i] : 0,
        .class_weights = in->class_weights,
        .label_smoothing = s->label_smoothing,
        .factor = heed_loss_factor(s->reduction, in->d_loss, i, call->count),
        .d_logits = d_logits,
        .next_logits = prefetches ? in->logits + (ptrdiff_t)(i + 1) * s->logits_row : NULL,
        .next_d_logits =
            prefetches && d_logits && d_logits != in->logits + (ptrdiff_t)i * s->logits_row ? d_logits + s->d_logits_row : NULL,
    };
    call->values[i] = call->kernels->loss.cross_entropy_row(&row);
  }
}

static void distillation_rows(void *context, size_t task, size_t worker) {
  const Rows *call = context;
  const HeedLossDistillationShape *s = call->distillation;
  const HeedLossDistillationInputs *in = call->distillation_inputs;
  const HeedLossDistillationOutputs *out = call->distillation_outputs;
  const size_t first = task * call->task_rows, end = first + heed_size_min(s->rows - first, call->task_rows);
  const double T = (double)s->temperature;
  if (s->classes == 0) { // an empty array may be null: no address is formed from it
    for (size_t i = first; i < end; i++) call->values[i] = NAN;
    return;
  }
  for (size_t i = first; i < end; i++) {
    const HeedLossDistillationRow row = {
        .classes = s->classes,
        .student = in->student + (ptrdiff_t)i * s->student_row,
        .teacher = in->teacher + (ptrdiff_t)i * s->teacher_row,
        .temperature = s->temperature,
        .factor = T * heed_loss_factor(s->reduction, in->d_loss, i, call->count),
        .d_student = out->d_student ? out->d_student + (ptrdiff_t)i * s->d_student_row : NULL,
        .d_teacher = out->d_teacher ? out->d_teacher + (ptrdiff_t)i * s->d_teacher_row : NULL,
        .scratch = call->scratch + worker * 2 * s->classes,
    };
    call->values[i] = T * T * call->kernels->loss.distillation_row(&row);
  }
}

static size_t task_rows(size_t rows, size_t classes) {
  const size_t by_elements = HEED_TASK_ELEMENTS / (classes ? classes : 1), share = rows / (TASK_LONG_ROWS * heed_thread_count());
  const size_t several = heed_size_min(share, TASK_LONG_ROWS), most = by_elements > several ? by_elements : several;
  return most ? most : 1;
}

// Runs the rows and writes the loss; `scratch_floats` a worker.
static HeedStatus run(Rows *call, HeedTask task, HeedLossReduction reduction, size_t scratch_floats, float *loss) {
  call->task_rows = task_rows(call->rows, call->classes);
  const size_t tasks = heed_divide_up(call->rows, call->task_rows);
  const size_t width = heed_parallel_width(tasks, FLOPS_PER_ELEMENT * (double)call->rows * (double)call->classes);
  const size_t value_bytes = heed_size_product(call->rows, sizeof(double));
  const size_t worker_bytes = heed_size_product(width, heed_size_product(scratch_floats, sizeof(float)));
  char *scratch = heed_scratch_push(heed_size_sum(value_bytes, worker_bytes));
  if (!scratch) return HeedStatusOutOfMemory;
  call->values = (double *)(void *)scratch, call->scratch = (float *)(void *)(scratch + value_bytes);
  heed_parallel_for(tasks, width, task, call);
  double sum = 0.0;
  for (size_t i = 0; loss && i < call->rows; i++) {
    if (reduction == HeedLossReductionNone) loss[i] = (float)call->values[i];
    sum += call->values[i];
  }
  if (loss && reduction != HeedLossReductionNone) loss[0] = (float)heed_loss_total(reduction, sum, call->count);
  heed_scratch_pop(scratch);
  return HeedStatusOk;
}

HeedStatus heed_loss_cross_entropy(const HeedLossCrossEntropyShape *shape, const HeedLossCrossEntropyInputs *inputs,
                                   const HeedLossCrossEntropyOutputs *outputs) {
  HEED_ENTRY_FLUSHING_DENORMALS();
  if (!outputs) return HeedStatusBadArgument;
  const HeedStatus status = heed_loss_check_cross_entropy(shape, inputs, outputs->d_logits);
  if (status != HeedStatusOk) return status;
  Rows call = {.kernels = heed_kernels(),
               .rows = shape->rows,
               .classes = shape->classes,
               .count = heed_loss_cross_entropy_count(shape, inputs),
               .cross_entropy = shape,
               .cross_entropy_inputs = inputs,
               .cross_entropy_outputs = outputs};
  return run(&call, cross_entropy_rows, shape->reduction, 0, outputs->loss);
}

HeedStatus heed_loss_distillation(const HeedLossDistillationShape *shape, const HeedLossDistillationInputs *inputs,
                                  const HeedLossDistillationOutputs *outputs) {
  HEED_ENTRY_FLUSHING_DENORMALS();
  if (!outputs) return HeedStatusBadArgument;
  const HeedStatus status = heed_loss_check_distillation(shape, inputs, outputs->d_student, outputs->d_teacher);
  if (status != HeedStatusOk) return status;
  Rows call = {.kernels = heed_kernels(),
               .rows = shape->rows,
               .classes = shape->classes,
               .count = (double)shape->rows,
               .distillation = shape,
               .distillation_inputs = inputs,
               .distillation_outputs = outputs};
  return run(&call, distillation_rows, shape->reduction, heed_size_product(2, shape->classes), outputs->loss);
}

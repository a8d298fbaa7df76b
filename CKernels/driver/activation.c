// Activation functions, forward and backward: checks, one task a stretch of elements.

#include "heed/activation.h"

#include "runtime/profile.h"
#include "runtime/threads/tasks.h"
#include "table/dispatch.h"

#define FLOPS_PER_ELEMENT 40.0 // of a usual function (heed_parallel_width)

typedef struct Call {
  const HeedKernels *kernels;
  HeedActivation activation;
  HeedActivationKept kept;
  size_t count;
  const float *input;    // or, backward, what was kept
  const float *gradient; // that arrives; null: forward
  float *output;
} Call;

static void apply(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const size_t first = task * HEED_TASK_ELEMENTS, left = call->count - first, count = heed_size_min(left, HEED_TASK_ELEMENTS);
  const HeedActivationKernels *kernels = &call->kernels->activation;
  if (call->gradient)
    kernels->backward(call->activation, call->kept, count, call->input + first, call->gradient + first, call->output + first);
  else
    kernels->forward(call->activation, count, call->input + first, call->output + first);
}

static HeedStatus run(Call *call) {
  if (call->count > PTRDIFF_MAX / sizeof(float)) return HeedStatusBadShape;
  call->kernels = heed_kernels();
  const size_t tasks = heed_divide_up(call->count, HEED_TASK_ELEMENTS);
  heed_parallel_shares(tasks, heed_parallel_width(tasks, FLOPS_PER_ELEMENT * (double)call->count), apply, call);
  return HeedStatusOk;
}

HeedStatus heed_activation_forward(HeedActivation activation, size_t count, const float *input, float *output) {
  HEED_ENTRY();
  if ((unsigned)activation >= HEED_ACTIVATION_COUNT) return HeedStatusBadArgument;
  if (count == 0) return HeedStatusOk;
  if (!input || !output) return HeedStatusBadArgument;
  return run(&(Call){.activation = activation, .count = count, .input = input, .output = output});
}

static bool output_tells(HeedActivation activation) {
  return activation == HeedActivationNone || activation == HeedActivationRelu || activation == HeedActivationSigmoid ||
         activation == HeedActivationTanh || activation == HeedActivationExp;
}

HeedStatus heed_activation_backward(HeedActivation activation, HeedActivationKept kept, size_t count, const float *kept_values,
                                    const float *output_gradient, float *input_gradient) {
  HEED_ENTRY();
  if ((unsigned)activation >= HEED_ACTIVATION_COUNT) return HeedStatusBadArgument;
  if (kept != HeedActivationKeptInput && kept != HeedActivationKeptOutput) return HeedStatusBadArgument;
  if (kept == HeedActivationKeptOutput && !output_tells(activation)) return HeedStatusNotSupported;
  if (count == 0) return HeedStatusOk;
  if (!kept_values || !output_gradient || !input_gradient) return HeedStatusBadArgument;
  return run(&(Call){
      .activation = activation, .kept = kept, .count = count, .input = kept_values, .gradient = output_gradient, .output = input_gradient});
}

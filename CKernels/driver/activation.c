// Activation functions, forward and backward: checks, one task per stretch of elements.

#include "heed/activation.h"

#include "runtime/profile.h"
#include "runtime/threads/tasks.h"
#include "table/dispatch.h"

#define FLOPS_PER_ELEMENT 40.0 // of a usual function (heed_parallel_width)

typedef struct Call {
  const HeedKernels *kernels;
  HeedActivation activation;
  HeedActivationSaved saved;
  size_t count;
  const float *input;    // or, backward, the saved values
  const float *d_output; // that arrives; null: forward
  float *output;
} Call;

static void apply(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const size_t first = task * HEED_TASK_ELEMENTS, left = call->count - first, count = heed_size_min(left, HEED_TASK_ELEMENTS);
  const HeedActivationKernels *kernels = &call->kernels->activation;
  if (call->d_output)
    kernels->backward(call->activation, call->saved, count, call->input + first, call->d_output + first, call->output + first);
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

HeedStatus heed_activation_backward(HeedActivation activation, HeedActivationSaved saved, size_t count, const float *saved_values,
                                    const float *d_output, float *d_input) {
  HEED_ENTRY();
  if ((unsigned)activation >= HEED_ACTIVATION_COUNT) return HeedStatusBadArgument;
  if (saved != HeedActivationSavedInput && saved != HeedActivationSavedOutput) return HeedStatusBadArgument;
  if (saved == HeedActivationSavedOutput && !output_tells(activation)) return HeedStatusNotSupported;
  if (count == 0) return HeedStatusOk;
  if (!saved_values || !d_output || !d_input) return HeedStatusBadArgument;
  return run(
      &(Call){.activation = activation, .saved = saved, .count = count, .input = saved_values, .d_output = d_output, .output = d_input});
}

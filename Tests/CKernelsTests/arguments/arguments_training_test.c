// Every entry point of losses, optimisers, random numbers, dropout and the runtime refuses what its header says, and writes nothing.

#include <math.h>

#include "arguments_support.h"
#include "heed/heed.h"

#define IN        inputs_f
#define OUT       outputs_f[0]
#define REF       outputs_d[0]
#define HUGE_SIZE ((size_t)1 << 61)
#define FAR       (PTRDIFF_MAX / 2)

// ---- Losses -----------------------------------------------------------------------------------------------------------------------------

static const HeedLossCrossEntropyShape cross_entropy = {
    .rows = 2, .classes = 3, .logits_row = 3, .d_logits_row = 3, .probabilities_row = 3};
static const HeedLossCrossEntropyInputs cross_entropy_inputs = {.logits = inputs_f, .targets = zeros_64};
static const HeedLossCrossEntropyOutputs cross_entropy_outputs = {outputs_f[0], outputs_f[1]};
static const HeedLossDistillationShape distillation = {
    .rows = 2, .classes = 3, .student_row = 3, .teacher_row = 3, .d_student_row = 3, .d_teacher_row = 3, .temperature = 1};
static const HeedLossDistillationInputs distillation_inputs = {inputs_f, inputs_f, NULL};
static const HeedLossDistillationOutputs distillation_outputs = {outputs_f[0], outputs_f[1], outputs_f[2]};
static const int64_t high[] = {0, 3}, low[] = {-1, 0};

TEST_ONCE(arguments_of_cross_entropy) {
  static HeedLossCrossEntropyShape spoilt[6];
  static const HeedStatus expected[6] = {HeedStatusBadShape,    HeedStatusBadStride,   HeedStatusBadArgument,
                                         HeedStatusBadArgument, HeedStatusBadArgument, HeedStatusBadArgument};
  for (int i = 0; i < 6; i++) spoilt[i] = cross_entropy;
  spoilt[0].classes = HUGE_SIZE, spoilt[1].logits_row = FAR * 2, spoilt[2].label_smoothing = -0.1f, spoilt[3].label_smoothing = NAN;
  spoilt[4].reduction = (HeedLossReduction)3, spoilt[5].reduction = (HeedLossReduction)-1;
  static HeedLossCrossEntropyInputs without[5];
  for (int i = 0; i < 5; i++) without[i] = cross_entropy_inputs;
  without[0].logits = NULL, without[1].targets = NULL, without[2].target_probabilities = inputs_f, without[3].targets = high,
  without[4].targets = low;
  for (int i = 0; i < 13; i++) {
    const HeedLossCrossEntropyShape *s = i < 6 ? &spoilt[i] : i == 6 ? NULL : &cross_entropy;
    const HeedLossCrossEntropyInputs *in = i < 8 ? (i == 7 ? NULL : &cross_entropy_inputs) : &without[i - 8];
    const HeedStatus status = i < 6 ? expected[i] : i < 11 ? HeedStatusBadArgument : HeedStatusBadIndex;
    GIVES_STATUS(status, heed_loss_cross_entropy(s, in, &cross_entropy_outputs));
    GIVES_STATUS(status, heed_loss_reference_cross_entropy(s, in, REF, outputs_d[1]));
  }
  GIVES(BadArgument, heed_loss_cross_entropy(&cross_entropy, &cross_entropy_inputs, NULL));
  GIVES(BadStride, heed_loss_cross_entropy(WITH(cross_entropy, d_logits_row = 2), &cross_entropy_inputs, &cross_entropy_outputs));
}

TEST_ONCE(arguments_of_distillation) {
  static HeedLossDistillationShape spoilt[6];
  static const HeedStatus expected[6] = {HeedStatusBadShape,    HeedStatusBadStride,   HeedStatusBadArgument,
                                         HeedStatusBadArgument, HeedStatusBadArgument, HeedStatusBadArgument};
  for (int i = 0; i < 6; i++) spoilt[i] = distillation;
  spoilt[0].rows = HUGE_SIZE, spoilt[1].teacher_row = FAR * 2, spoilt[2].temperature = 0, spoilt[3].temperature = NAN,
  spoilt[4].temperature = INFINITY, spoilt[5].reduction = (HeedLossReduction)3;
  for (int i = 0; i < 10; i++) {
    const HeedLossDistillationShape *s = i < 6 ? &spoilt[i] : i == 6 ? NULL : &distillation;
    const HeedLossDistillationInputs *in = i == 7   ? NULL
                                           : i == 8 ? WITH(distillation_inputs, student = NULL)
                                           : i == 9 ? WITH(distillation_inputs, teacher = NULL)
                                                    : &distillation_inputs;
    const HeedStatus status = i < 6 ? expected[i] : HeedStatusBadArgument;
    GIVES_STATUS(status, heed_loss_distillation(s, in, &distillation_outputs));
    GIVES_STATUS(status, heed_loss_reference_distillation(s, in, REF, outputs_d[1], outputs_d[2]));
  }
  GIVES(BadArgument, heed_loss_distillation(&distillation, &distillation_inputs, NULL));
  GIVES(BadStride, heed_loss_distillation(WITH(distillation, d_teacher_row = 0), &distillation_inputs, &distillation_outputs));
}

static const HeedLossNegativeSamplingShape sampling = {.pairs = 2,
                                                       .negatives = 2,
                                                       .dim = 3,
                                                       .center_rows = 4,
                                                       .context_rows = 5,
                                                       .center_row = 3,
                                                       .context_row = 3,
                                                       .d_center_row = 3,
                                                       .d_context_row = 3};
static const HeedLossNegativeSamplingInputs sampling_inputs = {inputs_f, inputs_f, zeros_64, zeros_64, zeros_64, NULL};
static const HeedLossNegativeSamplingOutputs sampling_outputs = {
    outputs_f[0], {outputs_f[1], outputs_64[0], (size_t *)outputs_64[1]}, {outputs_f[2], NULL, NULL}};

TEST_ONCE(arguments_of_negative_sampling) {
  static const int64_t beyond[] = {0, 5, 0, 0}, below[] = {0, -1, 0, 0};
  static HeedLossNegativeSamplingShape spoilt[5];
  static const HeedStatus expected[5] = {HeedStatusBadShape, HeedStatusBadShape, HeedStatusBadShape, HeedStatusBadStride,
                                         HeedStatusBadArgument};
  for (int i = 0; i < 5; i++) spoilt[i] = sampling;
  spoilt[0].pairs = HUGE_SIZE, spoilt[1].negatives = SIZE_MAX, spoilt[2].center_rows = HUGE_SIZE, spoilt[3].context_row = FAR,
  spoilt[4].reduction = (HeedLossReduction)3;
  static HeedLossNegativeSamplingInputs without[8];
  for (int i = 0; i < 8; i++) without[i] = sampling_inputs;
  without[0].center_table = NULL, without[1].context_table = NULL, without[2].centers = NULL, without[3].contexts = NULL,
  without[4].negatives = NULL;
  without[5].centers = beyond, without[6].contexts = below, without[7].negatives = beyond;
  for (int i = 0; i < 15; i++) {
    const HeedLossNegativeSamplingShape *s = i < 5 ? &spoilt[i] : i == 5 ? NULL : &sampling;
    const HeedLossNegativeSamplingInputs *in = i < 7 ? (i == 6 ? NULL : &sampling_inputs) : &without[i - 7];
    const HeedStatus status = i < 5 ? expected[i] : i < 12 ? HeedStatusBadArgument : HeedStatusBadIndex;
    GIVES_STATUS(status, heed_loss_negative_sampling(s, in, &sampling_outputs));
    GIVES_STATUS(status, heed_loss_reference_negative_sampling(s, in, REF, outputs_d[1], outputs_d[2]));
  }
  GIVES(BadArgument, heed_loss_negative_sampling(&sampling, &sampling_inputs, NULL));
  GIVES(BadArgument, heed_loss_negative_sampling(&sampling, &sampling_inputs, WITH(sampling_outputs, d_center.count = NULL)));
  GIVES(BadArgument, heed_loss_negative_sampling(&sampling, &sampling_inputs, WITH(sampling_outputs, d_center.d_table = NULL)));
  GIVES(BadStride, heed_loss_negative_sampling(WITH(sampling, d_context_row = 2), &sampling_inputs, &sampling_outputs));
}

TEST_ONCE(arguments_of_elementwise_losses) {
  static const HeedLossElementwiseShape shape = {.count = 4, .positive_weight = 1};
  static const HeedLossElementwiseInputs inputs = {inputs_f, inputs_f, NULL};
  static const HeedLossElementwiseOutputs outputs = {outputs_f[0], outputs_f[1]};
  for (int i = 0; i < 6; i++) {
    const HeedLossElementwiseShape *s = i == 0   ? NULL
                                        : i == 1 ? WITH(shape, count = SIZE_MAX)
                                        : i == 2 ? WITH(shape, reduction = (HeedLossReduction)3)
                                                 : &shape;
    const HeedLossElementwiseInputs *in = i == 3   ? NULL
                                          : i == 4 ? WITH(inputs, input = NULL)
                                          : i == 5 ? WITH(inputs, targets = NULL)
                                                   : &inputs;
    const HeedStatus status = i == 1 ? HeedStatusBadShape : HeedStatusBadArgument;
    GIVES_STATUS(status, heed_loss_binary_cross_entropy(s, in, &outputs));
    GIVES_STATUS(status, heed_loss_reference_binary_cross_entropy(s, in, REF, outputs_d[1]));
    GIVES_STATUS(status, heed_loss_squared_error(s, in, &outputs));
    GIVES_STATUS(status, heed_loss_reference_squared_error(s, in, REF, outputs_d[1]));
  }
  GIVES(BadArgument, heed_loss_binary_cross_entropy(&shape, &inputs, NULL));
  GIVES(BadArgument, heed_loss_squared_error(&shape, &inputs, NULL));
}

// ---- Optimisers -------------------------------------------------------------------------------------------------------------------------

static const HeedOptimizerSgd sgd = {.lr = 0.1, .momentum = 0.9, .step = 2, .gradient_scale = 1};
static const HeedOptimizerAdam adam = {
    .lr = 0.1, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .amsgrad = true, .step = 2, .gradient_scale = 1};
static const HeedOptimizerParameter span = {4, outputs_f[0], inputs_f, outputs_f[1], outputs_f[2], outputs_f[3], 0.1};

TEST_ONCE(arguments_of_optimizers) {
  static HeedOptimizerSgd steps[8];
  for (int i = 0; i < 8; i++) steps[i] = sgd;
  steps[0].lr = NAN, steps[1].lr = -1, steps[2].momentum = -0.1, steps[3].momentum = INFINITY, steps[4].dampening = NAN,
  steps[5].dampening = -0.1;
  steps[6].step = 0, steps[7].gradient_scale = NAN;
  for (int i = 0; i < 9; i++) {
    GIVES(BadArgument, heed_optimizer_sgd(i < 8 ? &steps[i] : NULL, 1, &span));
    GIVES(BadArgument, heed_optimizer_reference_sgd(i < 8 ? &steps[i] : NULL, 0.1, 4, IN, REF, outputs_d[1]));
  }
  GIVES(BadArgument, heed_optimizer_sgd(&(HeedOptimizerSgd){.nesterov = true, .step = 1, .gradient_scale = 1}, 1, &span));
  static HeedOptimizerAdam others[8];
  for (int i = 0; i < 8; i++) others[i] = adam;
  others[0].lr = NAN, others[1].beta1 = 1, others[2].beta2 = 1, others[3].beta1 = -0.1, others[4].beta2 = NAN, others[5].eps = -1,
  others[6].step = 0, others[7].gradient_scale = INFINITY;
  for (int i = 0; i < 9; i++) {
    GIVES(BadArgument, heed_optimizer_adam(i < 8 ? &others[i] : NULL, 1, &span));
    GIVES(BadArgument, heed_optimizer_reference_adam(i < 8 ? &others[i] : NULL, 0.1, 4, IN, REF, outputs_d[1], outputs_d[2], outputs_d[3]));
  }
  static HeedOptimizerParameter bad[8];
  for (int i = 0; i < 8; i++) bad[i] = span;
  bad[0].value = NULL, bad[1].gradient = NULL, bad[2].m = NULL, bad[3].weight_decay = -1, bad[4].weight_decay = NAN;
  bad[5].count = SIZE_MAX, bad[6].v = NULL, bad[7].v_max = NULL;
  for (int i = 0; i < 8; i++) {
    const HeedStatus status = i == 5 ? HeedStatusBadShape : HeedStatusBadArgument;
    if (i < 6) GIVES_STATUS(status, heed_optimizer_sgd(&sgd, 1, &bad[i]));
    GIVES_STATUS(status, heed_optimizer_adam(&adam, 1, &bad[i]));
  }
  GIVES(BadArgument, heed_optimizer_reference_sgd(&sgd, -1, 4, IN, REF, outputs_d[1]));
  GIVES(BadArgument, heed_optimizer_reference_adam(&adam, INFINITY, 4, IN, REF, outputs_d[1], outputs_d[2], outputs_d[3]));
  GIVES(BadArgument, heed_optimizer_sgd(&sgd, 1, NULL));
  GIVES(BadArgument, heed_optimizer_adam(&adam, 1, NULL));
  GIVES(BadArgument, heed_optimizer_reference_sgd(&sgd, 0.1, 4, NULL, REF, outputs_d[1]));
  GIVES(BadArgument, heed_optimizer_reference_sgd(&sgd, 0.1, 4, IN, NULL, outputs_d[1]));
  GIVES(BadArgument, heed_optimizer_reference_sgd(&sgd, 0.1, 4, IN, REF, NULL));
  GIVES(BadShape, heed_optimizer_reference_sgd(&sgd, 0.1, SIZE_MAX, IN, REF, outputs_d[1]));
  GIVES(BadArgument, heed_optimizer_reference_adam(&adam, 0.1, 4, IN, REF, NULL, outputs_d[2], outputs_d[3]));
  GIVES(BadArgument, heed_optimizer_reference_adam(&adam, 0.1, 4, IN, REF, outputs_d[1], NULL, outputs_d[3]));
  GIVES(BadArgument, heed_optimizer_reference_adam(&adam, 0.1, 4, IN, REF, outputs_d[1], outputs_d[2], NULL));
  GIVES(BadShape, heed_optimizer_reference_adam(&adam, 0.1, SIZE_MAX, IN, REF, outputs_d[1], outputs_d[2], outputs_d[3]));
}

TEST_ONCE(arguments_of_gradients) {
  static const HeedOptimizerSpan target = {4, outputs_f[0]}, source = {4, inputs_f}, none = {4, NULL}, large = {SIZE_MAX, outputs_f[0]};
  const HeedOptimizerSpan *const bad[] = {NULL, &none, &large};
  for (int i = 0; i < 3; i++) {
    const HeedStatus status = i < 2 ? HeedStatusBadArgument : HeedStatusBadShape;
    GIVES_STATUS(status, heed_optimizer_gradient_norm(1, bad[i], REF, (size_t *)outputs_64[0]));
    GIVES_STATUS(status, heed_optimizer_gradient_accumulate(1, bad[i], &source, 1));
    GIVES_STATUS(status, heed_optimizer_gradient_accumulate(1, &target, bad[i], 1));
  }
  GIVES(BadArgument, heed_optimizer_gradient_accumulate(1, &target, &source, INFINITY));
  GIVES(BadShape, heed_optimizer_gradient_accumulate(1, &target, WITH(source, count = 3), 1));
  GIVES(Ok, heed_optimizer_gradient_norm(1, &source, NULL, NULL));
  GIVES_NUMBER(1, heed_optimizer_clip_factor(NAN, 1));
}

// ---- Random numbers ---------------------------------------------------------------------------------------------------------------------

TEST_ONCE(arguments_of_random) {
  static const HeedRandom random = {1, 2, 3};
  uint32_t *const bits = (uint32_t *)outputs_32[0];
  GIVES(BadArgument, heed_random_bits(NULL, 4, bits));
  GIVES(BadArgument, heed_random_bits(&random, 4, NULL));
  GIVES(BadShape, heed_random_bits(&random, SIZE_MAX, bits));
  GIVES(BadArgument, heed_random_uniform(NULL, 0, 1, 4, OUT));
  GIVES(BadArgument, heed_random_uniform(&random, 1, 0, 4, OUT));
  GIVES(BadArgument, heed_random_uniform(&random, NAN, 1, 4, OUT));
  GIVES(BadArgument, heed_random_uniform(&random, 0, INFINITY, 4, OUT));
  GIVES(BadArgument, heed_random_uniform(&random, 0, 1, 4, NULL));
  GIVES(BadArgument, heed_random_normal(NULL, 0, 1, 4, OUT));
  GIVES(BadArgument, heed_random_normal(&random, NAN, 1, 4, OUT));
  GIVES(BadArgument, heed_random_normal(&random, 0, -1, 4, OUT));
  GIVES(BadArgument, heed_random_normal(&random, 0, 1, 4, NULL));
  GIVES(BadArgument, heed_dropout_forward(NULL, 0.5f, 4, IN, OUT));
  GIVES(BadArgument, heed_dropout_forward(&random, -0.5f, 4, IN, OUT));
  GIVES(BadArgument, heed_dropout_forward(&random, NAN, 4, IN, OUT));
  GIVES(BadArgument, heed_dropout_forward(&random, 0.5f, 4, NULL, OUT));
  GIVES(BadArgument, heed_dropout_forward(&random, 0.5f, 4, IN, NULL));
  GIVES(BadShape, heed_dropout_forward(&random, 0.5f, SIZE_MAX, IN, OUT));
  GIVES(BadArgument, heed_dropout_reference_forward(NULL, 0.5f, 4, IN, REF));
  GIVES(BadArgument, heed_dropout_reference_forward(&random, 1.5f, 4, IN, REF));
  GIVES(BadArgument, heed_dropout_reference_forward(&random, 0.5f, 4, NULL, REF));
  GIVES(BadArgument, heed_dropout_reference_forward(&random, 0.5f, 4, IN, NULL));
  GIVES(BadShape, heed_dropout_reference_forward(&random, 0.5f, SIZE_MAX, IN, REF));
  static const uint32_t words[4];
  GIVES(Ok, (heed_random_reference_philox(NULL, words, bits), HeedStatusOk));
  GIVES(Ok, (heed_random_reference_philox(words, NULL, bits), HeedStatusOk));
  GIVES(Ok, (heed_random_reference_philox(words, words, NULL), HeedStatusOk));
}

// ---- The runtime ------------------------------------------------------------------------------------------------------------------------

TEST_ONCE(arguments_of_the_runtime) {
  const void *const buffers[] = {inputs_f, NULL};
  GIVES_NUMBER(true, heed_status_description((HeedStatus)99) != NULL);
  GIVES_NUMBER(true, heed_isa_name((HeedISA)-1) != NULL);
  GIVES_NUMBER(false, heed_isa_named(NULL, (HeedISA *)outputs_32[0]));
  GIVES_NUMBER(true, heed_isa_named("generic", NULL));
  GIVES_NUMBER(false, heed_isa_available((HeedISA)99));
  GIVES(NotSupported, heed_isa_select((HeedISA)99));
  GIVES(NotSupported, heed_isa_select((HeedISA)-1));
  GIVES(Ok, (heed_machine_describe(NULL), HeedStatusOk));
  GIVES(Ok, (heed_scratch_statistics(NULL), HeedStatusOk));
  GIVES(BadArgument, heed_thread_count_set(SIZE_MAX));
  GIVES(BadArgument, heed_peak_measure((HeedPeak)3, 1, 0, REF));
  GIVES(BadArgument, heed_peak_measure((HeedPeak)-1, 1, 0, REF));
  GIVES(BadArgument, heed_peak_measure(HeedPeakFmaF32, 0, 0, REF));
  GIVES(BadArgument, heed_peak_measure(HeedPeakFmaF32, 1, NAN, REF));
  GIVES(BadArgument, heed_peak_measure(HeedPeakFmaF32, 1, 0, NULL));
  GIVES(BadArgument, heed_peak_read(NULL, 1, 4096, 1, REF));
  GIVES(BadArgument, heed_peak_read(buffers, 2, 4096, 1, REF));
  GIVES(BadArgument, heed_peak_read(buffers, 1, 4096, 1, NULL));
  GIVES(BadArgument, heed_peak_read(buffers, 1, SIZE_MAX, 1, REF));
  GIVES(BadArgument, heed_peak_copy(NULL, inputs_f, 4096, 1, REF));
  GIVES(BadArgument, heed_peak_copy(outputs_f[0], NULL, 4096, 1, REF));
  heed_profile_start();
  GIVES(BadArgument, heed_sparse_check(NULL));
  heed_profile_stop();
  GIVES_NUMBER(true, heed_profile_read(NULL, 4) > 0);
}

// Calls for the tests of the floating-point mode: entry points that work element by element, row by row or on parameters.

#include <string.h>

#include "heed/heed.h"
#include "runtime_mode_support.h"

#define N       MODE_COUNT
#define ROWS    ((size_t)256)
#define COLUMNS ((size_t)300)

static const HeedRandom seed = {7, 3, 5};

static const HeedArithmeticShape line = {.axes = 1, .size = {N}, .output = {1}, .a = {1}, .b = {1}, .mask = {1}};
static const HeedArithmeticInputs operands = {.a = mode_x, .b = mode_y, .mask = mode_mask, .alpha = 0.3f, .beta = 1e-38f};
static const HeedArithmeticReduce rows_reduced = {
    .axes = 2, .size = {ROWS, COLUMNS}, .input = {(ptrdiff_t)COLUMNS, 1}, .output = {1}, .reduced = {false, true}};
static const HeedArithmeticGather gathered = {.outer = 1,
                                              .extent = 32,
                                              .count = 4096,
                                              .inner = 32,
                                              .array_axis = 32,
                                              .array_inner = 1,
                                              .taken_axis = 32,
                                              .taken_inner = 1,
                                              .index_axis = 1};

static HeedStatus operate(HeedArithmeticOperation operation) {
  return heed_arithmetic_forward(&line, operation, &operands, mode_floats(N));
}
static HeedStatus add(void) { return operate(HeedArithmeticAdd); }
static HeedStatus multiply(void) { return operate(HeedArithmeticMultiply); }
static HeedStatus divide(void) { return operate(HeedArithmeticDivide); }
static HeedStatus power(void) { return operate(HeedArithmeticPower); }
static HeedStatus scaled_add(void) { return operate(HeedArithmeticScaledAdd); }
static HeedStatus compare(void) { return heed_arithmetic_compare(&line, HeedArithmeticLess, &operands, mode_results(N)); }
static HeedStatus pick(void) { return heed_arithmetic_select(&line, &operands, mode_floats(N)); }
static HeedStatus mean(void) { return heed_arithmetic_reduce(&rows_reduced, HeedArithmeticReductionMean, mode_x, mode_floats(ROWS)); }
static HeedStatus arg_maximum(void) { return heed_arithmetic_arg_maximum(&rows_reduced, mode_x, mode_results(ROWS * sizeof(int32_t))); }
static HeedStatus gather(void) { return heed_arithmetic_gather(&gathered, mode_x, mode_index32, mode_floats(4096 * 32)); }
static HeedStatus scatter_add(void) { return heed_arithmetic_scatter_add(&gathered, mode_x, mode_index32, mode_copy(mode_y, 32 * 32)); }

static HeedStatus activate(void) {
  for (int a = 0; a < HEED_ACTIVATION_COUNT; a++) {
    const HeedStatus status = heed_activation_forward((HeedActivation)a, N / 4, mode_x, mode_floats(N / 4));
    if (status != HeedStatusOk) return status;
  }
  return HeedStatusOk;
}
static HeedStatus activate_backward(void) {
  for (int a = 0; a < HEED_ACTIVATION_COUNT; a++) {
    const HeedStatus status =
        heed_activation_backward((HeedActivation)a, HeedActivationSavedInput, N / 4, mode_x, mode_y, mode_floats(N / 4));
    if (status != HeedStatusOk) return status;
  }
  return HeedStatusOk;
}
static HeedStatus to_bf16(void) { return heed_convert_f32_to_bf16(N, mode_x, mode_results(N * 2)); }
static HeedStatus to_f32(void) { return heed_convert_bf16_to_f32(N, mode_x16, mode_floats(N)); }

static HeedStatus bits(void) { return heed_random_bits(&seed, N, mode_results(N * 4)); }
static HeedStatus uniform(void) { return heed_random_uniform(&seed, -1e-38f, 0.7f, N, mode_floats(N)); }
static HeedStatus normal(void) { return heed_random_normal(&seed, 0.1f, 0.3f, N, mode_floats(N)); }
static HeedStatus drop(void) { return heed_dropout_forward(&seed, 0.3f, N, mode_x, mode_floats(N)); }

#define ROW ((ptrdiff_t)COLUMNS)

static HeedStatus softmax(void) {
  const HeedSoftmaxShape shape = {.rows = ROWS,
                                  .columns = COLUMNS,
                                  .input_row = ROW,
                                  .input_column = 1,
                                  .output_row = ROW,
                                  .output_column = 1,
                                  .scale = 0.7f,
                                  .logarithm = true};
  const HeedSoftmaxInputs inputs = {.input = mode_x};
  return heed_softmax_forward(&shape, &inputs, mode_floats(ROWS * COLUMNS));
}
static HeedStatus softmax_backward(void) {
  const HeedSoftmaxBackwardShape shape = {.rows = ROWS,
                                          .columns = COLUMNS,
                                          .output_row = ROW,
                                          .output_column = 1,
                                          .d_output_row = ROW,
                                          .d_output_column = 1,
                                          .d_input_row = ROW,
                                          .d_input_column = 1,
                                          .scale = 0.7f};
  const HeedSoftmaxBackwardInputs inputs = {.output = mode_unit, .d_output = mode_y};
  return heed_softmax_backward(&shape, &inputs, mode_floats(ROWS * COLUMNS));
}

static const HeedNormShape norm = {.kind = HeedNormLayer,
                                   .rows = ROWS,
                                   .columns = COLUMNS,
                                   .input_row = ROW,
                                   .sum_row = ROW,
                                   .output_row = ROW,
                                   .d_output_row = ROW,
                                   .d_input_row = ROW,
                                   .epsilon = 1e-5};
static HeedStatus normalize(void) {
  const HeedNormInputs inputs = {.input = mode_x, .weight = mode_y, .bias = mode_unit};
  const HeedNormOutputs outputs = {.output = mode_floats(ROWS * COLUMNS), .statistics = mode_floats(3 * ROWS)};
  return heed_norm_forward(&norm, &inputs, &outputs);
}
static HeedStatus normalize_backward(void) {
  const HeedNormBackwardInputs inputs = {.sum = mode_x, .weight = mode_y, .statistics = mode_unit, .d_output = mode_y};
  const HeedNormGradients gradients = {mode_floats(ROWS * COLUMNS), mode_floats(COLUMNS), mode_floats(COLUMNS)};
  return heed_norm_backward(&norm, &inputs, &gradients);
}

static HeedStatus cross_entropy(void) {
  const HeedLossCrossEntropyShape shape = {.rows = ROWS,
                                           .classes = COLUMNS,
                                           .logits_row = ROW,
                                           .d_logits_row = ROW,
                                           .probabilities_row = ROW,
                                           .label_smoothing = 0.1f,
                                           .reduction = HeedLossReductionMean};
  const HeedLossCrossEntropyInputs inputs = {.logits = mode_x, .targets = mode_index};
  const HeedLossCrossEntropyOutputs outputs = {mode_floats(1), mode_floats(ROWS * COLUMNS)};
  return heed_loss_cross_entropy(&shape, &inputs, &outputs);
}
static HeedStatus distillation(void) {
  const HeedLossDistillationShape shape = {ROWS, COLUMNS, ROW, ROW, ROW, ROW, 1.3f, HeedLossReductionMean};
  const HeedLossDistillationInputs inputs = {.student = mode_x, .teacher = mode_y};
  const HeedLossDistillationOutputs outputs = {mode_floats(1), mode_floats(ROWS * COLUMNS), mode_floats(ROWS * COLUMNS)};
  return heed_loss_distillation(&shape, &inputs, &outputs);
}
static HeedStatus negative_sampling(void) {
  const HeedLossNegativeSamplingShape shape = {.pairs = 256,
                                               .negatives = 5,
                                               .dim = 64,
                                               .center_rows = 32,
                                               .context_rows = 32,
                                               .center_row = 64,
                                               .context_row = 64,
                                               .d_center_row = 64,
                                               .d_context_row = 64,
                                               .reduction = HeedLossReductionMean};
  const HeedLossNegativeSamplingInputs inputs = {mode_x, mode_y, mode_index, mode_index + 7, mode_index + 11, NULL};
  const HeedLossNegativeSamplingOutputs outputs = {
      .loss = mode_floats(1), .d_center = {.d_table = mode_floats(32 * 64)}, .d_context = {.d_table = mode_floats(32 * 64)}};
  return heed_loss_negative_sampling(&shape, &inputs, &outputs);
}
static const HeedLossElementwiseShape elements = {N, 1.7f, HeedLossReductionMean};
static const HeedLossElementwiseInputs element_inputs = {.input = mode_x, .targets = mode_unit};
static HeedStatus crf(void) {
  enum { B = 24, T = 30, K = 32 };
  const HeedCrfShape shape = {.batch = B,
                              .time = T,
                              .tags = K,
                              .emissions_batch = T * K,
                              .emissions_time = K,
                              .transitions_row = K,
                              .d_emissions_batch = T * K,
                              .d_emissions_time = K,
                              .d_transitions_row = K};
  const HeedCrfInputs inputs = {mode_x, mode_y, mode_unit, mode_unit + 99, NULL, mode_index, mode_unit};
  const HeedCrfOutputs outputs = {mode_floats(B),     mode_floats(B), mode_floats((size_t)B * T * K),
                                  mode_floats(K * K), mode_floats(K), mode_floats(K)};
  HeedStatus status = heed_crf_loss(&shape, &inputs, &outputs);
  if (status == HeedStatusOk) status = heed_crf_decode(&shape, &inputs, mode_results(sizeof(int64_t) * B * T), mode_floats(B));
  return status != HeedStatusOk ? status : heed_crf_marginals(&shape, &inputs, mode_floats((size_t)B * T * K), mode_floats(B));
}

static HeedStatus binary_cross_entropy(void) {
  const HeedLossElementwiseOutputs outputs = {mode_floats(1), mode_floats(N)};
  return heed_loss_binary_cross_entropy(&elements, &element_inputs, &outputs);
}
static HeedStatus squared_error(void) {
  const HeedLossElementwiseOutputs outputs = {mode_floats(1), mode_floats(N)};
  return heed_loss_squared_error(&elements, &element_inputs, &outputs);
}

static const HeedEmbeddingShape embedding = {.tokens = 2048,
                                             .vocabulary = 32,
                                             .columns = 48,
                                             .id_element = HeedEmbeddingIndexInt64,
                                             .id_step = 1,
                                             .table_row = 48,
                                             .output_row = 48};
static HeedStatus embed(void) { return heed_embedding_forward(&embedding, mode_x, mode_index, mode_floats(2048 * 48)); }
static HeedStatus embed_backward(void) { return heed_embedding_dense_backward(&embedding, mode_index, mode_x, mode_floats(32 * 48)); }
static HeedStatus embed_touched(void) {
  return heed_embedding_touched_backward(&embedding, mode_index, mode_x, mode_results(32 * sizeof(int64_t)), mode_floats(32 * 48),
                                         mode_results(sizeof(size_t)));
}

static const HeedPositionSinusoidalShape waves = {.batch = 4,
                                                  .length = 64,
                                                  .columns = 128,
                                                  .input_batch = 64 * 128,
                                                  .input_row = 128,
                                                  .output_batch = 64 * 128,
                                                  .output_row = 128,
                                                  .base = 1e4};
static const HeedPositionRotaryShape turns = {.batch = 4,
                                              .heads = 2,
                                              .length = 64,
                                              .columns = 64,
                                              .rotary = 64,
                                              .input_batch = 64 * 128,
                                              .input_head = 64,
                                              .input_row = 128,
                                              .output_batch = 64 * 128,
                                              .output_head = 64,
                                              .output_row = 128,
                                              .base = 1e4};
static HeedStatus wave_table(void) { return heed_position_sinusoidal_table(&waves, mode_floats(64 * 128)); }
static HeedStatus add_waves(void) { return heed_position_sinusoidal_forward(&waves, mode_x, NULL, 0, mode_floats(4 * 64 * 128)); }
static HeedStatus turn_table(void) { return heed_position_rotary_table(&turns, mode_floats(64 * 64)); }
static HeedStatus turn(void) { return heed_position_rotary(&turns, mode_x, NULL, 0, mode_floats(4 * 64 * 128)); }

static HeedStatus step_sgd(void) {
  const HeedOptimizerSgd sgd = {.lr = 0.1, .momentum = 0.9, .step = 2, .gradient_scale = 0.7f};
  const HeedOptimizerParameter span = {
      .count = N / 2, .value = mode_copy(mode_x, N / 2), .gradient = mode_y, .m = mode_copy(mode_y, N / 2), .weight_decay = 0.01};
  return heed_optimizer_sgd(&sgd, 1, &span);
}
static HeedStatus step_adam(void) {
  const HeedOptimizerAdam adam = {0.01, 0.9, 0.999, 1e-8, true, false, 3, 0.7f};
  const HeedOptimizerParameter span = {.count = N / 2,
                                       .value = mode_copy(mode_x, N / 2),
                                       .gradient = mode_y,
                                       .m = mode_copy(mode_y, N / 2),
                                       .v = mode_copy(mode_unit, N / 2),
                                       .weight_decay = 0.1};
  return heed_optimizer_adam(&adam, 1, &span);
}
static HeedOptimizerSpan copied(const float *from) { return (HeedOptimizerSpan){N, mode_copy(from, N)}; }
static HeedStatus gradient_norm(void) {
  const HeedOptimizerSpan span = copied(mode_x);
  return heed_optimizer_gradient_norm(1, &span, mode_doubles(1), NULL);
}
static HeedStatus clip_factor(void) {
  *mode_floats(1) = heed_optimizer_clip_factor(7.1, 0.3);
  *mode_floats(1) = heed_optimizer_clip_factor(7.1, 1e-310);
  return HeedStatusOk;
}
static HeedStatus gradient_accumulate(void) {
  const HeedOptimizerSpan target = copied(mode_x), source = {N, mode_y};
  return heed_optimizer_gradient_accumulate(1, &target, &source, 0.3f);
}

#define CALL(function)                                                                                                                     \
  (ModeCall) { #function, function }
const ModeCall mode_elementwise_calls[] = {
    CALL(add),
    CALL(multiply),
    CALL(divide),
    CALL(power),
    CALL(scaled_add),
    CALL(compare),
    CALL(pick),
    CALL(mean),
    CALL(arg_maximum),
    CALL(gather),
    CALL(scatter_add),
    CALL(activate),
    CALL(activate_backward),
    CALL(to_bf16),
    CALL(to_f32),
    CALL(bits),
    CALL(uniform),
    CALL(normal),
    CALL(drop),
    CALL(softmax),
    CALL(softmax_backward),
    CALL(normalize),
    CALL(normalize_backward),
    CALL(cross_entropy),
    CALL(distillation),
    CALL(negative_sampling),
    CALL(binary_cross_entropy),
    CALL(squared_error),
    CALL(crf),
    CALL(embed),
    CALL(embed_backward),
    CALL(embed_touched),
    CALL(wave_table),
    CALL(add_waves),
    CALL(turn_table),
    CALL(turn),
    CALL(step_sgd),
    CALL(step_adam),
    CALL(gradient_norm),
    CALL(clip_factor),
    CALL(gradient_accumulate),
};
const size_t mode_elementwise_count = sizeof mode_elementwise_calls / sizeof *mode_elementwise_calls;

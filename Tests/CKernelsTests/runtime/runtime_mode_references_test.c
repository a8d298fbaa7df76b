// Calls for the tests of the floating-point mode: the references, by small shapes.

#include "heed/heed.h"
#include "runtime_mode_support.h"

#define N       ((size_t)1000)
#define ROWS    ((size_t)6)
#define COLUMNS ((size_t)33)
#define ROW     ((ptrdiff_t)COLUMNS)

static const HeedRandom seed = {7, 3, 5};

// Reads the inputs into float64 results that are changed in place; exact, so it may run in any mode but one that traps denormals.
static double *widened(const float *from, size_t count) {
  double *to = mode_doubles(count);
  heed_gemm_reference(&(HeedGemmShape){.batch = 1,
                                       .m = count,
                                       .n = 1,
                                       .k = 1,
                                       .a_row = 1,
                                       .a_column = 1,
                                       .b_row = 1,
                                       .b_column = 1,
                                       .c_row = 1,
                                       .c_column = 1,
                                       .alpha = 1},
                      from, &(const float){1}, to);
  return to;
}

static HeedStatus arithmetic(void) {
  const HeedArithmeticShape line = {.axes = 1, .size = {N}, .output = {1}, .a = {1}, .b = {1}};
  const HeedArithmeticInputs operands = {.a = mode_x, .b = mode_y};
  const HeedArithmeticReduce all = {.axes = 1, .size = {N}, .input = {1}, .reduced = {true}};
  const HeedStatus status = heed_arithmetic_reference_forward(&line, HeedArithmeticDivide, &operands, mode_doubles(N));
  return status == HeedStatusOk ? heed_arithmetic_reference_reduce(&all, HeedArithmeticReductionMean, mode_x, mode_doubles(1)) : status;
}

enum { LENGTH = 9, DIM = 5 };
static HeedStatus attention(void) {
  const HeedAttentionStrides strides = {LENGTH * DIM, LENGTH * DIM, DIM, 1};
  const HeedAttentionShape forward = {.batch = 1,
                                      .heads = 1,
                                      .key_value_heads = 1,
                                      .query_length = LENGTH,
                                      .key_length = LENGTH,
                                      .head_dim = DIM,
                                      .value_dim = DIM,
                                      .query = strides,
                                      .key = strides,
                                      .value = strides,
                                      .output = strides,
                                      .scale = 0.3f};
  const HeedAttentionInputs inputs = {.query = mode_x, .key = mode_y, .value = mode_unit};
  const HeedAttentionReferenceOutputs outputs = {.output = mode_doubles(LENGTH * DIM), .log_sum_exp = mode_doubles(LENGTH)};
  const HeedStatus status = heed_attention_reference_forward(&forward, &inputs, &outputs);
  if (status != HeedStatusOk) return status;
  const HeedAttentionBackwardShape shape = {forward, strides, strides, strides, strides, {0, 0, 0, 0}};
  const HeedAttentionBackwardInputs all = {.forward = inputs, .output = mode_x, .log_sum_exp = mode_x, .d_output = mode_y};
  const HeedAttentionReferenceGradients gradients = {mode_doubles(LENGTH * DIM), mode_doubles(LENGTH * DIM), mode_doubles(LENGTH * DIM),
                                                     NULL};
  return heed_attention_reference_backward(&shape, &all, &gradients);
}

enum { CHANNELS = 2, SIDE = 6, PLANE = SIDE * SIDE, IMAGES = CHANNELS * PLANE };
#define IMAGE IMAGES, PLANE, SIDE, 1
static HeedStatus convolution(void) {
  const HeedConvolutionShape shape = {.batch = 1,
                                      .input_channels = CHANNELS,
                                      .output_channels = CHANNELS,
                                      .groups = 1,
                                      .height = SIDE,
                                      .width = SIDE,
                                      .kernel_height = 3,
                                      .kernel_width = 3,
                                      .stride_height = 1,
                                      .stride_width = 1,
                                      .dilation_height = 1,
                                      .dilation_width = 1,
                                      .top = 1,
                                      .bottom = 1,
                                      .left = 1,
                                      .right = 1,
                                      .input = {IMAGE},
                                      .output = {IMAGE},
                                      .d_input = {IMAGE}};
  const HeedStatus status = heed_convolution_reference_forward(&shape, mode_x, mode_y, mode_unit, mode_doubles(CHANNELS * PLANE));
  return status != HeedStatusOk ? status
                                : heed_convolution_reference_backward(&shape, mode_x, mode_y, mode_unit, mode_doubles(CHANNELS * PLANE),
                                                                      mode_doubles(CHANNELS * CHANNELS * 9), mode_doubles(CHANNELS));
}
static HeedStatus pooling(void) {
  const HeedPoolingShape shape = {.batch = 1,
                                  .channels = CHANNELS,
                                  .height = SIDE,
                                  .width = SIDE,
                                  .kernel_height = 3,
                                  .kernel_width = 3,
                                  .stride_height = 1,
                                  .stride_width = 1,
                                  .dilation_height = 1,
                                  .dilation_width = 1,
                                  .top = 1,
                                  .bottom = 1,
                                  .left = 1,
                                  .right = 1,
                                  .input = {IMAGE},
                                  .output = {IMAGE},
                                  .d_input = {IMAGE}};
  const HeedStatus status = heed_pooling_reference_average_forward(&shape, mode_x, mode_doubles(CHANNELS * PLANE));
  return status == HeedStatusOk ? heed_pooling_reference_average_backward(&shape, mode_x, mode_doubles(CHANNELS * PLANE)) : status;
}

static HeedStatus dropout(void) { return heed_dropout_reference_forward(&seed, 0.3f, N, mode_x, mode_doubles(N)); }
static HeedStatus embedding(void) {
  const HeedEmbeddingShape shape = {
      .tokens = 100, .vocabulary = 32, .columns = 7, .id_element = HeedEmbeddingIndexInt64, .id_step = 1, .table_row = 7, .output_row = 7};
  return heed_embedding_reference_backward(&shape, mode_index, mode_x, mode_doubles(32 * 7));
}
static HeedStatus product(void) {
  const HeedGemmShape shape = {.batch = 1,
                               .m = ROWS,
                               .n = ROWS,
                               .k = COLUMNS,
                               .a_row = ROW,
                               .a_column = 1,
                               .b_row = ROWS,
                               .b_column = 1,
                               .c_row = ROWS,
                               .c_column = 1,
                               .alpha = 0.7f,
                               .beta = 0.3f};
  return heed_gemm_reference(&shape, mode_x, mode_y, widened(mode_unit, ROWS * ROWS));
}

static HeedStatus row_losses(void) {
  const HeedLossCrossEntropyShape entropy = {.rows = ROWS,
                                             .classes = COLUMNS,
                                             .logits_row = ROW,
                                             .d_logits_row = ROW,
                                             .label_smoothing = 0.1f,
                                             .reduction = HeedLossReductionMean};
  const HeedLossCrossEntropyInputs logits = {.logits = mode_x, .targets = mode_index};
  const HeedStatus status = heed_loss_reference_cross_entropy(&entropy, &logits, mode_doubles(1), mode_doubles(ROWS * COLUMNS));
  if (status != HeedStatusOk) return status;
  const HeedLossDistillationShape shape = {ROWS, COLUMNS, ROW, ROW, ROW, ROW, 1.3f, HeedLossReductionMean};
  const HeedLossDistillationInputs inputs = {.student = mode_x, .teacher = mode_y};
  return heed_loss_reference_distillation(&shape, &inputs, mode_doubles(1), mode_doubles(ROWS * COLUMNS), mode_doubles(ROWS * COLUMNS));
}
static HeedStatus pair_losses(void) {
  const HeedLossNegativeSamplingShape shape = {.pairs = 20,
                                               .negatives = 3,
                                               .dim = 8,
                                               .center_rows = 32,
                                               .context_rows = 32,
                                               .center_row = 8,
                                               .context_row = 8,
                                               .d_center_row = 8,
                                               .d_context_row = 8,
                                               .reduction = HeedLossReductionMean};
  const HeedLossNegativeSamplingInputs inputs = {mode_x, mode_y, mode_index, mode_index + 7, mode_index + 11, NULL};
  return heed_loss_reference_negative_sampling(&shape, &inputs, mode_doubles(1), mode_doubles(32 * 8), mode_doubles(32 * 8));
}
static HeedStatus element_losses(void) {
  const HeedLossElementwiseShape shape = {N, 1.7f, HeedLossReductionMean};
  const HeedLossElementwiseInputs inputs = {.input = mode_x, .targets = mode_unit};
  const HeedStatus status = heed_loss_reference_binary_cross_entropy(&shape, &inputs, mode_doubles(1), mode_doubles(N));
  return status == HeedStatusOk ? heed_loss_reference_squared_error(&shape, &inputs, mode_doubles(1), mode_doubles(N)) : status;
}

static HeedStatus norm(void) {
  const HeedNormShape shape = {.kind = HeedNormLayer,
                               .rows = ROWS,
                               .columns = COLUMNS,
                               .input_row = ROW,
                               .sum_row = ROW,
                               .output_row = ROW,
                               .d_output_row = ROW,
                               .d_input_row = ROW,
                               .epsilon = 1e-5};
  const HeedNormInputs inputs = {.input = mode_x, .weight = mode_y, .bias = mode_unit};
  const HeedStatus status = heed_norm_reference_forward(&shape, &inputs, mode_doubles(ROWS * COLUMNS));
  if (status != HeedStatusOk) return status;
  const HeedNormBackwardInputs all = {.sum = mode_x, .weight = mode_y, .statistics = mode_unit, .d_output = mode_y};
  return heed_norm_reference_backward(&shape, &all, mode_doubles(ROWS * COLUMNS), mode_doubles(COLUMNS), mode_doubles(COLUMNS));
}
static HeedStatus optimizer(void) {
  const HeedOptimizerSgd sgd = {.lr = 0.1, .momentum = 0.9, .step = 2, .gradient_scale = 0.7f};
  const HeedStatus status = heed_optimizer_reference_sgd(&sgd, 0.01, N, mode_y, widened(mode_x, N), widened(mode_y, N));
  if (status != HeedStatusOk) return status;
  const HeedOptimizerAdam adam = {0.01, 0.9, 0.999, 1e-8, true, false, 3, 0.7f};
  return heed_optimizer_reference_adam(&adam, 0.1, N, mode_y, widened(mode_x, N), widened(mode_y, N), widened(mode_unit, N), NULL);
}
static HeedStatus position(void) {
  const HeedPositionSinusoidalShape waves = {
      .batch = 1, .length = 9, .columns = 6, .input_batch = 54, .input_row = 6, .output_batch = 54, .output_row = 6, .base = 1e4};
  const HeedPositionRotaryShape turns = {.batch = 1,
                                         .heads = 1,
                                         .length = 9,
                                         .columns = 6,
                                         .rotary = 6,
                                         .input_batch = 54,
                                         .input_head = 54,
                                         .input_row = 6,
                                         .output_batch = 54,
                                         .output_head = 54,
                                         .output_row = 6,
                                         .base = 1e4};
  const HeedStatus status = heed_position_reference_sinusoidal_forward(&waves, mode_x, mode_doubles(54));
  return status == HeedStatusOk ? heed_position_reference_rotary(&turns, mode_x, mode_doubles(54)) : status;
}
static HeedStatus draws(void) {
  double *drawn = mode_doubles(2 * 100);
  for (size_t i = 0; i < 100; i++) {
    drawn[2 * i] = heed_random_reference_uniform(3, 4, i);
    drawn[2 * i + 1] = heed_random_reference_normal(3, 4, i);
  }
  return HeedStatusOk;
}

enum { BATCH = 2, TIME = 5, INPUT = 4, HIDDEN = 3 };
static HeedStatus recurrent(void) {
  const HeedRecurrentShape shape = {.cell = HeedRecurrentCellLstm,
                                    .batch = BATCH,
                                    .time = TIME,
                                    .input = INPUT,
                                    .hidden = HIDDEN,
                                    .input_batch = TIME * INPUT,
                                    .input_time = INPUT,
                                    .output_batch = TIME * HIDDEN,
                                    .output_time = HIDDEN};
  const HeedRecurrentWeights weights = {.w_ih = mode_x, .w_hh = mode_y, .b_ih = mode_x + 500, .b_hh = mode_y + 500};
  const HeedRecurrentInputs inputs = {.input = mode_y + 700};
  const HeedRecurrentReferenceOutputs outputs = {mode_doubles(BATCH * TIME * HIDDEN), mode_doubles(BATCH * HIDDEN), NULL};
  const HeedRecurrentOutputGradients d_outputs = {.d_output = mode_x + 900, .d_output_batch = TIME * HIDDEN, .d_output_time = HIDDEN};
  const HeedRecurrentReferenceGradients gradients = {.d_input = mode_doubles(BATCH * TIME * INPUT),
                                                     .d_w_ih = mode_doubles(4 * HIDDEN * INPUT),
                                                     .d_w_hh = mode_doubles(4 * HIDDEN * HIDDEN),
                                                     .d_b_ih = mode_doubles(4 * HIDDEN)};
  return heed_recurrent_reference(&shape, &weights, &inputs, &outputs, &d_outputs, &gradients);
}
static HeedStatus scored(void) {
  const HeedScoredAttentionStrides strides = {TIME * INPUT, INPUT, 1};
  const HeedScoredAttentionShape shape = {.score = HeedScoredAttentionScoreGeneral,
                                          .batch = BATCH,
                                          .query_length = TIME,
                                          .key_length = TIME,
                                          .query_dim = INPUT,
                                          .key_dim = INPUT,
                                          .value_dim = INPUT,
                                          .query = strides,
                                          .key = strides,
                                          .value = strides,
                                          .output = strides,
                                          .d_output = strides};
  const HeedScoredAttentionInputs inputs = {.query = mode_x, .key = mode_y, .value = mode_unit, .weight = mode_x + 500};
  const HeedScoredAttentionOutputGradients d_outputs = {.d_output = mode_y + 900};
  const size_t count = BATCH * TIME * INPUT;
  const HeedScoredAttentionReference results = {
      .output = mode_doubles(count), .d_query = mode_doubles(count), .d_key = mode_doubles(count), .d_weight = mode_doubles(INPUT * INPUT)};
  return heed_scored_attention_reference(&shape, &inputs, &d_outputs, &results);
}

static HeedStatus crf(void) {
  const HeedCrfShape shape = {.batch = 3, .time = 9, .tags = 32, .emissions_batch = 9 * 32, .emissions_time = 32, .transitions_row = 32};
  const HeedCrfInputs inputs = {mode_x, mode_y, mode_unit, mode_unit + 99, NULL, mode_index, NULL};
  const HeedCrfReference outputs = {mode_doubles(3), mode_doubles(3), mode_doubles(27 * 32), mode_doubles(32 * 32), NULL, mode_doubles(32)};
  HeedStatus status = heed_crf_reference_loss(&shape, &inputs, &outputs);
  if (status == HeedStatusOk) status = heed_crf_reference_decode(&shape, &inputs, mode_results(27 * sizeof(int64_t)), mode_doubles(3));
  return status != HeedStatusOk ? status : heed_crf_reference_marginals(&shape, &inputs, mode_doubles(27 * 32), mode_doubles(3));
}

static HeedStatus softmax(void) {
  const HeedSoftmaxShape shape = {
      .rows = ROWS, .columns = COLUMNS, .input_row = ROW, .input_column = 1, .output_row = ROW, .output_column = 1, .scale = 0.7f};
  const HeedSoftmaxInputs inputs = {.input = mode_x};
  const HeedStatus status = heed_softmax_reference_forward(&shape, &inputs, mode_doubles(ROWS * COLUMNS));
  if (status != HeedStatusOk) return status;
  const HeedSoftmaxBackwardShape back = {.rows = ROWS,
                                         .columns = COLUMNS,
                                         .output_row = ROW,
                                         .output_column = 1,
                                         .d_output_row = ROW,
                                         .d_output_column = 1,
                                         .d_input_row = ROW,
                                         .d_input_column = 1,
                                         .scale = 0.7f};
  const HeedSoftmaxBackwardInputs all = {.output = mode_unit, .d_output = mode_y};
  return heed_softmax_reference_backward(&back, &all, mode_doubles(ROWS * COLUMNS));
}
static HeedStatus sparse(void) {
  static const int32_t offsets[5] = {0, 2, 3, 3, 6}, column[6] = {0, 3, 1, 0, 2, 3};
  const HeedSparse a = {4, 4, 6, offsets, column, mode_unit};
  const HeedSparseShape shape = {.width = 9, .x_row = 9, .x_column = 1, .y_row = 9, .y_column = 1};
  return heed_sparse_reference_forward(&a, &shape, mode_x, mode_doubles(36));
}

#define CALL(function)                                                                                                                     \
  (ModeCall) { "the reference of " #function, function }
const ModeCall mode_reference_calls[] = {
    CALL(arithmetic), CALL(attention),   CALL(convolution), CALL(pooling),        CALL(dropout),   CALL(embedding), CALL(product),
    CALL(row_losses), CALL(pair_losses), CALL(norm),        CALL(element_losses), CALL(optimizer), CALL(position),  CALL(draws),
    CALL(recurrent),  CALL(scored),      CALL(softmax),     CALL(sparse),         CALL(crf),
};
const size_t mode_reference_count = sizeof mode_reference_calls / sizeof *mode_reference_calls;

// Calls for the tests of the floating-point mode: products, attention, recurrent layers, convolution, graphs, measured peaks.

#include "heed/heed.h"
#include "runtime_mode_support.h"

// ---- Matrix products --------------------------------------------------------------------------------------------------------------------

#define M ((size_t)96)
#define K ((size_t)80)
#define P ((size_t)72)
#define PRODUCT(type)                                                                                                                      \
  .batch = 1, .m = M, .n = P, .k = K, .element = type, .a_row = (ptrdiff_t)K, .a_column = 1, .b_row = (ptrdiff_t)P, .b_column = 1,         \
  .c_row = (ptrdiff_t)P, .c_column = 1, .alpha = 0.7f
static const HeedGemmShape product = {PRODUCT(HeedElementFloat32)}, product16 = {PRODUCT(HeedElementBfloat16)};
static const HeedGemmEpilogue epilogue = {.bias = mode_unit, .bias_column = 1, .activation = HeedActivationGelu};

static HeedStatus gemm(void) { return heed_gemm(&product, NULL, mode_x, mode_y, mode_floats(M * P)); }
static HeedStatus gemm_fused(void) { return heed_gemm(&product, &epilogue, mode_x, mode_y, mode_floats(M * P)); }
static HeedStatus gemm_bf16(void) { return heed_gemm(&product16, NULL, mode_x16, mode_y16, mode_floats(M * P)); }
static HeedStatus gemm_bf16_fused(void) { return heed_gemm(&product16, &epilogue, mode_x16, mode_y16, mode_floats(M * P)); }
static HeedStatus gemm_openblas(void) { return heed_gemm_openblas(&product, mode_x, mode_y, mode_floats(M * P)); }
static HeedStatus gemm_packed(void) {
  void *packed = mode_results(heed_gemm_packed_size(K, P, HeedElementFloat32));
  const HeedStatus status = heed_gemm_pack(K, P, HeedElementFloat32, mode_y, (ptrdiff_t)P, 1, packed);
  return status != HeedStatusOk ? status : heed_gemm_packed(&product, &epilogue, mode_x, packed, mode_floats(M * P));
}
static HeedStatus gemm_bf16_packed(void) {
  void *packed = mode_results(heed_gemm_packed_size(K, P, HeedElementBfloat16));
  const HeedStatus status = heed_gemm_pack(K, P, HeedElementBfloat16, mode_y16, (ptrdiff_t)P, 1, packed);
  return status != HeedStatusOk ? status : heed_gemm_packed(&product16, &epilogue, mode_x16, packed, mode_floats(M * P));
}

// ---- Attention --------------------------------------------------------------------------------------------------------------------------

enum { HEADS = 3, QUERIES = 70, KEYS = 130, DIM = 32, FEW = 2 };
#define ROWS(heads, rows) (DIM * (heads) * (rows)), (DIM * (rows)), DIM, 1
#define ATTENTION(queries, type)                                                                                                           \
  (HeedAttentionShape) {                                                                                                                   \
    .batch = 1, .heads = HEADS, .key_value_heads = HEADS, .query_length = queries, .key_length = KEYS, .head_dim = DIM, .value_dim = DIM,  \
    .element = type, .query = {ROWS(HEADS, queries)}, .key = {ROWS(HEADS, KEYS)}, .value = {ROWS(HEADS, KEYS)},                            \
    .output = {ROWS(HEADS, queries)}, .scale = 0.3f, .causal = true, .causal_offset = KEYS - queries                                       \
  }
static const HeedAttentionShape many = ATTENTION(QUERIES, HeedElementFloat32), few = ATTENTION(FEW, HeedElementFloat32),
                                many16 = ATTENTION(QUERIES, HeedElementBfloat16), few16 = ATTENTION(FEW, HeedElementBfloat16);
static const HeedAttentionInputs inputs = {.query = mode_x, .key = mode_y, .value = mode_unit};
static const HeedAttentionInputs inputs16 = {.query = mode_x16, .key = mode_y16, .value = mode_x16};

static HeedStatus attend(HeedAttentionForward forward, const HeedAttentionShape *shape) {
  const HeedAttentionOutputs outputs = {.output = mode_floats(HEADS * shape->query_length * DIM),
                                        .log_sum_exp = mode_floats(HEADS * shape->query_length)};
  return forward(shape, shape->element == HeedElementBfloat16 ? &inputs16 : &inputs, &outputs);
}
static HeedStatus naive(void) { return attend(heed_attention_naive_forward, &many); }
static HeedStatus materialized(void) { return attend(heed_attention_materialized_forward, &many); }
static HeedStatus tiled(void) { return attend(heed_attention_tiled_forward, &many); }
static HeedStatus automatic(void) { return attend(heed_attention_automatic_forward, &many); }
static HeedStatus decode(void) { return attend(heed_attention_decode_forward, &few); }
static HeedStatus tiled_bf16(void) { return attend(heed_attention_tiled_forward, &many16); }
static HeedStatus automatic_bf16(void) { return attend(heed_attention_automatic_forward, &many16); }
static HeedStatus decode_bf16(void) { return attend(heed_attention_decode_forward, &few16); }
static HeedStatus attend_cached(HeedElement element) {
  HeedKeyValueCache cache = {.batch = 1, .key_value_heads = HEADS, .head_dim = DIM, .value_dim = DIM, .element = element, .chunks = 1};
  void *keys = mode_results(heed_key_value_cache_key_bytes(&cache)), *values = mode_results(heed_key_value_cache_value_bytes(&cache));
  cache.keys = &keys, cache.values = &values;
  const HeedStatus status = heed_key_value_cache_write(&cache, 0, KEYS, mode_y, many.key, mode_unit, many.value);
  if (status != HeedStatusOk) return status;
  const HeedAttentionOutputs outputs = {.output = mode_floats(HEADS * FEW * DIM)};
  return heed_attention_cached_forward(&few, &cache, &inputs, &outputs);
}
static HeedStatus cached(void) { return attend_cached(HeedElementFloat32); }
static HeedStatus cached_bf16(void) { return attend_cached(HeedElementBfloat16); }

static HeedStatus attend_backward(HeedAttentionBackward backward) {
  float *output = mode_floats(HEADS * QUERIES * DIM), *log_sum_exp = mode_floats(HEADS * QUERIES);
  const HeedAttentionOutputs outputs = {.output = output, .log_sum_exp = log_sum_exp};
  const HeedStatus status = heed_attention_tiled_forward(&many, &inputs, &outputs);
  if (status != HeedStatusOk) return status;
  const HeedAttentionBackwardShape shape = {.forward = many,
                                            .d_output = many.output,
                                            .d_query = many.query,
                                            .d_key = many.key,
                                            .d_value = many.value,
                                            .d_additive = {HEADS * QUERIES * KEYS, QUERIES * KEYS, KEYS, 1}};
  const HeedAttentionBackwardInputs all = {inputs, output, log_sum_exp, mode_y + 13};
  const HeedAttentionGradients gradients = {mode_floats(HEADS * QUERIES * DIM), mode_floats(HEADS * KEYS * DIM),
                                            mode_floats(HEADS * KEYS * DIM), mode_floats(HEADS * QUERIES * KEYS)};
  return backward(&shape, &all, &gradients);
}
static HeedStatus naive_backward(void) { return attend_backward(heed_attention_naive_backward); }
static HeedStatus materialized_backward(void) { return attend_backward(heed_attention_materialized_backward); }
static HeedStatus tiled_backward(void) { return attend_backward(heed_attention_tiled_backward); }

// ---- Attention of encoders and decoders -------------------------------------------------------------------------------------------------

enum { B = 3, TARGETS = 11, SOURCES = 40, UNITS = 32 };
static const HeedScoredAttentionShape scored = {.score = HeedScoredAttentionScoreAdditive,
                                                .batch = B,
                                                .query_length = TARGETS,
                                                .key_length = SOURCES,
                                                .query_dim = UNITS,
                                                .key_dim = UNITS,
                                                .value_dim = UNITS,
                                                .attention_dim = UNITS,
                                                .query = {TARGETS * UNITS, UNITS, 1},
                                                .key = {SOURCES * UNITS, UNITS, 1},
                                                .value = {SOURCES * UNITS, UNITS, 1},
                                                .output = {TARGETS * UNITS, UNITS, 1},
                                                .d_output = {TARGETS * UNITS, UNITS, 1}};
static const HeedScoredAttentionInputs scored_inputs = {.query = mode_x,
                                                        .key = mode_y,
                                                        .value = mode_unit,
                                                        .query_weight = mode_x + 5000,
                                                        .key_weight = mode_y + 5000,
                                                        .score_weight = mode_x + 9000};
static HeedStatus score(void) {
  const HeedScoredAttentionOutputs outputs = {mode_floats(B * TARGETS * UNITS), mode_floats(B * TARGETS * SOURCES)};
  return heed_scored_attention_forward(&scored, &scored_inputs, &outputs);
}
static HeedStatus score_backward(void) {
  const HeedScoredAttentionOutputs outputs = {mode_floats(B * TARGETS * UNITS), mode_floats(B * TARGETS * SOURCES)};
  const HeedStatus status = heed_scored_attention_forward(&scored, &scored_inputs, &outputs);
  if (status != HeedStatusOk) return status;
  const HeedScoredAttentionOutputGradients d_outputs = {.d_output = mode_y + 77, .weights = outputs.weights};
  const HeedScoredAttentionGradients gradients = {.d_query = mode_floats(B * TARGETS * UNITS),
                                                  .d_key = mode_floats(B * SOURCES * UNITS),
                                                  .d_value = mode_floats(B * SOURCES * UNITS),
                                                  .d_query_weight = mode_floats(UNITS * UNITS),
                                                  .d_key_weight = mode_floats(UNITS * UNITS),
                                                  .d_score_weight = mode_floats(UNITS)};
  return heed_scored_attention_backward(&scored, &scored_inputs, &d_outputs, &gradients);
}
static HeedStatus prepare_keys(void) {
  return heed_scored_attention_additive_prepare_keys(&scored, &scored_inputs,
                                                     mode_floats(heed_scored_attention_additive_prepared_size(&scored)));
}

// ---- Recurrent layers -------------------------------------------------------------------------------------------------------------------

enum { TIME = 12, INPUT = 24, HIDDEN = 40 };
static HeedStatus recur(HeedRecurrentCell cell) {
  const HeedRecurrentShape shape = {.cell = cell,
                                    .batch = B,
                                    .time = TIME,
                                    .input = INPUT,
                                    .hidden = HIDDEN,
                                    .input_batch = TIME * INPUT,
                                    .input_time = INPUT,
                                    .output_batch = TIME * HIDDEN,
                                    .output_time = HIDDEN};
  HeedRecurrentWeights weights = {.w_ih = mode_x, .w_hh = mode_y, .b_ih = mode_x + 9000, .b_hh = mode_y + 9000};
  void *packed = mode_results(heed_recurrent_packed_size(&shape));
  HeedStatus status = heed_recurrent_pack(&shape, &weights, packed);
  if (status != HeedStatusOk) return status;
  weights.packed = packed;
  const HeedRecurrentInputs sequence = {.input = mode_y + 20000};
  float *reserve = mode_results(heed_recurrent_reserve_size(&shape));
  const HeedRecurrentOutputs outputs = {.output = mode_floats(B * TIME * HIDDEN), .h_n = mode_floats(B * HIDDEN), .reserve = reserve};
  status = heed_recurrent_forward(&shape, &weights, &sequence, &outputs);
  if (status != HeedStatusOk) return status;
  const HeedRecurrentOutputGradients d_outputs = {.d_output = mode_x + 30000, .d_output_batch = TIME * HIDDEN, .d_output_time = HIDDEN};
  const size_t gates = heed_recurrent_gates(cell) * HIDDEN;
  const HeedRecurrentGradients gradients = {.d_input = mode_floats(B * TIME * INPUT),
                                            .d_h_0 = mode_floats(B * HIDDEN),
                                            .d_w_ih = mode_floats(gates * INPUT),
                                            .d_w_hh = mode_floats(gates * HIDDEN),
                                            .d_b_ih = mode_floats(gates),
                                            .d_b_hh = mode_floats(gates)};
  return heed_recurrent_backward(&shape, &weights, &sequence, reserve, &d_outputs, &gradients);
}
static HeedStatus rnn(void) { return recur(HeedRecurrentCellRnnTanh); }
static HeedStatus lstm(void) { return recur(HeedRecurrentCellLstm); }
static HeedStatus gru(void) { return recur(HeedRecurrentCellGruResetAfter); }

// ---- Convolution and pooling ------------------------------------------------------------------------------------------------------------

enum { CHANNELS = 8, SIDE = 20, PLANE = SIDE * SIDE, IMAGES = CHANNELS * PLANE };
#define IMAGE IMAGES, PLANE, SIDE, 1
#define CONVOLUTION(group_count)                                                                                                           \
  .batch = 2, .input_channels = CHANNELS, .output_channels = CHANNELS, .groups = group_count, .height = SIDE, .width = SIDE,               \
  .kernel_height = 3, .kernel_width = 3, .stride_height = 1, .stride_width = 1, .dilation_height = 1, .dilation_width = 1, .top = 1,       \
  .bottom = 1, .left = 1, .right = 1, .input = {IMAGE}, .output = {IMAGE}, .d_input = {IMAGE}
static HeedStatus convolve_all(const HeedConvolutionShape *shape) {
  HeedStatus status = heed_convolution_forward(shape, mode_x, mode_y, mode_unit, HeedActivationTanh, mode_floats(2 * CHANNELS * PLANE));
  if (status == HeedStatusOk) status = heed_convolution_input_backward(shape, mode_y, mode_x, mode_floats(2 * CHANNELS * PLANE));
  if (status == HeedStatusOk) status = heed_convolution_weight_backward(shape, mode_x, mode_y, mode_floats(CHANNELS * CHANNELS * 9));
  return status == HeedStatusOk ? heed_convolution_bias_backward(shape, mode_x, mode_floats(CHANNELS)) : status;
}
static HeedStatus convolve(void) {
  const HeedConvolutionShape shape = {CONVOLUTION(1)};
  return convolve_all(&shape);
}
static HeedStatus convolve_depthwise(void) {
  const HeedConvolutionShape shape = {CONVOLUTION(CHANNELS)};
  return convolve_all(&shape);
}
static HeedStatus pool(void) {
  const HeedPoolingShape shape = {.batch = 2,
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
  const size_t count = 2 * CHANNELS * PLANE;
  int32_t *index = mode_results(count * sizeof(int32_t));
  HeedStatus status = heed_pooling_max_forward(&shape, mode_x, mode_floats(count), index);
  if (status == HeedStatusOk) status = heed_pooling_max_backward(&shape, mode_y, index, mode_floats(count));
  if (status == HeedStatusOk) status = heed_pooling_average_forward(&shape, mode_x, mode_floats(count));
  return status == HeedStatusOk ? heed_pooling_average_backward(&shape, mode_y, mode_floats(count)) : status;
}

// ---- Graphs -----------------------------------------------------------------------------------------------------------------------------

enum { NODES = 32, WIDTH = 256 };
static HeedStatus graph(void) {
  const ptrdiff_t row = NODES;
  const size_t capacity = heed_sparse_normalized_capacity(NODES, heed_sparse_count_dense(NODES, mode_x, row, 1));
  int32_t *offsets = mode_results((NODES + 1) * sizeof(int32_t)), *column = mode_results(capacity * sizeof(int32_t));
  float *value = mode_floats(capacity);
  HeedStatus status = heed_sparse_normalize_dense(NODES, mode_x, row, 1, offsets, column, value);
  if (status != HeedStatusOk) return status;
  const HeedSparse a = {NODES, NODES, (size_t)offsets[NODES], offsets, column, value};
  const HeedSparseShape shape = {.width = WIDTH, .x_row = WIDTH, .x_column = 1, .y_row = WIDTH, .y_column = 1};
  status = heed_sparse_forward(&a, &shape, mode_y, mode_floats(NODES * WIDTH));
  if (status == HeedStatusOk)
    status = heed_sparse_transpose(&a, mode_results((NODES + 1) * sizeof(int32_t)), mode_results(capacity * sizeof(int32_t)),
                                   mode_floats(capacity), NULL);
  const size_t more = heed_sparse_normalized_capacity(NODES, a.entries);
  return status != HeedStatusOk ? status
                                : heed_sparse_normalize(&a, mode_results((NODES + 1) * sizeof(int32_t)),
                                                        mode_results(more * sizeof(int32_t)), mode_floats(more));
}

// ---- The machine ------------------------------------------------------------------------------------------------------------------------

// Rates differ from call to call: that the call ends in any mode is what is looked at.
static HeedStatus machine(void) {
  HeedMachine described;
  heed_machine_describe(&described);
  *(size_t *)mode_results(sizeof(size_t)) = described.usable;
  double rate;
  const HeedStatus status = heed_peak_measure(HeedPeakFmaF32, 1, 0.0005, &rate);
  const void *buffer = mode_x;
  if (status == HeedStatusOk && heed_peak_read(&buffer, 1, sizeof mode_x, 1, &rate) != HeedStatusOk) return HeedStatusBadArgument;
  return status == HeedStatusOk ? heed_peak_copy(mode_floats(MODE_COUNT), mode_x, sizeof mode_x, 1, &rate) : status;
}

#define CALL(function)                                                                                                                     \
  (ModeCall) { #function, function }
const ModeCall mode_product_calls[] = {
    CALL(gemm),
    CALL(gemm_fused),
    CALL(gemm_bf16),
    CALL(gemm_bf16_fused),
    CALL(gemm_openblas),
    CALL(gemm_packed),
    CALL(naive),
    CALL(gemm_bf16_packed),
    CALL(materialized),
    CALL(tiled),
    CALL(automatic),
    CALL(decode),
    CALL(tiled_bf16),
    CALL(automatic_bf16),
    CALL(decode_bf16),
    CALL(cached),
    CALL(cached_bf16),
    CALL(naive_backward),
    CALL(score),
    CALL(materialized_backward),
    CALL(rnn),
    CALL(tiled_backward),
    CALL(lstm),
    CALL(score_backward),
    CALL(gru),
    CALL(prepare_keys),
    CALL(convolve),
    CALL(pool),
    CALL(convolve_depthwise),
    CALL(graph),
    CALL(machine),
};
const size_t mode_product_count = sizeof mode_product_calls / sizeof *mode_product_calls;

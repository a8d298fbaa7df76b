// The contract of gradients in runtime.h, held by every backward pass that has `accumulate`: one table of passes, one test.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "heed/heed.h"

#define PARAMETERS 4

static float numbers[1 << 18];
static int64_t ids[4096];

// Where the gradients of a pass go. `parameter`: those that accumulate; `input`: one that the same call overwrites, or null.
typedef struct Targets {
  float *parameter[PARAMETERS], *input;
} Targets;

typedef struct Pass {
  const char *name;
  int variant;
  size_t parameters[PARAMETERS], input;                                                 // elements of each
  HeedStatus (*run)(int variant, bool accumulate, bool nothing, const Targets *target); // nothing: of a batch of nothing
} Pass;

// ---- Norms: more rows than are merged at a time -----------------------------------------------------------------------------------------

enum { ROWS = 2100, COLUMNS = 19 };

static HeedStatus norm(int kind, bool accumulate, bool nothing, const Targets *target) {
  static float output[ROWS * COLUMNS], statistics[ROWS * HEED_NORM_STATISTICS];
  const HeedNormShape shape = {.kind = (HeedNormKind)kind,
                               .rows = nothing ? 0 : ROWS,
                               .columns = COLUMNS,
                               .input_row = COLUMNS,
                               .sum_row = COLUMNS,
                               .output_row = COLUMNS,
                               .d_output_row = COLUMNS,
                               .d_input_row = COLUMNS,
                               .epsilon = 1e-5,
                               .accumulate = accumulate};
  const HeedNormInputs inputs = {.input = numbers, .weight = numbers + 7};
  const HeedNormOutputs outputs = {.output = output, .statistics = statistics};
  const HeedStatus status = heed_norm_forward(&shape, &inputs, &outputs);
  if (status != HeedStatusOk) return status;
  const HeedNormBackwardInputs back = {.sum = numbers, .weight = numbers + 7, .statistics = statistics, .d_output = numbers + 1000};
  const HeedNormGradients gradients = {.d_input = target->input, .d_weight = target->parameter[0], .d_bias = target->parameter[1]};
  return heed_norm_backward(&shape, &back, &gradients);
}

// ---- Tables: some rows that nothing names -----------------------------------------------------------------------------------------------

enum { TOKENS = 700, VOCABULARY = 500, WIDTH = 37, NEGATIVES = 3 };

static HeedStatus embedding(int variant, bool accumulate, bool nothing, const Targets *target) {
  (void)variant;
  const HeedEmbeddingShape shape = {.tokens = nothing ? 0 : TOKENS,
                                    .vocabulary = VOCABULARY,
                                    .columns = WIDTH,
                                    .id_element = HeedEmbeddingIndexInt64,
                                    .id_step = 1,
                                    .table_row = WIDTH,
                                    .output_row = WIDTH,
                                    .accumulate = accumulate};
  return heed_embedding_dense_backward(&shape, ids, numbers, target->parameter[0]);
}

static HeedStatus negative_sampling(int variant, bool accumulate, bool nothing, const Targets *target) {
  (void)variant;
  const HeedLossNegativeSamplingShape shape = {.pairs = nothing ? 0 : TOKENS,
                                               .negatives = NEGATIVES,
                                               .dim = WIDTH,
                                               .center_rows = VOCABULARY,
                                               .context_rows = VOCABULARY,
                                               .center_row = WIDTH,
                                               .context_row = WIDTH,
                                               .d_center_row = WIDTH,
                                               .d_context_row = WIDTH,
                                               .reduction = HeedLossReductionMean,
                                               .accumulate = accumulate};
  const HeedLossNegativeSamplingInputs inputs = {numbers, numbers + 5, ids, ids + 3, ids + 9, NULL};
  const HeedLossNegativeSamplingOutputs outputs = {.d_center.d_table = target->parameter[0], .d_context.d_table = target->parameter[1]};
  return heed_loss_negative_sampling(&shape, &inputs, &outputs);
}

// ---- Convolution, dense and depthwise: more places than a tile has ----------------------------------------------------------------------

enum { IMAGES = 3, SIDE = 24, CHANNELS = 8, KERNEL = 3 };

static HeedStatus convolution(int groups, bool accumulate, bool nothing, const Targets *target) {
  const HeedConvolutionStrides strides = {CHANNELS * SIDE * SIDE, SIDE * SIDE, SIDE, 1};
  const HeedConvolutionShape shape = {.batch = nothing ? 0 : IMAGES,
                                      .input_channels = CHANNELS,
                                      .output_channels = CHANNELS,
                                      .groups = (size_t)groups,
                                      .height = SIDE,
                                      .width = SIDE,
                                      .kernel_height = KERNEL,
                                      .kernel_width = KERNEL,
                                      .stride_height = 1,
                                      .stride_width = 1,
                                      .dilation_height = 1,
                                      .dilation_width = 1,
                                      .top = 1,
                                      .bottom = 1,
                                      .left = 1,
                                      .right = 1,
                                      .input = strides,
                                      .output = strides,
                                      .d_input = strides,
                                      .accumulate = accumulate};
  const float *d_output = numbers + 20000;
  HeedStatus status = heed_convolution_weight_backward(&shape, numbers, d_output, target->parameter[0]);
  if (status == HeedStatusOk) status = heed_convolution_bias_backward(&shape, d_output, target->parameter[1]);
  return status == HeedStatusOk ? heed_convolution_input_backward(&shape, numbers + 90, d_output, target->input) : status;
}

// ---- Sequences: more steps, queries and keys than a block of a product has --------------------------------------------------------------

enum { BATCH = 37, TIME = 9, INPUT = 13, HIDDEN = 11 };

static HeedStatus recurrent(int cell, bool accumulate, bool nothing, const Targets *target) {
  static float reserve[6 * BATCH * TIME * HIDDEN];
  const HeedRecurrentShape shape = {.cell = (HeedRecurrentCell)cell,
                                    .batch = nothing ? 0 : BATCH,
                                    .time = TIME,
                                    .input = INPUT,
                                    .hidden = HIDDEN,
                                    .input_batch = TIME * INPUT,
                                    .input_time = INPUT,
                                    .output_batch = TIME * HIDDEN,
                                    .output_time = HIDDEN,
                                    .accumulate = accumulate};
  const HeedRecurrentWeights weights = {.w_ih = numbers + 31, .w_hh = numbers + 900};
  const HeedRecurrentInputs inputs = {.input = numbers};
  HeedStatus status = heed_recurrent_forward(&shape, &weights, &inputs, &(HeedRecurrentOutputs){.reserve = reserve});
  if (status != HeedStatusOk) return status;
  const HeedRecurrentOutputGradients d_outputs = {.d_output = numbers + 5000, .d_output_batch = TIME * HIDDEN, .d_output_time = HIDDEN};
  const HeedRecurrentGradients gradients = {.d_input = target->input,
                                            .d_w_ih = target->parameter[0],
                                            .d_w_hh = target->parameter[1],
                                            .d_b_ih = target->parameter[2],
                                            .d_b_hh = target->parameter[3]};
  return heed_recurrent_backward(&shape, &weights, &inputs, reserve, &d_outputs, &gradients);
}

static HeedStatus scored_attention(int score, bool accumulate, bool nothing, const Targets *target) {
  static float output[BATCH * TIME * WIDTH], weights[BATCH * TIME * TIME];
  const HeedScoredAttentionStrides wide = {TIME * WIDTH, WIDTH, 1}, narrow = {TIME * INPUT, INPUT, 1};
  const HeedScoredAttentionShape shape = {.score = (HeedScoredAttentionScore)score,
                                          .batch = nothing ? 0 : BATCH,
                                          .query_length = TIME,
                                          .key_length = TIME,
                                          .query_dim = INPUT,
                                          .key_dim = INPUT,
                                          .value_dim = WIDTH,
                                          .attention_dim = HIDDEN,
                                          .query = narrow,
                                          .key = narrow,
                                          .value = wide,
                                          .output = wide,
                                          .d_output = wide,
                                          .accumulate = accumulate};
  const HeedScoredAttentionInputs inputs = {.query = numbers,
                                            .key = numbers + 5000,
                                            .value = numbers + 9000,
                                            .weight = numbers + 3,
                                            .query_weight = numbers + 11,
                                            .key_weight = numbers + 500,
                                            .score_weight = numbers + 800};
  HeedStatus status = heed_scored_attention_forward(&shape, &inputs, &(HeedScoredAttentionOutputs){output, weights});
  if (status != HeedStatusOk) return status;
  const bool general = score == HeedScoredAttentionScoreGeneral;
  const HeedScoredAttentionOutputGradients d_outputs = {.d_output = numbers + 30000, .weights = weights};
  const HeedScoredAttentionGradients gradients = {.d_key = target->input,
                                                  .d_weight = general ? target->parameter[0] : NULL,
                                                  .d_query_weight = general ? NULL : target->parameter[0],
                                                  .d_key_weight = target->parameter[1],
                                                  .d_score_weight = target->parameter[2]};
  return heed_scored_attention_backward(&shape, &inputs, &d_outputs, &gradients);
}

// ---- Conditional random fields: more sequences than are added at a time ----------------------------------------------------------------

enum { SEQUENCES = 37, STEPS = 12, TAGS = 11 };

static HeedStatus crf(int variant, bool accumulate, bool nothing, const Targets *target) {
  (void)variant;
  const HeedCrfShape shape = {.batch = nothing ? 0 : SEQUENCES,
                              .time = STEPS,
                              .tags = TAGS,
                              .emissions_batch = STEPS * TAGS,
                              .emissions_time = TAGS,
                              .transitions_row = TAGS,
                              .d_emissions_batch = STEPS * TAGS,
                              .d_emissions_time = TAGS,
                              .d_transitions_row = TAGS,
                              .reduction = HeedCrfReductionSum,
                              .accumulate = accumulate};
  static int64_t targets[SEQUENCES * STEPS];
  for (size_t i = 0; i < SEQUENCES * STEPS; i++) targets[i] = ids[i] % TAGS;
  const HeedCrfInputs inputs = {
      .emissions = numbers, .transitions = numbers + 7, .start = numbers, .end = numbers + 90, .targets = targets};
  const HeedCrfOutputs outputs = {
      .d_emissions = target->input, .d_transitions = target->parameter[0], .d_start = target->parameter[1], .d_end = target->parameter[2]};
  return heed_crf_loss(&shape, &inputs, &outputs);
}

// ---- The table --------------------------------------------------------------------------------------------------------------------------

// clang-format off
#define RECURRENT(name, cell, gates)                                                                                                       \
  {name, cell, {(gates) * HIDDEN * INPUT, (gates) * HIDDEN * HIDDEN, (gates) * HIDDEN, (gates) * HIDDEN}, BATCH * TIME * INPUT, recurrent}

static const Pass passes[] = {
    {"layer norm", HeedNormLayer, {COLUMNS, COLUMNS}, ROWS * COLUMNS, norm},
    {"RMS norm", HeedNormRms, {COLUMNS, COLUMNS}, ROWS * COLUMNS, norm},
    {"embedding", 0, {VOCABULARY * WIDTH}, 0, embedding},
    {"negative sampling", 0, {VOCABULARY * WIDTH, VOCABULARY * WIDTH}, 0, negative_sampling},
    {"convolution", 1, {CHANNELS * CHANNELS * KERNEL * KERNEL, CHANNELS}, IMAGES * CHANNELS * SIDE * SIDE, convolution},
    {"depthwise convolution", CHANNELS, {CHANNELS * KERNEL * KERNEL, CHANNELS}, IMAGES * CHANNELS * SIDE * SIDE, convolution},
    RECURRENT("RNN", HeedRecurrentCellRnnTanh, 1),
    RECURRENT("LSTM", HeedRecurrentCellLstm, 4),
    RECURRENT("GRU", HeedRecurrentCellGruResetAfter, 3),
    RECURRENT("GRU, reset before", HeedRecurrentCellGruResetBefore, 3),
    {"general attention", HeedScoredAttentionScoreGeneral, {INPUT * INPUT}, BATCH * TIME * INPUT, scored_attention},
    {"additive attention", HeedScoredAttentionScoreAdditive, {HIDDEN * INPUT, HIDDEN * INPUT, HIDDEN}, BATCH * TIME * INPUT,
     scored_attention},
    {"conditional random field", 0, {TAGS * TAGS, TAGS, TAGS}, SEQUENCES * STEPS * TAGS, crf},
};
// clang-format on
#define PASS_COUNT (sizeof passes / sizeof passes[0])

// ---- The test ---------------------------------------------------------------------------------------------------------------------------

typedef struct Run {
  Targets target;
  Guarded blocks[PARAMETERS + 1];
} Run;

static Run begin(const Pass *pass) {
  Run run = {0};
  for (int i = 0; i <= PARAMETERS; i++) {
    const size_t count = i < PARAMETERS ? pass->parameters[i] : pass->input;
    if (count == 0) continue;
    run.blocks[i] = guarded_allocate(count * sizeof(float), i % 2 ? GuardBegin : GuardEnd);
    poison_floats(run.blocks[i].data, count);
    *(i < PARAMETERS ? &run.target.parameter[i] : &run.target.input) = run.blocks[i].data;
  }
  return run;
}

static void end(Run *run) {
  for (int i = 0; i <= PARAMETERS; i++)
    if (run->blocks[i].map) guarded_free(&run->blocks[i]);
}

static float held(size_t i) { return (float)(i % 13) / 8 - 0.7f; }

// The gradients of a run that began with `held`, or with zeros.
static Run accumulated(const Pass *pass, bool zeros, bool nothing) {
  Run run = begin(pass);
  for (int p = 0; p < PARAMETERS; p++)
    for (size_t i = 0; i < pass->parameters[p]; i++) run.target.parameter[p][i] = zeros ? 0 : held(i);
  CHECK_MESSAGE(pass->run(pass->variant, true, nothing, &run.target) == HeedStatusOk, "%s", pass->name);
  return run;
}

static void check_parameter(const Pass *pass, int p, const float *overwritten, const float *onto_zeros, const float *added) {
  const size_t count = pass->parameters[p];
  float largest = 0;
  for (size_t i = 0; i < count; i++) largest = fmaxf(largest, fabsf(overwritten[i]));
  CHECK_MESSAGE(largest > 0 && isfinite(largest), "%s, parameter %d: the largest gradient is %g", pass->name, p, (double)largest);
  for (size_t i = 0; i < count && test_failures() < 10; i++) {
    CHECK_MESSAGE(!isnan(overwritten[i]), "%s, parameter %d, element %zu: what was overwritten shows", pass->name, p, i);
    CHECK_MESSAGE(onto_zeros[i] == overwritten[i], "%s, parameter %d, element %zu: %a added to 0, %a overwritten", pass->name, p, i,
                  (double)onto_zeros[i], (double)overwritten[i]);
    const float bound = overwritten[i] == 0 ? 0 : 0x1p-19f * (largest + fabsf(held(i)));
    CHECK_MESSAGE(fabsf(added[i] - (held(i) + overwritten[i])) <= bound, "%s, parameter %d, element %zu: %g, not %g + %g", pass->name, p, i,
                  (double)added[i], (double)held(i), (double)overwritten[i]);
  }
}

static void check_nothing(const Pass *pass) {
  Run zero = begin(pass), kept = accumulated(pass, false, true);
  CHECK(pass->run(pass->variant, false, true, &zero.target) == HeedStatusOk);
  for (int p = 0; p < PARAMETERS; p++)
    for (size_t i = 0; i < pass->parameters[p] && test_failures() < 10; i++) {
      CHECK_MESSAGE(zero.target.parameter[p][i] == 0, "%s, parameter %d: nothing gives %g", pass->name, p,
                    (double)zero.target.parameter[p][i]);
      CHECK_MESSAGE(kept.target.parameter[p][i] == held(i), "%s, parameter %d: nothing changes %g to %g", pass->name, p, (double)held(i),
                    (double)kept.target.parameter[p][i]);
    }
  end(&zero), end(&kept);
}

TEST(gradients_keep_the_contract_of_accumulate) {
  Random r = random_stream(77);
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) numbers[i] = 0.5f * (float)random_normal(&r);
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) ids[i] = (int64_t)random_below(&r, VOCABULARY / 2) * 2;
  for (size_t n = 0; n < PASS_COUNT; n++) {
    const Pass *pass = &passes[n];
    Run overwritten = begin(pass);
    CHECK_MESSAGE(pass->run(pass->variant, false, false, &overwritten.target) == HeedStatusOk, "%s", pass->name);
    Run onto_zeros = accumulated(pass, true, false), added = accumulated(pass, false, false);
    for (int p = 0; p < PARAMETERS; p++)
      if (pass->parameters[p])
        check_parameter(pass, p, overwritten.target.parameter[p], onto_zeros.target.parameter[p], added.target.parameter[p]);
    // An input's gradient overwrites whatever the flag says.
    if (pass->input)
      CHECK_MESSAGE(differing_floats(overwritten.target.input, added.target.input, pass->input, NULL) == 0, "%s: the input's", pass->name);
    check_nothing(pass);
    end(&overwritten), end(&onto_zeros), end(&added);
  }
}

// What has no step, no key, no target or no entry adds exactly nothing, even where a weight is NaN: hidden things are left out, never
// multiplied by zero.

#include <math.h>
#include <string.h>

#include "harness.h"
#include "heed/heed.h"

#define ROOM 512

static bool are_all(float value, const float *x, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (memcmp(&x[i], &value, sizeof value) != 0) return false;
  return true;
}

static bool are_finite(const float *x, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!isfinite(x[i])) return false;
  return true;
}

static void fill(float *x, size_t count, float value) {
  for (size_t i = 0; i < count; i++) x[i] = value;
}

// ---- Attention before the Transformer: B = 3, N = 2, T = 3, Hq = Hk = E = A = 4 ---------------------------------------------------------

static const int64_t lengths[] = {0, 2, 0};

static const HeedScoredAttentionShape scored = {.batch = 3,
                                                .query_length = 2,
                                                .key_length = 3,
                                                .query_dim = 4,
                                                .key_dim = 4,
                                                .value_dim = 4,
                                                .attention_dim = 4,
                                                .query = {8, 4, 1},
                                                .key = {12, 4, 1},
                                                .value = {12, 4, 1},
                                                .output = {8, 4, 1},
                                                .d_output = {8, 4, 1}};

// Every weight NaN, every score: sequences 0 and 2, which see no key, have zeros.
TEST(arguments_nan_weights_do_not_reach_queries_without_keys) {
  static float numbers[ROOM], nans[ROOM], weights[ROOM], query[ROOM], key[ROOM], value[ROOM], output[ROOM];
  fill(numbers, ROOM, 0.5f), fill(nans, ROOM, NAN);
  for (int score = 0; score < 3; score++)
    for (int accumulate = 0; accumulate < 2; accumulate++) {
      HeedScoredAttentionShape s = scored;
      s.score = (HeedScoredAttentionScore)score, s.accumulate = accumulate;
      const HeedScoredAttentionInputs in = {numbers, numbers, numbers, lengths, nans, nans, nans, nans, NULL};
      fill(output, ROOM, NAN), fill(weights, ROOM, NAN);
      CHECK(heed_scored_attention_forward(&s, &in, &(HeedScoredAttentionOutputs){output, weights}) == HeedStatusOk);
      CHECK(are_all(0, output, 8) && are_all(0, output + 16, 8));
      CHECK(are_all(0, weights, 6) && are_all(0, weights + 12, 6));
      fill(query, ROOM, NAN), fill(key, ROOM, NAN), fill(value, ROOM, NAN);
      const HeedScoredAttentionGradients gradients = {.d_query = query, .d_key = key, .d_value = value};
      const HeedScoredAttentionOutputGradients d_outputs = {.d_output = numbers, .weights = weights};
      CHECK(heed_scored_attention_backward(&s, &in, &d_outputs, &gradients) == HeedStatusOk);
      CHECK_MESSAGE(are_all(0, query, 8) && are_all(0, query + 16, 8), "queries, score %d, accumulate %d", score, accumulate);
      CHECK_MESSAGE(are_all(0, key, 12) && are_all(0, key + 20, 16), "keys, score %d, accumulate %d", score, accumulate);
      CHECK_MESSAGE(are_all(0, value, 12) && are_all(0, value + 20, 16), "values, score %d, accumulate %d", score, accumulate);
    }
}

// Whatever sequences without keys hold, gradients of weights are those of the others.
TEST(arguments_sequences_without_keys_add_nothing_to_weights) {
  static float numbers[ROOM], spoilt[ROOM], weights[ROOM], output[ROOM], gradients[4][ROOM];
  fill(numbers, ROOM, 0.5f), fill(spoilt, ROOM, 0.5f);
  fill(spoilt, 8, NAN), fill(spoilt + 16, 8, INFINITY); // of queries and the output's gradient: sequences 0 and 2
  for (int score = 1; score < 3; score++)
    for (int accumulate = 0; accumulate < 2; accumulate++) {
      HeedScoredAttentionShape s = scored;
      s.score = (HeedScoredAttentionScore)score, s.accumulate = accumulate;
      const HeedScoredAttentionInputs in = {spoilt, numbers, numbers, lengths, numbers, numbers, numbers, numbers, NULL};
      CHECK(heed_scored_attention_forward(&s, &in, &(HeedScoredAttentionOutputs){output, weights}) == HeedStatusOk);
      fill(gradients[0], 4 * ROOM, 1);
      const HeedScoredAttentionGradients g = {
          .d_weight = gradients[0], .d_query_weight = gradients[1], .d_key_weight = gradients[2], .d_score_weight = gradients[3]};
      const HeedScoredAttentionOutputGradients d_outputs = {.d_output = spoilt, .d_weights = NULL, .weights = weights};
      CHECK(heed_scored_attention_backward(&s, &in, &d_outputs, &g) == HeedStatusOk);
      CHECK_MESSAGE(are_finite(gradients[0], 4 * ROOM), "score %d, accumulate %d", score, accumulate);
    }
}

// ---- Recurrent layers: B = 3, T = 2, I = 3, H = 4 ---------------------------------------------------------------------------------------

TEST(arguments_nan_weights_do_not_reach_sequences_without_steps) {
  static float numbers[ROOM], nans[ROOM], output[ROOM], h_n[ROOM], c_n[ROOM], reserve[ROOM], input[ROOM], h_0[ROOM], c_0[ROOM],
      arrived[ROOM];
  static const int64_t steps[] = {0, 2, 0};
  fill(nans, ROOM, NAN);
  for (size_t i = 0; i < ROOM; i++) numbers[i] = (float)i * 0.125f;
  for (int cell = 0; cell < 6; cell++)
    for (int reverse = 0; reverse < 2; reverse++) {
      const HeedRecurrentShape s = {.cell = (HeedRecurrentCell)cell,
                                    .reverse = reverse,
                                    .batch = 3,
                                    .time = 2,
                                    .input = 3,
                                    .hidden = 4,
                                    .input_batch = 6,
                                    .input_time = 3,
                                    .output_batch = 8,
                                    .output_time = 4,
                                    .lengths = steps};
      const bool lstm = cell == HeedRecurrentCellLstm;
      const HeedRecurrentWeights weights = {.w_ih = nans, .w_hh = nans, .b_ih = nans, .b_hh = nans};
      const HeedRecurrentInputs inputs = {numbers, numbers, lstm ? numbers : NULL};
      const HeedRecurrentOutputs outputs = {output, h_n, lstm ? c_n : NULL, reserve};
      CHECK(heed_recurrent_forward(&s, &weights, &inputs, &outputs) == HeedStatusOk);
      CHECK(are_all(0, output, 8) && are_all(0, output + 16, 8));
      CHECK(memcmp(h_n, numbers, 4 * sizeof(float)) == 0 && memcmp(h_n + 8, numbers + 8, 4 * sizeof(float)) == 0);
      CHECK(!lstm || (memcmp(c_n, numbers, 4 * sizeof(float)) == 0 && memcmp(c_n + 8, numbers + 8, 4 * sizeof(float)) == 0));
      fill(input, ROOM, NAN), fill(h_0, ROOM, NAN), fill(c_0, ROOM, NAN), fill(arrived, ROOM, NAN);
      const HeedRecurrentOutputGradients d_outputs = {numbers, 8, 4, numbers, lstm ? numbers : NULL};
      const HeedRecurrentGradients gradients = {.d_input = input, .d_h_0 = h_0, .d_c_0 = lstm ? c_0 : NULL, .d_h = arrived};
      CHECK(heed_recurrent_backward(&s, &weights, &inputs, reserve, &d_outputs, &gradients) == HeedStatusOk);
      CHECK_MESSAGE(are_all(0, input, 6) && are_all(0, input + 12, 6), "input, cell %d", cell);
      CHECK_MESSAGE(are_all(0, arrived, 8) && are_all(0, arrived + 16, 8), "output, cell %d", cell);
      CHECK_MESSAGE(memcmp(h_0, numbers, 4 * sizeof(float)) == 0 && memcmp(h_0 + 8, numbers + 8, 4 * sizeof(float)) == 0, "h_0, cell %d",
                    cell);
      CHECK_MESSAGE(!lstm || (memcmp(c_0, numbers, 4 * sizeof(float)) == 0 && memcmp(c_0 + 8, numbers + 8, 4 * sizeof(float)) == 0), "c_0");
    }
}

// The states and inputs of sequences without a step reach no gradient of the weights.
TEST(arguments_sequences_without_steps_add_nothing_to_weights) {
  static float numbers[ROOM], spoilt[ROOM], output[ROOM], reserve[ROOM], gradients[4][ROOM];
  static const int64_t steps[] = {0, 2, 0};
  for (size_t i = 0; i < ROOM; i++) numbers[i] = 0.01f * (float)(i % 7);
  for (int cell = 0; cell < 6; cell++) {
    HeedRecurrentShape s = {.cell = (HeedRecurrentCell)cell,
                            .batch = 3,
                            .time = 2,
                            .input = 4,
                            .hidden = 4,
                            .input_batch = 8,
                            .input_time = 4,
                            .output_batch = 8,
                            .output_time = 4,
                            .lengths = steps};
    memcpy(spoilt, numbers, sizeof spoilt);
    fill(spoilt, 8, NAN), fill(spoilt + 16, 8, INFINITY);
    static float state[12];
    memcpy(state, numbers, sizeof state), fill(state, 4, NAN), fill(state + 8, 4, NAN);
    const HeedRecurrentWeights weights = {.w_ih = numbers, .w_hh = numbers};
    const HeedRecurrentInputs inputs = {spoilt, state, NULL};
    CHECK(heed_recurrent_forward(&s, &weights, &inputs, &(HeedRecurrentOutputs){.output = output, .reserve = reserve}) == HeedStatusOk);
    for (int accumulate = 0; accumulate < 2; accumulate++) {
      fill(gradients[0], 4 * ROOM, 1);
      const HeedRecurrentOutputGradients d_outputs = {spoilt, 8, 4, state, NULL};
      const HeedRecurrentGradients g = {.d_w_ih = gradients[0], .d_w_hh = gradients[1], .d_b_ih = gradients[2], .d_b_hh = gradients[3]};
      s.accumulate = accumulate;
      CHECK(heed_recurrent_backward(&s, &weights, &inputs, reserve, &d_outputs, &g) == HeedStatusOk);
      CHECK_MESSAGE(are_finite(gradients[0], 4 * ROOM), "cell %d, accumulate %d", cell, accumulate);
    }
  }
}

// ---- Losses, embeddings, dropout, sparse rows -------------------------------------------------------------------------------------------

TEST(arguments_hidden_targets_tokens_and_entries_add_nothing) {
  // An ignored target, its weight and its gradient NaN; without smoothing a weight of another class takes no part either.
  static const float logits[] = {1, 2, 3, NAN, NAN, NAN}, weights[] = {1, NAN, NAN}, arrives[] = {1, NAN};
  static const int64_t targets[] = {0, 2};
  const HeedLossCrossEntropyInputs in = {.logits = logits, .targets = targets, .class_weights = weights, .d_loss = arrives};
  for (int reduction = 0; reduction < 3; reduction++) {
    const HeedLossCrossEntropyShape s = {.rows = 2,
                                         .classes = 3,
                                         .logits_row = 3,
                                         .d_logits_row = 3,
                                         .ignores = true,
                                         .ignore_index = 2,
                                         .reduction = (HeedLossReduction)reduction};
    float loss[2], gradient[6];
    double oracle[2], d_oracle[6];
    CHECK(heed_loss_cross_entropy(&s, &in, &(HeedLossCrossEntropyOutputs){loss, gradient}) == HeedStatusOk);
    CHECK(heed_loss_reference_cross_entropy(&s, &in, oracle, d_oracle) == HeedStatusOk);
    CHECK(isfinite(loss[0]) && isfinite(oracle[0]) && are_finite(gradient, 3) && are_all(0, gradient + 3, 3));
    for (int i = 0; i < 6; i++) CHECK(fabs((double)gradient[i] - d_oracle[i]) <= 1e-6);
    if (reduction == HeedLossReductionNone) CHECK(loss[1] == 0 && oracle[1] == 0);
  }
  // A weight of NaN that is counted makes the mean NaN: it is no mean over nothing.
  static const int64_t counted[] = {0, 1};
  const HeedLossCrossEntropyShape mean = {.rows = 1, .classes = 3, .logits_row = 3, .reduction = HeedLossReductionMean};
  float loss = 0;
  CHECK(heed_loss_cross_entropy(&mean, &(HeedLossCrossEntropyInputs){.logits = logits, .targets = counted + 1, .class_weights = weights},
                                &(HeedLossCrossEntropyOutputs){&loss, NULL}) == HeedStatusOk);
  CHECK(isnan(loss));

  // Tokens of the padding's number.
  static const int64_t ids[] = {1, 0, 1};
  static const float d_output[] = {NAN, INFINITY, 2, 3, NAN, NAN};
  const HeedEmbeddingShape e = {.tokens = 3,
                                .vocabulary = 2,
                                .columns = 2,
                                .id_element = HeedEmbeddingIndexInt64,
                                .id_step = 1,
                                .table_row = 2,
                                .output_row = 2,
                                .has_padding = true,
                                .padding = 1};
  float table[4] = {NAN, NAN, NAN, NAN};
  CHECK(heed_embedding_dense_backward(&e, ids, d_output, table) == HeedStatusOk);
  CHECK(table[0] == 2 && table[1] == 3 && are_all(0, table + 2, 2));

  // What dropout drops.
  float dropped[4];
  CHECK(heed_dropout_forward(&(HeedRandom){1, 2, 3}, 1, 4, (const float[]){NAN, INFINITY, -INFINITY, -1}, dropped) == HeedStatusOk);
  CHECK(are_all(0, dropped, 4));

  // A row without entries, and a row of X that no entry names.
  static const int32_t offsets[] = {0, 1, 1, 2}, column[] = {0, 2};
  static const float x[] = {1, NAN, 3};
  const HeedSparse a = {.rows = 3, .columns = 3, .entries = 2, .offsets = offsets, .column = column};
  const HeedSparseShape width = {.width = 1, .x_row = 1, .x_column = 1, .y_row = 1, .y_column = 1};
  float y[3];
  CHECK(heed_sparse_forward(&a, &width, x, y) == HeedStatusOk);
  CHECK(y[0] == 1 && are_all(0, y + 1, 1) && y[2] == 3);
}

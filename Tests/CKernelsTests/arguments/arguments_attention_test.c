// Every entry point of attention, its cache and its recurrent forms refuses what its header says, and writes nothing. (More of attention's
// own arguments: attention_arguments_test.c, attention_backward_arguments_test.c.)

#include <math.h>

#include "arguments_support.h"
#include "heed/heed.h"

#define IN        inputs_f
#define OUT       outputs_f[0]
#define REF       outputs_d[0]
#define HUGE_SIZE ((size_t)1 << 61)
#define FAR       (PTRDIFF_MAX / 2)

static const HeedAttentionShape attention = {.batch = 2,
                                             .heads = 2,
                                             .key_value_heads = 1,
                                             .query_length = 3,
                                             .key_length = 4,
                                             .head_dim = 5,
                                             .value_dim = 6,
                                             .query = {30, 15, 5, 1},
                                             .key = {20, 20, 5, 1},
                                             .value = {24, 24, 6, 1},
                                             .output = {36, 18, 6, 1},
                                             .additive = {24, 12, 4, 1},
                                             .scale = 1};
static const HeedAttentionInputs inputs = {.query = inputs_f, .key = inputs_f, .value = inputs_f};
static const HeedAttentionOutputs outputs = {.output = outputs_f[0], .log_sum_exp = outputs_f[1]};
static const HeedAttentionReferenceOutputs reference_outputs = {
    .output = outputs_d[0], .log_sum_exp = outputs_d[1], .largest_score = outputs_d[2]};
static const int64_t too_long[] = {4, 5}, negative[] = {4, -1};

// A bad shape, or bad inputs, with the status.
typedef struct Spoilt {
  HeedStatus status;
  HeedAttentionShape shape;
  HeedAttentionInputs inputs;
} Spoilt;

static size_t spoil(Spoilt rows[16]) {
  static const HeedStatus statuses[] = {HeedStatusBadShape,    HeedStatusBadShape,    HeedStatusBadShape,    HeedStatusBadStride,
                                        HeedStatusBadStride,   HeedStatusBadArgument, HeedStatusBadArgument, HeedStatusBadArgument,
                                        HeedStatusBadArgument, HeedStatusBadArgument, HeedStatusBadArgument, HeedStatusBadArgument,
                                        HeedStatusBadArgument, HeedStatusBadArgument, HeedStatusBadArgument};
  const size_t count = sizeof statuses / sizeof statuses[0];
  for (size_t i = 0; i < count; i++) rows[i] = (Spoilt){statuses[i], attention, inputs};
  rows[0].shape.key_value_heads = 0, rows[1].shape.head_dim = HUGE_SIZE, rows[2].shape.batch = SIZE_MAX;
  rows[3].shape.query.row = FAR, rows[4].shape.key.row = PTRDIFF_MIN;
  rows[5].shape.scale = NAN, rows[6].shape.window = 3, rows[7].shape.dropout.probability = 1, rows[8].shape.dropout.probability = NAN;
  rows[9].inputs.query = NULL, rows[10].inputs.value = NULL, rows[11].inputs.key_lengths = too_long, rows[12].inputs.key_lengths = negative;
  rows[13].shape.element = (HeedElement)HEED_ELEMENT_COUNT, rows[14].shape.element = (HeedElement)-1;
  return count;
}

TEST_ONCE(arguments_of_attention) {
  Spoilt rows[16];
  const size_t count = spoil(rows);
  for (size_t i = 0; i < count; i++) {
    const HeedAttentionShape *s = &rows[i].shape;
    const HeedAttentionInputs *in = &rows[i].inputs;
    GIVES_STATUS(rows[i].status, heed_attention_reference_forward(s, in, &reference_outputs));
    GIVES_STATUS(rows[i].status, heed_attention_naive_forward(s, in, &outputs));
    GIVES_STATUS(rows[i].status, heed_attention_materialized_forward(s, in, &outputs));
    GIVES_STATUS(rows[i].status, heed_attention_tiled_forward(s, in, &outputs));
    GIVES_STATUS(rows[i].status, heed_attention_decode_forward(s, in, &outputs));
    GIVES_STATUS(rows[i].status, heed_attention_automatic_forward(s, in, &outputs));
    if (s->element == HeedElementFloat32) rows[i].shape.element = HeedElementBfloat16;
    GIVES_STATUS(rows[i].status, heed_attention_tiled_forward(s, in, &outputs));
    GIVES_STATUS(rows[i].status, heed_attention_decode_forward(s, in, &outputs));
    GIVES_STATUS(rows[i].status, heed_attention_automatic_forward(s, in, &outputs));
  }
  const HeedAttentionShape *half = WITH(attention, element = HeedElementBfloat16);
  GIVES(BadArgument, heed_attention_reference_forward(half, &inputs, &reference_outputs));
  GIVES(BadArgument, heed_attention_naive_forward(half, &inputs, &outputs));
  GIVES(BadArgument, heed_attention_materialized_forward(half, &inputs, &outputs));
  GIVES(BadArgument, heed_attention_reference_forward(NULL, &inputs, &reference_outputs));
  GIVES(BadArgument, heed_attention_reference_forward(&attention, NULL, &reference_outputs));
  GIVES(BadArgument, heed_attention_reference_forward(&attention, &inputs, NULL));
  GIVES(BadArgument, heed_attention_reference_forward(&attention, &inputs, WITH(reference_outputs, output = NULL)));
  static const HeedAttentionForward arms[] = {heed_attention_naive_forward, heed_attention_materialized_forward,
                                              heed_attention_tiled_forward, heed_attention_decode_forward,
                                              heed_attention_automatic_forward};
  for (size_t i = 0; i < sizeof arms / sizeof arms[0]; i++) {
    GIVES(BadArgument, arms[i](NULL, &inputs, &outputs));
    GIVES(BadArgument, arms[i](&attention, NULL, &outputs));
    GIVES(BadArgument, arms[i](&attention, &inputs, NULL));
    GIVES(BadArgument, arms[i](&attention, &inputs, WITH(outputs, output = NULL)));
    GIVES(BadStride, arms[i](WITH(attention, output.row = 0), &inputs, &outputs));
  }
}

static const HeedAttentionBackwardShape backward = {.forward = {.batch = 2,
                                                                .heads = 2,
                                                                .key_value_heads = 1,
                                                                .query_length = 3,
                                                                .key_length = 4,
                                                                .head_dim = 5,
                                                                .value_dim = 6,
                                                                .query = {30, 15, 5, 1},
                                                                .key = {20, 20, 5, 1},
                                                                .value = {24, 24, 6, 1},
                                                                .output = {36, 18, 6, 1},
                                                                .scale = 1},
                                                    .d_output = {36, 18, 6, 1},
                                                    .d_query = {30, 15, 5, 1},
                                                    .d_key = {20, 20, 5, 1},
                                                    .d_value = {24, 24, 6, 1},
                                                    .d_additive = {24, 12, 4, 1}};
static const HeedAttentionBackwardInputs backward_inputs = {
    .forward = {.query = inputs_f, .key = inputs_f, .value = inputs_f}, .output = inputs_f, .log_sum_exp = inputs_f, .d_output = inputs_f};
static const HeedAttentionGradients gradients = {outputs_f[0], outputs_f[1], outputs_f[2], outputs_f[3]};
static const HeedAttentionReferenceGradients reference_gradients = {outputs_d[0], outputs_d[1], outputs_d[2], outputs_d[3]};

TEST_ONCE(arguments_of_attention_backward) {
  static const HeedAttentionBackward arms[] = {heed_attention_naive_backward, heed_attention_materialized_backward,
                                               heed_attention_tiled_backward};
  Spoilt rows[16];
  const size_t count = spoil(rows);
  for (size_t i = 0; i < count; i++) {
    HeedAttentionBackwardShape s = backward;
    HeedAttentionBackwardInputs in = backward_inputs;
    s.forward = rows[i].shape, in.forward = rows[i].inputs;
    GIVES_STATUS(rows[i].status, heed_attention_reference_backward(&s, &in, &reference_gradients));
    for (size_t a = 0; a < 3; a++) GIVES_STATUS(rows[i].status, arms[a](&s, &in, &gradients));
  }
  const HeedAttentionBackwardShape *half = WITH(backward, forward.element = HeedElementBfloat16);
  GIVES(BadArgument, heed_attention_reference_backward(half, &backward_inputs, &reference_gradients));
  for (size_t a = 0; a < 3; a++) GIVES(BadArgument, arms[a](half, &backward_inputs, &gradients));
  GIVES(BadArgument, heed_attention_reference_backward(NULL, &backward_inputs, &reference_gradients));
  GIVES(BadArgument, heed_attention_reference_backward(&backward, NULL, &reference_gradients));
  GIVES(BadArgument, heed_attention_reference_backward(&backward, &backward_inputs, NULL));
  GIVES(BadArgument, heed_attention_reference_backward(&backward, WITH(backward_inputs, d_output = NULL), &reference_gradients));
  GIVES(BadStride, heed_attention_reference_backward(WITH(backward, d_output.row = FAR), &backward_inputs, &reference_gradients));
  GIVES(BadStride, heed_attention_reference_backward(WITH(backward, d_additive.row = FAR), &backward_inputs, &reference_gradients));
  GIVES(BadStride, heed_attention_reference_backward(WITH(backward, d_additive.row = 3), &backward_inputs, &reference_gradients));
  for (size_t a = 0; a < 3; a++) {
    GIVES(BadArgument, arms[a](NULL, &backward_inputs, &gradients));
    GIVES(BadArgument, arms[a](&backward, NULL, &gradients));
    GIVES(BadArgument, arms[a](&backward, &backward_inputs, NULL));
    GIVES(BadArgument, arms[a](&backward, WITH(backward_inputs, output = NULL), &gradients));
    GIVES(BadArgument, arms[a](&backward, WITH(backward_inputs, log_sum_exp = NULL), &gradients));
    GIVES(BadArgument, arms[a](&backward, WITH(backward_inputs, d_output = NULL), &gradients));
    GIVES(BadStride, arms[a](WITH(backward, d_output.row = FAR), &backward_inputs, &gradients));
    GIVES(BadStride, arms[a](WITH(backward, d_key.row = 0), &backward_inputs, &gradients));
    GIVES(BadStride, arms[a](WITH(backward, d_additive.row = FAR), &backward_inputs, &gradients));
    GIVES(BadStride, arms[a](WITH(backward, d_additive.row = 3), &backward_inputs, &gradients));
  }
}

// ---- The cache --------------------------------------------------------------------------------------------------------------------------

static float key_chunk[2 * 5 * HEED_CACHE_CHUNK], value_chunk[2 * 6 * HEED_CACHE_CHUNK];
static void *const key_chunks[] = {key_chunk}, *const value_chunks[] = {value_chunk}, *const no_chunks[] = {NULL};
static const HeedKeyValueCache cache = {
    .batch = 2, .key_value_heads = 1, .head_dim = 5, .value_dim = 6, .chunks = 1, .keys = key_chunks, .values = value_chunks};

TEST_ONCE(arguments_of_the_cache) {
  const HeedAttentionStrides k = attention.key, v = attention.value, far = {0, 0, FAR, 1};
  GIVES_NUMBER(sizeof key_chunk, heed_key_value_cache_key_bytes(&cache));
  GIVES_NUMBER(sizeof value_chunk / 2, heed_key_value_cache_value_bytes(WITH(cache, element = HeedElementBfloat16)));
  GIVES_NUMBER(SIZE_MAX, heed_key_value_cache_key_bytes(NULL));
  GIVES_NUMBER(SIZE_MAX, heed_key_value_cache_value_bytes(NULL));
  GIVES_NUMBER(SIZE_MAX, heed_key_value_cache_key_bytes(WITH(cache, element = (HeedElement)2)));
  GIVES_NUMBER(SIZE_MAX, heed_key_value_cache_value_bytes(WITH(cache, element = (HeedElement)-1)));
  GIVES_NUMBER(SIZE_MAX, heed_key_value_cache_key_bytes(WITH(cache, batch = HUGE_SIZE)));
  GIVES_NUMBER(SIZE_MAX, heed_key_value_cache_value_bytes(WITH(cache, value_dim = HUGE_SIZE)));
  GIVES(Ok, heed_key_value_cache_write(&cache, 0, 4, IN, k, IN, v));
  GIVES(BadArgument, heed_key_value_cache_write(NULL, 0, 4, IN, k, IN, v));
  GIVES(BadArgument, heed_key_value_cache_write(WITH(cache, element = (HeedElement)2), 0, 4, IN, k, IN, v));
  GIVES(BadArgument, heed_key_value_cache_write(WITH(cache, keys = NULL), 0, 4, IN, k, IN, v));
  GIVES(BadArgument, heed_key_value_cache_write(WITH(cache, values = no_chunks), 0, 4, IN, k, IN, v));
  GIVES(BadArgument, heed_key_value_cache_write(&cache, 0, 4, NULL, k, IN, v));
  GIVES(BadArgument, heed_key_value_cache_write(&cache, 0, 4, IN, k, NULL, v));
  GIVES(BadShape, heed_key_value_cache_write(&cache, HEED_CACHE_CHUNK - 3, 4, IN, k, IN, v));
  GIVES(BadShape, heed_key_value_cache_write(&cache, SIZE_MAX, 4, IN, k, IN, v));
  GIVES(BadShape, heed_key_value_cache_write(&cache, 0, SIZE_MAX, IN, k, IN, v));
  GIVES(BadShape, heed_key_value_cache_write(WITH(cache, batch = HUGE_SIZE), 0, 4, IN, k, IN, v));
  GIVES(BadShape, heed_key_value_cache_write(WITH(cache, chunks = SIZE_MAX), 0, 4, IN, k, IN, v));
  GIVES(BadStride, heed_key_value_cache_write(&cache, 0, 4, IN, far, IN, v));
  GIVES(BadStride, heed_key_value_cache_write(&cache, 0, 4, IN, k, IN, far));
  GIVES(BadArgument, heed_attention_cached_forward(NULL, &cache, &inputs, &outputs));
  GIVES(BadArgument, heed_attention_cached_forward(&attention, NULL, &inputs, &outputs));
  GIVES(BadArgument, heed_attention_cached_forward(&attention, &cache, NULL, &outputs));
  GIVES(BadArgument, heed_attention_cached_forward(&attention, &cache, &inputs, NULL));
  GIVES(BadArgument, heed_attention_cached_forward(&attention, &cache, WITH(inputs, query = NULL), &outputs));
  GIVES(BadArgument, heed_attention_cached_forward(&attention, &cache, WITH(inputs, key_lengths = too_long), &outputs));
  GIVES(BadArgument, heed_attention_cached_forward(&attention, WITH(cache, element = (HeedElement)2), &inputs, &outputs));
  GIVES(BadArgument, heed_attention_cached_forward(&attention, WITH(cache, keys = no_chunks), &inputs, &outputs));
  GIVES(BadArgument, heed_attention_cached_forward(&attention, WITH(cache, values = NULL), &inputs, &outputs));
  GIVES(BadShape, heed_attention_cached_forward(&attention, WITH(cache, chunks = 0), &inputs, &outputs));
  // Values without columns take no chunks.
  HeedAttentionShape narrow = attention;
  narrow.value_dim = 0;
  HeedKeyValueCache keys = cache;
  keys.value_dim = 0, keys.values = NULL;
  GIVES(Ok, heed_attention_cached_forward(&narrow, &keys, &inputs, &outputs));
  GIVES(BadShape, heed_attention_cached_forward(&attention, WITH(cache, batch = 3), &inputs, &outputs));
  GIVES(BadShape, heed_attention_cached_forward(WITH(attention, key_value_heads = 3), WITH(cache, key_value_heads = 3), &inputs, &outputs));
}

// ---- Attention before the Transformer ---------------------------------------------------------------------------------------------------

static const HeedScoredAttentionShape scored = {.score = HeedScoredAttentionScoreAdditive,
                                                .batch = 2,
                                                .query_length = 3,
                                                .key_length = 4,
                                                .query_dim = 5,
                                                .key_dim = 5,
                                                .value_dim = 6,
                                                .attention_dim = 7,
                                                .query = {15, 5, 1},
                                                .key = {20, 5, 1},
                                                .value = {24, 6, 1},
                                                .output = {18, 6, 1},
                                                .d_output = {18, 6, 1}};
static const HeedScoredAttentionInputs scored_inputs = {.query = inputs_f,
                                                        .key = inputs_f,
                                                        .value = inputs_f,
                                                        .weight = inputs_f,
                                                        .query_weight = inputs_f,
                                                        .key_weight = inputs_f,
                                                        .score_weight = inputs_f};
static const HeedScoredAttentionOutputs scored_outputs = {outputs_f[0], outputs_f[1]};
static const HeedScoredAttentionOutputGradients d_outputs = {.d_output = inputs_f, .weights = inputs_f};
static const HeedScoredAttentionGradients scored_gradients = {
    .d_query = outputs_f[0], .d_key = outputs_f[1], .d_value = outputs_f[2], .d_key_weight = outputs_f[3]};
static const HeedScoredAttentionReference scored_reference = {
    .output = outputs_d[0], .d_query = outputs_d[1], .d_key_weight = outputs_d[2]};

TEST_ONCE(arguments_of_scored_attention) {
  static HeedScoredAttentionShape spoilt[7];
  static const HeedStatus expected[7] = {HeedStatusBadArgument, HeedStatusBadArgument, HeedStatusBadShape, HeedStatusBadShape,
                                         HeedStatusBadShape,    HeedStatusBadStride,   HeedStatusBadStride};
  for (int i = 0; i < 7; i++) spoilt[i] = scored;
  spoilt[0].score = (HeedScoredAttentionScore)3, spoilt[1].score = (HeedScoredAttentionScore)-1,
  spoilt[2].score = HeedScoredAttentionScoreDot, spoilt[2].key_dim = 4;
  spoilt[3].batch = HUGE_SIZE, spoilt[4].attention_dim = HUGE_SIZE, spoilt[5].query.row = FAR, spoilt[6].key.row = FAR;
  for (int i = 0; i < 7; i++) {
    GIVES_STATUS(expected[i], heed_scored_attention_forward(&spoilt[i], &scored_inputs, &scored_outputs));
    GIVES_STATUS(expected[i], heed_scored_attention_backward(&spoilt[i], &scored_inputs, &d_outputs, &scored_gradients));
    GIVES_STATUS(expected[i], heed_scored_attention_reference(&spoilt[i], &scored_inputs, &d_outputs, &scored_reference));
    GIVES_STATUS(expected[i], heed_scored_attention_additive_prepare_keys(&spoilt[i], &scored_inputs, OUT));
  }
  static HeedScoredAttentionInputs without[8];
  for (int i = 0; i < 8; i++) without[i] = scored_inputs;
  without[0].query = NULL, without[1].value = NULL, without[2].query_weight = NULL, without[3].score_weight = NULL;
  without[4].key = NULL, without[5].key_weight = NULL, without[6].lengths = too_long, without[7].lengths = negative;
  for (int i = 0; i < 8; i++) {
    GIVES(BadArgument, heed_scored_attention_forward(&scored, &without[i], &scored_outputs));
    GIVES(BadArgument, heed_scored_attention_backward(&scored, &without[i], &d_outputs, &scored_gradients));
    GIVES(BadArgument, heed_scored_attention_reference(&scored, &without[i], &d_outputs, &scored_reference));
    if (i < 4) continue;
    GIVES(BadArgument, heed_scored_attention_additive_prepare_keys(&scored, &without[i], OUT));
  }
  GIVES(BadArgument, heed_scored_attention_forward(NULL, &scored_inputs, &scored_outputs));
  GIVES(BadArgument, heed_scored_attention_forward(&scored, NULL, &scored_outputs));
  GIVES(BadArgument, heed_scored_attention_forward(&scored, &scored_inputs, NULL));
  GIVES(BadArgument, heed_scored_attention_forward(&scored, &scored_inputs, WITH(scored_outputs, output = NULL)));
  GIVES(BadStride, heed_scored_attention_forward(WITH(scored, output.row = 0), &scored_inputs, &scored_outputs));
  GIVES(BadArgument, heed_scored_attention_forward(WITH(scored, score = HeedScoredAttentionScoreGeneral),
                                                   WITH(scored_inputs, weight = NULL), &scored_outputs));
  GIVES(BadArgument, heed_scored_attention_forward(WITH(scored, score = HeedScoredAttentionScoreDot),
                                                   WITH(scored_inputs, prepared_keys = IN), &scored_outputs));
  GIVES(BadArgument, heed_scored_attention_backward(NULL, &scored_inputs, &d_outputs, &scored_gradients));
  GIVES(BadArgument, heed_scored_attention_backward(&scored, NULL, &d_outputs, &scored_gradients));
  GIVES(BadArgument, heed_scored_attention_backward(&scored, &scored_inputs, NULL, &scored_gradients));
  GIVES(BadArgument, heed_scored_attention_backward(&scored, &scored_inputs, &d_outputs, NULL));
  GIVES(BadArgument, heed_scored_attention_backward(&scored, &scored_inputs, WITH(d_outputs, weights = NULL), &scored_gradients));
  GIVES(BadStride, heed_scored_attention_backward(WITH(scored, d_output.row = FAR), &scored_inputs, &d_outputs, &scored_gradients));
  GIVES(BadArgument, heed_scored_attention_backward(&scored, WITH(scored_inputs, prepared_keys = IN), &d_outputs, &scored_gradients));
  GIVES(BadArgument, heed_scored_attention_reference(NULL, &scored_inputs, &d_outputs, &scored_reference));
  GIVES(BadArgument, heed_scored_attention_reference(&scored, NULL, &d_outputs, &scored_reference));
  GIVES(BadArgument, heed_scored_attention_reference(&scored, &scored_inputs, &d_outputs, NULL));
  GIVES(BadArgument, heed_scored_attention_reference(&scored, &scored_inputs, NULL, &scored_reference));
  GIVES_NUMBER(SIZE_MAX, heed_scored_attention_additive_prepared_size(NULL));
  GIVES_NUMBER(SIZE_MAX, heed_scored_attention_additive_prepared_size(WITH(scored, batch = HUGE_SIZE)));
  GIVES_NUMBER(SIZE_MAX, heed_scored_attention_additive_prepared_size(WITH(scored, attention_dim = SIZE_MAX)));
  GIVES(BadArgument, heed_scored_attention_additive_prepare_keys(NULL, &scored_inputs, OUT));
  GIVES(BadArgument, heed_scored_attention_additive_prepare_keys(&scored, NULL, OUT));
  GIVES(BadArgument, heed_scored_attention_additive_prepare_keys(&scored, &scored_inputs, NULL));
  GIVES(BadArgument, heed_scored_attention_additive_prepare_keys(WITH(scored, score = HeedScoredAttentionScoreDot), &scored_inputs, OUT));
}

// Bad arguments are refused by every arm with the status the header names, and outputs stay untouched.

#include <math.h>
#include <string.h>

#include "attention_support.h"

// A call that is right, and that each case spoils in one place.
typedef struct Call {
  HeedAttentionShape shape;
  HeedAttentionInputs inputs;
  HeedAttentionOutputs outputs;
  int64_t lengths[2];
} Call;

static float numbers[4096], output[1024], log_sum_exp[64];

static Call right_call(void) {
  Call call = {.shape = {.batch = 2,
                         .heads = 4,
                         .key_value_heads = 2,
                         .query_length = 5,
                         .key_length = 6,
                         .head_dim = 8,
                         .value_dim = 7,
                         .query = heed_attention_strides_contiguous(4, 5, 8),
                         .key = heed_attention_strides_contiguous(2, 6, 8),
                         .value = heed_attention_strides_contiguous(2, 6, 7),
                         .output = heed_attention_strides_contiguous(4, 5, 7),
                         .scale = 0.5f},
               .inputs = {.query = numbers, .key = numbers, .value = numbers},
               .outputs = {.output = output, .log_sum_exp = log_sum_exp},
               .lengths = {6, 3}};
  return call;
}

typedef struct Case {
  const char *name;
  HeedStatus expected;
  void (*spoil)(Call *call);
} Case;

#define SPOIL(name) static void name(Call *c)
SPOIL(no_groups) { c->shape.key_value_heads = 0; }
SPOIL(groups_do_not_divide) { c->shape.key_value_heads = 3; }
SPOIL(more_groups_than_heads) { c->shape.key_value_heads = 8; }
SPOIL(batch_overflows) { c->shape.batch = SIZE_MAX / 2; }
SPOIL(scores_overflow) { c->shape.query_length = c->shape.key_length = (size_t)1 << 40; }
SPOIL(bytes_overflow) { c->shape.query_length = (size_t)1 << 58; }
SPOIL(overflow_beside_zero) {
  c->shape.batch = 0;
  c->shape.head_dim = SIZE_MAX;
}
SPOIL(rows_overlap) { c->shape.output.row = 6; }
SPOIL(rows_shared) { c->shape.output.row = 0; }
SPOIL(columns_shared) { c->shape.output.column = 0; }
SPOIL(heads_shared) { c->shape.output.head = 0; }
SPOIL(batches_shared) { c->shape.output.batch = 0; }
SPOIL(batch_inside_heads) { c->shape.output.batch = 3 * 35; }
SPOIL(negative_rows_overlap) { c->shape.output.row = -6; }
SPOIL(output_too_far) { c->shape.output.batch = PTRDIFF_MAX / 2; }
SPOIL(query_too_far) { c->shape.query.row = PTRDIFF_MAX / 3; }
SPOIL(key_too_far) { c->shape.key.column = PTRDIFF_MIN; }
SPOIL(value_sum_too_far) { c->shape.value.batch = c->shape.value.head = PTRDIFF_MAX / 6; }
SPOIL(additive_too_far) {
  c->inputs.additive = numbers;
  c->shape.additive.row = PTRDIFF_MAX / 8;
}
SPOIL(boolean_too_far) {
  c->inputs.boolean = (const uint8_t *)numbers;
  c->shape.boolean.row = PTRDIFF_MAX / 2;
}
SPOIL(no_query) { c->inputs.query = NULL; }
SPOIL(no_key) { c->inputs.key = NULL; }
SPOIL(no_value) { c->inputs.value = NULL; }
SPOIL(no_output) { c->outputs.output = NULL; }
SPOIL(scale_nan) { c->shape.scale = NAN; }
SPOIL(scale_infinite) { c->shape.scale = -INFINITY; }
SPOIL(length_negative) {
  c->lengths[1] = -1;
  c->inputs.key_lengths = c->lengths;
}
SPOIL(length_beyond) {
  c->lengths[1] = 7;
  c->inputs.key_lengths = c->lengths;
}
SPOIL(length_lowest) {
  c->lengths[0] = INT64_MIN;
  c->inputs.key_lengths = c->lengths;
}

static const Case cases[] = {
    {"no key/value heads", HeedStatusBadShape, no_groups},
    {"3 key/value heads of 4", HeedStatusBadShape, groups_do_not_divide},
    {"8 key/value heads of 4", HeedStatusBadShape, more_groups_than_heads},
    {"a batch that overflows", HeedStatusBadShape, batch_overflows},
    {"scores that overflow", HeedStatusBadShape, scores_overflow},
    {"bytes that overflow", HeedStatusBadShape, bytes_overflow},
    {"an overflow beside a 0", HeedStatusBadShape, overflow_beside_zero},
    {"rows of the output that overlap", HeedStatusBadStride, rows_overlap},
    {"one place for all rows", HeedStatusBadStride, rows_shared},
    {"one place for all columns", HeedStatusBadStride, columns_shared},
    {"one place for all heads", HeedStatusBadStride, heads_shared},
    {"one place for all batches", HeedStatusBadStride, batches_shared},
    {"a batch inside another's heads", HeedStatusBadStride, batch_inside_heads},
    {"rows that overlap backwards", HeedStatusBadStride, negative_rows_overlap},
    {"an output that reaches too far", HeedStatusBadStride, output_too_far},
    {"queries that reach too far", HeedStatusBadStride, query_too_far},
    {"keys that reach too far", HeedStatusBadStride, key_too_far},
    {"values whose strides add up too far", HeedStatusBadStride, value_sum_too_far},
    {"an additive mask that reaches too far", HeedStatusBadStride, additive_too_far},
    {"a boolean mask that reaches too far", HeedStatusBadStride, boolean_too_far},
    {"no queries", HeedStatusBadArgument, no_query},
    {"no keys", HeedStatusBadArgument, no_key},
    {"no values", HeedStatusBadArgument, no_value},
    {"no output", HeedStatusBadArgument, no_output},
    {"a scale of NaN", HeedStatusBadArgument, scale_nan},
    {"a scale of minus infinity", HeedStatusBadArgument, scale_infinite},
    {"a negative key length", HeedStatusBadArgument, length_negative},
    {"a key length above the keys", HeedStatusBadArgument, length_beyond},
    {"the lowest key length", HeedStatusBadArgument, length_lowest},
};

static bool outputs_untouched(void) {
  return is_poison(output, sizeof output / sizeof(float)) && is_poison(log_sum_exp, sizeof log_sum_exp / sizeof(float));
}

TEST(attention_refuses_bad_arguments) {
  for (const Arm *arm = arms; arm < arms + ARM_COUNT; arm++) {
    if (!arm->forward) continue;
    Call call = right_call();
    CHECK(arm->forward(&call.shape, &call.inputs, &call.outputs) == HeedStatusOk);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
      poison_floats(output, sizeof output / sizeof(float));
      poison_floats(log_sum_exp, sizeof log_sum_exp / sizeof(float));
      call = right_call();
      cases[i].spoil(&call);
      const HeedStatus status = arm->forward(&call.shape, &call.inputs, &call.outputs);
      // The decode arm may have its own reason to refuse a mask.
      const bool masked = arm->is_decode && (call.inputs.boolean || call.inputs.additive) && status == HeedStatusNotSupported;
      CHECK_MESSAGE(status == cases[i].expected || masked, "%s: %s gives %s", arm->name, cases[i].name, heed_status_description(status));
      CHECK_MESSAGE(outputs_untouched(), "%s: %s writes", arm->name, cases[i].name);
    }
    CHECK(arm->forward(NULL, &call.inputs, &call.outputs) == HeedStatusBadArgument);
    CHECK(arm->forward(&call.shape, NULL, &call.outputs) == HeedStatusBadArgument);
    CHECK(arm->forward(&call.shape, &call.inputs, NULL) == HeedStatusBadArgument);
    CHECK(outputs_untouched());
  }
}

TEST(attention_weights_are_refused_where_they_are_never_held) {
  static float weights[4 * 2 * 5 * 6];
  FOR_EACH_ARM(arm, (&(Built){.shape = right_call().shape})) {
    Call call = right_call();
    call.outputs.weights = weights;
    poison_floats(output, sizeof output / sizeof(float));
    poison_floats(log_sum_exp, sizeof log_sum_exp / sizeof(float));
    const HeedStatus status = arm->forward(&call.shape, &call.inputs, &call.outputs);
    CHECK(status == (arm->gives_weights ? HeedStatusOk : HeedStatusNotSupported));
    if (!arm->gives_weights) CHECK(outputs_untouched());
  }
}

// What an arm does not take it refuses, and writes nothing.
TEST(attention_decode_refuses_what_it_does_not_take) {
  for (const Arm *arm = arms; arm < arms + ARM_COUNT; arm++) {
    if (!arm->is_decode) continue;
    static const Problem problems[] = {
        {.B = 1, .H = 2, .G = 1, .Nq = 3, .Nk = 9, .D = 4, .E = 4, .masks = MaskBoolean, .stream = 9300},
        {.B = 1, .H = 2, .G = 1, .Nq = 3, .Nk = 9, .D = 4, .E = 4, .masks = MaskAdditive, .stream = 9301},
        {.B = 1, .H = 2, .G = 1, .Nq = 3, .Nk = 9, .D = 4, .E = 4, .layout = LayoutTransposed, .stream = 9302},
    };
    for (size_t i = 0; i < 3; i++) {
      Built built = build(&problems[i]);
      Result result = run_arm(arm, &built, false);
      CHECK(result.status == (i < 2 ? HeedStatusNotSupported : HeedStatusBadStride));
      result_free(&result);
      built_free(&built);
    }
  }
}

// Right calls that look odd: empty data without pointers, strides that no element uses, lengths at both ends.
TEST(attention_accepts_odd_calls_that_are_right) {
  FOR_EACH_ARM(arm, (&(Built){.shape = right_call().shape})) {
    Call call = right_call();
    call.shape.batch = 0;
    call.inputs = (HeedAttentionInputs){0};
    call.outputs = (HeedAttentionOutputs){0};
    CHECK(arm->forward(&call.shape, &call.inputs, &call.outputs) == HeedStatusOk);
    call = right_call();
    call.shape.heads = call.shape.key_value_heads = 0;
    CHECK(arm->forward(&call.shape, &call.inputs, &call.outputs) == HeedStatusOk);
    call = right_call();
    call.shape.query_length = 1;
    call.shape.output.row = 0; // one row: its stride moves nothing
    CHECK(arm->forward(&call.shape, &call.inputs, &call.outputs) == HeedStatusOk);
    call = right_call();
    call.lengths[0] = 0;
    call.lengths[1] = 6;
    call.inputs.key_lengths = call.lengths;
    CHECK(arm->forward(&call.shape, &call.inputs, &call.outputs) == HeedStatusOk);
    call = right_call();
    call.shape.scale = 0;
    CHECK(arm->forward(&call.shape, &call.inputs, &call.outputs) == HeedStatusOk);
    call = right_call();
    call.outputs.log_sum_exp = NULL;
    CHECK(arm->forward(&call.shape, &call.inputs, &call.outputs) == HeedStatusOk);
  }
}

TEST_ONCE(attention_reference_refuses_bad_arguments) {
  static double reference[1024];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    Call call = right_call();
    const HeedAttentionStrides before = call.shape.output;
    cases[i].spoil(&call);
    if (memcmp(&before, &call.shape.output, sizeof before) != 0 || !call.outputs.output) continue; // it has no such output
    const HeedAttentionReferenceOutputs outputs = {.output = reference};
    const HeedStatus status = heed_attention_reference_forward(&call.shape, &call.inputs, &outputs);
    CHECK_MESSAGE(status == cases[i].expected, "%s gives %s", cases[i].name, heed_status_description(status));
  }
  Call call = right_call();
  CHECK(heed_attention_reference_forward(&call.shape, &call.inputs, NULL) == HeedStatusBadArgument);
  CHECK(heed_attention_reference_forward(&call.shape, &call.inputs, &(HeedAttentionReferenceOutputs){0}) == HeedStatusBadArgument);
}

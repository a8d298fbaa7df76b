// Every entry point of recurrent layers, softmax, norms and positions refuses what its header says, and writes nothing.

#include <math.h>
#include <string.h>

#include "arguments_support.h"
#include "heed/heed.h"

#define IN        inputs_f
#define OUT       outputs_f[0]
#define REF       outputs_d[0]
#define HUGE_SIZE ((size_t)1 << 61)
#define FAR       (PTRDIFF_MAX / 2)

// ---- Recurrent layers -------------------------------------------------------------------------------------------------------------------

static const HeedRecurrentShape recurrent = {.cell = HeedRecurrentCellLstm,
                                             .batch = 2,
                                             .time = 3,
                                             .input = 4,
                                             .hidden = 5,
                                             .input_batch = 12,
                                             .input_time = 4,
                                             .output_batch = 15,
                                             .output_time = 5};
static const HeedRecurrentWeights weights = {.w_ih = inputs_f, .w_hh = inputs_f};
static const HeedRecurrentInputs inputs = {.input = inputs_f};
static const HeedRecurrentOutputs outputs = {.output = outputs_f[0], .h_n = outputs_f[1], .c_n = outputs_f[2], .reserve = outputs_f[3]};
static const HeedRecurrentOutputGradients d_outputs = {.d_output = inputs_f, .d_output_batch = 15, .d_output_time = 5};
static const HeedRecurrentGradients gradients = {
    .d_input = outputs_f[0], .d_h_0 = outputs_f[1], .d_w_hh = outputs_f[2], .d_h = outputs_f[3]};
static const HeedRecurrentReferenceOutputs reference_outputs = {.output = outputs_d[0], .h_n = outputs_d[1]};
static const HeedRecurrentReferenceGradients reference_gradients = {.d_input = outputs_d[2], .d_w_hh = outputs_d[3]};
static const int64_t too_long[] = {3, 4}, negative[] = {-1, 3}, lowest[] = {INT64_MIN, 0}, highest[] = {0, INT64_MAX};

static void refuse_recurrent(HeedStatus status, const HeedRecurrentShape *s, const HeedRecurrentWeights *w, const HeedRecurrentInputs *in) {
  GIVES_STATUS(status, heed_recurrent_forward(s, w, in, &outputs));
  GIVES_STATUS(status, heed_recurrent_backward(s, w, in, IN, &d_outputs, &gradients));
  GIVES_STATUS(status, heed_recurrent_reference(s, w, in, &reference_outputs, &d_outputs, &reference_gradients));
  GIVES_STATUS(status, heed_recurrent_reference(s, w, in, &reference_outputs, NULL, NULL));
}

// Lengths out of range are refused whatever the other sizes are.
TEST_ONCE(arguments_of_recurrent_lengths) {
  const int64_t *const lengths[] = {too_long, negative, lowest, highest};
  for (int i = 0; i < 4; i++)
    for (int hidden = 0; hidden < 2; hidden++)
      for (int input = 0; input < 2; input++)
        for (int time = 0; time < 2; time++)
          for (int cell = 0; cell < 6; cell++) {
            HeedRecurrentShape s = recurrent;
            s.cell = (HeedRecurrentCell)cell, s.lengths = lengths[i];
            if (!hidden) s.hidden = 0;
            if (!input) s.input = 0;
            if (!time) s.time = 0;
            refuse_recurrent(HeedStatusBadArgument, &s, &weights, &inputs);
          }
}

TEST_ONCE(arguments_of_recurrent) {
  static HeedRecurrentShape spoilt[6];
  static const HeedStatus expected[6] = {HeedStatusBadArgument, HeedStatusBadArgument, HeedStatusBadShape,
                                         HeedStatusBadShape,    HeedStatusBadShape,    HeedStatusBadStride};
  for (int i = 0; i < 6; i++) spoilt[i] = recurrent;
  spoilt[0].cell = (HeedRecurrentCell)6, spoilt[1].cell = (HeedRecurrentCell)-1, spoilt[2].hidden = HUGE_SIZE, spoilt[3].time = HUGE_SIZE,
  spoilt[4].batch = SIZE_MAX, spoilt[5].input_time = FAR;
  for (int i = 0; i < 6; i++) refuse_recurrent(expected[i], &spoilt[i], &weights, &inputs);
  refuse_recurrent(HeedStatusBadArgument, NULL, &weights, &inputs);
  refuse_recurrent(HeedStatusBadArgument, &recurrent, NULL, &inputs);
  refuse_recurrent(HeedStatusBadArgument, &recurrent, &weights, NULL);
  refuse_recurrent(HeedStatusBadArgument, &recurrent, WITH(weights, w_ih = NULL), &inputs);
  refuse_recurrent(HeedStatusBadArgument, &recurrent, WITH(weights, w_hh = NULL), &inputs);
  refuse_recurrent(HeedStatusBadArgument, &recurrent, &weights, WITH(inputs, input = NULL));
  GIVES(BadArgument, heed_recurrent_forward(&recurrent, &weights, &inputs, NULL));
  GIVES(BadStride, heed_recurrent_forward(WITH(recurrent, output_time = 4), &weights, &inputs, &outputs));
  GIVES(BadArgument, heed_recurrent_backward(&recurrent, &weights, &inputs, NULL, &d_outputs, &gradients));
  GIVES(BadArgument, heed_recurrent_backward(&recurrent, &weights, &inputs, IN, NULL, &gradients));
  GIVES(BadArgument, heed_recurrent_backward(&recurrent, &weights, &inputs, IN, &d_outputs, NULL));
  GIVES(BadStride, heed_recurrent_backward(WITH(recurrent, input_time = 0), &weights, &inputs, IN, &d_outputs, &gradients));
  GIVES(BadStride, heed_recurrent_backward(&recurrent, &weights, &inputs, IN, WITH(d_outputs, d_output_time = FAR), &gradients));
  GIVES(BadArgument, heed_recurrent_reference(&recurrent, &weights, &inputs, NULL, NULL, NULL));
  GIVES(BadArgument, heed_recurrent_reference(&recurrent, &weights, &inputs, &reference_outputs, &d_outputs, NULL));
  GIVES(BadArgument, heed_recurrent_reference(&recurrent, &weights, &inputs, &reference_outputs, NULL, &reference_gradients));
  GIVES(BadStride, heed_recurrent_reference(&recurrent, &weights, &inputs, &reference_outputs, WITH(d_outputs, d_output_time = FAR),
                                            &reference_gradients));
  GIVES_NUMBER(4, heed_recurrent_gates(HeedRecurrentCellLstm));
  GIVES_NUMBER(0, heed_recurrent_gates((HeedRecurrentCell)6));
  GIVES_NUMBER(0, heed_recurrent_gates((HeedRecurrentCell)-1));
  GIVES_NUMBER(SIZE_MAX, heed_recurrent_packed_size(NULL));
  GIVES_NUMBER(SIZE_MAX, heed_recurrent_packed_size(&spoilt[0]));
  GIVES_NUMBER(SIZE_MAX, heed_recurrent_packed_size(&spoilt[2]));
  GIVES_NUMBER(SIZE_MAX, heed_recurrent_packed_size(WITH(recurrent, input = SIZE_MAX)));
  GIVES_NUMBER(SIZE_MAX, heed_recurrent_reserve_size(NULL));
  GIVES_NUMBER(SIZE_MAX, heed_recurrent_reserve_size(&spoilt[0]));
  GIVES_NUMBER(SIZE_MAX, heed_recurrent_reserve_size(&spoilt[3]));
  GIVES(BadArgument, heed_recurrent_pack(NULL, &weights, OUT));
  GIVES(BadArgument, heed_recurrent_pack(&recurrent, NULL, OUT));
  GIVES(BadArgument, heed_recurrent_pack(&spoilt[0], &weights, OUT));
  GIVES(BadArgument, heed_recurrent_pack(&recurrent, WITH(weights, w_ih = NULL), OUT));
  GIVES(BadArgument, heed_recurrent_pack(&recurrent, WITH(weights, w_hh = NULL), OUT));
  GIVES(BadArgument, heed_recurrent_pack(&recurrent, &weights, NULL));
  GIVES(BadShape, heed_recurrent_pack(WITH(recurrent, input = HUGE_SIZE), &weights, OUT));
}

// A projection is an LSTM's, smaller than its hidden units, and has weights.
TEST_ONCE(arguments_of_recurrent_projections) {
  static const size_t projections[] = {5, 6, SIZE_MAX};
  const HeedRecurrentWeights all = {.w_ih = inputs_f, .w_hh = inputs_f, .w_hr = inputs_f};
  HeedRecurrentShape s = recurrent;
  s.projection = 2;
  for (int cell = 0; cell < 6; cell++) {
    s.cell = (HeedRecurrentCell)cell;
    if (s.cell != HeedRecurrentCellLstm) {
      refuse_recurrent(HeedStatusBadArgument, &s, &all, &inputs);
      GIVES(BadArgument, heed_recurrent_pack(&s, &all, OUT));
    }
  }
  s.cell = HeedRecurrentCellLstm;
  refuse_recurrent(HeedStatusBadArgument, &s, &weights, &inputs);
  GIVES(BadArgument, heed_recurrent_pack(&s, &weights, OUT));
  GIVES(BadStride, heed_recurrent_forward(WITH(s, output_time = 1), &all, &inputs, &outputs));
  for (int i = 0; i < 3; i++) {
    s.projection = projections[i];
    refuse_recurrent(HeedStatusBadShape, &s, &all, &inputs);
    GIVES(BadShape, heed_recurrent_pack(&s, &all, OUT));
    GIVES_NUMBER(SIZE_MAX, heed_recurrent_packed_size(&s));
    GIVES_NUMBER(SIZE_MAX, heed_recurrent_reserve_size(&s));
  }
}

// Without a step no weight is read.
TEST(arguments_of_recurrent_layers_without_steps) {
  static const HeedRecurrentWeights none = {0};
  static float state[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, last[10];
  for (int cell = 0; cell < 6; cell++) {
    HeedRecurrentShape s = recurrent;
    s.cell = (HeedRecurrentCell)cell, s.time = 0;
    GIVES(Ok, heed_recurrent_forward(&s, &none, &(HeedRecurrentInputs){.h_0 = state}, &(HeedRecurrentOutputs){.h_n = last}));
    CHECK(memcmp(last, state, sizeof last) == 0);
    GIVES(Ok, heed_recurrent_backward(&s, &none, &(HeedRecurrentInputs){.h_0 = state}, NULL, &d_outputs, &gradients));
  }
}

// Sizes whose arrays are all empty take no time, however large the others are.
TEST_ONCE(arguments_of_recurrent_layers_without_units) {
  HeedRecurrentShape s = recurrent;
  s.hidden = s.input = 0, s.time = (size_t)1 << 50, s.input_time = s.output_time = 0;
  static const HeedRecurrentGradients input = {.d_input = outputs_f[0]};
  GIVES(Ok, heed_recurrent_backward(&s, &weights, &inputs, NULL, &d_outputs, &input));
}

// ---- Softmax ----------------------------------------------------------------------------------------------------------------------------

static const HeedSoftmaxShape softmax = {.rows = 3,
                                         .columns = 4,
                                         .input_row = 4,
                                         .input_column = 1,
                                         .output_row = 4,
                                         .output_column = 1,
                                         .mask_row = 4,
                                         .mask_column = 1,
                                         .scale = 1};
static const HeedSoftmaxInputs softmax_inputs = {.input = inputs_f, .mask = (const uint8_t *)inputs_f};
static const HeedSoftmaxBackwardShape softmax_backward = {.rows = 3,
                                                          .columns = 4,
                                                          .output_row = 4,
                                                          .output_column = 1,
                                                          .d_output_row = 4,
                                                          .d_output_column = 1,
                                                          .d_input_row = 4,
                                                          .d_input_column = 1,
                                                          .mask_row = 4,
                                                          .mask_column = 1,
                                                          .scale = 1};
static const HeedSoftmaxBackwardInputs softmax_backward_inputs = {inputs_f, inputs_f, (const uint8_t *)inputs_f};

TEST_ONCE(arguments_of_softmax) {
  static HeedSoftmaxShape spoilt[5];
  static HeedSoftmaxBackwardShape back[5];
  static const HeedStatus expected[5] = {HeedStatusBadShape, HeedStatusBadStride, HeedStatusBadStride, HeedStatusBadArgument,
                                         HeedStatusBadStride};
  for (int i = 0; i < 5; i++) spoilt[i] = softmax, back[i] = softmax_backward;
  spoilt[0].rows = back[0].rows = HUGE_SIZE, spoilt[1].input_row = back[1].output_row = FAR,
  spoilt[2].mask_row = back[2].mask_row = FAR * 2;
  spoilt[3].scale = back[3].scale = NAN, spoilt[4].output_row = back[4].d_input_row = 3;
  for (int i = 0; i < 5; i++) {
    GIVES_STATUS(expected[i], heed_softmax_forward(&spoilt[i], &softmax_inputs, OUT));
    GIVES_STATUS(expected[i], heed_softmax_backward(&back[i], &softmax_backward_inputs, OUT));
    if (i == 4) continue; // the reference's output is contiguous
    GIVES_STATUS(expected[i], heed_softmax_reference_forward(&spoilt[i], &softmax_inputs, REF));
    GIVES_STATUS(expected[i], heed_softmax_reference_backward(&back[i], &softmax_backward_inputs, REF));
  }
  GIVES(BadArgument, heed_softmax_reference_forward(NULL, &softmax_inputs, REF));
  GIVES(BadArgument, heed_softmax_reference_forward(&softmax, NULL, REF));
  GIVES(BadArgument, heed_softmax_reference_forward(&softmax, WITH(softmax_inputs, input = NULL), REF));
  GIVES(BadArgument, heed_softmax_reference_forward(&softmax, &softmax_inputs, NULL));
  GIVES(BadArgument, heed_softmax_forward(NULL, &softmax_inputs, OUT));
  GIVES(BadArgument, heed_softmax_forward(&softmax, NULL, OUT));
  GIVES(BadArgument, heed_softmax_forward(&softmax, WITH(softmax_inputs, input = NULL), OUT));
  GIVES(BadArgument, heed_softmax_forward(&softmax, &softmax_inputs, NULL));
  GIVES(BadArgument, heed_softmax_reference_backward(NULL, &softmax_backward_inputs, REF));
  GIVES(BadArgument, heed_softmax_reference_backward(&softmax_backward, NULL, REF));
  GIVES(BadArgument, heed_softmax_reference_backward(&softmax_backward, &softmax_backward_inputs, NULL));
  GIVES(BadArgument, heed_softmax_backward(NULL, &softmax_backward_inputs, OUT));
  GIVES(BadArgument, heed_softmax_backward(&softmax_backward, NULL, OUT));
  GIVES(BadArgument, heed_softmax_backward(&softmax_backward, WITH(softmax_backward_inputs, output = NULL), OUT));
  GIVES(BadArgument, heed_softmax_backward(&softmax_backward, WITH(softmax_backward_inputs, d_output = NULL), OUT));
  GIVES(BadArgument, heed_softmax_backward(&softmax_backward, &softmax_backward_inputs, NULL));
}

// ---- Norms ------------------------------------------------------------------------------------------------------------------------------

static const HeedNormShape norm = {.rows = 3,
                                   .columns = 4,
                                   .input_row = 4,
                                   .residual_row = 4,
                                   .sum_row = 4,
                                   .output_row = 4,
                                   .d_output_row = 4,
                                   .d_sum_row = 4,
                                   .d_input_row = 4,
                                   .epsilon = 1e-5};
static const HeedNormInputs norm_inputs = {.input = inputs_f};
static const HeedNormOutputs norm_outputs = {outputs_f[0], outputs_f[1], outputs_f[2]};
static const HeedNormBackwardInputs norm_backward = {.sum = inputs_f, .statistics = inputs_f, .d_output = inputs_f};
static const HeedNormGradients norm_gradients = {outputs_f[0], outputs_f[1], outputs_f[2]};

TEST_ONCE(arguments_of_norm) {
  static HeedNormShape spoilt[7];
  static const HeedStatus expected[7] = {HeedStatusBadShape,    HeedStatusBadStride,   HeedStatusBadArgument, HeedStatusBadArgument,
                                         HeedStatusBadArgument, HeedStatusBadArgument, HeedStatusBadStride};
  for (int i = 0; i < 7; i++) spoilt[i] = norm;
  spoilt[0].columns = HUGE_SIZE, spoilt[1].input_row = spoilt[1].d_output_row = FAR, spoilt[2].kind = (HeedNormKind)2,
  spoilt[3].kind = (HeedNormKind)-1;
  spoilt[4].epsilon = -1, spoilt[5].epsilon = NAN, spoilt[6].output_row = spoilt[6].d_input_row = 3;
  for (int i = 0; i < 7; i++) {
    GIVES_STATUS(expected[i], heed_norm_forward(&spoilt[i], &norm_inputs, &norm_outputs));
    GIVES_STATUS(expected[i], heed_norm_backward(&spoilt[i], &norm_backward, &norm_gradients));
    if (i == 6) continue;
    GIVES_STATUS(expected[i], heed_norm_reference_forward(&spoilt[i], &norm_inputs, REF));
    GIVES_STATUS(expected[i], heed_norm_reference_backward(&spoilt[i], &norm_backward, REF, outputs_d[1], outputs_d[2]));
  }
  GIVES(BadArgument, heed_norm_reference_forward(NULL, &norm_inputs, REF));
  GIVES(BadArgument, heed_norm_reference_forward(&norm, NULL, REF));
  GIVES(BadArgument, heed_norm_reference_forward(&norm, WITH(norm_inputs, input = NULL), REF));
  GIVES(BadArgument, heed_norm_reference_forward(&norm, &norm_inputs, NULL));
  GIVES(BadArgument, heed_norm_forward(NULL, &norm_inputs, &norm_outputs));
  GIVES(BadArgument, heed_norm_forward(&norm, NULL, &norm_outputs));
  GIVES(BadArgument, heed_norm_forward(&norm, &norm_inputs, NULL));
  GIVES(BadArgument, heed_norm_forward(&norm, &norm_inputs, &(HeedNormOutputs){0}));
  GIVES(BadArgument, heed_norm_reference_backward(NULL, &norm_backward, REF, NULL, NULL));
  GIVES(BadArgument, heed_norm_reference_backward(&norm, NULL, REF, NULL, NULL));
  GIVES(BadArgument, heed_norm_reference_backward(&norm, WITH(norm_backward, sum = NULL), REF, NULL, NULL));
  GIVES(BadArgument, heed_norm_reference_backward(&norm, WITH(norm_backward, d_output = NULL), REF, NULL, NULL));
  GIVES(BadArgument, heed_norm_reference_backward(&norm, &norm_backward, NULL, NULL, NULL));
  GIVES(BadArgument, heed_norm_backward(NULL, &norm_backward, &norm_gradients));
  GIVES(BadArgument, heed_norm_backward(&norm, NULL, &norm_gradients));
  GIVES(BadArgument, heed_norm_backward(&norm, &norm_backward, NULL));
  GIVES(BadArgument, heed_norm_backward(&norm, WITH(norm_backward, statistics = NULL), &norm_gradients));
  GIVES(BadArgument, heed_norm_backward(&norm, &norm_backward, &(HeedNormGradients){0}));
}

// ---- Positions --------------------------------------------------------------------------------------------------------------------------

static const HeedPositionSinusoidalShape sinusoidal = {
    .batch = 2, .length = 3, .columns = 4, .input_batch = 12, .input_row = 4, .output_batch = 12, .output_row = 4, .base = 10000};
static const HeedPositionRotaryShape rotary = {.batch = 2,
                                               .heads = 2,
                                               .length = 3,
                                               .columns = 4,
                                               .rotary = 4,
                                               .input_batch = 24,
                                               .input_head = 12,
                                               .input_row = 4,
                                               .output_batch = 24,
                                               .output_head = 12,
                                               .output_row = 4,
                                               .base = 10000};

TEST_ONCE(arguments_of_position) {
  static HeedPositionSinusoidalShape spoilt[7];
  static HeedPositionRotaryShape turned[7];
  static const HeedStatus expected[7] = {HeedStatusBadShape,    HeedStatusBadArgument, HeedStatusBadArgument, HeedStatusBadArgument,
                                         HeedStatusBadArgument, HeedStatusBadStride,   HeedStatusBadStride};
  for (int i = 0; i < 7; i++) spoilt[i] = sinusoidal, turned[i] = rotary;
  spoilt[0].length = turned[0].length = HUGE_SIZE, spoilt[1].base = turned[1].base = NAN, spoilt[2].base = turned[2].base = 0;
  spoilt[3].first_position = turned[3].first_position = -1, spoilt[4].first_position = turned[4].first_position = HEED_POSITION_MAX;
  spoilt[5].input_row = turned[5].input_row = FAR, spoilt[6].output_row = turned[6].output_row = 3;
  for (int i = 0; i < 7; i++) {
    GIVES_STATUS(expected[i], heed_position_sinusoidal_forward(&spoilt[i], IN, NULL, 0, OUT));
    GIVES_STATUS(expected[i], heed_position_rotary(&turned[i], IN, NULL, 0, OUT));
    GIVES_STATUS(expected[i], heed_position_reference_sinusoidal_forward(&spoilt[i], IN, REF));
    GIVES_STATUS(expected[i], heed_position_reference_rotary(&turned[i], IN, REF));
    if (i > 4) continue;
    GIVES_STATUS(expected[i], heed_position_sinusoidal_table(&spoilt[i], OUT));
    GIVES_STATUS(expected[i], heed_position_rotary_table(&turned[i], OUT));
  }
  // A table has neither batch nor heads nor strides.
  GIVES(Ok, heed_position_sinusoidal_table(WITH(sinusoidal, batch = SIZE_MAX), OUT));
  GIVES(Ok, heed_position_rotary_table(WITH(rotary, batch = SIZE_MAX), OUT));
  GIVES(Ok, heed_position_rotary_table(WITH(rotary, heads = SIZE_MAX), OUT));
  GIVES(BadArgument, heed_position_sinusoidal_table(NULL, OUT));
  GIVES(BadArgument, heed_position_sinusoidal_table(&sinusoidal, NULL));
  GIVES(BadArgument, heed_position_sinusoidal_forward(NULL, IN, NULL, 0, OUT));
  GIVES(BadArgument, heed_position_sinusoidal_forward(&sinusoidal, NULL, NULL, 0, OUT));
  GIVES(BadArgument, heed_position_sinusoidal_forward(&sinusoidal, IN, IN, 2, OUT));
  GIVES(BadArgument, heed_position_sinusoidal_forward(&sinusoidal, IN, NULL, 0, NULL));
  GIVES(BadArgument, heed_position_reference_sinusoidal_forward(NULL, IN, REF));
  GIVES(BadArgument, heed_position_reference_sinusoidal_forward(&sinusoidal, NULL, REF));
  GIVES(BadArgument, heed_position_reference_sinusoidal_forward(&sinusoidal, IN, NULL));
  GIVES(BadArgument, heed_position_rotary_table(NULL, OUT));
  GIVES(BadArgument, heed_position_rotary_table(&rotary, NULL));
  GIVES(BadArgument, heed_position_rotary(NULL, IN, NULL, 0, OUT));
  GIVES(BadArgument, heed_position_rotary(&rotary, NULL, NULL, 0, OUT));
  GIVES(BadArgument, heed_position_rotary(&rotary, IN, IN, 2, OUT));
  GIVES(BadArgument, heed_position_rotary(&rotary, IN, NULL, 0, NULL));
  GIVES(BadShape, heed_position_rotary(WITH(rotary, rotary = 3), IN, NULL, 0, OUT));
  GIVES(BadShape, heed_position_rotary(WITH(rotary, rotary = 6), IN, NULL, 0, OUT));
  GIVES(BadArgument, heed_position_rotary(WITH(rotary, layout = (HeedPositionRotaryLayout)2), IN, NULL, 0, OUT));
  GIVES(BadArgument, heed_position_reference_rotary(NULL, IN, REF));
  GIVES(BadArgument, heed_position_reference_rotary(&rotary, NULL, REF));
  GIVES(BadArgument, heed_position_reference_rotary(&rotary, IN, NULL));
}

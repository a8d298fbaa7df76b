// Subsets of results, NaN that stays in its sequence, accumulation, empty sizes, refused arguments.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "recurrent_support.h"

static RecurrentCase small(int cell) {
  return recurrent_case(cell,
                        (RecurrentCase){.batch = 4, .time = 5, .input = 6, .hidden = 19, .reverse = cell % 2, .lengths = RecurrentMixed});
}

// Every subset of gradients, each beside every subset of gradients; also of the outputs.
TEST(recurrent_every_subset) {
  for (int cell = 0; cell < RECURRENT_CELL_COUNT; cell++) {
    RecurrentProblem p = recurrent_problem(small(cell), 5);
    float *whole[8];
    for (unsigned without = 0; without < 8; without++) {
      whole[without] = recurrent_run(&p, (RecurrentRun){.wanted = RECURRENT_ALL, .without = without});
      if (p.shape.cell == HeedRecurrentCellLstm || !(without & 4))
        recurrent_check_accuracy(&p, (RecurrentRun){.wanted = RECURRENT_ALL, .without = without});
    }
    for (unsigned wanted = 0; wanted <= RECURRENT_ALL; wanted += wanted % 8 == 7 || test_exhaustive ? 1 : 5) {
      const unsigned without = wanted % 8;
      float *x = recurrent_run(&p, (RecurrentRun){.wanted = wanted, .without = without});
      for (int i = 0; i < RECURRENT_RESULT_COUNT; i++) {
        const size_t place = recurrent_place(&p.shape, i), count = recurrent_place(&p.shape, i + 1) - place;
        if (wanted >> i & 1)
          CHECK_MESSAGE(differing_floats(x + place, whole[without] + place, count, NULL) == 0, "%s differs in subset %u: %s",
                        recurrent_result_name(i), wanted, recurrent_describe(&p.shape));
        else
          CHECK(is_poison(x + place, count));
      }
      free(x);
    }
    for (unsigned without = 0; without < 8; without++) free(whole[without]);
    recurrent_problem_free(&p);
  }
}

TEST(recurrent_nan_stays_in_its_sequence) {
  for (int cell = 0; cell < HEED_RECURRENT_CELL_COUNT; cell++)
    for (int place = 0; place < 3; place++) {
      RecurrentCase shape = small(cell);
      shape.hidden = 70, shape.batch = 7;
      if (cell == HeedRecurrentCellRnnRelu && place == 2) continue; // a shut unit hides what arrives
      RecurrentProblem p = recurrent_problem(shape, 6), q = recurrent_problem(shape, 6);
      const size_t b = 3, t = (size_t)q.lengths[b] - 1;
      float *spot = place == 0   ? q.input.first + (ptrdiff_t)b * q.input_batch + (ptrdiff_t)t * q.input_time + 2
                    : place == 1 ? q.h_0.first + b * shape.hidden + 69
                                 : q.d_output.first + (ptrdiff_t)b * q.output_batch + (ptrdiff_t)t * q.output_time + 33;
      *spot = NAN;
      float *x = recurrent_run(&p, (RecurrentRun){.wanted = RECURRENT_ALL}),
            *y = recurrent_run(&q, (RecurrentRun){.wanted = RECURRENT_ALL});
      for (size_t i = 0; i < shape.batch; i++)
        CHECK_MESSAGE((recurrent_differing(&p, x, i, &q, y, i) == 0) == (i != b), "sequence %zu: %s", i, recurrent_describe(&shape));
      if (place < 2) CHECK(isnan(y[recurrent_place(&shape, RecurrentHn) + b * shape.hidden]));
      CHECK(isnan(y[recurrent_place(&shape, RecurrentH0Gradient) + b * shape.hidden]) || cell == HeedRecurrentCellRnnRelu);
      free(x), free(y);
      recurrent_problem_free(&p), recurrent_problem_free(&q);
    }
}

TEST(recurrent_gradients_accumulate) {
  for (int cell = 0; cell < RECURRENT_CELL_COUNT; cell++) {
    RecurrentProblem p = recurrent_problem(small(cell), 7);
    float *once = recurrent_run(&p, (RecurrentRun){.wanted = RECURRENT_ALL});
    HeedRecurrentShape shape = recurrent_shape(&p);
    const HeedRecurrentWeights weights = recurrent_weights(&p);
    const HeedRecurrentInputs inputs = recurrent_inputs(&p);
    const HeedRecurrentOutputGradients d_outputs = recurrent_output_gradients(&p);
    float *reserve = malloc(heed_recurrent_reserve_size(&shape));
    const HeedRecurrentOutputs outputs = {.reserve = reserve};
    CHECK(heed_recurrent_forward(&shape, &weights, &inputs, &outputs) == HeedStatusOk);
    const size_t place = recurrent_place(&p.shape, RecurrentWihGradient), total = recurrent_place(&p.shape, RECURRENT_RESULT_COUNT);
    const size_t between = recurrent_place(&p.shape, RecurrentOutputGradient), end = recurrent_place(&p.shape, RecurrentWhrGradient);
    float *sum = malloc(total * sizeof *sum), *at[RECURRENT_RESULT_COUNT];
    for (size_t i = 0; i < total; i++) sum[i] = 0.25f;
    for (int i = 0; i < RECURRENT_RESULT_COUNT; i++) at[i] = sum + recurrent_place(&p.shape, i);
    const HeedRecurrentGradients gradients = {.d_w_ih = at[6], .d_w_hh = at[7], .d_b_ih = at[8], .d_b_hh = at[9], .d_w_hr = at[11]};
    shape.accumulate = true;
    for (int i = 0; i < 2; i++) CHECK(heed_recurrent_backward(&shape, &weights, &inputs, reserve, &d_outputs, &gradients) == HeedStatusOk);
    for (size_t i = place; i < total; i++) {
      if (i >= between && i < end) continue; // the output's gradient, which overwrites
      const float expected = 2 * once[i] + 0.25f;
      CHECK_MESSAGE(fabsf(sum[i] - expected) <= 1e-6f * (fabsf(expected) + 1), "%g is not %g", (double)sum[i], (double)expected);
    }
    free(sum), free(reserve), free(once);
    recurrent_problem_free(&p);
  }
}

// pytorch 50192: no step at all. h_n is h_0, and what arrives there goes back to it; also no sequence, no input, no unit.
TEST(recurrent_empty_sizes) {
  static const size_t sizes[][4] = {{3, 0, 4, 5}, {0, 3, 4, 5}, {3, 2, 0, 5}, {3, 2, 4, 0}, {0, 0, 0, 0}, {1, 1, 1, 1}};
  for (int cell = 0; cell < HEED_RECURRENT_CELL_COUNT; cell++)
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
      for (int stateless = 0; stateless < 2; stateless++) {
        RecurrentProblem p = recurrent_problem((RecurrentCase){.cell = (HeedRecurrentCell)cell,
                                                               .batch = sizes[i][0],
                                                               .time = sizes[i][1],
                                                               .input = sizes[i][2],
                                                               .hidden = sizes[i][3],
                                                               .stateless = stateless,
                                                               .lengths = (RecurrentLengths)stateless},
                                               8);
        float *x = recurrent_run(&p, (RecurrentRun){.wanted = RECURRENT_ALL});
        double *r = recurrent_reference(&p, 0, NULL);
        const size_t total = recurrent_place(&p.shape, RECURRENT_RESULT_COUNT);
        for (size_t j = 0; j < total; j++)
          CHECK_MESSAGE(fabs((double)x[j] - r[j]) <= 1e-5 * (fabs(r[j]) + 1), "%g is not %g: %s", (double)x[j], r[j],
                        recurrent_describe(&p.shape));
        free(r), free(x);
        recurrent_problem_free(&p);
      }
}

TEST(recurrent_refuses_and_touches_nothing) {
  RecurrentProblem p = recurrent_problem(small(HeedRecurrentCellLstm), 9);
  const HeedRecurrentShape good = recurrent_shape(&p);
  const HeedRecurrentWeights weights = recurrent_weights(&p);
  const HeedRecurrentInputs inputs = recurrent_inputs(&p);
  const HeedRecurrentOutputGradients d_outputs = recurrent_output_gradients(&p);
  const size_t count = 4 * 5 * 19;
  float *out = malloc(count * sizeof *out), *reserve = malloc(heed_recurrent_reserve_size(&good));
  poison_floats(out, count);
  const HeedRecurrentOutputs outputs = {.output = out};
  const HeedRecurrentGradients gradients = {.d_h_0 = out};
#define REFUSES(status, shape, weights, inputs)                                                                                            \
  CHECK(heed_recurrent_forward(shape, weights, inputs, &outputs) == status);                                                               \
  CHECK(heed_recurrent_backward(shape, weights, inputs, reserve, &d_outputs, &gradients) == status)
  HeedRecurrentShape bad = good;
  REFUSES(HeedStatusBadArgument, NULL, &weights, &inputs);
  REFUSES(HeedStatusBadArgument, &good, NULL, &inputs);
  REFUSES(HeedStatusBadArgument, &good, &weights, NULL);
  CHECK(heed_recurrent_forward(&good, &weights, &inputs, NULL) == HeedStatusBadArgument);
  CHECK(heed_recurrent_backward(&good, &weights, &inputs, NULL, &d_outputs, &gradients) == HeedStatusBadArgument);
  CHECK(heed_recurrent_backward(&good, &weights, &inputs, reserve, NULL, &gradients) == HeedStatusBadArgument);
  CHECK(heed_recurrent_backward(&good, &weights, &inputs, reserve, &d_outputs, NULL) == HeedStatusBadArgument);
  bad.cell = (HeedRecurrentCell)17;
  REFUSES(HeedStatusBadArgument, &bad, &weights, &inputs);
  const HeedRecurrentWeights no_weights = {.w_hh = weights.w_hh}, no_state_weights = {.w_ih = weights.w_ih};
  CHECK(heed_recurrent_forward(&good, &no_weights, &inputs, &outputs) == HeedStatusBadArgument);
  REFUSES(HeedStatusBadArgument, &good, &no_state_weights, &inputs);
  const HeedRecurrentInputs no_input = {NULL, inputs.h_0, inputs.c_0};
  REFUSES(HeedStatusBadArgument, &good, &weights, &no_input);
  bad = good, bad.hidden = SIZE_MAX / 8;
  REFUSES(HeedStatusBadShape, &bad, &weights, &inputs);
  bad = good, bad.time = SIZE_MAX / 64;
  REFUSES(HeedStatusBadShape, &bad, &weights, &inputs);
  bad = good, bad.input_batch = PTRDIFF_MAX;
  REFUSES(HeedStatusBadStride, &bad, &weights, &inputs);
  bad = good, bad.output_time = 18; // rows of 19 overlap
  CHECK(heed_recurrent_forward(&bad, &weights, &inputs, &outputs) == HeedStatusBadStride);
  int64_t lengths[] = {5, 5, 6, 5};
  bad = good, bad.lengths = lengths;
  REFUSES(HeedStatusBadArgument, &bad, &weights, &inputs);
  lengths[2] = -1;
  REFUSES(HeedStatusBadArgument, &bad, &weights, &inputs);
  bad = good, bad.input_time = 0;
  HeedRecurrentGradients overlapping = {.d_input = out};
  CHECK(heed_recurrent_backward(&bad, &weights, &inputs, reserve, &d_outputs, &overlapping) == HeedStatusBadStride);
  bad = good, bad.output_time = 18;
  overlapping = (HeedRecurrentGradients){.d_h = out};
  CHECK(heed_recurrent_backward(&bad, &weights, &inputs, reserve, &d_outputs, &overlapping) == HeedStatusBadStride);
  CHECK(is_poison(out, count));
  bad = good, bad.cell = (HeedRecurrentCell)9;
  CHECK(heed_recurrent_pack(&bad, &weights, out) == HeedStatusBadArgument);
  bad = good, bad.input = SIZE_MAX / 2;
  CHECK(heed_recurrent_pack(&bad, &weights, out) == HeedStatusBadShape);
  bad = good, bad.hidden = SIZE_MAX / 8;
  CHECK(heed_recurrent_packed_size(&bad) == SIZE_MAX);
  free(reserve), free(out);
  recurrent_problem_free(&p);
}

// Broadcast inputs (a stride of 0) and a gradient that is one row for all steps, as the gradient of a sum has it.
TEST(recurrent_strides_of_zero) {
  for (int cell = 0; cell < HEED_RECURRENT_CELL_COUNT; cell++) {
    RecurrentCase shape = small(cell);
    shape.lengths = RecurrentFull;
    RecurrentProblem p = recurrent_problem(shape, 10), q = recurrent_problem(shape, 10);
    for (size_t b = 0; b < shape.batch; b++)
      for (size_t t = 0; t < shape.time; t++) {
        memcpy(p.input.first + (ptrdiff_t)b * p.input_batch + (ptrdiff_t)t * p.input_time, q.input.first, shape.input * sizeof(float));
        memcpy(p.d_output.first + (ptrdiff_t)b * p.output_batch + (ptrdiff_t)t * p.output_time, q.d_output.first,
               shape.hidden * sizeof(float));
      }
    float *x = recurrent_run(&p, (RecurrentRun){.wanted = RECURRENT_ALL});
    HeedRecurrentShape broadcast = recurrent_shape(&q);
    broadcast.input_batch = broadcast.input_time = 0;
    const HeedRecurrentWeights weights = recurrent_weights(&q);
    const HeedRecurrentInputs inputs = recurrent_inputs(&q);
    HeedRecurrentOutputGradients d_outputs = recurrent_output_gradients(&q);
    d_outputs.d_output_batch = d_outputs.d_output_time = 0;
    float *y = malloc(recurrent_place(&shape, RECURRENT_RESULT_COUNT) * sizeof *y), *at[RECURRENT_RESULT_COUNT];
    for (int i = 0; i < RECURRENT_RESULT_COUNT; i++) at[i] = y + recurrent_place(&shape, i);
    float *reserve = malloc(heed_recurrent_reserve_size(&broadcast));
    const HeedRecurrentOutputs outputs = {at[0], at[1], at[2], reserve};
    CHECK(heed_recurrent_forward(&broadcast, &weights, &inputs, &outputs) == HeedStatusOk);
    const HeedRecurrentGradients gradients = {NULL, at[4], at[5], at[6], at[7], at[8], at[9], at[10], at[11]};
    CHECK(heed_recurrent_backward(&broadcast, &weights, &inputs, reserve, &d_outputs, &gradients) == HeedStatusOk);
    for (int i = 0; i < RECURRENT_RESULT_COUNT; i++)
      CHECK_MESSAGE(i == RecurrentInputGradient || differing_floats(at[i], x + recurrent_place(&shape, i),
                                                                    recurrent_place(&shape, i + 1) - recurrent_place(&shape, i), NULL) == 0,
                    "%s differs: %s", recurrent_result_name(i), recurrent_describe(&shape));
    free(reserve), free(y), free(x);
    recurrent_problem_free(&p), recurrent_problem_free(&q);
  }
}

// The derivative of a random projection of the reference's outputs, by differences, against the reference's gradients: what all else is
// held against is itself right.
TEST_ONCE(recurrent_reference_against_differences) {
  for (int cell = 0; cell < RECURRENT_CELL_COUNT; cell++) {
    const RecurrentCase shape = recurrent_case(
        cell, (RecurrentCase){.batch = 2, .time = 3, .input = 3, .hidden = 5, .reverse = cell % 2, .lengths = RecurrentMixed});
    const size_t S = recurrent_state(&shape);
    const bool lstm = shape.cell == HeedRecurrentCellLstm;
    RecurrentProblem p = recurrent_problem(shape, 11);
    double *r = recurrent_reference(&p, 0, NULL);
    struct {
      float *x;
      size_t count;
      int gradient;
    } variables[] = {{p.h_0.first, p.h_0.count, RecurrentH0Gradient},    {p.w_ih.first, p.w_ih.count, RecurrentWihGradient},
                     {p.w_hh.first, p.w_hh.count, RecurrentWhhGradient}, {p.b_ih.first, p.b_ih.count, RecurrentBihGradient},
                     {p.b_hh.first, p.b_hh.count, RecurrentBhhGradient}, {p.input.first, p.input.count, RecurrentInputGradient},
                     {p.c_0.first, p.c_0.count, RecurrentC0Gradient},    {p.w_hr.first, p.w_hr.count, RecurrentWhrGradient}};
    for (size_t v = 0; v < sizeof variables / sizeof *variables; v++) {
      if (!lstm && variables[v].gradient == RecurrentC0Gradient) continue;
      for (size_t i = 0; i < variables[v].count; i++) {
        const float kept = variables[v].x[i];
        if (isnan(kept)) continue; // padding
        double value[2], width = 0;
        for (int side = 0; side < 2; side++) {
          variables[v].x[i] = kept + (side ? 0x1p-9f : -0x1p-9f);
          width += (side ? 1 : -1) * (double)variables[v].x[i];
          double *moved = recurrent_reference(&p, 0, NULL);
          value[side] = 0;
          for (size_t b = 0; b < shape.batch; b++)
            for (size_t t = 0; t < (size_t)p.lengths[b]; t++)
              for (size_t k = 0; k < S; k++)
                value[side] += moved[(b * shape.time + t) * S + k] *
                               (double)p.d_output.first[(ptrdiff_t)b * p.output_batch + (ptrdiff_t)t * p.output_time + (ptrdiff_t)k];
          for (size_t k = 0; k < shape.batch * S; k++)
            value[side] += moved[recurrent_place(&shape, RecurrentHn) + k] * (double)p.d_h_n.first[k];
          for (size_t k = 0; lstm && k < shape.batch * shape.hidden; k++)
            value[side] += moved[recurrent_place(&shape, RecurrentCn) + k] * (double)p.d_c_n.first[k];
          free(moved);
        }
        variables[v].x[i] = kept;
        const double expected = (value[1] - value[0]) / width, gradient = r[recurrent_place(&shape, variables[v].gradient) + i];
        // A step across relu's corner is no derivative.
        if (cell == HeedRecurrentCellRnnRelu && fabs(expected - gradient) > 1e-3) continue;
        CHECK_MESSAGE(fabs(expected - gradient) <= 2e-5 * (fabs(gradient) + 1), "%s %zu: %g, by differences %g: %s",
                      recurrent_result_name(variables[v].gradient), i, gradient, expected, recurrent_describe(&shape));
      }
    }
    free(r);
    recurrent_problem_free(&p);
  }
}

// What arrives at h_t is its own gradient and, bit for bit, the gradient of the first state of the steps behind it taken alone.
TEST(recurrent_output_gradient_is_of_the_rest) {
  for (int cell = 0; cell < HEED_RECURRENT_CELL_COUNT; cell++) {
    RecurrentCase shape = small(cell);
    shape.reverse = false, shape.lengths = RecurrentFull, shape.time = 6, shape.hidden = 37;
    RecurrentProblem p = recurrent_problem(shape, 12);
    float *x = recurrent_run(&p, (RecurrentRun){.wanted = RECURRENT_ALL});
    const size_t B = shape.batch, T = shape.time, H = shape.hidden, state = B * H;
    const float *whole = x + recurrent_place(&shape, RecurrentOutputGradient);
    float *memory = malloc((4 * state + 1) * sizeof *memory), *h = memory, *c = h + state, *dh = c + state, *dc = dh + state;
    for (size_t t = 0; t < T; t++) {
      const bool lstm = cell == HeedRecurrentCellLstm;
      HeedRecurrentShape part = recurrent_shape(&p);
      const HeedRecurrentWeights weights = recurrent_weights(&p);
      HeedRecurrentInputs inputs = recurrent_inputs(&p);
      HeedRecurrentOutputGradients d_outputs = recurrent_output_gradients(&p);
      part.time = t + 1;
      CHECK(heed_recurrent_forward(&part, &weights, &inputs, &(HeedRecurrentOutputs){.h_n = h, .c_n = lstm ? c : NULL}) == HeedStatusOk);
      part.time = T - t - 1;
      inputs = (HeedRecurrentInputs){inputs.input + (ptrdiff_t)(t + 1) * p.input_time, h, lstm ? c : NULL};
      d_outputs.d_output += (ptrdiff_t)(t + 1) * p.output_time;
      float *reserve = malloc(heed_recurrent_reserve_size(&part) + 1);
      if (part.time > 0) {
        CHECK(heed_recurrent_forward(&part, &weights, &inputs, &(HeedRecurrentOutputs){.reserve = reserve}) == HeedStatusOk);
        const HeedRecurrentGradients gradients = {.d_h_0 = dh, .d_c_0 = lstm ? dc : NULL};
        CHECK(heed_recurrent_backward(&part, &weights, &inputs, reserve, &d_outputs, &gradients) == HeedStatusOk);
      } else {
        memcpy(dh, p.d_h_n.first, state * sizeof *dh);
      }
      for (size_t b = 0; b < B; b++)
        for (size_t k = 0; k < H; k++) {
          const float own = p.d_output.first[(ptrdiff_t)b * p.output_batch + (ptrdiff_t)t * p.output_time + (ptrdiff_t)k];
          const float expected = dh[b * H + k] + own, found = whole[(b * T + t) * H + k];
          CHECK_MESSAGE(memcmp(&expected, &found, sizeof found) == 0, "step %zu, sequence %zu, unit %zu: %g is not %g: %s", t, b, k,
                        (double)found, (double)expected, recurrent_describe(&shape));
        }
      free(reserve);
    }
    free(memory), free(x);
    recurrent_problem_free(&p);
  }
}

// A gradient that vanishes over many steps, and a state that decays, end as 0, not among the denormals.
TEST(recurrent_results_hold_no_denormals) {
  for (int cell = 0; cell < HEED_RECURRENT_CELL_COUNT; cell++) {
    RecurrentProblem p = recurrent_problem(
        (RecurrentCase){.cell = (HeedRecurrentCell)cell, .batch = 3, .time = 200, .input = 5, .hidden = 20, .scale = 0.02}, 60);
    float *results = recurrent_run(&p, (RecurrentRun){.wanted = RECURRENT_ALL, .without = 1u << RecurrentOutput});
    const size_t count = recurrent_place(&p.shape, RECURRENT_RESULT_COUNT);
    size_t denormal = 0;
    for (size_t i = 0; i < count; i++) denormal += fpclassify(results[i]) == FP_SUBNORMAL;
    CHECK_MESSAGE(denormal == 0, "%s: %zu of %zu", recurrent_describe(&p.shape), denormal, count);
    free(results);
    recurrent_problem_free(&p);
  }
}

// The same bits for any number of threads, for a sequence alone and among others, padded or not, step by step and whole, with and without a
// reserve, with packed weights, in every arrangement.

#include <stdlib.h>
#include <string.h>

#include "recurrent_support.h"

static const RecurrentRun everything = {.wanted = RECURRENT_ALL};

// Sizes that are shared out by panels, by rows, and not at all.
static const size_t sizes[][4] = {{5, 7, 20, 40}, {40, 5, 12, 33}, {6, 5, 40, 270}, {60, 3, 16, 200}};
#define SIZES (sizeof sizes / sizeof *sizes)

static RecurrentCase sized(int cell, size_t i) {
  return recurrent_case(cell, (RecurrentCase){.batch = sizes[i][0],
                                              .time = sizes[i][1],
                                              .input = sizes[i][2],
                                              .hidden = sizes[i][3],
                                              .reverse = (size_t)cell % 2 == i % 2,
                                              .lengths = (RecurrentLengths)((i + 1) % RECURRENT_LENGTHS_COUNT)});
}

static void check_same(const RecurrentProblem *p, const float *expected, float *x, unsigned results, const char *what) {
  for (int i = 0; i < RECURRENT_RESULT_COUNT; i++) {
    if (!(results >> i & 1)) continue;
    const size_t place = recurrent_place(&p->shape, i), count = recurrent_place(&p->shape, i + 1) - place;
    const size_t differing = differing_floats(expected + place, x + place, count, NULL);
    CHECK_MESSAGE(differing == 0, "%zu floats of %s differ, %s: %s", differing, recurrent_result_name(i), what,
                  recurrent_describe(&p->shape));
  }
  free(x);
}

TEST(recurrent_bits_for_threads) {
  static const size_t threads[] = {2, 3, 5, 8};
  for (int cell = 0; cell < RECURRENT_CELL_COUNT; cell++)
    for (size_t i = 0; i < SIZES; i++) {
      RecurrentProblem p = recurrent_problem(sized(cell, i), i);
      CHECK(heed_thread_count_set(1) == HeedStatusOk);
      float *alone = recurrent_run(&p, everything);
      for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        CHECK(heed_thread_count_set(threads[t]) == HeedStatusOk);
        check_same(&p, alone, recurrent_run(&p, everything), RECURRENT_ALL, "threads");
      }
      CHECK(heed_thread_count_set(0) == HeedStatusOk);
      free(alone);
      recurrent_problem_free(&p);
    }
}

TEST(recurrent_bits_for_modes) {
  for (int cell = 0; cell < RECURRENT_CELL_COUNT; cell++)
    for (size_t i = 0; i < SIZES; i++) {
      RecurrentCase shape = sized(cell, i);
      RecurrentProblem p = recurrent_problem(shape, i);
      float *x = recurrent_run(&p, everything);
      check_same(&p, x, recurrent_run(&p, (RecurrentRun){.wanted = RECURRENT_FORWARD}), RECURRENT_FORWARD, "inference");
      check_same(&p, x, recurrent_run(&p, (RecurrentRun){.wanted = RECURRENT_FORWARD, .keeps = true}), RECURRENT_FORWARD, "training");
      check_same(&p, x, recurrent_run(&p, (RecurrentRun){.wanted = RECURRENT_FORWARD, .packed = true}), RECURRENT_FORWARD,
                 "packed weights");
      check_same(&p, x, recurrent_run(&p, (RecurrentRun){.wanted = RECURRENT_ALL, .packed = true}), RECURRENT_ALL, "packed weights");
      for (int arrangement = 1; arrangement < RECURRENT_ARRANGEMENT_COUNT; arrangement++) {
        shape.arrangement = (RecurrentArrangement)arrangement;
        RecurrentProblem other = recurrent_problem(shape, i);
        check_same(&other, x, recurrent_run(&other, everything), RECURRENT_ALL, "another arrangement");
        recurrent_problem_free(&other);
      }
      free(x);
      recurrent_problem_free(&p);
    }
}

// pytorch 95118: packed sequences wrong in a batch.
TEST(recurrent_bits_of_a_sequence_alone) {
  for (int cell = 0; cell < RECURRENT_CELL_COUNT; cell++)
    for (size_t i = 0; i < SIZES; i++) {
      RecurrentProblem p = recurrent_problem(sized(cell, i), i);
      float *x = recurrent_run(&p, everything);
      for (size_t b = 0; b < p.shape.batch; b += p.shape.batch / 4 + 1) {
        RecurrentCase shape = p.shape;
        shape.first_sequence = b, shape.batch = 1;
        RecurrentProblem alone = recurrent_problem(shape, i);
        float *y = recurrent_run(&alone, everything);
        CHECK_MESSAGE(alone.lengths[0] == p.lengths[b], "the length differs");
        const size_t differing = recurrent_differing(&p, x, b, &alone, y, 0);
        CHECK_MESSAGE(differing == 0, "%zu floats of sequence %zu differ: %s", differing, b, recurrent_describe(&p.shape));
        free(y);
        recurrent_problem_free(&alone);
      }
      free(x);
      recurrent_problem_free(&p);
    }
}

// The same sequences in a wider frame, whose padding holds NaN, and all of the full length without a frame and with lengths given.
TEST(recurrent_bits_with_padding) {
  for (int cell = 0; cell < RECURRENT_CELL_COUNT; cell++)
    for (int reverse = 0; reverse < 2; reverse++) {
      const RecurrentCase shape =
          recurrent_case(cell, (RecurrentCase){.batch = 5, .time = 6, .input = 9, .hidden = 21, .reverse = reverse});
      const size_t S = recurrent_state(&shape);
      RecurrentProblem p = recurrent_problem(shape, 3);
      float *x = recurrent_run(&p, everything);
      for (size_t more = 0; more < 6; more += 5) {
        RecurrentCase wider = shape;
        wider.time += more;
        RecurrentProblem q = recurrent_problem(wider, 3);
        q.shape.lengths = RecurrentMixed; // lengths are given from here on
        for (size_t b = 0; b < shape.batch; b++) q.lengths[b] = (int64_t)shape.time;
        // What lies behind the end: NaN.
        for (size_t b = 0; b < shape.batch; b++)
          for (size_t t = shape.time; t < wider.time; t++) {
            poison_floats(q.input.first + (ptrdiff_t)b * q.input_batch + (ptrdiff_t)t * q.input_time, shape.input);
            poison_floats(q.d_output.first + (ptrdiff_t)b * q.output_batch + (ptrdiff_t)t * q.output_time, S);
          }
        float *y = recurrent_run(&q, everything);
        for (size_t b = 0; b < shape.batch; b++)
          CHECK_MESSAGE(recurrent_differing(&p, x, b, &q, y, b) == 0, "sequence %zu differs with %zu steps of padding: %s", b, more,
                        recurrent_describe(&shape));
        for (int i = RecurrentWihGradient; i <= RecurrentBhhGradient; i++) {
          const size_t place = recurrent_place(&shape, i), count = recurrent_place(&shape, i + 1) - place;
          CHECK_MESSAGE(differing_floats(x + place, y + recurrent_place(&wider, i), count, NULL) == 0, "%s differs with padding: %s",
                        recurrent_result_name(i), recurrent_describe(&shape));
        }
        // Zeros past the end.
        for (size_t b = 0; b < shape.batch; b++)
          for (size_t j = shape.time * S; j < wider.time * S; j++) CHECK(y[b * wider.time * S + j] == 0.0f);
        const float *dx = y + recurrent_place(&wider, RecurrentInputGradient);
        for (size_t b = 0; b < shape.batch; b++)
          for (size_t j = shape.time * shape.input; j < wider.time * shape.input; j++) CHECK(dx[b * wider.time * shape.input + j] == 0.0f);
        const float *dh = y + recurrent_place(&wider, RecurrentOutputGradient);
        for (size_t b = 0; b < shape.batch; b++)
          for (size_t j = shape.time * S; j < wider.time * S; j++) CHECK(dh[b * wider.time * S + j] == 0.0f);
        free(y);
        recurrent_problem_free(&q);
      }
      free(x);
      recurrent_problem_free(&p);
    }
}

// One call a step, each from the states that the one before left.
TEST(recurrent_bits_step_by_step) {
  for (int cell = 0; cell < RECURRENT_CELL_COUNT; cell++)
    for (size_t i = 0; i < SIZES; i++)
      for (int packed = 0; packed < 2; packed++) {
        RecurrentCase shape = sized(cell, i);
        shape.lengths = RecurrentFull;
        RecurrentProblem p = recurrent_problem(shape, i);
        float *whole = recurrent_run(&p, (RecurrentRun){.wanted = RECURRENT_FORWARD});
        const size_t B = shape.batch, T = shape.time, H = shape.hidden, S = recurrent_state(&shape);
        float *out = calloc(B * T * S, sizeof *out), *h = malloc(B * S * sizeof *h), *c = malloc(B * H * sizeof *c);
        float *h_next = calloc(B * S, sizeof *h), *c_next = calloc(B * H, sizeof *c);
        HeedRecurrentShape step = recurrent_shape(&p);
        void *memory = malloc(heed_recurrent_packed_size(&step));
        HeedRecurrentWeights weights = recurrent_weights(&p);
        CHECK(heed_recurrent_pack(&step, &weights, memory) == HeedStatusOk);
        if (packed) weights = (HeedRecurrentWeights){.b_ih = weights.b_ih, .b_hh = weights.b_hh, .packed = memory};
        memcpy(h, p.h_0.first, B * S * sizeof *h);
        memcpy(c, p.c_0.first, B * H * sizeof *c);
        for (size_t s = 0; s < T; s++) {
          const size_t t = shape.reverse ? T - 1 - s : s;
          step.time = 1, step.output_batch = (ptrdiff_t)(T * S), step.output_time = (ptrdiff_t)S;
          const HeedRecurrentInputs inputs = {p.input.first + (ptrdiff_t)t * p.input_time, h, c};
          const HeedRecurrentOutputs outputs = {out + t * S, h_next, c_next, NULL};
          CHECK(heed_recurrent_forward(&step, &weights, &inputs, &outputs) == HeedStatusOk);
          memcpy(h, h_next, B * S * sizeof *h);
          memcpy(c, c_next, B * H * sizeof *c);
        }
        CHECK_MESSAGE(differing_floats(out, whole, B * T * S, NULL) == 0, "outputs differ: %s", recurrent_describe(&shape));
        CHECK_MESSAGE(differing_floats(h, whole + recurrent_place(&shape, RecurrentHn), B * S, NULL) == 0, "h_n differs: %s",
                      recurrent_describe(&shape));
        if (shape.cell == HeedRecurrentCellLstm)
          CHECK_MESSAGE(differing_floats(c, whole + recurrent_place(&shape, RecurrentCn), B * H, NULL) == 0, "c_n differs: %s",
                        recurrent_describe(&shape));
        free(memory), free(c_next), free(h_next), free(c), free(h), free(out), free(whole);
        recurrent_problem_free(&p);
      }
}

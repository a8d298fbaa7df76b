// Recurrent layers against the float64 reference: shapes around every tile edge, lengths, directions, strides, long sequences.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "recurrent_support.h"

static const RecurrentRun everything = {.wanted = RECURRENT_ALL};

static void try(RecurrentCase s, uint64_t stream) {
  RecurrentProblem p = recurrent_problem(s, stream);
  recurrent_check_accuracy(&p, everything);
  recurrent_problem_free(&p);
}

TEST(recurrent_small_shapes) {
  static const size_t sizes[][4] = {{9, 2, 1, 1},   {2, 3, 5, 7},   {3, 7, 5, 8},   {5, 4, 16, 16}, {4, 5, 17, 33},
                                    {13, 3, 9, 63}, {2, 5, 33, 64}, {7, 2, 65, 65}, {1, 9, 31, 96}};
  for (int cell = 0; cell < RECURRENT_CELL_COUNT; cell++)
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
      try(recurrent_case(cell, (RecurrentCase){.batch = sizes[i][0],
                                               .time = sizes[i][1],
                                               .input = sizes[i][2],
                                               .hidden = sizes[i][3],
                                               .reverse = i % 2,
                                               .lengths = (RecurrentLengths)(i % RECURRENT_LENGTHS_COUNT),
                                               .arrangement = (RecurrentArrangement)(i / 2 % RECURRENT_ARRANGEMENT_COUNT),
                                               .stateless = i % 4 == 3,
                                               .biasless = i % 5 == 4}),
          i);
}

TEST(recurrent_lengths_directions_and_strides) {
  for (int cell = 0; cell < RECURRENT_CELL_COUNT; cell++)
    for (int i = 0; i < 2 * RECURRENT_LENGTHS_COUNT * RECURRENT_ARRANGEMENT_COUNT; i++)
      try(recurrent_case(cell, (RecurrentCase){.batch = 6,
                                               .time = 8,
                                               .input = 10,
                                               .hidden = 20,
                                               .reverse = i % 2,
                                               .lengths = (RecurrentLengths)(i / 2 % RECURRENT_LENGTHS_COUNT),
                                               .arrangement = (RecurrentArrangement)(i / 2 / RECURRENT_LENGTHS_COUNT)}),
          (uint64_t)(100 + i));
}

// Projections around the edges of panels and blocks, the widest and the narrowest.
TEST(recurrent_projections) {
  static const size_t sizes[][2] = {{2, 1}, {16, 15}, {17, 16}, {40, 17}, {65, 63}, {66, 64}, {66, 65}, {130, 128}, {130, 1}, {200, 129}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    try((RecurrentCase){.cell = HeedRecurrentCellLstm,
                        .batch = 1 + 4 * (i % 3),
                        .time = 5,
                        .input = 9,
                        .hidden = sizes[i][0],
                        .projection = sizes[i][1],
                        .reverse = i % 2,
                        .lengths = (RecurrentLengths)(i % RECURRENT_LENGTHS_COUNT),
                        .stateless = i % 4 == 3,
                        .biasless = i % 5 == 4},
        200 + i);
}

// Wide enough that steps are shared out by panels, and many rows that they are shared out by rows and in groups.
TEST(recurrent_wide_layers) {
  for (int cell = 0; cell < RECURRENT_CELL_COUNT; cell++) {
    try(recurrent_case(cell, (RecurrentCase){.batch = 5, .time = 6, .input = 70, .hidden = 200, .lengths = RecurrentMixed}), 1);
    try(recurrent_case(cell, (RecurrentCase){.batch = 101, .time = 4, .input = 20, .hidden = 40, .lengths = RecurrentMixed}), 2);
  }
  try((RecurrentCase){.cell = HeedRecurrentCellLstm, .batch = 52, .time = 3, .input = 64, .hidden = 260, .lengths = RecurrentMixed}, 3);
  try((RecurrentCase){.cell = HeedRecurrentCellLstm, .batch = 52, .time = 3, .input = 64, .hidden = 260, .projection = 131}, 4);
}

TEST(recurrent_long_sequences) {
  for (int cell = 0; cell < RECURRENT_CELL_COUNT; cell++) {
    try(recurrent_case(cell, (RecurrentCase){.batch = 2, .time = 130, .input = 16, .hidden = 33}), 1);
    try(recurrent_case(cell, (RecurrentCase){.batch = 1, .time = 1000, .input = 8, .hidden = 24, .reverse = cell % 2}), 2);
  }
}

// Weights so large that most gates are open or shut; few steps, since the states of such a layer are chaotic.
TEST(recurrent_saturated_gates) {
  for (int cell = 0; cell < RECURRENT_CELL_COUNT; cell++) {
    if (cell == HeedRecurrentCellRnnRelu) continue; // it grows without bound
    try(recurrent_case(cell, (RecurrentCase){.batch = 6, .time = 1, .input = 12, .hidden = 18, .scale = 3}), 1);
  }
}

// Where y rounds to 1, the derivative 1 - y^2 has no digits left: it must not be taken from y.
TEST(recurrent_derivatives_of_saturated_cells) {
  static const float arguments[] = {0.3f, 2, 5, -7, 9, -10};
  for (int sigmoid = 0; sigmoid < 2; sigmoid++)
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
      const HeedRecurrentCell cell = sigmoid ? HeedRecurrentCellRnnSigmoid : HeedRecurrentCellRnnTanh;
      RecurrentProblem p = recurrent_problem(
          (RecurrentCase){.cell = cell, .batch = 1, .time = 1, .input = 1, .hidden = 1, .stateless = true, .biasless = true}, 50);
      p.w_ih.first[0] = arguments[i];
      p.input.first[0] = 1;
      float *results = recurrent_run(&p, everything);
      double *expected = recurrent_reference(&p, 0, NULL);
      const size_t place = recurrent_place(&p.shape, RecurrentInputGradient);
      const double x = (double)results[place], r = expected[place];
      CHECK_MESSAGE(fabs(x - r) <= 4 * 0x1p-23 * fabs(r), "cell %d, argument %g: %.9g instead of %.9g", (int)cell, (double)arguments[i], x,
                    r);
      free(results);
      free(expected);
      recurrent_problem_free(&p);
    }
}

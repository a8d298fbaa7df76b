// What the tests of recurrent layers share: operands in guarded memory with NaN wherever no sequence has an element, and runs that collect
// all results in one contiguous array.

#ifndef HEED_RECURRENT_SUPPORT_H
#define HEED_RECURRENT_SUPPORT_H

#include "harness.h"
#include "heed/recurrent.h"

typedef enum RecurrentLengths { RecurrentFull, RecurrentMixed, RecurrentWithZeros, RECURRENT_LENGTHS_COUNT } RecurrentLengths;

typedef enum RecurrentArrangement {
  RecurrentBatchFirst,
  RecurrentTimeFirst,
  RecurrentPadded,
  RECURRENT_ARRANGEMENT_COUNT
} RecurrentArrangement;

typedef struct RecurrentCase {
  HeedRecurrentCell cell;
  size_t batch, time, input, hidden;
  size_t projection; // of an LSTM, or 0
  bool reverse;
  RecurrentLengths lengths;
  RecurrentArrangement arrangement;
  bool stateless, biasless;
  size_t first_sequence; // sequence b holds the data of sequence first_sequence + b
  double scale;          // of weights, 0: 1 / sqrt(hidden), as they are initialised
} RecurrentCase;

enum { // The results, in the order in which they follow each other.
  RecurrentOutput,
  RecurrentHn,
  RecurrentCn,
  RecurrentInputGradient,
  RecurrentH0Gradient,
  RecurrentC0Gradient,
  RecurrentWihGradient,
  RecurrentWhhGradient,
  RecurrentBihGradient,
  RecurrentBhhGradient,
  RecurrentOutputGradient,
  RecurrentWhrGradient,
  RECURRENT_RESULT_COUNT
};
#define RECURRENT_FORWARD 7u // bits of the results of the forward pass
#define RECURRENT_ALL     4095u

// The cells of the library and, behind them, the LSTM with a projection: what tests count through.
#define RECURRENT_CELL_COUNT (HEED_RECURRENT_CELL_COUNT + 1)
// The case of that cell, with a projection where there is one to be and H is large enough.
RecurrentCase recurrent_case(int cell, RecurrentCase shape);

typedef struct RecurrentArray {
  Guarded block;
  float *first;
  size_t count;
} RecurrentArray;

typedef struct RecurrentProblem {
  RecurrentCase shape;
  int64_t *lengths; // always there; given to the kernels unless the case is RecurrentFull
  ptrdiff_t input_batch, input_time, output_batch, output_time;
  RecurrentArray input, w_ih, w_hh, w_hr, b_ih, b_hh, h_0, c_0, d_output, d_h_n, d_c_n;
} RecurrentProblem;

RecurrentProblem recurrent_problem(RecurrentCase shape, uint64_t stream);
void recurrent_problem_free(RecurrentProblem *problem);
HeedRecurrentShape recurrent_shape(const RecurrentProblem *problem);
HeedRecurrentWeights recurrent_weights(const RecurrentProblem *problem);
HeedRecurrentInputs recurrent_inputs(const RecurrentProblem *problem);
HeedRecurrentOutputGradients recurrent_output_gradients(const RecurrentProblem *problem);

// Where result i of a case begins in the array of all; i = RECURRENT_RESULT_COUNT: its length.
size_t recurrent_place(const RecurrentCase *shape, int result);
const char *recurrent_result_name(int result);
// Units of h.
static inline size_t recurrent_state(const RecurrentCase *s) { return s->projection ? s->projection : s->hidden; }

typedef struct RecurrentRun {
  unsigned wanted;    // bits of results; the backward pass runs where one of its is
  bool packed, keeps; // weights packed ahead; a reserve is kept without a backward pass too
  unsigned without;   // bits of RecurrentOutput, RecurrentHn, RecurrentCn: their gradient is null
} RecurrentRun;

// Results not asked for are NaN. Fails where a float between or around the outputs has changed.
float *recurrent_run(const RecurrentProblem *problem, RecurrentRun run);
// By the reference, all results; `textbook` in float32 or null.
double *recurrent_reference(const RecurrentProblem *problem, unsigned without, float **textbook);

// Holds results against the reference: E <= 3 eps forward and 6 eps backward, or twice the textbook's error where that is more. Gives the
// largest share of the bound.
double recurrent_check_accuracy(const RecurrentProblem *problem, RecurrentRun run);

// The number of floats of a result that differ in any bit between sequence `a` of x's and sequence `b` of y's, up to the length of the
// sequence.
size_t recurrent_differing(const RecurrentProblem *x, const float *xs, size_t a, const RecurrentProblem *y, const float *ys, size_t b);

const char *recurrent_describe(const RecurrentCase *shape);

#endif

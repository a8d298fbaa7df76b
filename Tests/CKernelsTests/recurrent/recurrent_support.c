// Problems and runs of recurrent layers. See recurrent_support.h.

#include "recurrent_support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- Operands ---------------------------------------------------------------------------------------------------------------------------

static RecurrentArray array(size_t count, GuardSide side) {
  RecurrentArray x = {guarded_allocate(count * sizeof(float), side), NULL, count};
  x.first = x.block.data;
  poison_floats(x.first, count);
  return x;
}

static float sample(uint64_t stream, uint64_t kind, uint64_t i, uint64_t j, uint64_t k, double scale) {
  Random random = random_stream(stream * 16 + kind);
  random.counter = (i << 42 | j << 21 | k) * 4;
  return (float)(scale * random_normal(&random));
}

static RecurrentArray matrix(uint64_t stream, uint64_t kind, size_t rows, size_t columns, size_t first_row, double scale, GuardSide side) {
  RecurrentArray x = array(rows * columns, side);
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) x.first[i * columns + j] = sample(stream, kind, first_row + i, j, 0, scale);
  return x;
}

static void strides(const RecurrentCase *s, size_t columns, ptrdiff_t *batch, ptrdiff_t *time) {
  const size_t gap = s->arrangement == RecurrentPadded ? 3 : 0;
  const bool time_first = s->arrangement == RecurrentTimeFirst;
  *time = (ptrdiff_t)((time_first ? s->batch : 1) * (columns + gap));
  *batch = (ptrdiff_t)((time_first ? 1 : s->time) * (columns + gap) + (time_first ? 0 : 2 * gap));
}

// Floats from the first element to the last.
static size_t extent(const RecurrentCase *s, size_t columns, ptrdiff_t batch, ptrdiff_t time) {
  if (s->batch == 0 || s->time == 0 || columns == 0) return 0;
  return (s->batch - 1) * (size_t)batch + (s->time - 1) * (size_t)time + columns;
}

static RecurrentArray sequences(const RecurrentProblem *p, uint64_t stream, uint64_t kind, size_t columns, ptrdiff_t batch, ptrdiff_t time,
                                GuardSide side) {
  RecurrentArray x = array(extent(&p->shape, columns, batch, time), side);
  for (size_t b = 0; b < p->shape.batch; b++)
    for (size_t t = 0; t < (size_t)p->lengths[b]; t++)
      for (size_t j = 0; j < columns; j++)
        x.first[(ptrdiff_t)b * batch + (ptrdiff_t)t * time + (ptrdiff_t)j] = sample(stream, kind, p->shape.first_sequence + b, t, j, 1);
  return x;
}

RecurrentCase recurrent_case(int cell, RecurrentCase s) {
  const bool projects = cell == HEED_RECURRENT_CELL_COUNT;
  s.cell = projects ? HeedRecurrentCellLstm : (HeedRecurrentCell)cell;
  s.projection = projects && s.hidden > 1 ? (s.hidden * 2 + 2) / 5 : 0;
  return s;
}

RecurrentProblem recurrent_problem(RecurrentCase s, uint64_t stream) {
  const GuardSide side = stream % 2 ? GuardBegin : GuardEnd;
  const size_t G = heed_recurrent_gates(s.cell), H = s.hidden, S = recurrent_state(&s);
  const double scale = s.scale != 0 ? s.scale : 1 / sqrt((double)H + 1), bias_scale = s.scale != 0 ? s.scale : scale;
  RecurrentProblem p = {.shape = s};
  p.lengths = calloc(s.batch + 1, sizeof *p.lengths);
  for (size_t b = 0; b < s.batch; b++) {
    Random random = random_stream(stream * 16 + 15);
    random.counter = s.first_sequence + b;
    const size_t least = s.lengths == RecurrentWithZeros ? 0 : 1;
    p.lengths[b] = s.lengths == RecurrentFull || s.time == 0 ? (int64_t)s.time : random_between(&random, (int64_t)least, (int64_t)s.time);
    if (s.lengths == RecurrentWithZeros && b % 3 == 1) p.lengths[b] = 0;
  }
  strides(&s, s.input, &p.input_batch, &p.input_time);
  strides(&s, S, &p.output_batch, &p.output_time);
  p.input = sequences(&p, stream, 0, s.input, p.input_batch, p.input_time, side);
  p.d_output = sequences(&p, stream, 1, S, p.output_batch, p.output_time, side);
  p.w_ih = matrix(stream, 2, G * H, s.input, 0, scale, side);
  p.w_hh = matrix(stream, 3, G * H, S, 0, scale, side);
  p.w_hr = matrix(stream, 10, s.projection, H, 0, scale, side);
  p.b_ih = matrix(stream, 4, G * H, 1, 0, bias_scale, side);
  p.b_hh = matrix(stream, 5, G * H, 1, 0, bias_scale, side);
  p.h_0 = matrix(stream, 6, s.batch, S, s.first_sequence, 0.5, side);
  p.c_0 = matrix(stream, 7, s.batch, H, s.first_sequence, 0.5, side);
  p.d_h_n = matrix(stream, 8, s.batch, S, s.first_sequence, 1, side);
  p.d_c_n = matrix(stream, 9, s.batch, H, s.first_sequence, 1, side);
  return p;
}

void recurrent_problem_free(RecurrentProblem *p) {
  RecurrentArray *arrays[] = {&p->input, &p->w_ih, &p->w_hh,     &p->w_hr,  &p->b_ih, &p->b_hh,
                              &p->h_0,   &p->c_0,  &p->d_output, &p->d_h_n, &p->d_c_n};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) guarded_free(&arrays[i]->block);
  free(p->lengths);
}

HeedRecurrentShape recurrent_shape(const RecurrentProblem *p) {
  const RecurrentCase *s = &p->shape;
  return (HeedRecurrentShape){.cell = s->cell,
                              .reverse = s->reverse,
                              .batch = s->batch,
                              .time = s->time,
                              .input = s->input,
                              .hidden = s->hidden,
                              .projection = s->projection,
                              .input_batch = p->input_batch,
                              .input_time = p->input_time,
                              .output_batch = p->output_batch,
                              .output_time = p->output_time,
                              .lengths = s->lengths == RecurrentFull ? NULL : p->lengths};
}

HeedRecurrentWeights recurrent_weights(const RecurrentProblem *p) {
  const bool none = p->shape.biasless;
  return (HeedRecurrentWeights){p->w_ih.first, p->w_hh.first, none ? NULL : p->b_ih.first, none ? NULL : p->b_hh.first,
                                NULL,          p->w_hr.first};
}

HeedRecurrentInputs recurrent_inputs(const RecurrentProblem *p) {
  const bool none = p->shape.stateless;
  return (HeedRecurrentInputs){p->input.first, none ? NULL : p->h_0.first, none ? NULL : p->c_0.first};
}

HeedRecurrentOutputGradients recurrent_output_gradients(const RecurrentProblem *p) {
  return (HeedRecurrentOutputGradients){p->d_output.first, p->output_batch, p->output_time, p->d_h_n.first, p->d_c_n.first};
}

// ---- Results ----------------------------------------------------------------------------------------------------------------------------

static size_t count_of(const RecurrentCase *s, int result) {
  const size_t rows = heed_recurrent_gates(s->cell) * s->hidden, S = recurrent_state(s), state = s->batch * S, cell = s->batch * s->hidden;
  const bool lstm = s->cell == HeedRecurrentCellLstm;
  const size_t counts[RECURRENT_RESULT_COUNT] = {s->batch * s->time * S,
                                                 state,
                                                 lstm ? cell : 0,
                                                 s->batch * s->time * s->input,
                                                 state,
                                                 lstm ? cell : 0,
                                                 rows * s->input,
                                                 rows * S,
                                                 rows,
                                                 rows,
                                                 s->batch * s->time * S,
                                                 s->projection * s->hidden};
  return counts[result];
}

size_t recurrent_place(const RecurrentCase *s, int result) {
  size_t place = 0;
  for (int i = 0; i < result; i++) place += count_of(s, i);
  return place;
}

const char *recurrent_result_name(int result) {
  static const char *const names[] = {"output", "h_n",    "c_n",    "d input", "d h_0",    "d c_0",
                                      "d w_ih", "d w_hh", "d b_ih", "d b_hh",  "d output", "d w_hr"};
  return names[result];
}

// A result's own memory while the kernels run.
typedef struct Target {
  RecurrentArray array;
  size_t columns;
  ptrdiff_t batch, time;
  bool strided;
} Target;

static Target target(const RecurrentProblem *p, int result, bool wanted, GuardSide side) {
  const bool output = result == RecurrentOutput || result == RecurrentOutputGradient;
  Target t = {.strided = output || result == RecurrentInputGradient};
  if (!wanted) return t;
  t.columns = output ? recurrent_state(&p->shape) : p->shape.input;
  t.batch = output ? p->output_batch : p->input_batch;
  t.time = output ? p->output_time : p->input_time;
  t.array = array(t.strided ? extent(&p->shape, t.columns, t.batch, t.time) : count_of(&p->shape, result), side);
  return t;
}

// Takes a result out and looks at what is left.
static void collect(const RecurrentProblem *p, int result, Target *t, float *to) {
  const RecurrentCase *s = &p->shape;
  if (!t->array.block.map) return;
  if (!t->strided) {
    memcpy(to, t->array.first, t->array.count * sizeof(float));
  } else {
    for (size_t b = 0; b < s->batch; b++)
      for (size_t i = 0; i < s->time; i++) {
        float *row = t->array.first + (ptrdiff_t)b * t->batch + (ptrdiff_t)i * t->time;
        memcpy(to + (b * s->time + i) * t->columns, row, t->columns * sizeof(float));
        poison_floats(row, t->columns);
      }
    CHECK_MESSAGE(is_poison(t->array.first, t->array.count), "wrote between the rows of %s: %s", recurrent_result_name(result),
                  recurrent_describe(s));
  }
  guarded_free(&t->array.block);
}

float *recurrent_run(const RecurrentProblem *p, RecurrentRun run) {
  const RecurrentCase *s = &p->shape;
  const size_t total = recurrent_place(s, RECURRENT_RESULT_COUNT);
  float *results = malloc((total + 1) * sizeof *results);
  poison_floats(results, total + 1);
  Target t[RECURRENT_RESULT_COUNT];
  for (int i = 0; i < RECURRENT_RESULT_COUNT; i++) t[i] = target(p, i, run.wanted >> i & 1, i % 2 ? GuardBegin : GuardEnd);
  const HeedRecurrentShape shape = recurrent_shape(p);
  HeedRecurrentWeights weights = recurrent_weights(p);
  const HeedRecurrentInputs inputs = recurrent_inputs(p);
  const bool backward = run.wanted & ~RECURRENT_FORWARD;
  RecurrentArray reserve = {0}, packed = {0};
  if (backward || run.keeps) reserve = array(heed_recurrent_reserve_size(&shape) / sizeof(float), GuardEnd);
  if (run.packed) {
    packed = array(heed_recurrent_packed_size(&shape) / sizeof(float), GuardEnd);
    CHECK(heed_recurrent_pack(&shape, &weights, packed.first) == HeedStatusOk);
    weights = (HeedRecurrentWeights){.b_ih = weights.b_ih, .b_hh = weights.b_hh, .packed = packed.first};
  }
  const HeedRecurrentOutputs outputs = {t[0].array.first, t[1].array.first, t[2].array.first, reserve.first};
  HeedStatus status = heed_recurrent_forward(&shape, &weights, &inputs, &outputs);
  CHECK_MESSAGE(status == HeedStatusOk, "forward: %s: %s", heed_status_description(status), recurrent_describe(s));
  if (backward) {
    weights = recurrent_weights(p);
    HeedRecurrentOutputGradients d_outputs = recurrent_output_gradients(p);
    if (run.without & 1) d_outputs.d_output = NULL;
    if (run.without & 2) d_outputs.d_h_n = NULL;
    if (run.without & 4) d_outputs.d_c_n = NULL;
    const HeedRecurrentGradients gradients = {t[3].array.first, t[4].array.first, t[5].array.first,  t[6].array.first, t[7].array.first,
                                              t[8].array.first, t[9].array.first, t[10].array.first, t[11].array.first};
    status = heed_recurrent_backward(&shape, &weights, &inputs, reserve.first, &d_outputs, &gradients);
    CHECK_MESSAGE(status == HeedStatusOk, "backward: %s: %s", heed_status_description(status), recurrent_describe(s));
  }
  for (int i = 0; i < RECURRENT_RESULT_COUNT; i++) collect(p, i, &t[i], results + recurrent_place(s, i));
  guarded_free(&reserve.block);
  guarded_free(&packed.block);
  return results;
}

// ---- The reference ----------------------------------------------------------------------------------------------------------------------

// The structures of recurrent_textbook.c, whose results are float.
typedef struct TextbookOutputs {
  float *output, *h_n, *c_n;
} TextbookOutputs;
typedef struct TextbookGradients {
  float *input, *h_0, *c_0, *w_ih, *w_hh, *b_ih, *b_hh, *output, *w_hr;
} TextbookGradients;
HeedStatus recurrent_textbook(const HeedRecurrentShape *shape, const HeedRecurrentWeights *weights, const HeedRecurrentInputs *inputs,
                              const TextbookOutputs *outputs, const HeedRecurrentOutputGradients *d_outputs,
                              const TextbookGradients *gradients);

double *recurrent_reference(const RecurrentProblem *p, unsigned without, float **textbook) {
  const RecurrentCase *s = &p->shape;
  const size_t total = recurrent_place(s, RECURRENT_RESULT_COUNT);
  const HeedRecurrentShape shape = recurrent_shape(p);
  const HeedRecurrentWeights weights = recurrent_weights(p);
  const HeedRecurrentInputs inputs = recurrent_inputs(p);
  HeedRecurrentOutputGradients d_outputs = recurrent_output_gradients(p);
  if (without & 1) d_outputs.d_output = NULL;
  if (without & 2) d_outputs.d_h_n = NULL;
  if (without & 4) d_outputs.d_c_n = NULL;
  double *r = calloc(total + 1, sizeof *r), *at[RECURRENT_RESULT_COUNT];
  float *f = calloc(total + 1, sizeof *f), *ft[RECURRENT_RESULT_COUNT];
  for (int i = 0; i < RECURRENT_RESULT_COUNT; i++) at[i] = r + recurrent_place(s, i), ft[i] = f + recurrent_place(s, i);
  const HeedRecurrentReferenceOutputs outputs = {at[0], at[1], at[2]};
  const HeedRecurrentReferenceGradients gradients = {at[3], at[4], at[5], at[6], at[7], at[8], at[9], at[10], at[11]};
  CHECK(heed_recurrent_reference(&shape, &weights, &inputs, &outputs, &d_outputs, &gradients) == HeedStatusOk);
  if (textbook) {
    const TextbookOutputs float_outputs = {ft[0], ft[1], ft[2]};
    const TextbookGradients float_gradients = {ft[3], ft[4], ft[5], ft[6], ft[7], ft[8], ft[9], ft[10], ft[11]};
    CHECK(recurrent_textbook(&shape, &weights, &inputs, &float_outputs, &d_outputs, &float_gradients) == HeedStatusOk);
    *textbook = f;
  } else {
    free(f);
  }
  return r;
}

double recurrent_check_accuracy(const RecurrentProblem *p, RecurrentRun run) {
  float *textbook, *x = recurrent_run(p, run);
  double *r = recurrent_reference(p, run.without, &textbook), worst = 0;
  // Where both errors are above the bounds, which is the larger is chance; without a fused multiply-add ours rounds twice as often.
  const double textbook_share = heed_isa_current() == HeedISAGeneric ? 3 : 2;
  for (int i = 0; i < RECURRENT_RESULT_COUNT; i++) {
    const size_t place = recurrent_place(&p->shape, i), count = recurrent_place(&p->shape, i + 1) - place;
    if (!(run.wanted >> i & 1)) {
      CHECK_MESSAGE(is_poison(x + place, count), "%s was written: %s", recurrent_result_name(i), recurrent_describe(&p->shape));
      continue;
    }
    const double e = compare_rows(x + place, r + place, 1, count).maximum,
                 plain = compare_rows(textbook + place, r + place, 1, count).maximum;
    const double bound = fmax((RECURRENT_FORWARD >> i & 1 ? 3 : 6) * EPSILON, textbook_share * plain);
    CHECK_MESSAGE(e <= bound, "%s: E = %.2f eps, plain loops %.2f eps: %s", recurrent_result_name(i), e / EPSILON, plain / EPSILON,
                  recurrent_describe(&p->shape));
    worst = fmax(worst, e / bound);
  }
  free(r), free(x), free(textbook);
  return worst;
}

size_t recurrent_differing(const RecurrentProblem *x, const float *xs, size_t a, const RecurrentProblem *y, const float *ys, size_t b) {
  static const int results[] = {
      RecurrentOutput, RecurrentHn, RecurrentCn, RecurrentInputGradient, RecurrentH0Gradient, RecurrentC0Gradient, RecurrentOutputGradient};
  size_t differing = 0;
  for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
    const size_t n = count_of(&x->shape, results[i]), m = count_of(&y->shape, results[i]);
    if (n == 0) continue;
    const size_t x_each = n / x->shape.batch, y_each = m / y->shape.batch;
    const bool output = results[i] == RecurrentOutput || results[i] == RecurrentOutputGradient;
    const bool timed = output || results[i] == RecurrentInputGradient;
    const size_t columns = output ? recurrent_state(&x->shape) : x->shape.input;
    const size_t count = timed ? (size_t)x->lengths[a] * columns : x_each;
    differing += differing_floats(xs + recurrent_place(&x->shape, results[i]) + a * x_each,
                                  ys + recurrent_place(&y->shape, results[i]) + b * y_each, count, NULL);
  }
  return differing;
}

const char *recurrent_describe(const RecurrentCase *s) {
  static const char *const cells[] = {"rnn tanh", "rnn relu", "rnn sigmoid", "lstm", "gru", "gru reset before"};
  static const char *const lengths[] = {"full", "mixed", "with zeros"}, *const arrangements[] = {"batch first", "time first", "padded"};
  static _Thread_local char text[200];
  snprintf(text, sizeof text, "%s, B %zu, T %zu, I %zu, H %zu, P %zu, %s, lengths %s, %s%s%s, sequences from %zu", cells[s->cell], s->batch,
           s->time, s->input, s->hidden, s->projection, s->reverse ? "reverse" : "forward", lengths[s->lengths],
           arrangements[s->arrangement], s->stateless ? ", no states" : "", s->biasless ? ", no biases" : "", s->first_sequence);
  return text;
}

// Recurrent layers in float64, one scalar step after the other, forward and through time backward: the specification of recurrent.h in
// code, and the oracle of the tests. Letters as there.

#include <math.h>
#include <string.h>

#include "checks/recurrent_checks.h"
#include "heed/recurrent.h"
#include "runtime/float_mode.h"
#include "runtime/scratch.h"

// Everything of one sequence, [step] in the order of processing. State s is the one before step s; state `length` is the last.
typedef struct Sequence {
  const HeedRecurrentShape *shape;
  const HeedRecurrentWeights *weights;
  const HeedRecurrentInputs *inputs;
  size_t index, length, I, H, G, S; // S: units of h, H or P
  double *h, *c;                    // [T + 1][S], [T + 1][H]
  double *m;                        // [T][H]: o * tanh(c) of an LSTM
  double *gates;                    // [T][G*H] after their activation
  double *u;                        // [T][H]: u_n of a GRU
  double *d_gates;                  // [G*H] of the arguments of the activations
  double *dh, *dc;                  // [S], [H]
  double *scratch;                  // [2 * H]
} Sequence;

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static size_t time_of(const Sequence *q, size_t s) { return q->shape->reverse ? q->length - 1 - s : s; }

static const float *input_at(const Sequence *q, size_t s) {
  const ptrdiff_t row = (ptrdiff_t)q->index * q->shape->input_batch + (ptrdiff_t)time_of(q, s) * q->shape->input_time;
  return q->inputs->input ? q->inputs->input + row : NULL;
}

// Row j of w_ih x + b_ih.
static double input_part(const Sequence *q, size_t j, const float *x) {
  double sum = q->weights->b_ih ? (double)q->weights->b_ih[j] : 0;
  for (size_t i = 0; i < q->I; i++) sum += (double)q->weights->w_ih[j * q->I + i] * (double)x[i];
  return sum;
}

// Row j of w_hh h + b_hh.
static double state_part(const Sequence *q, size_t j, const double *h) {
  double sum = q->weights->b_hh ? (double)q->weights->b_hh[j] : 0;
  for (size_t k = 0; k < q->S; k++) sum += (double)q->weights->w_hh[j * q->S + k] * h[k];
  return sum;
}

static void step_lstm(const Sequence *q, size_t s) {
  const size_t H = q->H, P = q->shape->projection;
  const double *h = q->h + s * q->S, *c = q->c + s * H;
  double *gate = q->gates + s * 4 * H, *m = q->m + s * H, *next = q->h + (s + 1) * q->S;
  const float *x = input_at(q, s);
  for (size_t j = 0; j < 4 * H; j++) {
    const double a = input_part(q, j, x) + state_part(q, j, h);
    gate[j] = j / H == 2 ? tanh(a) : sigmoid(a);
  }
  for (size_t k = 0; k < H; k++) {
    q->c[(s + 1) * H + k] = gate[H + k] * c[k] + gate[k] * gate[2 * H + k];
    m[k] = gate[3 * H + k] * tanh(q->c[(s + 1) * H + k]);
    if (P == 0) next[k] = m[k];
  }
  for (size_t p = 0; p < P; p++) {
    next[p] = 0;
    for (size_t k = 0; k < H; k++) next[p] += (double)q->weights->w_hr[p * H + k] * m[k];
  }
}

static void step_gru(const Sequence *q, size_t s) {
  const size_t H = q->H;
  const bool before = q->shape->cell == HeedRecurrentCellGruResetBefore;
  const double *h = q->h + s * H;
  double *r = q->gates + s * 3 * H, *z = r + H, *n = z + H, *u = q->u + s * H, *reset = q->scratch;
  const float *x = input_at(q, s);
  for (size_t j = 0; j < 2 * H; j++) r[j] = sigmoid(input_part(q, j, x) + state_part(q, j, h));
  for (size_t k = 0; k < H; k++) reset[k] = r[k] * h[k];
  for (size_t k = 0; k < H; k++) {
    u[k] = state_part(q, 2 * H + k, before ? reset : h);
    n[k] = tanh(input_part(q, 2 * H + k, x) + (before ? u[k] : r[k] * u[k]));
    q->h[(s + 1) * H + k] = (1 - z[k]) * n[k] + z[k] * h[k];
  }
}

static void step_rnn(const Sequence *q, size_t s) {
  const size_t H = q->H;
  for (size_t k = 0; k < H; k++) {
    const double a = input_part(q, k, input_at(q, s)) + state_part(q, k, q->h + s * H);
    double y = a > 0 || isnan(a) ? a : 0;
    if (q->shape->cell == HeedRecurrentCellRnnTanh) y = tanh(a);
    if (q->shape->cell == HeedRecurrentCellRnnSigmoid) y = sigmoid(a);
    q->gates[s * H + k] = q->h[(s + 1) * H + k] = y;
  }
}

static void forward(const Sequence *q, const HeedRecurrentReferenceOutputs *outputs) {
  const size_t H = q->H, S = q->S, T = q->shape->time, b = q->index;
  const bool lstm = q->shape->cell == HeedRecurrentCellLstm;
  for (size_t k = 0; k < S; k++) q->h[k] = q->inputs->h_0 ? (double)q->inputs->h_0[b * S + k] : 0;
  for (size_t k = 0; k < H; k++) q->c[k] = lstm && q->inputs->c_0 ? (double)q->inputs->c_0[b * H + k] : 0;
  for (size_t s = 0; s < q->length; s++) (lstm ? step_lstm : heed_recurrent_is_gru(q->shape->cell) ? step_gru : step_rnn)(q, s);
  if (outputs->output) {
    for (size_t k = 0; k < T * S; k++) outputs->output[b * T * S + k] = 0;
    for (size_t s = 0; s < q->length; s++) memcpy(outputs->output + (b * T + time_of(q, s)) * S, q->h + (s + 1) * S, S * sizeof(double));
  }
  if (outputs->h_n) memcpy(outputs->h_n + b * S, q->h + q->length * S, S * sizeof(double));
  if (outputs->c_n && lstm) memcpy(outputs->c_n + b * H, q->c + q->length * H, H * sizeof(double));
}

// ---- Backward: gradients of the gates' arguments, then of the weights, the input and the state before ----------------------------

// dh_(t-1) <- dh_(t-1) + w_hh^T d_gate, of one row of the weights; also the gradients of that row. `h` is the other factor of the row's
// product.
static void back_row(const Sequence *q, const HeedRecurrentReferenceGradients *g, size_t j, double d_gate, const double *h, double *dh) {
  for (size_t k = 0; k < q->S; k++) {
    dh[k] += (double)q->weights->w_hh[j * q->S + k] * d_gate;
    if (g->d_w_hh) g->d_w_hh[j * q->S + k] += d_gate * h[k];
  }
  if (g->d_b_hh) g->d_b_hh[j] += d_gate;
}

static void back_input(const Sequence *q, const HeedRecurrentReferenceGradients *g, size_t s) {
  const float *x = input_at(q, s);
  for (size_t j = 0; j < q->G * q->H; j++) {
    for (size_t i = 0; i < q->I; i++) {
      if (g->d_input)
        g->d_input[(q->index * q->shape->time + time_of(q, s)) * q->I + i] += (double)q->weights->w_ih[j * q->I + i] * q->d_gates[j];
      if (g->d_w_ih) g->d_w_ih[j * q->I + i] += q->d_gates[j] * (double)x[i];
    }
    if (g->d_b_ih) g->d_b_ih[j] += q->d_gates[j];
  }
}

// h_t = w_hr m_t: the gradient of m_t, and that of w_hr.
static void back_projection(const Sequence *q, const HeedRecurrentReferenceGradients *g, size_t s, double *dm) {
  const size_t H = q->H, P = q->shape->projection;
  for (size_t k = 0; k < H; k++) dm[k] = P ? 0 : q->dh[k];
  for (size_t p = 0; p < P; p++)
    for (size_t k = 0; k < H; k++) {
      dm[k] += (double)q->weights->w_hr[p * H + k] * q->dh[p];
      if (g->d_w_hr) g->d_w_hr[p * H + k] += q->dh[p] * q->m[s * H + k];
    }
}

// c_t = f c_(t-1) + i g, m_t = o tanh(c_t)
static void back_lstm(const Sequence *q, const HeedRecurrentReferenceGradients *g, size_t s) {
  const size_t H = q->H;
  const double *gate = q->gates + s * 4 * H, *c = q->c + s * H;
  double *dm = q->scratch;
  back_projection(q, g, s, dm);
  for (size_t k = 0; k < H; k++) {
    const double i = gate[k], f = gate[H + k], a = gate[2 * H + k], o = gate[3 * H + k], y = tanh(c[H + k]);
    const double dc = q->dc[k] + dm[k] * o * (1 - y * y);
    q->d_gates[k] = dc * a * i * (1 - i);
    q->d_gates[H + k] = dc * c[k] * f * (1 - f);
    q->d_gates[2 * H + k] = dc * i * (1 - a * a);
    q->d_gates[3 * H + k] = dm[k] * y * o * (1 - o);
    q->dc[k] = dc * f;
  }
  for (size_t k = 0; k < q->S; k++) q->dh[k] = 0;
  for (size_t j = 0; j < 4 * H; j++) back_row(q, g, j, q->d_gates[j], q->h + s * q->S, q->dh);
}

// h_t = (1 - z) n + z h_(t-1)
static void back_gru(const Sequence *q, const HeedRecurrentReferenceGradients *g, size_t s) {
  const size_t H = q->H;
  const bool before = q->shape->cell == HeedRecurrentCellGruResetBefore;
  const double *h = q->h + s * H, *r = q->gates + s * 3 * H, *z = r + H, *n = z + H, *u = q->u + s * H;
  double *reset = q->scratch, *d_reset = q->scratch + H;
  for (size_t k = 0; k < H; k++) {
    q->d_gates[2 * H + k] = q->dh[k] * (1 - z[k]) * (1 - n[k] * n[k]);
    q->d_gates[H + k] = q->dh[k] * (h[k] - n[k]) * z[k] * (1 - z[k]);
    q->dh[k] *= z[k];
    reset[k] = r[k] * h[k];
    d_reset[k] = 0;
  }
  for (size_t k = 0; k < H; k++) {
    const double d_gate = q->d_gates[2 * H + k];
    back_row(q, g, 2 * H + k, before ? d_gate : d_gate * r[k], before ? reset : h, before ? d_reset : q->dh);
  }
  for (size_t k = 0; k < H; k++) {
    const double dr = before ? d_reset[k] * h[k] : q->d_gates[2 * H + k] * u[k];
    q->d_gates[k] = dr * r[k] * (1 - r[k]);
    q->dh[k] += d_reset[k] * r[k];
  }
  for (size_t j = 0; j < 2 * H; j++) back_row(q, g, j, q->d_gates[j], h, q->dh);
}

static void back_rnn(const Sequence *q, const HeedRecurrentReferenceGradients *g, size_t s) {
  const size_t H = q->H;
  for (size_t k = 0; k < H; k++) {
    const double y = q->gates[s * H + k], dh = q->dh[k];
    q->d_gates[k] = y == 0 ? 0 : dh; // relu
    if (q->shape->cell == HeedRecurrentCellRnnTanh) q->d_gates[k] = dh * (1 - y * y);
    if (q->shape->cell == HeedRecurrentCellRnnSigmoid) q->d_gates[k] = dh * y * (1 - y);
    q->dh[k] = 0;
  }
  for (size_t j = 0; j < H; j++) back_row(q, g, j, q->d_gates[j], q->h + s * H, q->dh);
}

static void backward(const Sequence *q, const HeedRecurrentOutputGradients *d, const HeedRecurrentReferenceGradients *g) {
  const size_t H = q->H, S = q->S, b = q->index;
  const bool lstm = q->shape->cell == HeedRecurrentCellLstm;
  for (size_t k = 0; k < S; k++) q->dh[k] = d->d_h_n ? (double)d->d_h_n[b * S + k] : 0;
  for (size_t k = 0; k < H; k++) q->dc[k] = lstm && d->d_c_n ? (double)d->d_c_n[b * H + k] : 0;
  for (size_t s = q->length; s-- > 0;) {
    const float *dy = d->d_output ? d->d_output + (ptrdiff_t)b * d->d_output_batch + (ptrdiff_t)time_of(q, s) * d->d_output_time : NULL;
    for (size_t k = 0; dy && k < S; k++) q->dh[k] += (double)dy[k];
    if (g->d_h) memcpy(g->d_h + (b * q->shape->time + time_of(q, s)) * S, q->dh, S * sizeof(double));
    (lstm ? back_lstm : heed_recurrent_is_gru(q->shape->cell) ? back_gru : back_rnn)(q, g, s);
    back_input(q, g, s);
  }
  if (g->d_h_0) memcpy(g->d_h_0 + b * S, q->dh, S * sizeof(double));
  if (g->d_c_0 && lstm) memcpy(g->d_c_0 + b * H, q->dc, H * sizeof(double));
}

static void clear(double *x, size_t count) {
  for (size_t i = 0; x && i < count; i++) x[i] = 0;
}

HeedStatus heed_recurrent_reference(const HeedRecurrentShape *shape, const HeedRecurrentWeights *weights, const HeedRecurrentInputs *inputs,
                                    const HeedRecurrentReferenceOutputs *outputs, const HeedRecurrentOutputGradients *d_outputs,
                                    const HeedRecurrentReferenceGradients *gradients) {
  HEED_FLOAT_MODE();
  const HeedStatus status = heed_recurrent_check(shape, weights, inputs, false);
  if (status != HeedStatusOk) return status;
  if (!outputs || !d_outputs != !gradients) return HeedStatusBadArgument;
  if (d_outputs && d_outputs->d_output) {
    const HeedStatus fits =
        heed_recurrent_check_sequence(shape, heed_recurrent_state_size(shape), d_outputs->d_output_batch, d_outputs->d_output_time, false);
    if (fits != HeedStatusOk) return fits;
  }
  const size_t B = shape->batch, T = shape->time, I = shape->input, H = shape->hidden, G = heed_recurrent_gates(shape->cell);
  const size_t S = heed_recurrent_state_size(shape), state = (T + 1) * H, rows = G * H;
  double *memory = heed_scratch_push(heed_size_product(2 * state + T * (rows + 2 * H) + rows + 4 * H, sizeof(double)));
  if (!memory) return HeedStatusOutOfMemory;
  Sequence q = {.shape = shape, .weights = weights, .inputs = inputs, .I = I, .H = H, .G = G, .S = S};
  q.h = memory, q.c = q.h + state, q.gates = q.c + state, q.u = q.gates + T * rows, q.m = q.u + T * H, q.d_gates = q.m + T * H;
  q.dh = q.d_gates + rows, q.dc = q.dh + H, q.scratch = q.dc + H;
  if (gradients) {
    clear(gradients->d_input, B * T * I), clear(gradients->d_h, B * T * S);
    clear(gradients->d_w_ih, rows * I), clear(gradients->d_w_hh, rows * S), clear(gradients->d_w_hr, shape->projection * H);
    clear(gradients->d_b_ih, rows), clear(gradients->d_b_hh, rows);
  }
  // Without a unit there is no step, however many the sequences have.
  for (size_t b = 0; H > 0 && b < B; b++) {
    q.index = b, q.length = heed_recurrent_length(shape, b);
    forward(&q, outputs);
    if (gradients) backward(&q, d_outputs, gradients);
  }
  heed_scratch_pop(memory);
  return HeedStatusOk;
}

// The forward and backward passes of a conditional random field over one sequence.
//
// A step is a product of a vector and a matrix: with m the largest alpha and c the highest transition
//
//   alpha'[j] = x[j] + m + c + log sum_i exp(alpha[i] - m) exp(A[i, j] - c)
//
// so that it takes K exponentials and K logarithms instead of K^2 of each. A sum that is below LEAST_SUM may have lost terms to underflow:
// it is taken again, relative to its own largest term. In any other one, what underflows (each number below 2^-1022) is no part of its
// last bit.

#include "driver/crf/crf_lattice.h"

#include <string.h>

#include "runtime/sizes.h"

#define LEAST_SUM 0x1p-700 // 2^-1022 is below its last bit 250 times over

// The largest scale of expected transitions: beyond it exp(...) overflows, or products that underflow count. exp(300) 2^-1022 < 2^-580.
#define MOST_SCALE 300.0

static size_t doubles(size_t count) { return heed_size_product(count, sizeof(double)); }

size_t heed_crf_model_bytes(const HeedCrfShape *s) { return heed_size_product(2, doubles(heed_size_product(s->tags, s->tags))); }

size_t heed_crf_lattice_bytes(const HeedCrfShape *s, bool backward, bool pairs) {
  const size_t rows = heed_size_product(backward ? s->time : 2, s->tags), square = heed_size_product(s->tags, s->tags);
  const size_t fixed = heed_size_sum(heed_size_product(3, s->tags), heed_size_sum(s->time, 2));
  return doubles(heed_size_sum(heed_size_sum(heed_size_product(2, rows), fixed), pairs ? square : 0));
}

HeedCrfModel heed_crf_model(const HeedCrfShape *s, const HeedCrfInputs *in, void *room) {
  const size_t K = s->tags;
  double *weights = room, *transpose = weights + K * K;
  HeedCrfModel model = {s, in, heed_crf_transitions_are_sound(s, in), -INFINITY, weights, transpose};
  if (!model.transitions_are_sound) return model;
  for (size_t i = 0; i < K; i++)
    for (size_t j = 0; j < K; j++)
      model.highest = fmax(model.highest, (double)in->transitions[(ptrdiff_t)i * s->transitions_row + (ptrdiff_t)j]);
  if (model.highest == -INFINITY) model.highest = 0.0; // every transition is forbidden
  for (size_t i = 0; i < K; i++)
    for (size_t j = 0; j < K; j++) {
      const double w = exp((double)in->transitions[(ptrdiff_t)i * s->transitions_row + (ptrdiff_t)j] - model.highest);
      weights[i * K + j] = transpose[j * K + i] = w;
    }
  return model;
}

static double largest(size_t count, const double *x) {
  double most = -INFINITY;
  for (size_t j = 0; j < count; j++) most = x[j] > most ? x[j] : most;
  return most;
}

// sum[j] = sum_i a[i] matrix[i, j]; four rows at a time, so that the sums are loaded and stored a quarter as often.
static void multiply(size_t K, const double *a, const double *matrix, double *sum) {
  memset(sum, 0, K * sizeof *sum);
  size_t i = 0;
  for (; i + 4 <= K; i += 4) {
    const double *m = matrix + i * K;
    for (size_t j = 0; j < K; j++) sum[j] += (a[i] * m[j] + a[i + 1] * m[K + j]) + (a[i + 2] * m[2 * K + j] + a[i + 3] * m[3 * K + j]);
  }
  for (; i < K; i++)
    for (size_t j = 0; j < K; j++) sum[j] += a[i] * matrix[i * K + j];
}

// log sum_i exp(x[i] + A[i, j]), or of A[j, i].
static double exact(const HeedCrfModel *model, const double *x, size_t j, bool transposed) {
  const HeedCrfShape *s = model->s;
  const float *weights = model->in->transitions + (transposed ? (ptrdiff_t)j * s->transitions_row : (ptrdiff_t)j);
  const ptrdiff_t step = transposed ? 1 : s->transitions_row;
  double most = -INFINITY, sum = 0.0;
  for (size_t i = 0; i < s->tags; i++) most = fmax(most, x[i] + (double)weights[(ptrdiff_t)i * step]);
  if (most == -INFINITY) return most;
  for (size_t i = 0; i < s->tags; i++) sum += exp(x[i] + (double)weights[(ptrdiff_t)i * step] - most);
  return most + log(sum);
}

// y[j] = log sum_i exp(x[i] + A[i, j]) (or of A[j, i]), where scaled[i] = exp(x[i] - top).
static void advance(const HeedCrfModel *model, bool transposed, const double *x, const double *scaled, double top, double *y) {
  const size_t K = model->s->tags;
  multiply(K, scaled, transposed ? model->transpose : model->weights, y);
  const double scale = top + model->highest;
  for (size_t j = 0; j < K; j++) y[j] = y[j] >= LEAST_SUM ? scale + log(y[j]) : exact(model, x, j, transposed);
}

HeedCrfLattice heed_crf_forward(const HeedCrfModel *model, size_t b, bool backward, bool pairs, void *room) {
  const HeedCrfShape *s = model->s;
  const HeedCrfInputs *in = model->in;
  const size_t K = s->tags, T = heed_crf_length(s, in, b), rows = (backward ? s->time : 2) * K;
  HeedCrfLattice x = {.b = b, .length = T, .alpha = room};
  x.scaled = x.alpha + rows, x.beta = x.scaled + rows, x.next = x.beta + K, x.next_scaled = x.next + K;
  x.top = x.next_scaled + K, x.pairs = pairs ? x.top + s->time + 2 : NULL;
  x.sound = heed_crf_sequence_is_sound(s, in, b) && (T <= 1 || model->transitions_are_sound);
  x.log_z = x.sound ? 0.0 : NAN;
  if (!x.sound || T == 0) return x;
  x.log_z = -INFINITY;
  if (K == 0) return x; // an empty array may be null: no address is formed from it
  double *alpha = x.alpha;
  for (size_t t = 0; t < T; t++) {
    const double *before = alpha;
    alpha = x.alpha + (backward ? t : t & 1) * K;
    if (t == 0) {
      for (size_t j = 0; j < K; j++) alpha[j] = in->start ? (double)in->start[j] : 0.0;
    } else {
      advance(model, false, before, x.scaled + (backward ? t - 1 : (t - 1) & 1) * K, x.top[t - 1], alpha);
    }
    const float *emission = heed_crf_emissions(s, in, b, t);
    for (size_t j = 0; j < K; j++) alpha[j] += (double)emission[j];
    x.top[t] = largest(K, alpha);
    if (x.top[t] == -INFINITY) return x; // nothing is possible
    double *scaled = x.scaled + (backward ? t : t & 1) * K;
    for (size_t j = 0; t + 1 < T && j < K; j++) scaled[j] = exp(alpha[j] - x.top[t]);
  }
  double sum = 0.0, most = -INFINITY;
  for (size_t j = 0; j < K; j++) most = fmax(most, alpha[j] + (in->end ? (double)in->end[j] : 0.0));
  if (most == -INFINITY) return x;
  for (size_t j = 0; j < K; j++) sum += exp(alpha[j] + (in->end ? (double)in->end[j] : 0.0) - most);
  x.log_z = most + log(sum);
  return x;
}

// Adds the probability of each transition from step t to the next one. That is, with scale = top + next_top + highest - log Z,
// scaled[i] next_scaled[j] weights[i, j] exp(scale): the weights are multiplied once, at the end.
static void add_pairs(const HeedCrfModel *model, const HeedCrfLattice *x, size_t t, double next_top, double *expected) {
  const size_t K = model->s->tags;
  const double scale = x->top[t] + next_top + model->highest - x->log_z;
  const double *alpha = x->alpha + t * K, *scaled = x->scaled + t * K;
  if (scale > MOST_SCALE) { // the likeliest tags of the two steps hardly go together
    for (size_t i = 0; i < K; i++) {
      const float *A = model->in->transitions + (ptrdiff_t)i * model->s->transitions_row;
      for (size_t j = 0; j < K; j++) expected[i * K + j] += exp(alpha[i] + (double)A[j] + x->next[j] - x->log_z);
    }
    return;
  }
  const double factor = exp(scale);
  for (size_t i = 0; i < K; i++) {
    const double a = scaled[i] * factor;
    double *row = x->pairs + i * K;
    for (size_t j = 0; j < K; j++) row[j] += a * x->next_scaled[j];
  }
}

void heed_crf_backward(const HeedCrfModel *model, HeedCrfLattice *x, double *expected) {
  const HeedCrfShape *s = model->s;
  const size_t K = s->tags, T = x->length;
  if (expected) memset(expected, 0, K * K * sizeof *expected);
  if (!x->sound || x->log_z == -INFINITY) { // NaN, or nothing is possible
    const double p = x->sound ? 0.0 : NAN;
    for (size_t i = 0; i < T * K; i++) x->alpha[i] = p;
    for (size_t i = 0; !x->sound && T > 1 && expected && i < K * K; i++) expected[i] = p;
    return;
  }
  if (expected) memset(x->pairs, 0, K * K * sizeof *x->pairs);
  for (size_t t = T; t-- > 0;) {
    if (t + 1 == T) {
      for (size_t j = 0; j < K; j++) x->beta[j] = model->in->end ? (double)model->in->end[j] : 0.0;
    } else {
      const float *emission = heed_crf_emissions(s, model->in, x->b, t + 1);
      for (size_t j = 0; j < K; j++) x->next[j] = (double)emission[j] + x->beta[j];
      const double top = largest(K, x->next);
      for (size_t j = 0; j < K; j++) x->next_scaled[j] = exp(x->next[j] - top);
      if (expected) add_pairs(model, x, t, top, expected);
      advance(model, true, x->next, x->next_scaled, top, x->beta);
    }
    double *alpha = x->alpha + t * K;
    for (size_t j = 0; j < K; j++) alpha[j] = exp(alpha[j] + x->beta[j] - x->log_z);
  }
  if (!expected || T == 1) return; // without a transition the weights are not read
  for (size_t i = 0; i < K * K; i++) expected[i] += x->pairs[i] * model->weights[i];
}

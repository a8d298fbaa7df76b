// Additive and multiplicative attention in float64, one scalar step after the other: the specification of scored_attention.h in code, and
// the oracle of the tests. Letters as there.

#include <math.h>
#include <string.h>

#include "checks/scored_attention_checks.h"
#include "runtime/float_mode.h"
#include "runtime/scratch.h"

// One call; the products are float64 throughout.
typedef struct Problem {
  const HeedScoredAttentionShape *s;
  const HeedScoredAttentionInputs *in;
  const HeedScoredAttentionOutputGradients *c;
  const HeedScoredAttentionReference *r;
  // Of one query: scores, then weights, and their gradients [T].
  double *weights, *d_scores;
} Problem;

static double element(const float *x, HeedScoredAttentionStrides s, size_t b, size_t i, size_t j) {
  return (double)x[(ptrdiff_t)b * s.batch + (ptrdiff_t)i * s.row + (ptrdiff_t)j * s.column];
}
static double query(const Problem *p, size_t b, size_t i, size_t h) { return element(p->in->query, p->s->query, b, i, h); }
static double key(const Problem *p, size_t b, size_t j, size_t h) { return element(p->in->key, p->s->key, b, j, h); }
static double value(const Problem *p, size_t b, size_t j, size_t e) { return element(p->in->value, p->s->value, b, j, e); }

// (Wq q + Wk k)[a]
static double pre_activation(const Problem *p, size_t b, size_t i, size_t j, size_t a) {
  const size_t Hq = p->s->query_dim, Hk = p->s->key_dim;
  double sum = 0;
  for (size_t h = 0; h < Hq; h++) sum += (double)p->in->query_weight[a * Hq + h] * query(p, b, i, h);
  for (size_t h = 0; h < Hk; h++) sum += (double)p->in->key_weight[a * Hk + h] * key(p, b, j, h);
  return sum;
}

// The vector that is multiplied with the key: the query, or W^T q.
static double against_key(const Problem *p, size_t b, size_t i, size_t h) {
  if (p->s->score == HeedScoredAttentionScoreDot) return query(p, b, i, h);
  double sum = 0;
  for (size_t g = 0; g < p->s->query_dim; g++) sum += query(p, b, i, g) * (double)p->in->weight[g * p->s->key_dim + h];
  return sum;
}

static void score_row(const Problem *p, size_t b, size_t i, size_t length) {
  for (size_t j = 0; j < length; j++) p->weights[j] = 0;
  if (p->s->score == HeedScoredAttentionScoreAdditive) {
    for (size_t j = 0; j < length; j++)
      for (size_t a = 0; a < p->s->attention_dim; a++)
        p->weights[j] += (double)p->in->score_weight[a] * tanh(pre_activation(p, b, i, j, a));
    return;
  }
  for (size_t h = 0; h < p->s->key_dim; h++) {
    const double left = against_key(p, b, i, h);
    for (size_t j = 0; j < length; j++) p->weights[j] += left * key(p, b, j, h);
  }
}

// Scores to weights, over the keys that are seen.
static void normalise(double *x, size_t length) {
  double maximum = -INFINITY, sum = 0;
  for (size_t j = 0; j < length; j++)
    if (isnan(x[j]) || x[j] > maximum) maximum = x[j]; // once NaN, it stays
  for (size_t j = 0; j < length; j++) {
    x[j] = maximum == -INFINITY ? 0 : exp(x[j] - maximum);
    sum += x[j];
  }
  for (size_t j = 0; j < length; j++) x[j] = maximum == -INFINITY ? 0 : x[j] / sum;
}

static void outputs_of_row(const Problem *p, size_t b, size_t i, size_t length) {
  const size_t row = b * p->s->query_length + i, E = p->s->value_dim, T = p->s->key_length;
  for (size_t j = 0; p->r->weights && j < T; j++) p->r->weights[row * T + j] = j < length ? p->weights[j] : 0;
  for (size_t e = 0; p->r->output && e < E; e++) {
    double sum = 0;
    for (size_t j = 0; j < length; j++) sum += p->weights[j] * value(p, b, j, e);
    p->r->output[row * E + e] = sum;
  }
}

// dP, then dS = P (dP - sum P dP); dV on the way.
static void d_scores(const Problem *p, size_t b, size_t i, size_t length) {
  const size_t E = p->s->value_dim, T = p->s->key_length;
  double inner = 0;
  for (size_t j = 0; j < length; j++) {
    double d = p->c->d_weights ? (double)p->c->d_weights[(b * p->s->query_length + i) * T + j] : 0;
    for (size_t e = 0; p->c->d_output && e < E; e++) {
      const double g = element(p->c->d_output, p->s->d_output, b, i, e);
      d += g * value(p, b, j, e);
      if (p->r->d_value) p->r->d_value[(b * T + j) * E + e] += p->weights[j] * g;
    }
    p->d_scores[j] = d;
    inner += p->weights[j] * d;
  }
  for (size_t j = 0; j < length; j++) p->d_scores[j] = p->weights[j] * (p->d_scores[j] - inner);
}

// S[i,j] = sum_a v[a] tanh(x[a])  =>  dx[a] = dS v[a] (1 - tanh^2), which reaches both projections.
static void additive_gradients(const Problem *p, size_t b, size_t i, size_t length) {
  const size_t Hq = p->s->query_dim, Hk = p->s->key_dim, A = p->s->attention_dim, T = p->s->key_length;
  for (size_t a = 0; a < A; a++) {
    double total = 0;
    for (size_t j = 0; j < length; j++) {
      // 1 - tanh^2 x = 4 u / (1 + u)^2, u = e^-2|x|, without losing small numbers.
      const double x = pre_activation(p, b, i, j, a), t = tanh(x), u = exp(-2 * fabs(x)), derivative = 4 * u / ((1 + u) * (1 + u));
      const double d = p->d_scores[j] * (double)p->in->score_weight[a] * derivative;
      if (p->r->d_score_weight) p->r->d_score_weight[a] += p->d_scores[j] * t;
      for (size_t h = 0; h < Hk; h++) {
        if (p->r->d_key) p->r->d_key[(b * T + j) * Hk + h] += d * (double)p->in->key_weight[a * Hk + h];
        if (p->r->d_key_weight) p->r->d_key_weight[a * Hk + h] += d * key(p, b, j, h);
      }
      total += d;
    }
    for (size_t h = 0; h < Hq; h++) {
      if (p->r->d_query) p->r->d_query[(b * p->s->query_length + i) * Hq + h] += total * (double)p->in->query_weight[a * Hq + h];
      if (p->r->d_query_weight) p->r->d_query_weight[a * Hq + h] += total * query(p, b, i, h);
    }
  }
}

// S[i,j] = sum_h q'[h] k[j,h], q' = q or W^T q.
static void product_gradients(const Problem *p, size_t b, size_t i, size_t length) {
  const size_t Hq = p->s->query_dim, Hk = p->s->key_dim, T = p->s->key_length, row = b * p->s->query_length + i;
  for (size_t h = 0; h < Hk; h++) {
    const double left = against_key(p, b, i, h);
    double total = 0;
    for (size_t j = 0; j < length; j++) {
      total += p->d_scores[j] * key(p, b, j, h);
      if (p->r->d_key) p->r->d_key[(b * T + j) * Hk + h] += p->d_scores[j] * left;
    }
    if (p->s->score == HeedScoredAttentionScoreDot) {
      if (p->r->d_query) p->r->d_query[row * Hq + h] += total;
      continue;
    }
    for (size_t g = 0; g < Hq; g++) {
      if (p->r->d_query) p->r->d_query[row * Hq + g] += total * (double)p->in->weight[g * Hk + h];
      if (p->r->d_weight) p->r->d_weight[g * Hk + h] += total * query(p, b, i, g);
    }
  }
}

static bool wants_gradients(const HeedScoredAttentionReference *r) {
  return r->d_query || r->d_key || r->d_value || r->d_weight || r->d_query_weight || r->d_key_weight || r->d_score_weight;
}

static void clear(double *x, size_t count) {
  if (x && count) memset(x, 0, count * sizeof *x);
}

static void clear_gradients(const HeedScoredAttentionShape *s, const HeedScoredAttentionReference *r) {
  const size_t Hq = s->query_dim, Hk = s->key_dim, A = s->attention_dim, keys = s->batch * s->key_length;
  clear(r->d_query, s->batch * s->query_length * Hq);
  clear(r->d_key, keys * Hk);
  clear(r->d_value, keys * s->value_dim);
  clear(r->d_weight, Hq * Hk);
  clear(r->d_query_weight, A * Hq);
  clear(r->d_key_weight, A * Hk);
  clear(r->d_score_weight, A);
}

HeedStatus heed_scored_attention_reference(const HeedScoredAttentionShape *shape, const HeedScoredAttentionInputs *inputs,
                                           const HeedScoredAttentionOutputGradients *d_outputs,
                                           const HeedScoredAttentionReference *results) {
  HEED_FLOAT_MODE();
  if (!inputs) return HeedStatusBadArgument;
  HeedScoredAttentionInputs in = *inputs;
  in.prepared_keys = NULL;
  HeedStatus status = heed_scored_attention_check_inputs(shape, &in);
  if (status == HeedStatusOk && (!results || (!d_outputs && wants_gradients(results)))) status = HeedStatusBadArgument;
  if (status == HeedStatusOk && d_outputs) status = heed_scored_attention_check_output_gradients(shape, d_outputs, false);
  if (status != HeedStatusOk) return status;
  double *room = heed_scratch_push(heed_size_product(2 * sizeof(double), shape->key_length));
  if (!room) return HeedStatusOutOfMemory;
  const Problem p = {.s = shape, .in = &in, .c = d_outputs, .r = results, .weights = room, .d_scores = room + shape->key_length};
  if (d_outputs) clear_gradients(shape, results);
  for (size_t b = 0; b < shape->batch; b++) {
    const size_t length = heed_scored_attention_length(shape, &in, b);
    for (size_t i = 0; i < shape->query_length; i++) {
      score_row(&p, b, i, length);
      normalise(p.weights, length);
      outputs_of_row(&p, b, i, length);
      if (!d_outputs || length == 0) continue;
      d_scores(&p, b, i, length);
      if (shape->score == HeedScoredAttentionScoreAdditive)
        additive_gradients(&p, b, i, length);
      else
        product_gradients(&p, b, i, length);
    }
  }
  heed_scratch_pop(room);
  return HeedStatusOk;
}

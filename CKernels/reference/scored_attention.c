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
  const HeedScoredAttentionCotangents *c;
  const HeedScoredAttentionReference *r;
  // Of one query: scores, then weights, and their gradients [T].
  double *weights, *gradients;
} Problem;

static double element(const float *x, HeedSequenceStrides s, size_t b, size_t i, size_t j) {
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

// What meets the key in a product: the query, or W^T q.
static double against_key(const Problem *p, size_t b, size_t i, size_t h) {
  if (p->s->score == HeedAttentionScoreDot) return query(p, b, i, h);
  double sum = 0;
  for (size_t g = 0; g < p->s->query_dim; g++) sum += query(p, b, i, g) * (double)p->in->weight[g * p->s->key_dim + h];
  return sum;
}

static void score_row(const Problem *p, size_t b, size_t i, size_t length) {
  for (size_t j = 0; j < length; j++) p->weights[j] = 0;
  if (p->s->score == HeedAttentionScoreAdditive) {
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
static void score_gradients(const Problem *p, size_t b, size_t i, size_t length) {
  const size_t E = p->s->value_dim, T = p->s->key_length;
  double inner = 0;
  for (size_t j = 0; j < length; j++) {
    double d = p->c->weights_gradient ? (double)p->c->weights_gradient[(b * p->s->query_length + i) * T + j] : 0;
    for (size_t e = 0; p->c->output_gradient && e < E; e++) {
      const double g = element(p->c->output_gradient, p->s->output_gradient, b, i, e);
      d += g * value(p, b, j, e);
      if (p->r->value) p->r->value[(b * T + j) * E + e] += p->weights[j] * g;
    }
    p->gradients[j] = d;
    inner += p->weights[j] * d;
  }
  for (size_t j = 0; j < length; j++) p->gradients[j] = p->weights[j] * (p->gradients[j] - inner);
}

// S[i,j] = sum_a v[a] tanh(x[a])  =>  dx[a] = dS v[a] (1 - tanh^2), which reaches both projections.
static void additive_gradients(const Problem *p, size_t b, size_t i, size_t length) {
  const size_t Hq = p->s->query_dim, Hk = p->s->key_dim, A = p->s->attention_dim, T = p->s->key_length;
  for (size_t a = 0; a < A; a++) {
    double total = 0;
    for (size_t j = 0; j < length; j++) {
      // 1 - tanh^2 x = 4 u / (1 + u)^2, u = e^-2|x|, without the loss of what is small.
      const double x = pre_activation(p, b, i, j, a), t = tanh(x), u = exp(-2 * fabs(x)), slope = 4 * u / ((1 + u) * (1 + u));
      const double d = p->gradients[j] * (double)p->in->score_weight[a] * slope;
      if (p->r->score_weight) p->r->score_weight[a] += p->gradients[j] * t;
      for (size_t h = 0; h < Hk; h++) {
        if (p->r->key) p->r->key[(b * T + j) * Hk + h] += d * (double)p->in->key_weight[a * Hk + h];
        if (p->r->key_weight) p->r->key_weight[a * Hk + h] += d * key(p, b, j, h);
      }
      total += d;
    }
    for (size_t h = 0; h < Hq; h++) {
      if (p->r->query) p->r->query[(b * p->s->query_length + i) * Hq + h] += total * (double)p->in->query_weight[a * Hq + h];
      if (p->r->query_weight) p->r->query_weight[a * Hq + h] += total * query(p, b, i, h);
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
      total += p->gradients[j] * key(p, b, j, h);
      if (p->r->key) p->r->key[(b * T + j) * Hk + h] += p->gradients[j] * left;
    }
    if (p->s->score == HeedAttentionScoreDot) {
      if (p->r->query) p->r->query[row * Hq + h] += total;
      continue;
    }
    for (size_t g = 0; g < Hq; g++) {
      if (p->r->query) p->r->query[row * Hq + g] += total * (double)p->in->weight[g * Hk + h];
      if (p->r->weight) p->r->weight[g * Hk + h] += total * query(p, b, i, g);
    }
  }
}

static bool wants_gradients(const HeedScoredAttentionReference *r) {
  return r->query || r->key || r->value || r->weight || r->query_weight || r->key_weight || r->score_weight;
}

static void clear(double *x, size_t count) {
  if (x && count) memset(x, 0, count * sizeof *x);
}

static void clear_gradients(const HeedScoredAttentionShape *s, const HeedScoredAttentionReference *r) {
  const size_t Hq = s->query_dim, Hk = s->key_dim, A = s->attention_dim, keys = s->batch * s->key_length;
  clear(r->query, s->batch * s->query_length * Hq);
  clear(r->key, keys * Hk);
  clear(r->value, keys * s->value_dim);
  clear(r->weight, Hq * Hk);
  clear(r->query_weight, A * Hq);
  clear(r->key_weight, A * Hk);
  clear(r->score_weight, A);
}

HeedStatus heed_scored_attention_reference(const HeedScoredAttentionShape *shape, const HeedScoredAttentionInputs *inputs,
                                           const HeedScoredAttentionCotangents *cotangents, const HeedScoredAttentionReference *results) {
  HEED_FLOAT_MODE();
  if (!inputs) return HeedStatusBadArgument;
  HeedScoredAttentionInputs in = *inputs;
  in.prepared_keys = NULL;
  HeedStatus status = heed_scored_check_inputs(shape, &in);
  if (status == HeedStatusOk && (!results || (!cotangents && wants_gradients(results)))) status = HeedStatusBadArgument;
  if (status == HeedStatusOk && cotangents) status = heed_scored_check_cotangents(shape, cotangents, false);
  if (status != HeedStatusOk) return status;
  double *room = heed_scratch_push(heed_size_product(2 * sizeof(double), shape->key_length));
  if (!room) return HeedStatusOutOfMemory;
  const Problem p = {.s = shape, .in = &in, .c = cotangents, .r = results, .weights = room, .gradients = room + shape->key_length};
  if (cotangents) clear_gradients(shape, results);
  for (size_t b = 0; b < shape->batch; b++) {
    const size_t length = heed_scored_length(shape, &in, b);
    for (size_t i = 0; i < shape->query_length; i++) {
      score_row(&p, b, i, length);
      normalise(p.weights, length);
      outputs_of_row(&p, b, i, length);
      if (!cotangents || length == 0) continue;
      score_gradients(&p, b, i, length);
      if (shape->score == HeedAttentionScoreAdditive)
        additive_gradients(&p, b, i, length);
      else
        product_gradients(&p, b, i, length);
    }
  }
  heed_scratch_pop(room);
  return HeedStatusOk;
}

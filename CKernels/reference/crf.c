// The conditional random field in float64, one scalar step after the other: the specification of crf.h in code, and the oracle of the
// tests. Results are contiguous.

#include <stdlib.h>
#include <string.h>

#include "checks/crf_checks.h"
#include "runtime/float_mode.h"
#include "runtime/sizes.h"

// A sequence and its lattice: alpha[t, j] is the log of the sum over all prefixes that end with tag j at step t, beta[t, j] that over what
// may follow.
typedef struct Lattice {
  const HeedCrfShape *s;
  const HeedCrfInputs *in;
  size_t b, length;
  double *alpha, *beta, log_z;
  bool sound; // neither NaN nor plus infinity is read
} Lattice;

static double emission(const Lattice *x, size_t t, size_t j) {
  return (double)x->in->emissions[(ptrdiff_t)x->b * x->s->emissions_batch + (ptrdiff_t)t * x->s->emissions_time + (ptrdiff_t)j];
}
static double transition(const Lattice *x, size_t i, size_t j) {
  return (double)x->in->transitions[(ptrdiff_t)i * x->s->transitions_row + (ptrdiff_t)j];
}
static double start_of(const Lattice *x, size_t j) { return x->in->start ? (double)x->in->start[j] : 0; }
static double end_of(const Lattice *x, size_t j) { return x->in->end ? (double)x->in->end[j] : 0; }

// log(e^a + e^b)
static double log_add(double a, double b) {
  const double most = a > b ? a : b, least = a > b ? b : a;
  return most == -INFINITY ? most : most + log1p(exp(least - most));
}

static Lattice lattice_of(const HeedCrfShape *s, const HeedCrfInputs *in, size_t b, double *room) {
  Lattice x = {s, in, b, heed_crf_length(s, in, b), room, room + s->time * s->tags, 0, heed_crf_sequence_is_sound(s, in, b)};
  const size_t K = s->tags, T = x.length;
  if (T > 1 && !heed_crf_transitions_are_sound(s, in)) x.sound = false;
  if (!x.sound) x.log_z = NAN;
  if (T == 0 || !x.sound) return x;
  for (size_t t = 0; t < T; t++)
    for (size_t j = 0; j < K; j++) {
      double sum = t == 0 ? start_of(&x, j) : -INFINITY;
      for (size_t i = 0; t > 0 && i < K; i++) sum = log_add(sum, x.alpha[(t - 1) * K + i] + transition(&x, i, j));
      x.alpha[t * K + j] = sum + emission(&x, t, j);
    }
  for (size_t t = T; t-- > 0;)
    for (size_t i = 0; i < K; i++) {
      double sum = t + 1 == T ? end_of(&x, i) : -INFINITY;
      for (size_t j = 0; t + 1 < T && j < K; j++)
        sum = log_add(sum, transition(&x, i, j) + emission(&x, t + 1, j) + x.beta[(t + 1) * K + j]);
      x.beta[t * K + i] = sum;
    }
  x.log_z = -INFINITY;
  for (size_t j = 0; j < K; j++) x.log_z = log_add(x.log_z, x.alpha[(T - 1) * K + j] + end_of(&x, j));
  return x;
}

// A probability, the exponential of a log relative to log Z: 0 where no sequence of tags is possible.
static double probability(const Lattice *x, double log) {
  if (!x->sound) return NAN;
  return x->log_z == -INFINITY ? 0 : exp(log - x->log_z);
}
static double marginal(const Lattice *x, size_t t, size_t j) {
  if (!x->sound) return NAN;
  const size_t at = t * x->s->tags + j;
  return probability(x, x->alpha[at] + x->beta[at]);
}

static double *room_of(const HeedCrfShape *s) {
  const size_t bytes = heed_size_product(2 * sizeof(double), heed_size_product(s->time, s->tags));
  return bytes > PTRDIFF_MAX ? NULL : malloc(bytes + sizeof(double));
}

// ---- Loss -----------------------------------------------------------------------------------------------------------------------------

static double score_of_targets(const Lattice *x) {
  if (!x->sound) return NAN;
  double score = 0;
  for (size_t t = 0; t < x->length; t++) {
    const int64_t *y = x->in->targets + x->b * x->s->time + t;
    score += t == 0 ? start_of(x, (size_t)y[0]) : transition(x, (size_t)y[-1], (size_t)y[0]);
    score += emission(x, t, (size_t)y[0]);
    if (t + 1 == x->length) score += end_of(x, (size_t)y[0]);
  }
  return score;
}

// p - [targets take it], times the factor; 0 for what is forbidden.
static double gradient(const Lattice *x, double factor, double weight, double p, bool taken) {
  if (weight == -INFINITY || x->log_z == -INFINITY) return 0;
  return factor * (p - (taken ? 1 : 0));
}

static void add_gradients(const Lattice *x, double factor, const HeedCrfReference *out) {
  const size_t K = x->s->tags, T = x->length;
  const int64_t *y = x->in->targets + (T > 0 ? x->b * x->s->time : 0);
  for (size_t t = 0; t < T; t++)
    for (size_t j = 0; j < K; j++) {
      const double p = marginal(x, t, j);
      const bool taken = (size_t)y[t] == j;
      if (out->d_emissions) out->d_emissions[(x->b * x->s->time + t) * K + j] = gradient(x, factor, emission(x, t, j), p, taken);
      if (out->d_start && t == 0) out->d_start[j] += gradient(x, factor, start_of(x, j), p, taken);
      if (out->d_end && t + 1 == T) out->d_end[j] += gradient(x, factor, end_of(x, j), p, taken);
      for (size_t i = 0; out->d_transitions && t > 0 && i < K; i++) {
        const double A = transition(x, i, j);
        const double both = x->sound ? probability(x, x->alpha[(t - 1) * K + i] + A + emission(x, t, j) + x->beta[t * K + j]) : NAN;
        out->d_transitions[i * K + j] += gradient(x, factor, A, both, taken && (size_t)y[t - 1] == i);
      }
    }
}

static void zero(double *x, size_t count) {
  if (x) memset(x, 0, count * sizeof *x);
}

HeedStatus heed_crf_reference_loss(const HeedCrfShape *s, const HeedCrfInputs *in, const HeedCrfReference *out) {
  HEED_FLOAT_MODE();
  const HeedStatus status = out ? heed_crf_check(s, in, true) : HeedStatusBadArgument;
  if (status != HeedStatusOk) return status;
  double *room = room_of(s);
  if (!room) return HeedStatusOutOfMemory;
  zero(out->d_emissions, s->batch * s->time * s->tags), zero(out->d_transitions, s->tags * s->tags);
  zero(out->d_start, s->tags), zero(out->d_end, s->tags);
  const double count = heed_crf_count(s, in);
  double sum = 0;
  for (size_t b = 0; b < s->batch; b++) {
    const Lattice x = lattice_of(s, in, b, room);
    const double score = score_of_targets(&x), loss = score == -INFINITY ? INFINITY : x.log_z - score;
    if (out->score) out->score[b] = score;
    if (out->loss && s->reduction == HeedCrfReductionNone) out->loss[b] = loss;
    sum += loss;
    add_gradients(&x, heed_crf_factor(s, in, b, count), out);
  }
  if (out->loss && s->reduction != HeedCrfReductionNone) out->loss[0] = count == 0 ? 0 : sum / count;
  free(room);
  return HeedStatusOk;
}

// ---- Paths and marginals --------------------------------------------------------------------------------------------------------------

// The highest score of a prefix that ends with each tag stands in alpha.
static void viterbi(Lattice *x, int64_t *path, double *score) {
  const size_t K = x->s->tags, T = x->length;
  *score = x->sound ? T == 0 ? 0 : -INFINITY : NAN;
  for (size_t t = 0; path && t < x->s->time; t++) path[t] = -1;
  if (T == 0 || !x->sound) return;
  for (size_t t = 0; t < T; t++)
    for (size_t j = 0; j < K; j++) {
      double best = t == 0 ? start_of(x, j) : -INFINITY;
      for (size_t i = 0; t > 0 && i < K; i++) {
        const double through = x->alpha[(t - 1) * K + i] + transition(x, i, j);
        if (through > best) best = through;
      }
      x->alpha[t * K + j] = best + emission(x, t, j);
    }
  size_t last = K;
  for (size_t j = 0; j < K; j++) {
    const double whole = x->alpha[(T - 1) * K + j] + end_of(x, j);
    if (whole > *score) *score = whole, last = j;
  }
  if (!path || last == K) return;
  path[T - 1] = (int64_t)last;
  for (size_t t = T - 1; t > 0; t--) {
    double best = -INFINITY;
    size_t before = 0;
    for (size_t i = 0; i < K; i++) {
      const double through = x->alpha[(t - 1) * K + i] + transition(x, i, last);
      if (through > best) best = through, before = i;
    }
    path[t - 1] = (int64_t)before, last = before;
  }
}

HeedStatus heed_crf_reference_decode(const HeedCrfShape *s, const HeedCrfInputs *in, int64_t *path, double *score) {
  HEED_FLOAT_MODE();
  const HeedStatus status = heed_crf_check(s, in, false);
  if (status != HeedStatusOk) return status;
  double *room = room_of(s);
  if (!room) return HeedStatusOutOfMemory;
  for (size_t b = 0; b < s->batch; b++) {
    Lattice x = lattice_of(s, in, b, room);
    double best;
    viterbi(&x, path ? path + b * s->time : NULL, &best);
    if (score) score[b] = best;
  }
  free(room);
  return HeedStatusOk;
}

HeedStatus heed_crf_reference_marginals(const HeedCrfShape *s, const HeedCrfInputs *in, double *marginals, double *log_z) {
  HEED_FLOAT_MODE();
  const HeedStatus status = heed_crf_check(s, in, false);
  if (status != HeedStatusOk) return status;
  double *room = room_of(s);
  if (!room) return HeedStatusOutOfMemory;
  zero(marginals, s->batch * s->time * s->tags);
  for (size_t b = 0; b < s->batch; b++) {
    const Lattice x = lattice_of(s, in, b, room);
    if (log_z) log_z[b] = x.log_z;
    for (size_t t = 0; marginals && t < x.length; t++)
      for (size_t j = 0; j < s->tags; j++) marginals[(b * s->time + t) * s->tags + j] = marginal(&x, t, j);
  }
  free(room);
  return HeedStatusOk;
}

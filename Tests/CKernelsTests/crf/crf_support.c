#include "crf_support.h"

#include <string.h>

static float number(Random *r, ProblemKind kind) {
  if (kind == ProblemTies) return (float)random_between(r, -1, 1);
  return (float)(random_normal(r) * (kind == ProblemLarge ? 2000 : 2));
}

void crf_problem(Problem *p, ProblemKind kind, size_t batch, size_t time, size_t tags, uint64_t stream) {
  Random r = random_stream(stream);
  memset(p, 0, sizeof *p);
  const ptrdiff_t row = (ptrdiff_t)tags, matrix = (ptrdiff_t)(time * tags);
  p->shape = (HeedCrfShape){.batch = batch,
                            .time = time,
                            .tags = tags,
                            .emissions_batch = matrix,
                            .emissions_time = row,
                            .transitions_row = row,
                            .d_emissions_batch = matrix,
                            .d_emissions_time = row,
                            .d_transitions_row = row};
  for (size_t i = 0; i < batch * time * tags; i++) p->emissions[i] = number(&r, kind);
  for (size_t i = 0; i < tags * tags; i++) p->transitions[i] = number(&r, kind);
  for (size_t i = 0; i < tags; i++) p->start[i] = number(&r, kind), p->end[i] = number(&r, kind);
  for (size_t b = 0; b < batch; b++) {
    p->lengths[b] = b == 0 ? (int64_t)time : (int64_t)random_below(&r, time + 1);
    p->d_loss[b] = (float)random_normal(&r);
  }
  for (size_t i = 0; i < batch * time; i++) p->targets[i] = tags > 0 ? (int64_t)random_below(&r, tags) : 0;
  if (kind == ProblemForbidden) {
    for (size_t i = 0; i < tags * tags; i++)
      if (random_below(&r, 3) == 0) p->transitions[i] = -INFINITY;
    for (size_t i = 0; i < batch * time * tags; i++)
      if (random_below(&r, 20) == 0) p->emissions[i] = -INFINITY;
    if (tags > 0) p->start[random_below(&r, tags)] = -INFINITY, p->end[random_below(&r, tags)] = -INFINITY;
  }
  p->inputs = (HeedCrfInputs){p->emissions, p->transitions, p->start, p->end, p->lengths, p->targets, p->d_loss};
}

static double score_of(const Problem *p, size_t b, size_t length, const int64_t *y) {
  const size_t K = p->shape.tags;
  double score = 0;
  for (size_t t = 0; t < length; t++) {
    score += (double)(t == 0 ? p->start[y[0]] : p->transitions[(size_t)y[t - 1] * K + (size_t)y[t]]);
    score += (double)p->emissions[(b * p->shape.time + t) * K + (size_t)y[t]];
  }
  return length > 0 ? score + (double)p->end[y[length - 1]] : score;
}

// The next sequence of tags, the last step counting first; false after the last.
static bool next_sequence(size_t length, size_t tags, int64_t *y) {
  for (size_t t = length; t-- > 0;) {
    if (++y[t] < (int64_t)tags) return true;
    y[t] = 0;
  }
  return false;
}

// Whether `a` goes before `b` where their scores tie: the lowest tag at the last step, then at the one before.
static bool goes_before(size_t length, const int64_t *a, const int64_t *b) {
  for (size_t t = length; t-- > 0;)
    if (a[t] != b[t]) return a[t] < b[t];
  return false;
}

void crf_brute_force(const Problem *p, Truth *truth) {
  const size_t K = p->shape.tags;
  memset(truth, 0, sizeof *truth);
  for (size_t b = 0; b < p->shape.batch; b++) {
    const size_t T = (size_t)p->lengths[b], first = b * p->shape.time;
    int64_t y[CRF_TIME] = {0}, *path = truth->path + first;
    for (size_t t = 0; t < p->shape.time; t++) path[t] = -1;
    double best = -INFINITY, sum = 0;
    do {
      const double score = score_of(p, b, T, y);
      if (score > best || (score == best && score > -INFINITY && goes_before(T, y, path))) {
        best = score;
        memcpy(path, y, T * sizeof *y);
      }
    } while (next_sequence(T, K, y));
    if (best > -INFINITY) do
        sum += exp(score_of(p, b, T, y) - best);
      while (next_sequence(T, K, y));
    const double log_z = best == -INFINITY ? best : best + log(sum), score = score_of(p, b, T, p->targets + first);
    truth->best[b] = best, truth->log_z[b] = log_z, truth->score[b] = score;
    truth->loss[b] = score == -INFINITY ? INFINITY : log_z - score;
    if (best == -INFINITY || T == 0) continue;
    const double factor = (double)p->d_loss[b];
    // Each sequence's probability, and last the targets, which count -1.
    bool targets = false;
    do {
      targets = !next_sequence(T, K, y);
      double weight = exp(score_of(p, b, T, y) - log_z);
      for (int pass = 0; pass < (targets ? 2 : 1); pass++) {
        const int64_t *tags = pass == 0 ? y : p->targets + first;
        if (pass == 1) weight = -1;
        for (size_t t = 0; t < T; t++) {
          const size_t at = (first + t) * K + (size_t)tags[t];
          if (pass == 0) truth->marginals[at] += weight;
          if (p->emissions[at] > -INFINITY) truth->d_emissions[at] += factor * weight;
          const size_t pair = t > 0 ? (size_t)tags[t - 1] * K + (size_t)tags[t] : 0;
          if (t > 0 && p->transitions[pair] > -INFINITY) truth->d_transitions[pair] += factor * weight;
        }
        if (p->start[tags[0]] > -INFINITY) truth->d_start[tags[0]] += factor * weight;
        if (p->end[tags[T - 1]] > -INFINITY) truth->d_end[tags[T - 1]] += factor * weight;
      }
    } while (!targets);
  }
}

void crf_run(const Problem *p, Found *found) {
  const HeedCrfOutputs outputs = {found->loss, found->score, found->d_emissions, found->d_transitions, found->d_start, found->d_end};
  poison_floats((float *)(void *)found, sizeof *found / sizeof(float));
  CHECK(heed_crf_loss(&p->shape, &p->inputs, &outputs) == HeedStatusOk);
  CHECK(heed_crf_decode(&p->shape, &p->inputs, found->path, found->best) == HeedStatusOk);
  CHECK(heed_crf_marginals(&p->shape, &p->inputs, found->marginals, found->log_z) == HeedStatusOk);
}

// The best paths of a conditional random field, by Viterbi's algorithm. One task a sequence.
//
// Only the scores of prefixes are stored. Which tag came before is found on the way back, from the one column of transitions that leads to
// the tag: K comparisons per step, while the inner loop of the way there is a maximum and nothing else.

#include "driver/crf/crf_lattice.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/parallel.h"

typedef struct Decode {
  const HeedCrfShape *s;
  const HeedCrfInputs *in;
  bool transitions_are_sound;
  const double *transitions; // [from, to]
  int64_t *path;             // or null
  float *score;              // or null
  size_t lattice_count;
  double *lattices; // per worker, [time, tags]
} Decode;

// best[j] = max_i before[i] + A[i, j]
static void advance(size_t K, const double *before, const double *transitions, double *best) {
  for (size_t j = 0; j < K; j++) best[j] = -INFINITY;
  for (size_t i = 0; i < K; i++) {
    const double from = before[i], *A = transitions + i * K;
    for (size_t j = 0; j < K; j++) {
      const double through = from + A[j];
      best[j] = through > best[j] ? through : best[j];
    }
  }
}

static void sequence(void *context, size_t b, size_t worker) {
  const Decode *call = context;
  const HeedCrfShape *s = call->s;
  const HeedCrfInputs *in = call->in;
  const size_t K = s->tags, T = heed_crf_length(s, in, b);
  int64_t *path = call->path ? call->path + b * s->time : NULL;
  for (size_t t = 0; path && t < s->time; t++) path[t] = -1;
  const bool sound = heed_crf_sequence_is_sound(s, in, b) && (T <= 1 || call->transitions_are_sound);
  if (call->score) call->score[b] = sound ? T == 0 ? 0.0f : -INFINITY : NAN;
  if (T == 0 || K == 0 || !sound) return; // an empty array may be null: no address is formed from it
  double *prefixes = call->lattices + worker * call->lattice_count;
  for (size_t t = 0; t < T; t++) {
    double *row = prefixes + t * K;
    if (t > 0)
      advance(K, row - K, call->transitions, row);
    else
      for (size_t j = 0; j < K; j++) row[j] = in->start ? (double)in->start[j] : 0.0;
    const float *emission = heed_crf_emissions(s, in, b, t);
    for (size_t j = 0; j < K; j++) row[j] += (double)emission[j];
  }
  double best = -INFINITY;
  size_t tag = K;
  for (size_t j = 0; j < K; j++) {
    const double whole = prefixes[(T - 1) * K + j] + (in->end ? (double)in->end[j] : 0.0);
    if (whole > best) best = whole, tag = j;
  }
  if (tag == K) return; // every sequence is forbidden
  if (call->score) call->score[b] = (float)best;
  for (size_t t = T; path && t-- > 0;) {
    path[t] = (int64_t)tag;
    if (t == 0) break;
    const double *before = prefixes + (t - 1) * K, *A = call->transitions + tag;
    double most = -INFINITY;
    for (size_t i = 0; i < K; i++)
      if (before[i] + A[i * K] > most) most = before[i] + A[i * K], tag = i;
  }
}

HeedStatus heed_crf_decode(const HeedCrfShape *shape, const HeedCrfInputs *inputs, int64_t *path, float *score) {
  HEED_ENTRY();
  const HeedStatus status = heed_crf_check(shape, inputs, false);
  if (status != HeedStatusOk) return status;
  const size_t K = shape->tags, width = heed_parallel_width(shape->batch, heed_crf_flops(shape));
  Decode call = {.s = shape, .in = inputs, .path = path, .score = score, .lattice_count = shape->time * K};
  const size_t numbers = heed_size_sum(heed_size_product(K, K), heed_size_product(width, call.lattice_count));
  double *transitions = heed_scratch_push(heed_size_product(numbers, sizeof(double)));
  if (!transitions) return HeedStatusOutOfMemory;
  for (size_t i = 0; i < K; i++)
    for (size_t j = 0; j < K; j++)
      transitions[i * K + j] = (double)inputs->transitions[(ptrdiff_t)i * shape->transitions_row + (ptrdiff_t)j];
  call.transitions = transitions, call.lattices = transitions + K * K;
  call.transitions_are_sound = heed_crf_transitions_are_sound(shape, inputs);
  heed_parallel_for(shape->batch, width, sequence, &call);
  heed_scratch_pop(transitions);
  return HeedStatusOk;
}

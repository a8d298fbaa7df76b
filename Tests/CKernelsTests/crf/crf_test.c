// The conditional random field at the sizes that are used: against float64, its bits, lengths, NaN, strides and subsets of outputs.

#include <stdlib.h>
#include <string.h>

#include "crf_support.h"

// A problem of any size in blocks that end at pages, every row with `gap` poisoned numbers behind it.
typedef struct Large {
  HeedCrfShape shape;
  HeedCrfInputs inputs;
  Guarded emissions, transitions, start, end, d_loss, lengths, targets;
} Large;

static Guarded numbers(size_t count, Random *r, double scale) {
  const Guarded block = guarded_allocate(count * sizeof(float), GuardEnd);
  for (size_t i = 0; i < count; i++) ((float *)block.data)[i] = (float)(random_normal(r) * scale);
  return block;
}

static Large make(size_t batch, size_t time, size_t tags, size_t gap, uint64_t stream) {
  Random r = random_stream(stream);
  const size_t row = tags + gap, matrix = time * row;
  Large p = {.shape = {.batch = batch,
                       .time = time,
                       .tags = tags,
                       .emissions_batch = (ptrdiff_t)matrix,
                       .emissions_time = (ptrdiff_t)row,
                       .transitions_row = (ptrdiff_t)row,
                       .d_emissions_batch = (ptrdiff_t)(time * tags),
                       .d_emissions_time = (ptrdiff_t)tags,
                       .d_transitions_row = (ptrdiff_t)tags}};
  p.emissions = numbers(batch * matrix - gap, &r, 3), p.transitions = numbers(tags * row - gap, &r, 1);
  p.start = numbers(tags, &r, 1), p.end = numbers(tags, &r, 1), p.d_loss = numbers(batch, &r, 1);
  p.lengths = guarded_allocate(batch * sizeof(int64_t), GuardEnd), p.targets = guarded_allocate(batch * time * sizeof(int64_t), GuardEnd);
  for (size_t i = 0; i < batch * time * row - gap; i++)
    if (i % row >= tags) poison_floats((float *)p.emissions.data + i, 1);
  for (size_t i = 0; i < tags * row - gap; i++)
    if (i % row >= tags) poison_floats((float *)p.transitions.data + i, 1);
  for (size_t b = 0; b < batch; b++) {
    const size_t length = b == 0 ? time : b == 1 ? 0 : random_below(&r, time + 1);
    ((int64_t *)p.lengths.data)[b] = (int64_t)length;
    for (size_t t = 0; t < time; t++) {
      ((int64_t *)p.targets.data)[b * time + t] = t < length ? (int64_t)random_below(&r, tags) : -100; // past the length never looked at
      if (t >= length) poison_floats((float *)p.emissions.data + b * matrix + t * row, tags);
    }
  }
  p.inputs = (HeedCrfInputs){p.emissions.data, p.transitions.data, p.start.data, p.end.data, p.lengths.data, p.targets.data, p.d_loss.data};
  return p;
}

static void discard(Large *p) {
  Guarded *const blocks[] = {&p->emissions, &p->transitions, &p->start, &p->end, &p->d_loss, &p->lengths, &p->targets};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) guarded_free(blocks[i]);
}

// All results in one array of floats: loss, score, log Z, best [batch each], d_start, d_end, d_transitions, d_emissions, marginals, path.
static size_t count_of(const HeedCrfShape *s) {
  return 4 * s->batch + 2 * s->tags + s->tags * s->tags + 2 * s->batch * s->time * s->tags + s->batch * s->time;
}

static float *run(const Large *p) {
  const HeedCrfShape *s = &p->shape;
  const size_t B = s->batch, K = s->tags, all = B * s->time * K;
  float *x = malloc((count_of(s) + 1) * sizeof *x);
  poison_floats(x, count_of(s) + 1);
  float *ends = x + 4 * B, *d_transitions = ends + 2 * K, *d_emissions = d_transitions + K * K, *path = d_emissions + 2 * all;
  const HeedCrfOutputs outputs = {x, x + B, d_emissions, d_transitions, ends, ends + K};
  int64_t *tags = malloc((B * s->time + 1) * sizeof *tags);
  CHECK(heed_crf_loss(s, &p->inputs, &outputs) == HeedStatusOk);
  CHECK(heed_crf_marginals(s, &p->inputs, d_emissions + all, x + 2 * B) == HeedStatusOk);
  CHECK(heed_crf_decode(s, &p->inputs, tags, x + 3 * B) == HeedStatusOk);
  for (size_t i = 0; i < B * s->time; i++) path[i] = (float)tags[i];
  CHECK(is_poison(x + count_of(s), 1));
  free(tags);
  return x;
}

static double *run_reference(const Large *p) {
  const HeedCrfShape *s = &p->shape;
  const size_t B = s->batch, K = s->tags, all = B * s->time * K;
  double *x = malloc((count_of(s) + 1) * sizeof *x), *ends = x + 4 * B, *d_transitions = ends + 2 * K, *d_emissions = d_transitions + K * K,
         *path = d_emissions + 2 * all;
  int64_t *tags = malloc((B * s->time + 1) * sizeof *tags);
  const HeedCrfReference outputs = {x, x + B, d_emissions, d_transitions, ends, ends + K};
  CHECK(heed_crf_reference_loss(s, &p->inputs, &outputs) == HeedStatusOk);
  CHECK(heed_crf_reference_marginals(s, &p->inputs, d_emissions + all, x + 2 * B) == HeedStatusOk);
  CHECK(heed_crf_reference_decode(s, &p->inputs, tags, x + 3 * B) == HeedStatusOk);
  for (size_t i = 0; i < B * s->time; i++) path[i] = (double)tags[i];
  free(tags);
  return x;
}

TEST(crf_is_accurate_in_every_size_and_layout) {
  static const size_t sizes[][3] = {{1, 1, 1}, {2, 3, 2}, {3, 9, 7}, {5, 20, 8}, {4, 31, 33}, {6, 100, 50}, {2, 300, 57}, {9, 2, 130}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for (size_t gap = 0; gap < 6; gap += 5) {
      Large p = make(sizes[i][0], sizes[i][1], sizes[i][2], gap, 20 + i);
      heed_thread_count_set(1 + gap / 2);
      float *found = run(&p);
      double *r = run_reference(&p);
      for (size_t j = 0; j < count_of(&p.shape); j++) {
        // Values by their size, gradients and marginals by the steps that they are sums over.
        const size_t B = p.shape.batch, rows = 4 * B;
        const double least = j < rows ? 1 : 3 * (double)(j < rows + (2 + p.shape.tags) * p.shape.tags ? B * p.shape.time : 1);
        const double error = fabs((double)found[j] - r[j]) / fmax(least, fabs(r[j]));
        CHECK_MESSAGE(error <= 2 * EPSILON, "size %zu, gap %zu: number %zu is %g and not %g", i, gap, j, (double)found[j], r[j]);
      }
      free(found), free(r);
      discard(&p);
    }
  heed_thread_count_set(0);
}

TEST(crf_bits_do_not_depend_on_threads_batch_or_padding) {
  enum { B = 13, T = 40, K = 29 };
  Large p = make(B, T, K, 3, 50);
  heed_thread_count_set(1);
  float *one = run(&p);
  for (size_t threads = 2; threads < 9; threads += 3) {
    heed_thread_count_set(threads);
    float *several = run(&p);
    CHECK(differing_floats(one, several, count_of(&p.shape), NULL) == 0);
    free(several);
  }
  heed_thread_count_set(0);
  // A sequence by itself, without its padding: loss, score, log Z, best score, d_emissions, marginals and path.
  const size_t blocks = 4 * B + 2 * K + K * K;
  for (size_t b = 0; b < B; b++) {
    Large q = p;
    const size_t length = (size_t)p.inputs.lengths[b];
    q.shape.batch = 1, q.shape.time = length, q.shape.d_emissions_batch = (ptrdiff_t)(length * K);
    q.inputs.emissions += (ptrdiff_t)b * p.shape.emissions_batch, q.inputs.targets += b * T, q.inputs.d_loss += b, q.inputs.lengths = NULL;
    float *own = run(&q);
    for (size_t i = 0; i < 4; i++) CHECK(differing_floats(own + i, one + i * B + b, 1, NULL) == 0);
    const float *d_emissions = own + 4 + 2 * K + K * K;
    CHECK(differing_floats(d_emissions, one + blocks + b * T * K, length * K, NULL) == 0);
    CHECK(differing_floats(d_emissions + length * K, one + blocks + (B + b) * T * K, length * K, NULL) == 0);
    CHECK(differing_floats(d_emissions + 2 * length * K, one + blocks + 2 * B * T * K + b * T, length, NULL) == 0);
    for (size_t i = length * K; i < T * K; i++) CHECK(one[blocks + b * T * K + i] == 0 && one[blocks + (B + b) * T * K + i] == 0);
    for (size_t t = length; t < T; t++) CHECK(one[blocks + 2 * B * T * K + b * T + t] == -1);
    free(own);
  }
  free(one);
  discard(&p);
}

// Any subset of outputs has the same bits, and a path or its score by itself.
TEST(crf_outputs_by_themselves) {
  static Problem p;
  static Found all, some;
  crf_problem(&p, ProblemForbidden, CRF_BATCH, CRF_TIME, CRF_TAGS, 7);
  crf_run(&p, &all);
  for (unsigned subset = 0; subset < 64; subset++) {
    poison_floats((float *)(void *)&some, sizeof some / sizeof(float));
    const HeedCrfOutputs outputs = {subset & 1 ? some.loss : NULL,        subset & 2 ? some.score : NULL,
                                    subset & 4 ? some.d_emissions : NULL, subset & 8 ? some.d_transitions : NULL,
                                    subset & 16 ? some.d_start : NULL,    subset & 32 ? some.d_end : NULL};
    CHECK(heed_crf_loss(&p.shape, &p.inputs, &outputs) == HeedStatusOk);
    CHECK(subset & 1 ? differing_floats(all.loss, some.loss, CRF_BATCH, NULL) == 0 : is_poison(some.loss, CRF_BATCH));
    CHECK(subset & 2 ? differing_floats(all.score, some.score, CRF_BATCH, NULL) == 0 : is_poison(some.score, CRF_BATCH));
    CHECK(subset & 4 ? differing_floats(all.d_emissions, some.d_emissions, CRF_NUMBERS, NULL) == 0
                     : is_poison(some.d_emissions, CRF_NUMBERS));
    CHECK(subset & 8 ? differing_floats(all.d_transitions, some.d_transitions, CRF_TAGS * CRF_TAGS, NULL) == 0
                     : is_poison(some.d_transitions, CRF_TAGS * CRF_TAGS));
    CHECK(subset & 16 ? differing_floats(all.d_start, some.d_start, CRF_TAGS, NULL) == 0 : is_poison(some.d_start, CRF_TAGS));
    CHECK(subset & 32 ? differing_floats(all.d_end, some.d_end, CRF_TAGS, NULL) == 0 : is_poison(some.d_end, CRF_TAGS));
  }
  CHECK(heed_crf_decode(&p.shape, &p.inputs, some.path, NULL) == HeedStatusOk);
  CHECK(heed_crf_decode(&p.shape, &p.inputs, NULL, some.best) == HeedStatusOk);
  CHECK(heed_crf_marginals(&p.shape, &p.inputs, some.marginals, NULL) == HeedStatusOk);
  CHECK(heed_crf_marginals(&p.shape, &p.inputs, NULL, some.log_z) == HeedStatusOk);
  CHECK(memcmp(all.path, some.path, sizeof all.path) == 0);
  CHECK(differing_floats(all.best, some.best, CRF_BATCH, NULL) == 0 && differing_floats(all.log_z, some.log_z, CRF_BATCH, NULL) == 0);
  CHECK(differing_floats(all.marginals, some.marginals, CRF_NUMBERS, NULL) == 0);
}

// NaN and plus infinity reach the sequences that read them and no others.
TEST(crf_nan_and_plus_infinity) {
  static Problem p;
  static Found before, after;
  static const float bad[] = {NAN, INFINITY};
  for (int i = 0; i < 2; i++) {
    crf_problem(&p, ProblemNormal, CRF_BATCH, CRF_TIME, CRF_TAGS, 8);
    p.lengths[0] = 1, p.lengths[1] = 3, p.lengths[2] = 0, p.lengths[3] = CRF_TIME;
    crf_run(&p, &before);
    // Past the length of sequence 1: nothing.
    p.emissions[(CRF_TIME + 3) * CRF_TAGS + 1] = bad[i];
    crf_run(&p, &after);
    CHECK(memcmp(&before, &after, sizeof before) == 0);
    // Within: its own numbers, and the sums.
    p.emissions[(CRF_TIME + 2) * CRF_TAGS + 1] = bad[i];
    crf_run(&p, &after);
    for (size_t b = 0; b < CRF_BATCH; b++) {
      const size_t first = b * CRF_TIME * CRF_TAGS, count = CRF_TIME * CRF_TAGS, read = 3 * CRF_TAGS;
      if (b != 1) {
        CHECK(differing_floats(before.loss + b, after.loss + b, 1, NULL) == 0);
        CHECK(differing_floats(before.d_emissions + first, after.d_emissions + first, count, NULL) == 0);
        CHECK(memcmp(before.path + b * CRF_TIME, after.path + b * CRF_TIME, CRF_TIME * sizeof(int64_t)) == 0);
        continue;
      }
      CHECK(isnan(after.loss[1]) && isnan(after.score[1]) && isnan(after.log_z[1]) && isnan(after.best[1]));
      for (size_t t = 0; t < CRF_TIME; t++) CHECK(after.path[CRF_TIME + t] == -1);
      for (size_t j = 0; j < count; j++) {
        CHECK(j < read ? isnan(after.d_emissions[first + j]) : after.d_emissions[first + j] == 0);
        CHECK(j < read ? isnan(after.marginals[first + j]) : after.marginals[first + j] == 0);
      }
    }
    CHECK(isnan(after.d_transitions[0]) && isnan(after.d_start[0]) && isnan(after.d_end[0]));
    // In the transitions: sequences of two steps and more.
    crf_problem(&p, ProblemNormal, CRF_BATCH, CRF_TIME, CRF_TAGS, 8);
    p.lengths[0] = 1, p.lengths[1] = 3, p.lengths[2] = 0, p.lengths[3] = CRF_TIME;
    p.transitions[7] = bad[i];
    crf_run(&p, &after);
    CHECK(after.loss[0] == before.loss[0] && isnan(after.loss[1]) && after.loss[2] == 0 && isnan(after.loss[3]));
    CHECK(after.path[0] == before.path[0] && after.path[CRF_TIME] == -1);
    // Of one step each: the gradient of the transitions is 0.
    static Problem single;
    single = p, single.lengths[1] = single.lengths[3] = 1;
    single.inputs.emissions = single.emissions, single.inputs.transitions = single.transitions, single.inputs.lengths = single.lengths;
    crf_run(&single, &after);
    for (size_t j = 0; j < CRF_TAGS * CRF_TAGS; j++) CHECK(after.d_transitions[j] == 0);
    // What is forbidden keeps the gradient 0.
    p.transitions[3] = -INFINITY;
    crf_run(&p, &after);
    CHECK(after.d_transitions[3] == 0 && isnan(after.d_transitions[4]));
  }
}

// Where every sequence is forbidden: an infinite loss, gradients of 0, no path; the other sequences keep theirs.
TEST(crf_without_a_possible_sequence) {
  static Problem p;
  static Found found;
  crf_problem(&p, ProblemNormal, 2, CRF_TIME, 3, 9);
  p.lengths[1] = CRF_TIME;
  for (size_t j = 0; j < 3; j++) p.emissions[(CRF_TIME + 2) * 3 + j] = -INFINITY;
  crf_run(&p, &found);
  CHECK(found.loss[1] == INFINITY && found.log_z[1] == -INFINITY && found.best[1] == -INFINITY && isfinite(found.loss[0]));
  for (size_t t = 0; t < CRF_TIME; t++) CHECK(found.path[t] >= 0 && found.path[CRF_TIME + t] == -1);
  for (size_t j = 0; j < CRF_TIME * 3; j++) CHECK(found.d_emissions[CRF_TIME * 3 + j] == 0 && found.marginals[CRF_TIME * 3 + j] == 0);
  for (size_t i = 0; i < 9; i++) CHECK(isfinite(found.d_transitions[i]) && found.d_transitions[i] != 0);
}

// The loss of a conditional random field with its gradients. One task a sequence; what is summed over sequences is added in their order,
// some sequences at a time, so that few of them hold their part.

#include <string.h>

#include "driver/crf/crf_lattice.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/parallel.h"

#define WAVE_PER_WORKER 2 // sequences: they differ in length, and nobody should wait long for the longest

typedef struct Loss {
  HeedCrfModel model;
  const HeedCrfOutputs *out;
  double count; // the divisor of a mean
  bool backward, parameters;
  size_t first, lattice_bytes, part_count;
  char *lattices; // one per worker
  double *values; // [batch]
  double *parts;  // of each sequence of a wave, gradients of the transitions, of the start and of the end
} Loss;

static double score_of(const HeedCrfModel *model, const HeedCrfLattice *x) {
  const HeedCrfShape *s = model->s;
  const HeedCrfInputs *in = model->in;
  if (!x->sound) return NAN;
  double score = 0.0;
  for (size_t t = 0; t < x->length; t++) {
    const int64_t *y = in->targets + x->b * s->time + t;
    if (t > 0)
      score += (double)in->transitions[(ptrdiff_t)y[-1] * s->transitions_row + (ptrdiff_t)y[0]];
    else if (in->start)
      score += (double)in->start[y[0]];
    score += (double)heed_crf_emissions(s, in, x->b, t)[y[0]];
    if (t + 1 == x->length && in->end) score += (double)in->end[y[0]];
  }
  return score;
}

// factor (p - taken), and 0 for what is forbidden. `weights` null: 0, allowed.
static void subtract(size_t K, double factor, const float *weights, size_t target, const double *p, double *g) {
  for (size_t j = 0; j < K; j++) g[j] = weights && weights[j] == -INFINITY ? 0.0 : factor * (p[j] - (j == target ? 1.0 : 0.0));
}

static void put_emissions(const Loss *call, const HeedCrfLattice *x, double factor, bool possible) {
  const HeedCrfShape *s = call->model.s;
  float *d = call->out->d_emissions + (ptrdiff_t)x->b * s->d_emissions_batch;
  for (size_t t = 0; t < s->time; t++, d += s->d_emissions_time) {
    if (t >= x->length || !possible) {
      memset(d, 0, s->tags * sizeof *d);
      continue;
    }
    const double *p = x->alpha + t * s->tags;
    const float *emission = heed_crf_emissions(s, call->model.in, x->b, t);
    const size_t target = (size_t)call->model.in->targets[x->b * s->time + t];
    for (size_t j = 0; j < s->tags; j++) d[j] = emission[j] == -INFINITY ? 0.0f : (float)(factor * (p[j] - (j == target ? 1.0 : 0.0)));
  }
}

// `part` holds the expected transitions.
static void put_part(const Loss *call, const HeedCrfLattice *x, double factor, bool possible, double *part) {
  const HeedCrfShape *s = call->model.s;
  const HeedCrfInputs *in = call->model.in;
  const size_t K = s->tags, T = x->length;
  double *start = part + K * K, *end = start + K;
  if (T == 0 || !possible) {
    memset(part, 0, call->part_count * sizeof *part);
    return;
  }
  const int64_t *y = in->targets + x->b * s->time;
  subtract(K, factor, in->start, (size_t)y[0], x->alpha, start);
  subtract(K, factor, in->end, (size_t)y[T - 1], x->alpha + (T - 1) * K, end);
  for (size_t t = 1; t < T; t++) part[(size_t)y[t - 1] * K + (size_t)y[t]] -= 1.0;
  for (size_t i = 0; i < K; i++) {
    const float *A = in->transitions + (ptrdiff_t)i * s->transitions_row;
    for (size_t j = 0; j < K; j++) part[i * K + j] = A[j] == -INFINITY ? 0.0 : factor * part[i * K + j];
  }
}

static void sequence(void *context, size_t task, size_t worker) {
  const Loss *call = context;
  const HeedCrfShape *s = call->model.s;
  const size_t b = call->first + task;
  HeedCrfLattice x = heed_crf_forward(&call->model, b, call->backward, call->parameters, call->lattices + worker * call->lattice_bytes);
  const double score = score_of(&call->model, &x);
  call->values[b] = score == -INFINITY ? INFINITY : x.log_z - score;
  if (call->out->score) call->out->score[b] = (float)score;
  if (!call->backward) return;
  double *part = call->parameters ? call->parts + task * call->part_count : NULL;
  heed_crf_backward(&call->model, &x, part);
  const double factor = heed_crf_factor(s, call->model.in, b, call->count);
  const bool possible = x.log_z != -INFINITY;
  if (call->out->d_emissions) put_emissions(call, &x, factor, possible);
  if (part) put_part(call, &x, factor, possible, part);
}

static void finish(const Loss *call, const double *sums) {
  const HeedCrfShape *s = call->model.s;
  const HeedCrfOutputs *out = call->out;
  const size_t K = s->tags;
  for (size_t i = 0; out->d_transitions && i < K; i++)
    for (size_t j = 0; j < K; j++) {
      float *d = out->d_transitions + (ptrdiff_t)i * s->d_transitions_row + (ptrdiff_t)j;
      *d = (float)(s->accumulate ? (double)*d + sums[i * K + j] : sums[i * K + j]);
    }
  float *const ends[2] = {out->d_start, out->d_end};
  for (size_t e = 0; e < 2; e++)
    for (size_t j = 0; ends[e] && j < K; j++) {
      const double sum = sums[K * K + e * K + j];
      ends[e][j] = (float)(s->accumulate ? (double)ends[e][j] + sum : sum);
    }
  double total = 0.0;
  for (size_t b = 0; out->loss && b < s->batch; b++) {
    if (s->reduction == HeedCrfReductionNone) out->loss[b] = (float)call->values[b];
    total += call->values[b];
  }
  if (out->loss && s->reduction != HeedCrfReductionNone) out->loss[0] = (float)(call->count == 0 ? 0.0 : total / call->count);
}

static HeedStatus run(const HeedCrfShape *s, const HeedCrfInputs *in, const HeedCrfOutputs *out) {
  Loss call = {.out = out, .count = heed_crf_count(s, in)};
  call.parameters = out->d_transitions || out->d_start || out->d_end, call.backward = call.parameters || out->d_emissions;
  const size_t width = heed_parallel_width(s->batch, (call.backward ? 3.0 : 1.0) * heed_crf_flops(s));
  const size_t wave = call.parameters ? heed_size_min(s->batch, WAVE_PER_WORKER * width) : s->batch;
  call.lattice_bytes = heed_round_up(heed_crf_lattice_bytes(s, call.backward, call.parameters), HEED_LINE_PAIR);
  call.part_count = call.parameters ? heed_size_sum(heed_size_product(s->tags, s->tags), heed_size_product(2, s->tags)) : 0;
  const size_t model = heed_crf_model_bytes(s), lattices = heed_size_product(width, call.lattice_bytes);
  const size_t numbers = heed_size_sum(heed_size_product(wave + 1, call.part_count), s->batch);
  char *room = heed_scratch_push(heed_size_sum(heed_size_product(numbers, sizeof(double)), heed_size_sum(model, lattices)));
  if (!room) return HeedStatusOutOfMemory;
  call.lattices = room;
  call.model = heed_crf_model(s, in, room + lattices);
  call.values = (double *)(void *)(room + lattices + model);
  call.parts = call.values + s->batch;
  double *sums = call.parts + wave * call.part_count;
  if (call.parameters) memset(sums, 0, call.part_count * sizeof *sums);
  for (; call.first < s->batch; call.first += wave) {
    const size_t count = heed_size_min(s->batch - call.first, wave);
    heed_parallel_for(count, heed_size_min(width, count), sequence, &call);
    for (size_t task = 0; call.parameters && task < count; task++)
      for (size_t i = 0; i < call.part_count; i++) sums[i] += call.parts[task * call.part_count + i];
  }
  finish(&call, sums);
  heed_scratch_pop(room);
  return HeedStatusOk;
}

HeedStatus heed_crf_loss(const HeedCrfShape *shape, const HeedCrfInputs *inputs, const HeedCrfOutputs *outputs) {
  HEED_ENTRY();
  HeedStatus status = outputs ? heed_crf_check(shape, inputs, true) : HeedStatusBadArgument;
  if (status == HeedStatusOk)
    status = heed_crf_check_emissions(shape, shape->d_emissions_batch, shape->d_emissions_time, outputs->d_emissions, true);
  if (status == HeedStatusOk) status = heed_crf_check_transitions(shape, shape->d_transitions_row, outputs->d_transitions, true);
  return status == HeedStatusOk ? run(shape, inputs, outputs) : status;
}

// ---- Marginals ------------------------------------------------------------------------------------------------------------------------

typedef struct Marginals {
  HeedCrfModel model;
  float *marginals, *log_z;
  size_t lattice_bytes;
  char *lattices;
} Marginals;

static void marginals_of(void *context, size_t b, size_t worker) {
  const Marginals *call = context;
  const HeedCrfShape *s = call->model.s;
  HeedCrfLattice x = heed_crf_forward(&call->model, b, call->marginals != NULL, false, call->lattices + worker * call->lattice_bytes);
  if (call->log_z) call->log_z[b] = (float)x.log_z;
  if (!call->marginals) return;
  heed_crf_backward(&call->model, &x, NULL);
  for (size_t t = 0; t < s->time; t++) {
    float *row = call->marginals + (ptrdiff_t)b * s->d_emissions_batch + (ptrdiff_t)t * s->d_emissions_time;
    for (size_t j = 0; j < s->tags; j++) row[j] = t < x.length ? (float)x.alpha[t * s->tags + j] : 0.0f;
  }
}

HeedStatus heed_crf_marginals(const HeedCrfShape *shape, const HeedCrfInputs *inputs, float *marginals, float *log_z) {
  HEED_ENTRY();
  HeedStatus status = heed_crf_check(shape, inputs, false);
  if (status == HeedStatusOk) status = heed_crf_check_emissions(shape, shape->d_emissions_batch, shape->d_emissions_time, marginals, true);
  if (status != HeedStatusOk) return status;
  const size_t width = heed_parallel_width(shape->batch, 2.0 * heed_crf_flops(shape));
  Marginals call = {.marginals = marginals, .log_z = log_z};
  call.lattice_bytes = heed_round_up(heed_crf_lattice_bytes(shape, marginals != NULL, false), HEED_LINE_PAIR);
  const size_t lattices = heed_size_product(width, call.lattice_bytes);
  call.lattices = heed_scratch_push(heed_size_sum(lattices, heed_crf_model_bytes(shape)));
  if (!call.lattices) return HeedStatusOutOfMemory;
  call.model = heed_crf_model(shape, inputs, call.lattices + lattices);
  heed_parallel_for(shape->batch, width, marginals_of, &call);
  heed_scratch_pop(call.lattices);
  return HeedStatusOk;
}

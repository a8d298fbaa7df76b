// Random conditional random fields: losses, paths and marginals. See fuzz_support.h.

#include <string.h>

#include "fuzz_support.h"

typedef struct Crf {
  HeedCrfShape shape;
  HeedCrfInputs inputs;
  FuzzArray emissions, transitions, start, end, lengths, targets, d_loss;
  HeedStatus expected;
} Crf;

// One in so many scores is minus infinity.
static void forbid(const FuzzArray *x, size_t one_in) {
  for (size_t i = 0; i < x->count; i++)
    if (fuzz_one_in(one_in)) *(float *)fuzz_element(x, i) = -INFINITY;
}

static void build(Crf *x) {
  const size_t B = fuzz_is_large ? 8 + fuzz_below(20) : fuzz_size(5), T = fuzz_is_large ? 10 + fuzz_below(30) : fuzz_size(7),
               K = fuzz_is_large ? 20 + fuzz_below(40) : fuzz_size(9);
  *x = (Crf){.shape = {.batch = B, .time = T, .tags = K, .reduction = (HeedCrfReduction)fuzz_below(4), .accumulate = fuzz_one_in(2)}};
  x->emissions = FUZZ_FLOATS("emissions", FuzzRead, FuzzRows, B, T, K),
  x->transitions = FUZZ_FLOATS("transitions", FuzzRead, FuzzRows, K, K);
  x->start = FUZZ_FLOATS("start", FuzzRead, FuzzContiguous, K), x->end = FUZZ_FLOATS("end", FuzzRead, FuzzContiguous, K);
  x->lengths = fuzz_array("lengths", FuzzRead, FuzzContiguous, sizeof(int64_t), FUZZ_SIZES(B));
  x->targets = fuzz_array("targets", FuzzRead, FuzzContiguous, sizeof(int64_t), FUZZ_SIZES(B, T));
  x->d_loss = FUZZ_FLOATS("d_loss", FuzzRead, FuzzContiguous, x->shape.reduction == HeedCrfReductionNone ? B : 1);
  const double scale = fuzz_one_in(8) ? 2000 : 3; // of thousands: the likeliest tags of two steps may hardly go together
  fuzz_fill_special(&x->emissions, scale), fuzz_fill_special(&x->transitions, scale);
  fuzz_fill(&x->start, 1), fuzz_fill(&x->end, 1), fuzz_fill(&x->d_loss, 1);
  if (fuzz_one_in(2)) forbid(&x->transitions, 3);
  if (fuzz_one_in(3)) forbid(&x->emissions, 8), forbid(&x->start, 4), forbid(&x->end, 4);
  fuzz_fill_integers(&x->lengths, 0, (int64_t)T);
  if (K > 0) fuzz_fill_integers(&x->targets, 0, (int64_t)K - 1);
  const bool lengths = fuzz_one_in(2);
  for (size_t b = 0; lengths && b < B; b++)
    for (size_t t = (size_t)FUZZ_AT(int64_t, x->lengths, b); t < T; t++) {
      const size_t step = b * T + t;
      FUZZ_AT(int64_t, x->targets, step) = -100;
      for (size_t j = 0; j < K && !x->emissions.repeats; j++) FUZZ_AT(float, x->emissions, j + step * K) = NAN;
    }
  x->shape.emissions_batch = x->emissions.stride[0], x->shape.emissions_time = x->emissions.stride[1];
  x->shape.transitions_row = x->transitions.stride[0];
  x->inputs = (HeedCrfInputs){.emissions = x->emissions.data,
                              .transitions = x->transitions.data,
                              .start = fuzz_one_in(3) ? NULL : x->start.data,
                              .end = fuzz_one_in(3) ? NULL : x->end.data,
                              .lengths = lengths ? x->lengths.data : NULL,
                              .targets = x->targets.data,
                              .d_loss = fuzz_one_in(3) ? NULL : x->d_loss.data};
}

static void spoil(Crf *x) {
  HeedCrfShape *s = &x->shape;
  x->expected = HeedStatusOk;
  switch (fuzz_spoil(7)) {
  case 0: {
    size_t *const sizes[] = {&s->batch, &s->time, &s->tags};
    x->expected = fuzz_huge(sizes[fuzz_below(3)]);
    break;
  }
  case 1:
    if (x->inputs.emissions) x->expected = fuzz_far(&s->emissions_time, &x->emissions, 1);
    break;
  case 2:
    if (x->inputs.transitions) x->expected = fuzz_far(&s->transitions_row, &x->transitions, 0);
    break;
  case 3:
    if (x->inputs.lengths) x->expected = fuzz_length(&x->lengths, (int64_t)s->time);
    break;
  case 4:
    x->expected = fuzz_null(&x->inputs.emissions, &x->emissions);
    break;
  case 5:
    x->expected = fuzz_null(&x->inputs.transitions, &x->transitions);
    break;
  case 6:
    x->expected = fuzz_enum(&s->reduction, 4);
    break;
  default:
    break;
  }
}

// A target out of range within a sequence, which only the loss refuses; there is none where there are no steps.
static HeedStatus spoil_targets(Crf *x) {
  const HeedCrfShape *s = &x->shape;
  for (size_t b = 0; b < s->batch; b++)
    if ((x->inputs.lengths ? (size_t)x->inputs.lengths[b] : s->time) > 0) {
      if (s->tags > 0 && !fuzz_one_in(8)) return HeedStatusOk;
      if (s->tags > 0 && fuzz_one_in(2)) {
        x->inputs.targets = NULL;
        return HeedStatusBadArgument;
      }
      FUZZ_AT(int64_t, x->targets, b * s->time) = fuzz_one_in(2) ? -1 : (int64_t)s->tags;
      return HeedStatusBadIndex;
    }
  return HeedStatusOk;
}

// Scores of thousands are summed in float64, whose rounding shows in the probabilities.
#define CLOSE (8 * EPSILON)

FUZZ(crf) {
  Crf x;
  build(&x);
  HeedCrfShape *s = &x.shape;
  const size_t B = s->batch, T = s->time, K = s->tags, losses = s->reduction == HeedCrfReductionNone ? B : 1;
  FuzzArray loss = FUZZ_FLOATS("loss", FuzzWritten, FuzzContiguous, losses), score = FUZZ_FLOATS("score", FuzzWritten, FuzzContiguous, B),
            dx = FUZZ_FLOATS("d_emissions", FuzzWritten, FuzzRows, B, T, K), da = FUZZ_FLOATS("d_transitions", FuzzWritten, FuzzRows, K, K),
            ds = FUZZ_FLOATS("d_start", FuzzWritten, FuzzContiguous, K), de = FUZZ_FLOATS("d_end", FuzzWritten, FuzzContiguous, K);
  FuzzArray oracle_loss = FUZZ_DOUBLES("oracle loss", losses), oracle_score = FUZZ_DOUBLES("oracle score", B),
            oracle_dx = FUZZ_DOUBLES("oracle d_emissions", B, T, K), oracle_da = FUZZ_DOUBLES("oracle d_transitions", K, K),
            oracle_ds = FUZZ_DOUBLES("oracle d_start", K), oracle_de = FUZZ_DOUBLES("oracle d_end", K);
  s->d_emissions_batch = dx.stride[0], s->d_emissions_time = dx.stride[1], s->d_transitions_row = da.stride[0];
  if (s->accumulate) fuzz_fill(&da, 1), fuzz_fill(&ds, 1), fuzz_fill(&de, 1);
  spoil(&x);
  if (x.expected == HeedStatusOk) x.expected = spoil_targets(&x);
  const HeedCrfReference oracle = {oracle_loss.data, oracle_score.data, oracle_dx.data, oracle_da.data, oracle_ds.data, oracle_de.data};
  if (!FUZZ_CALL(x.expected, heed_crf_reference_loss(s, &x.inputs, &oracle)) && x.expected == HeedStatusOk) return;
  FuzzArray *const sums[] = {&oracle_da, &oracle_ds, &oracle_de}, *const held[] = {&da, &ds, &de};
  for (int i = 0; i < 3 && x.expected == HeedStatusOk && s->accumulate; i++)
    for (size_t j = 0; j < sums[i]->count; j++) *(double *)fuzz_element(sums[i], j) += (double)*(float *)fuzz_element(held[i], j);
  FuzzArray *const oracles[] = {&oracle_loss, &oracle_score, &oracle_dx, &oracle_da, &oracle_ds, &oracle_de};
  for (int i = 0; i < 6; i++) fuzz_keep(oracles[i]);
  const HeedCrfOutputs out = {fuzz_one_in(5) ? NULL : loss.data, fuzz_one_in(5) ? NULL : score.data, fuzz_one_in(5) ? NULL : dx.data,
                              fuzz_one_in(5) ? NULL : da.data,   fuzz_one_in(5) ? NULL : ds.data,    fuzz_one_in(5) ? NULL : de.data};
  if (x.expected == HeedStatusOk && fuzz_one_in(10)) {
    if (fuzz_one_in(2) && out.d_emissions)
      x.expected = fuzz_overlap(&s->d_emissions_time, &dx, 1);
    else if (out.d_transitions)
      x.expected = fuzz_overlap(&s->d_transitions_row, &da, 0);
  }
  if (!FUZZ_CALL(x.expected, heed_crf_loss(s, &x.inputs, &out))) return;
  // Losses are below the range of 2 T + 1 scores, log Z a little more; gradients below 3 factors.
  const double range = 3 * 2000.0 * (double)(4 * T + 4), all = s->reduction == HeedCrfReductionSum ? (double)(1 + B) : 1;
  if (out.loss) fuzz_near(&loss, &oracle_loss, NULL, EPSILON * range * all);
  if (out.score) fuzz_near(&score, &oracle_score, NULL, EPSILON * range);
  if (out.d_emissions) fuzz_near(&dx, &oracle_dx, NULL, 3 * CLOSE);
  if (out.d_transitions) fuzz_near(&da, &oracle_da, NULL, 3 * CLOSE * (double)(1 + B * T));
  if (out.d_start) fuzz_near(&ds, &oracle_ds, NULL, 3 * CLOSE * (double)(1 + B));
  if (out.d_end) fuzz_near(&de, &oracle_de, NULL, 3 * CLOSE * (double)(1 + B));
}

FUZZ(crf_paths) {
  Crf x;
  build(&x);
  HeedCrfShape *s = &x.shape;
  const size_t B = s->batch, T = s->time, K = s->tags;
  FuzzArray path = fuzz_array("path", FuzzWritten, FuzzContiguous, sizeof(int64_t), FUZZ_SIZES(B, T)),
            oracle_path = fuzz_array("oracle path", FuzzWritten, FuzzContiguous, sizeof(int64_t), FUZZ_SIZES(B, T));
  FuzzArray score = FUZZ_FLOATS("score", FuzzWritten, FuzzContiguous, B), oracle_score = FUZZ_DOUBLES("oracle score", B),
            marginals = FUZZ_FLOATS("marginals", FuzzWritten, FuzzRows, B, T, K), oracle_marginals = FUZZ_DOUBLES("oracle", B, T, K),
            log_z = FUZZ_FLOATS("log Z", FuzzWritten, FuzzContiguous, B), oracle_log_z = FUZZ_DOUBLES("oracle log Z", B);
  s->d_emissions_batch = marginals.stride[0], s->d_emissions_time = marginals.stride[1];
  spoil(&x);
  const double range = 3 * 2000.0 * (double)(4 * T + 4);
  const bool known = FUZZ_CALL(x.expected, heed_crf_reference_decode(s, &x.inputs, oracle_path.data, oracle_score.data));
  if (!known && x.expected == HeedStatusOk) return;
  fuzz_keep(&oracle_path), fuzz_keep(&oracle_score);
  if (FUZZ_CALL(x.expected, heed_crf_decode(s, &x.inputs, path.data, score.data))) {
    fuzz_same(&path, &oracle_path);
    fuzz_near(&score, &oracle_score, NULL, EPSILON * range);
  }
  if (!FUZZ_CALL(x.expected, heed_crf_reference_marginals(s, &x.inputs, oracle_marginals.data, oracle_log_z.data)) &&
      x.expected == HeedStatusOk)
    return;
  fuzz_keep(&oracle_marginals), fuzz_keep(&oracle_log_z);
  if (x.expected == HeedStatusOk && fuzz_one_in(10)) x.expected = fuzz_overlap(&s->d_emissions_time, &marginals, 1);
  if (!FUZZ_CALL(x.expected, heed_crf_marginals(s, &x.inputs, marginals.data, log_z.data))) return;
  fuzz_near(&marginals, &oracle_marginals, NULL, CLOSE);
  fuzz_near(&log_z, &oracle_log_z, NULL, EPSILON * range);
}

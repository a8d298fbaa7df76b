// Private: the argument checks of a conditional random field, its factors, and which numbers a sequence reads.

#ifndef HEED_CRF_CHECKS_H
#define HEED_CRF_CHECKS_H

#include <math.h>

#include "checks/array_checks.h"
#include "heed/crf.h"
#include "runtime/bad_index.h"

static inline size_t heed_crf_length(const HeedCrfShape *s, const HeedCrfInputs *in, size_t b) {
  return in->lengths ? (size_t)in->lengths[b] : s->time;
}

// An output [batch, time, tags] with the strides of d_emissions, and one [tags, tags]; null is fine.
static inline HeedStatus heed_crf_check_emissions(const HeedCrfShape *s, ptrdiff_t batch, ptrdiff_t time, const void *data, bool written) {
  const HeedArray x = {3, {s->batch, s->time, s->tags}, {batch, time, 1}};
  if (!heed_array_sizes_fit(&x)) return HeedStatusBadShape;
  return data ? heed_array_check(&x, written) : HeedStatusOk;
}
static inline HeedStatus heed_crf_check_transitions(const HeedCrfShape *s, ptrdiff_t row, const void *data, bool written) {
  const HeedArray x = {2, {s->tags, s->tags}, {row, 1}};
  if (!heed_array_sizes_fit(&x)) return HeedStatusBadShape;
  return data ? heed_array_check(&x, written) : HeedStatusOk;
}

// What every operation reads; the loss reads the targets too.
static inline HeedStatus heed_crf_check(const HeedCrfShape *s, const HeedCrfInputs *in, bool has_targets) {
  if (!s || !in || (unsigned)s->reduction > HeedCrfReductionTokenMean) return HeedStatusBadArgument;
  HeedStatus status = heed_crf_check_emissions(s, s->emissions_batch, s->emissions_time, in->emissions, false);
  if (status == HeedStatusOk) status = heed_crf_check_transitions(s, s->transitions_row, in->transitions, false);
  if (status != HeedStatusOk) return status;
  size_t steps = 0;
  if (in->lengths) {
    for (size_t b = 0; b < s->batch; b++) {
      if (in->lengths[b] < 0 || (uint64_t)in->lengths[b] > s->time) return HeedStatusBadArgument;
      steps += (size_t)in->lengths[b];
    }
  } else {
    steps = s->batch * s->time;
  }
  if (s->tags > 0 && (!in->transitions || (s->batch * s->time > 0 && !in->emissions))) return HeedStatusBadArgument;
  if (!has_targets) return HeedStatusOk;
  if (steps > 0 && !in->targets) return HeedStatusBadArgument;
  for (size_t b = 0; b < s->batch; b++)
    for (size_t t = 0; t < heed_crf_length(s, in, b); t++) {
      const size_t place = b * s->time + t;
      if (in->targets[place] < 0 || (uint64_t)in->targets[place] >= s->tags)
        return heed_bad_index("targets", in->targets[place], place, s->tags);
    }
  return HeedStatusOk;
}

// The divisor of a mean; 1 for the other reductions.
static inline double heed_crf_count(const HeedCrfShape *s, const HeedCrfInputs *in) {
  if (s->reduction == HeedCrfReductionMean) return (double)s->batch;
  if (s->reduction != HeedCrfReductionTokenMean) return 1.0;
  size_t steps = 0;
  for (size_t b = 0; b < s->batch; b++) steps += heed_crf_length(s, in, b);
  return (double)steps;
}

// The factor of sequence b's gradients.
static inline double heed_crf_factor(const HeedCrfShape *s, const HeedCrfInputs *in, size_t b, double count) {
  const double g = in->d_loss ? (double)in->d_loss[s->reduction == HeedCrfReductionNone ? b : 0] : 1.0;
  return count == 0 ? 0.0 : g / count;
}

// Whether a row holds neither NaN nor plus infinity.
static inline bool heed_crf_row_is_sound(const float *x, size_t count) {
  bool sound = true;
  for (size_t j = 0; x && j < count; j++) sound &= x[j] < INFINITY;
  return sound;
}
static inline bool heed_crf_transitions_are_sound(const HeedCrfShape *s, const HeedCrfInputs *in) {
  for (size_t i = 0; i < s->tags; i++)
    if (!heed_crf_row_is_sound(in->transitions + (ptrdiff_t)i * s->transitions_row, s->tags)) return false;
  return true;
}
// The same for all that sequence b reads beside the transitions.
static inline bool heed_crf_sequence_is_sound(const HeedCrfShape *s, const HeedCrfInputs *in, size_t b) {
  const size_t length = heed_crf_length(s, in, b);
  if (length == 0 || s->tags == 0) return true;
  if (!heed_crf_row_is_sound(in->start, s->tags) || !heed_crf_row_is_sound(in->end, s->tags)) return false;
  for (size_t t = 0; t < length; t++)
    if (!heed_crf_row_is_sound(in->emissions + (ptrdiff_t)b * s->emissions_batch + (ptrdiff_t)t * s->emissions_time, s->tags)) return false;
  return true;
}

#endif

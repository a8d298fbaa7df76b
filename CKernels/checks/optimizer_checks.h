// Private: the checks of an optimiser's numbers, for the engine and the reference.

#ifndef HEED_OPTIMIZER_CHECKS_H
#define HEED_OPTIMIZER_CHECKS_H

#include <math.h>

#include "heed/optimizer.h"

static inline bool heed_is_amount(double x) { return x >= 0 && isfinite(x); }

static inline HeedStatus heed_optimizer_check_sgd(const HeedOptimizerSgd *s) {
  if (!s || s->step == 0 || !isfinite(s->gradient_scale)) return HeedStatusBadArgument;
  if (!heed_is_amount(s->lr) || !heed_is_amount(s->momentum)) return HeedStatusBadArgument;
  if (!heed_is_amount(s->dampening) || (s->nesterov && (s->momentum == 0 || s->dampening != 0))) return HeedStatusBadArgument;
  return HeedStatusOk;
}

static inline HeedStatus heed_optimizer_check_adam(const HeedOptimizerAdam *a) {
  if (!a || a->step == 0 || !isfinite(a->gradient_scale)) return HeedStatusBadArgument;
  if (!heed_is_amount(a->lr) || !heed_is_amount(a->eps)) return HeedStatusBadArgument;
  if (!(a->beta1 >= 0 && a->beta1 < 1 && a->beta2 >= 0 && a->beta2 < 1)) return HeedStatusBadArgument;
  return HeedStatusOk;
}

#endif

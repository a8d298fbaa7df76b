// Optimisers in float64, one element after the other: the specification of optimizer.h in code, and the oracle of the tests.

#include "checks/optimizer_checks.h"
#include "runtime/float_mode.h"

HeedStatus heed_optimizer_reference_sgd(const HeedSgd *sgd, size_t count, const float *gradient, double *value, double *first) {
  HEED_FLOAT_MODE();
  const HeedStatus status = heed_optimizer_check_sgd(sgd);
  if (status != HeedStatusOk) return status;
  if (count > PTRDIFF_MAX / sizeof(double)) return HeedStatusBadShape;
  if (count > 0 && (!gradient || !value || (sgd->momentum != 0 && !first))) return HeedStatusBadArgument;
  for (size_t i = 0; i < count; i++) {
    double g = (double)gradient[i] * (double)sgd->gradient_scale + sgd->weight_decay * value[i];
    if (sgd->momentum != 0) {
      first[i] = sgd->step == 1 ? g : sgd->momentum * first[i] + (1 - sgd->dampening) * g;
      g = sgd->nesterov ? g + sgd->momentum * first[i] : first[i];
    }
    value[i] -= sgd->learning_rate * g;
  }
  return HeedStatusOk;
}

HeedStatus heed_optimizer_reference_adam(const HeedAdam *adam, size_t count, const float *gradient, double *value, double *first,
                                         double *second, double *largest) {
  HEED_FLOAT_MODE();
  const HeedStatus status = heed_optimizer_check_adam(adam);
  if (status != HeedStatusOk) return status;
  if (count > PTRDIFF_MAX / sizeof(double)) return HeedStatusBadShape;
  if (count > 0 && (!gradient || !value || !first || !second || (adam->amsgrad && !largest))) return HeedStatusBadArgument;
  const double correction1 = 1 - pow(adam->beta1, (double)adam->step), correction2 = 1 - pow(adam->beta2, (double)adam->step);
  for (size_t i = 0; i < count; i++) {
    double g = (double)gradient[i] * (double)adam->gradient_scale;
    if (adam->decoupled)
      value[i] *= 1 - adam->learning_rate * adam->weight_decay;
    else
      g += adam->weight_decay * value[i];
    first[i] += (1 - adam->beta1) * (g - first[i]);
    second[i] = adam->beta2 * second[i] + (1 - adam->beta2) * g * g;
    double u = second[i];
    if (adam->amsgrad) {
      if (!(largest[i] >= u)) largest[i] = isnan(largest[i]) ? largest[i] : u;
      u = largest[i];
    }
    value[i] -= adam->learning_rate / correction1 * first[i] / (sqrt(u) / sqrt(correction2) + adam->epsilon);
  }
  return HeedStatusOk;
}

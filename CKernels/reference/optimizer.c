// Optimisers in float64, one element after the other: the specification of optimizer.h in code, and the oracle of the tests.

#include "checks/optimizer_checks.h"
#include "runtime/float_mode.h"

HeedStatus heed_optimizer_reference_sgd(const HeedOptimizerSgd *sgd, double weight_decay, size_t count, const float *gradient,
                                        double *value, double *m) {
  HEED_FLOAT_MODE();
  const HeedStatus status = heed_optimizer_check_sgd(sgd);
  if (status != HeedStatusOk) return status;
  if (count > PTRDIFF_MAX / sizeof(double)) return HeedStatusBadShape;
  if (!heed_is_amount(weight_decay)) return HeedStatusBadArgument;
  if (count > 0 && (!gradient || !value || (sgd->momentum != 0 && !m))) return HeedStatusBadArgument;
  for (size_t i = 0; i < count; i++) {
    double g = (double)gradient[i] * (double)sgd->gradient_scale + weight_decay * value[i];
    if (sgd->momentum != 0) {
      m[i] = sgd->step == 1 ? g : sgd->momentum * m[i] + (1 - sgd->dampening) * g;
      g = sgd->nesterov ? g + sgd->momentum * m[i] : m[i];
    }
    value[i] -= sgd->lr * g;
  }
  return HeedStatusOk;
}

HeedStatus heed_optimizer_reference_adam(const HeedOptimizerAdam *adam, double weight_decay, size_t count, const float *gradient,
                                         double *value, double *m, double *v, double *v_max) {
  HEED_FLOAT_MODE();
  const HeedStatus status = heed_optimizer_check_adam(adam);
  if (status != HeedStatusOk) return status;
  if (count > PTRDIFF_MAX / sizeof(double)) return HeedStatusBadShape;
  if (!heed_is_amount(weight_decay)) return HeedStatusBadArgument;
  if (count > 0 && (!gradient || !value || !m || !v || (adam->amsgrad && !v_max))) return HeedStatusBadArgument;
  const double correction1 = 1 - pow(adam->beta1, (double)adam->step), correction2 = 1 - pow(adam->beta2, (double)adam->step);
  for (size_t i = 0; i < count; i++) {
    double g = (double)gradient[i] * (double)adam->gradient_scale;
    if (adam->decoupled)
      value[i] *= 1 - adam->lr * weight_decay;
    else
      g += weight_decay * value[i];
    m[i] += (1 - adam->beta1) * (g - m[i]);
    v[i] = adam->beta2 * v[i] + (1 - adam->beta2) * g * g;
    double largest_v = v[i];
    if (adam->amsgrad) {
      if (!(v_max[i] >= v[i])) v_max[i] = isnan(v_max[i]) ? v_max[i] : v[i];
      largest_v = v_max[i];
    }
    value[i] -= adam->lr / correction1 * m[i] / (sqrt(largest_v) / sqrt(correction2) + adam->eps);
  }
  return HeedStatusOk;
}

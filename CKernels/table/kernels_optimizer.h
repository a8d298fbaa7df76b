// Private: the table kernels of optimisers, each over one stretch of one parameter.

#ifndef HEED_KERNELS_OPTIMIZER_H
#define HEED_KERNELS_OPTIMIZER_H

#include "heed/optimizer.h"

// Coefficients of a step; weight_decay and w_scale are the span's.
typedef struct HeedOptimizerSgdStep {
  float gradient_scale, weight_decay;
  float momentum, one_minus_dampening;
  float lr;
  bool has_momentum, is_first, nesterov; // at the first step m is not read
} HeedOptimizerSgdStep;

typedef struct HeedOptimizerAdamStep {
  float gradient_scale;
  float weight_decay; // joins the gradient; 0 where decoupled
  float w_scale;      // 1 - lr weight_decay where decoupled, else 1
  float one_minus_beta1;
  float beta2, one_minus_beta2;
  float lr_over_correction1;       // lr / (1 - beta1^t)
  float one_over_root_correction2; // 1 / sqrt(1 - beta2^t)
  float eps;
  bool amsgrad;
} HeedOptimizerAdamStep;

typedef struct HeedOptimizerKernels {
  void (*sgd)(const HeedOptimizerSgdStep *step, const HeedOptimizerParameter *span);
  void (*adam)(const HeedOptimizerAdamStep *step, const HeedOptimizerParameter *span);
  double (*sum_of_squares)(size_t count, const float *data);
  void (*accumulate)(size_t count, float factor, const float *source, float *target);
} HeedOptimizerKernels;

#endif

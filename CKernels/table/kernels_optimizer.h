// Private: the table kernels of optimisers, each over one stretch of one parameter.

#ifndef HEED_KERNELS_OPTIMIZER_H
#define HEED_KERNELS_OPTIMIZER_H

#include "heed/optimizer.h"

typedef struct HeedSgdStep {
  float scale, decay;           // g <- scale * gradient + decay * w
  float momentum, contribution; // b <- momentum * b + contribution * g; at step 1 b is not read
  float rate;
  bool has_momentum, begins, nesterov;
} HeedSgdStep;

typedef struct HeedAdamStep {
  float scale, decay, shrink; // g <- scale * gradient + decay * w;  w <- shrink * w
  float approach1;            // 1 - beta1
  float beta2, approach2;     // beta2, 1 - beta2
  float rate;                 // learning_rate / (1 - beta1^step)
  float correction;           // 1 / sqrt(1 - beta2^step)
  float epsilon;
  bool amsgrad;
} HeedAdamStep;

typedef struct HeedOptimizerKernels {
  void (*sgd)(const HeedSgdStep *step, const HeedParameterSpan *span);
  void (*adam)(const HeedAdamStep *step, const HeedParameterSpan *span);
  double (*sum_of_squares)(size_t count, const float *data);
  void (*scale)(size_t count, float factor, float *data);
  void (*accumulate)(size_t count, float factor, const float *source, float *target);
} HeedOptimizerKernels;

#endif

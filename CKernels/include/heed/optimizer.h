// Optimisers: one fused pass over all parameters, and what is done to their gradients before it.
//
// Parameters are a list of spans, each a contiguous array with its gradient, its moments and its weight decay, so that parameters that
// decay and others that do not are one pass. All arithmetic is elementwise in float32, with coefficients that were computed in float64, so
// an element's bits depend on its own numbers and the instruction set only. g is the gradient times gradient_scale (the factor of clipping,
// or 1 / the number of accumulated batches, without a pass of its own), w the value, t the step.
//
// SGD (torch.optim.SGD):
//   g <- g + weight_decay w
//   momentum: m <- g at t = 1, momentum m + (1 - dampening) g later;   g <- g + momentum m (Nesterov 1983) or m
//   w <- w - lr g
//
// Adam (Kingma and Ba 2015; torch.optim.Adam), AdamW where `decoupled` (Loshchilov and Hutter 2019; torch.optim.AdamW):
//   decoupled: w <- w (1 - lr weight_decay), else g <- g + weight_decay w
//   m <- m + (1 - beta1) (g - m);   v <- beta2 v + (1 - beta2) g^2
//   amsgrad: v_max <- max(v_max, v) (NaN where either is; Reddi, Kale and Kumar 2018), and v_max stands for v in
//   w <- w - lr m^ / (sqrt(v^) + eps),   m^ = m / (1 - beta1^t),  v^ = v / (1 - beta2^t)
//
// Moments and values below 2^-126 in magnitude count as 0 and become 0, and so do gradients and products on the way (a moment that decays
// would otherwise end among the denormals, where Intel's processors take a hundred times as long). An instruction set without fused
// multiply-adds may leave m at up to 2^-126 / (1 - beta1) instead.
//
// Value and moments are updated in place. Moments begin as zeros (SGD does not read m at t = 1). NaN goes where IEEE takes it: ask
// heed_optimizer_gradient_norm before stepping. No array may overlap another.
//
// Errors: BadShape (overflow), BadArgument (a null pointer to what is needed where count > 0; a coefficient that is negative or not finite;
// a beta of 1 or more; step = 0; Nesterov without momentum or with dampening; gradient_scale not finite), OutOfMemory.

#ifndef HEED_OPTIMIZER_H
#define HEED_OPTIMIZER_H

#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct HeedOptimizerParameter {
  size_t count;
  float *value;
  const float *gradient;
  float *m;     // SGD with momentum; Adam
  float *v;     // Adam
  float *v_max; // Adam with amsgrad
  double weight_decay;
} HeedOptimizerParameter;

typedef struct HeedOptimizerSgd {
  double lr, momentum, dampening;
  bool nesterov;
  uint64_t step; // from 1
  float gradient_scale;
} HeedOptimizerSgd;

typedef struct HeedOptimizerAdam {
  double lr, beta1, beta2, eps;
  bool decoupled, amsgrad;
  uint64_t step; // from 1
  float gradient_scale;
} HeedOptimizerAdam;

HeedStatus heed_optimizer_sgd(const HeedOptimizerSgd *sgd, size_t count, const HeedOptimizerParameter *spans);
HeedStatus heed_optimizer_adam(const HeedOptimizerAdam *adam, size_t count, const HeedOptimizerParameter *spans);

// One span, all state in float64, scalar; denormals of float32 are kept.
HeedStatus heed_optimizer_reference_sgd(const HeedOptimizerSgd *sgd, double weight_decay, size_t count, const float *gradient,
                                        double *value, double *m);
HeedStatus heed_optimizer_reference_adam(const HeedOptimizerAdam *adam, double weight_decay, size_t count, const float *gradient,
                                         double *value, double *m, double *v, double *v_max);

// ---- Gradients --------------------------------------------------------------------------------------------------------------------------

typedef struct HeedOptimizerSpan {
  size_t count;
  float *data;
} HeedOptimizerSpan;

// norm <- the square root of the sum of all squares, in float64: squares are exact, chunks of HEED_OPTIMIZER_CHUNK elements are summed in
// 16 interleaved sums added in order, chunks and spans in order; the same bits on every instruction set. NaN or infinite where an element
// is; then `not_finite` receives the number of the first span that holds such an element, else `count`. Either may be null.
#define HEED_OPTIMIZER_CHUNK 16384
HeedStatus heed_optimizer_gradient_norm(size_t count, const HeedOptimizerSpan *spans, double *norm, size_t *not_finite);

// min(1, max_norm / (norm + 1e-6)): what torch.nn.utils.clip_grad_norm_ multiplies by, for `gradient_scale`. 1 for a norm that is not
// finite: do not step then.
float heed_optimizer_clip_factor(double norm, double max_norm);

// targets[i] <- targets[i] + factor * sources[i], one fused multiply-add where the instruction set has one. BadShape where counts differ.
HeedStatus heed_optimizer_gradient_accumulate(size_t count, const HeedOptimizerSpan *targets, const HeedOptimizerSpan *sources,
                                              float factor);

#ifdef __cplusplus
}
#endif

#endif

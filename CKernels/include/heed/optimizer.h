// Optimisers: one fused pass over all parameters, and the functions that prepare their gradients.
//
// Parameters are a list of spans. Each span is a contiguous array with its gradient, its moments and its own weight decay, so that
// parameters with and without decay take one pass. All arithmetic is element by element in float32, with coefficients that were computed in
// float64. So the bits of an element depend only on its own numbers. In the formulas, w is the value, t the
// step, and g the gradient times gradient_scale (the factor of clipping, or 1 / the number of accumulated batches, without a pass of its
// own).
//
// SGD (torch.optim.SGD):
//   g <- g + weight_decay w
//   momentum: m <- g at t = 1, momentum m + (1 - dampening) g later;   g <- g + momentum m (Nesterov 1983) or m
//   w <- w - lr g
//
// Adam (Kingma and Ba 2015; torch.optim.Adam), AdamW if `decoupled` (Loshchilov and Hutter 2019; torch.optim.AdamW):
//   decoupled: w <- w (1 - lr weight_decay), else g <- g + weight_decay w
//   m <- m + (1 - beta1) (g - m);   v <- beta2 v + (1 - beta2) g^2
//   amsgrad: v_max <- max(v_max, v) (NaN if either is; Reddi, Kale and Kumar 2018), and v_max replaces v in
//   w <- w - lr m^ / (sqrt(v^) + eps),   m^ = m / (1 - beta1^t),  v^ = v / (1 - beta2^t)
//
// Small numbers. Moments and values below 2^-126 in magnitude count as 0 and become 0, and so do gradients and intermediate products.
// Otherwise a moment that decays would end among the denormals, where Intel's processors take a hundred times as long. An instruction set
// without fused multiply-adds may leave m at up to 2^-126 / (1 - beta1) instead.
//
// Value and moments are updated in place. Moments begin as zeros (SGD does not read m at t = 1). No array may overlap another. NaN
// propagates as IEEE says: call heed_optimizer_gradient_norm before a step to find it.
//
// Errors: BadShape (overflow), BadArgument (a null pointer where data is needed although count > 0; a coefficient that is negative or not
// finite; a beta of 1 or more; step = 0; Nesterov without momentum or with dampening; gradient_scale not finite), OutOfMemory.

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

// One span, scalar, with all state in float64. Denormals of float32 are kept.
HeedStatus heed_optimizer_reference_sgd(const HeedOptimizerSgd *sgd, double weight_decay, size_t count, const float *gradient,
                                        double *value, double *m);
HeedStatus heed_optimizer_reference_adam(const HeedOptimizerAdam *adam, double weight_decay, size_t count, const float *gradient,
                                         double *value, double *m, double *v, double *v_max);

// ---- Gradients --------------------------------------------------------------------------------------------------------------------------

typedef struct HeedOptimizerSpan {
  size_t count;
  float *data;
} HeedOptimizerSpan;

// norm <- the square root of the sum of all squares, in float64. Squares are exact. Chunks of HEED_OPTIMIZER_CHUNK elements are summed in
// 16 interleaved sums, which are added in order, and so are the chunks and spans: the bits are the same on every instruction set. If an
// element is NaN or infinite, so is the norm, and `not_finite` receives the number of the first span with such an element; else it receives
// `count`. Either output may be null.
#define HEED_OPTIMIZER_CHUNK 16384
HeedStatus heed_optimizer_gradient_norm(size_t count, const HeedOptimizerSpan *spans, double *norm, size_t *not_finite);

// Returns min(1, max_norm / (norm + 1e-6)), the factor of torch.nn.utils.clip_grad_norm_, for `gradient_scale`. Returns 1 if the norm is
// not finite: do not take a step then.
float heed_optimizer_clip_factor(double norm, double max_norm);

// targets[i] <- targets[i] + factor * sources[i], with one fused multiply-add if the instruction set has one. BadShape if counts differ.
HeedStatus heed_optimizer_gradient_accumulate(size_t count, const HeedOptimizerSpan *targets, const HeedOptimizerSpan *sources,
                                              float factor);

#ifdef __cplusplus
}
#endif

#endif

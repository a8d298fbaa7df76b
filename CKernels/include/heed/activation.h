// Activation functions, float32, element by element, and their gradients.
//
//   relu       max(x, 0) sigmoid    1 / (1 + e^-x) tanh       (e^x - e^-x) / (e^x + e^-x) silu       x
//   sigmoid(x)                                    (Elfwing et al. 2017; swish) gelu       x Phi(x) = x (1 + erf(x / sqrt 2)) / 2
//   (Hendrycks and Gimpel 2016) gelu_tanh  x sigmoid(2 v), v = sqrt(2 / pi) (x + 0.044715 x^3): the same paper's approximation exp
//   e^x log        the natural logarithm; minus infinity for 0, NaN for negative numbers softplus   log(1 +
//   e^x)                                    (Dugas et al. 2001)
//
// NaN stays NaN. Infinities give the limit: gelu, gelu_tanh and silu give -0 for minus infinity and plus infinity for plus infinity.
//
// Accuracy, over every float (a result below 2^-126 may also err by 2^-149): exp 1.5 ulp; sigmoid, tanh, log 2 ulp; silu, softplus 3 ulp;
// gelu (2 + x^2 / 2) eps, relative, eps = 2^-23; gelu_tanh (2 + 3 |v|) eps. The bits of an element depend only on its value.

#ifndef HEED_ACTIVATION_H
#define HEED_ACTIVATION_H

#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum HEED_CLOSED HeedActivation {
  HeedActivationNone = 0,
  HeedActivationRelu,
  HeedActivationSigmoid,
  HeedActivationTanh,
  HeedActivationSilu,
  HeedActivationGelu,
  HeedActivationGeluTanh,
  HeedActivationExp,
  HeedActivationLog,
  HeedActivationSoftplus,
} HeedActivation;

#define HEED_ACTIVATION_COUNT 10

// output[i] <- activation(input[i]), i < count; `output` may be `input`. Errors: BadArgument (a null pointer although count > 0, or an
// activation that does not exist).
HeedStatus heed_activation_forward(HeedActivation activation, size_t count, const float *input, float *output);

// Which array the forward pass saved for the gradient.
typedef enum HEED_CLOSED HeedActivationSaved {
  HeedActivationSavedInput = 0, // x: every activation
  HeedActivationSavedOutput,    // y: none, relu, sigmoid, tanh, exp; the others are NotSupported
} HeedActivationSaved;

// d_input[i] <- d_output[i] f'(x[i]), i < count. The result may be stored in place of either operand. The derivatives f' are:
//
//   relu       1 where x (or y) > 0, else 0, and then d_input is 0 whatever d_output is  sigmoid    s (1 - s), s = sigmoid(x)
//   tanh       1 - tanh(x)^2                                                             silu       s + x s (1 - s)
//   gelu       Phi(x) + x phi(x), phi(x) = e^(-x^2 / 2) / sqrt(2 pi)
//   gelu_tanh  s + x s (1 - s) 2 v'(x), s = sigmoid(2 v)
//   exp        e^x                               log        1 / x                        softplus   s
//
// NaN in x or y gives NaN. An infinite x gives the limit of f' (0, 1 or infinite) times d_output by IEEE's rules: infinity times 0 is NaN.
//
// Accuracy from x, relative, over every float x: relu exact, log 0.5 ulp, exp 2 ulp and one rounding, softplus 4, sigmoid and tanh 5 eps;
// silu 5 eps of |s| + |x s (1 - s)|; gelu (3 + x^2) eps of Phi + |x| phi; gelu_tanh (4 + 6 |v|) eps of |s| + |x s (1 - s) 2 v'|. Accuracy
// from y, absolute, times d_output: sigmoid eps y, tanh 2 eps, exp 1.5 eps y, because y itself was rounded.
//
// Errors: BadArgument as above, NotSupported, BadShape (count overflows).
HeedStatus heed_activation_backward(HeedActivation activation, HeedActivationSaved saved, size_t count, const float *saved_values,
                                    const float *d_output, float *d_input);

#ifdef __cplusplus
}
#endif

#endif

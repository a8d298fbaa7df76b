// Activation functions, float32, element by element.
//
//   relu       max(x, 0)
//   sigmoid    1 / (1 + e^-x)
//   tanh       (e^x - e^-x) / (e^x + e^-x)
//   silu       x sigmoid(x)                                    (Elfwing et al. 2017; swish)
//   gelu       x Phi(x) = x (1 + erf(x / sqrt 2)) / 2          (Hendrycks and Gimpel 2016)
//   gelu_tanh  x sigmoid(2 v), v = sqrt(2 / pi) (x + 0.044715 x^3): the same paper's approximation
//
// NaN stays NaN. Infinities give the limit: gelu, gelu_tanh and silu of minus infinity are -0, of plus infinity plus infinity.
//
// Accuracy, over every float (a result below 2^-126 may also err by 2^-149): sigmoid, tanh 2 ulp; silu 3 ulp; gelu
// (2 + x^2 / 2) eps, relative, eps = 2^-23; gelu_tanh (2 + 3 |v|) eps. The bits of an element depend on its value and the instruction set alone.

#ifndef HEED_ACTIVATION_H
#define HEED_ACTIVATION_H

#include "heed_runtime.h"

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
} HeedActivation;

#define HEED_ACTIVATION_COUNT 7

// output[i] <- activation(input[i]), i < count; output may be the input. BadArgument for a null pointer where count > 0, or a number that is no
// activation.
HeedStatus heed_activation_forward(HeedActivation activation, size_t count, const float *input, float *output);

#ifdef __cplusplus
}
#endif

#endif

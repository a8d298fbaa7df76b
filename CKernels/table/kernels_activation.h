// Private: the activation functions' part of the table (heed/activation.h).

#ifndef HEED_KERNELS_ACTIVATION_H
#define HEED_KERNELS_ACTIVATION_H

#include "heed/activation.h"

typedef struct HeedActivationKernels {
  void (*forward)(HeedActivation activation, size_t count, const float *input, float *output);
  void (*backward)(HeedActivation activation, HeedActivationSaved saved, size_t count, const float *saved_values, const float *d_output,
                   float *d_input);
} HeedActivationKernels;

#endif

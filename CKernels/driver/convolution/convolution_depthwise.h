// Private: convolutions in which every channel of the input is a group of its own, without the matrices of the general ones.

#ifndef HEED_CONVOLUTION_DEPTHWISE_H
#define HEED_CONVOLUTION_DEPTHWISE_H

#include "checks/convolution_checks.h"

// Whether these functions take the convolution. It depends only on its sizes, without the batch.
bool heed_convolution_is_depthwise(const HeedConvolutionShape *shape, const HeedConvolutionSizes *z);

// Arguments are already checked. The batch is not 0, except for the weights.
HeedStatus heed_convolution_depthwise_forward(const HeedConvolutionShape *shape, const HeedConvolutionSizes *z, const float *input,
                                              const float *weight, const float *bias, HeedActivation activation, float *output);
HeedStatus heed_convolution_depthwise_input_backward(const HeedConvolutionShape *shape, const HeedConvolutionSizes *z, const float *weight,
                                                     const float *d_output, float *d_input);
HeedStatus heed_convolution_depthwise_weight_backward(const HeedConvolutionShape *shape, const HeedConvolutionSizes *z, const float *input,
                                                      const float *d_output, float *d_weight);

#endif

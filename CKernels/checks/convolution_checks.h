// Private: the argument checks of convolutions, for the engine and the reference.

#ifndef HEED_CONVOLUTION_CHECKS_H
#define HEED_CONVOLUTION_CHECKS_H

#include "checks/array_checks.h"
#include "heed/convolution.h"

// Sizes that follow from the shape.
typedef struct HeedConvolutionSizes {
  size_t output_height, output_width, pixels; // of Y; pixels: of one of its planes
  size_t group_inputs, group_outputs;         // channels of a group
  size_t area, depth;                         // of the kernel: height x width; with the channels of a group
} HeedConvolutionSizes;

static inline bool heed_image_fits(size_t batch, size_t channels, size_t height, size_t width, const HeedImageStrides *s) {
  const size_t size[] = {batch, channels, height, width};
  const ptrdiff_t stride[] = {s->batch, s->channel, s->row, s->column};
  return heed_strided_distances_fit(4, size, stride, sizeof(float));
}

static inline bool heed_image_is_injective(size_t batch, size_t channels, size_t height, size_t width, const HeedImageStrides *s) {
  const size_t size[] = {batch, channels, height, width};
  const ptrdiff_t stride[] = {s->batch, s->channel, s->row, s->column};
  return heed_strided_is_injective_beyond(4, size, stride, 0);
}

// Sizes alone.
static inline HeedStatus heed_convolution_check(const HeedConvolutionShape *s, HeedConvolutionSizes *z) {
  if (!s) return HeedStatusBadArgument;
  if (!s->input_channels || !s->output_channels || !s->groups || s->input_channels % s->groups || s->output_channels % s->groups)
    return HeedStatusBadShape;
  z->output_height = heed_convolution_output_size(s->height, s->kernel_height, s->stride_height, s->dilation_height, s->top, s->bottom);
  z->output_width = heed_convolution_output_size(s->width, s->kernel_width, s->stride_width, s->dilation_width, s->left, s->right);
  if (!z->output_height || !z->output_width) return HeedStatusBadShape;
  z->group_inputs = s->input_channels / s->groups, z->group_outputs = s->output_channels / s->groups;
  const size_t input[] = {s->batch, s->input_channels, s->height, s->width};
  const size_t output[] = {s->batch, s->output_channels, z->output_height, z->output_width};
  const size_t weight[] = {s->output_channels, z->group_inputs, s->kernel_height, s->kernel_width};
  if (!heed_strided_sizes_fit(4, input) || !heed_strided_sizes_fit(4, output) || !heed_strided_sizes_fit(4, weight))
    return HeedStatusBadShape;
  z->pixels = z->output_height * z->output_width;
  z->area = s->kernel_height * s->kernel_width;
  z->depth = z->area * z->group_inputs;
  return HeedStatusOk;
}

// Distances of X or dX, padding counted, so that addresses beside it may be computed.
static inline HeedStatus heed_convolution_check_input(const HeedConvolutionShape *s, const HeedImageStrides *strides) {
  const size_t height = s->height + s->top + s->bottom, width = s->width + s->left + s->right;
  return heed_image_fits(s->batch, s->input_channels, height, width, strides) ? HeedStatusOk : HeedStatusBadStride;
}

static inline HeedStatus heed_convolution_check_output(const HeedConvolutionShape *s, const HeedConvolutionSizes *z, bool is_written) {
  const bool fits = heed_image_fits(s->batch, s->output_channels, z->output_height, z->output_width, &s->output);
  if (!fits) return HeedStatusBadStride;
  return !is_written || heed_image_is_injective(s->batch, s->output_channels, z->output_height, z->output_width, &s->output)
             ? HeedStatusOk
             : HeedStatusBadStride;
}

#endif

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

static inline HeedArray heed_image(size_t batch, size_t channels, size_t height, size_t width, const HeedConvolutionStrides *s) {
  return (HeedArray){4, {batch, channels, height, width}, {s->batch, s->channel, s->row, s->column}};
}

// Checks only sizes.
static inline HeedStatus heed_convolution_check(const HeedConvolutionShape *s, HeedConvolutionSizes *z) {
  if (!s) return HeedStatusBadArgument;
  if (!s->input_channels || !s->output_channels || !s->groups || s->input_channels % s->groups || s->output_channels % s->groups)
    return HeedStatusBadShape;
  z->output_height = heed_convolution_output_size(s->height, s->kernel_height, s->stride_height, s->dilation_height, s->top, s->bottom);
  z->output_width = heed_convolution_output_size(s->width, s->kernel_width, s->stride_width, s->dilation_width, s->left, s->right);
  if (!z->output_height || !z->output_width) return HeedStatusBadShape;
  z->group_inputs = s->input_channels / s->groups, z->group_outputs = s->output_channels / s->groups;
  const HeedArray input = {4, {s->batch, s->input_channels, s->height, s->width}, {0}},
                  output = {4, {s->batch, s->output_channels, z->output_height, z->output_width}, {0}},
                  weight = {4, {s->output_channels, z->group_inputs, s->kernel_height, s->kernel_width}, {0}};
  if (!heed_array_sizes_fit(&input) || !heed_array_sizes_fit(&output) || !heed_array_sizes_fit(&weight)) return HeedStatusBadShape;
  z->pixels = z->output_height * z->output_width;
  z->area = s->kernel_height * s->kernel_width;
  z->depth = z->area * z->group_inputs;
  return HeedStatusOk;
}

// Checks the distances of X or dX, with padding, so that addresses in the padding may be computed.
static inline HeedStatus heed_convolution_check_input(const HeedConvolutionShape *s, const HeedConvolutionStrides *strides) {
  const size_t height = s->height + s->top + s->bottom, width = s->width + s->left + s->right;
  const HeedArray padded = heed_image(s->batch, s->input_channels, height, width, strides);
  return heed_array_distances_fit(&padded, sizeof(float)) ? HeedStatusOk : HeedStatusBadStride;
}

static inline HeedStatus heed_convolution_check_output(const HeedConvolutionShape *s, const HeedConvolutionSizes *z, bool is_written) {
  const HeedArray output = heed_image(s->batch, s->output_channels, z->output_height, z->output_width, &s->output);
  return heed_array_strides_fit(&output, sizeof(float), is_written) ? HeedStatusOk : HeedStatusBadStride;
}

#endif

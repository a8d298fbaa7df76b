// Convolution problems for tests: shapes, layouts, guarded operands.

#ifndef HEED_CONVOLUTION_SUPPORT_H
#define HEED_CONVOLUTION_SUPPORT_H

#include "harness.h"
#include "heed/convolution.h"

typedef enum ImageLayout {
  ImageContiguous = 0,
  ImagePadded,       // rows and planes apart
  ImageChannelsLast, // channels contiguous
  ImageTransposed,   // columns before rows
} ImageLayout;

#define IMAGE_LAYOUTS 4

typedef struct Image {
  Guarded block;
  float *first;
  size_t count; // floats in the block
  size_t size[4];
  HeedConvolutionStrides strides;
} Image;

// Numbers of mean 0; an element depends on the stream and its place alone. The gaps are poison.
Image image_make(size_t batch, size_t channels, size_t height, size_t width, ImageLayout layout, uint64_t stream, GuardSide side);
void image_free(Image *image);
float *image_at(const Image *image, size_t n, size_t c, size_t y, size_t x);
// Copies the elements out and poisons them; fails where a gap has changed.
void image_take(Image *image, float *to);
void image_make_absolute(Image *image);

typedef struct Convolution {
  HeedConvolutionShape shape;
  Image input, output, d_output, d_input; // `output` is for the result
  Guarded weight, bias;
  size_t output_height, output_width, weights;
} Convolution;

Convolution convolution_make(HeedConvolutionShape shape, ImageLayout input, ImageLayout output, GuardSide side);
void convolution_free(Convolution *problem);

// What the passes give, contiguous; `bias` is used where not null.
typedef struct ConvolutionResult {
  float *output, *d_input, *d_weight, *d_bias;
} ConvolutionResult;

ConvolutionResult convolution_run(Convolution *problem);
void convolution_result_free(ConvolutionResult *result);

// The largest error of each result in units of eps times the sum of its terms' sizes.
typedef struct ConvolutionErrors {
  double output, d_input, d_weight, d_bias;
} ConvolutionErrors;

ConvolutionErrors convolution_errors(Convolution *problem, const ConvolutionResult *result);

const char *convolution_describe(const HeedConvolutionShape *shape);

#endif

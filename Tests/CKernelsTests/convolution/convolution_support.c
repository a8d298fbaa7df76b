// See convolution_support.h.

#include "convolution_support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static HeedConvolutionStrides strides_of(const size_t size[4], ImageLayout layout) {
  const ptrdiff_t c = (ptrdiff_t)size[1], h = (ptrdiff_t)size[2], w = (ptrdiff_t)size[3];
  switch (layout) {
  case ImageContiguous:
    break;
  case ImagePadded:
    return (HeedConvolutionStrides){c * (h * (w + 3) + 5) + 1, h * (w + 3) + 5, w + 3, 1};
  case ImageChannelsLast:
    return (HeedConvolutionStrides){c * h * w, 1, c * w, c};
  case ImageTransposed:
    return (HeedConvolutionStrides){c * h * w, h * w, 1, h};
  }
  return (HeedConvolutionStrides){c * h * w, h * w, w, 1};
}

float *image_at(const Image *image, size_t n, size_t c, size_t y, size_t x) {
  const HeedConvolutionStrides *s = &image->strides;
  return image->first + (ptrdiff_t)n * s->batch + (ptrdiff_t)c * s->channel + (ptrdiff_t)y * s->row + (ptrdiff_t)x * s->column;
}

typedef void (*Visit)(float *element, size_t i, void *context);

static void visit(const Image *image, Visit function, void *context) {
  size_t i = 0;
  for (size_t n = 0; n < image->size[0]; n++)
    for (size_t c = 0; c < image->size[1]; c++)
      for (size_t y = 0; y < image->size[2]; y++)
        for (size_t x = 0; x < image->size[3]; x++) function(image_at(image, n, c, y, x), i++, context);
}

static void draw(float *element, size_t i, void *context) {
  (void)i;
  *element = (float)random_normal(context);
}
static void take(float *element, size_t i, void *context) {
  ((float *)context)[i] = *element;
  poison_floats(element, 1);
}
static void make_absolute(float *element, size_t i, void *context) {
  (void)i, (void)context;
  *element = fabsf(*element);
}

Image image_make(size_t batch, size_t channels, size_t height, size_t width, ImageLayout layout, uint64_t stream, GuardSide side) {
  Image image = {.size = {batch, channels, height, width}};
  image.strides = strides_of(image.size, layout);
  const HeedConvolutionStrides *s = &image.strides;
  if (batch > 0)
    image.count = (size_t)((ptrdiff_t)(batch - 1) * s->batch + (ptrdiff_t)(channels - 1) * s->channel + (ptrdiff_t)(height - 1) * s->row +
                           (ptrdiff_t)(width - 1) * s->column) +
                  1;
  image.block = guarded_allocate(image.count * sizeof(float), side);
  image.first = image.block.data;
  poison_floats(image.first, image.count);
  Random r = random_stream(stream);
  visit(&image, draw, &r);
  return image;
}

void image_free(Image *image) { guarded_free(&image->block); }

void image_take(Image *image, float *to) {
  visit(image, take, to);
  CHECK(is_poison(image->first, image->count));
}

void image_make_absolute(Image *image) { visit(image, make_absolute, NULL); }

Convolution convolution_make(HeedConvolutionShape shape, ImageLayout input, ImageLayout output, GuardSide side) {
  Convolution p = {.shape = shape};
  p.output_height =
      heed_convolution_output_size(shape.height, shape.kernel_height, shape.stride_height, shape.dilation_height, shape.top, shape.bottom);
  p.output_width =
      heed_convolution_output_size(shape.width, shape.kernel_width, shape.stride_width, shape.dilation_width, shape.left, shape.right);
  p.input = image_make(shape.batch, shape.input_channels, shape.height, shape.width, input, 1, side);
  p.d_input = image_make(shape.batch, shape.input_channels, shape.height, shape.width, input, 2, side);
  p.output = image_make(shape.batch, shape.output_channels, p.output_height, p.output_width, output, 3, side);
  p.d_output = image_make(shape.batch, shape.output_channels, p.output_height, p.output_width, output, 4, side);
  p.shape.input = p.input.strides, p.shape.output = p.output.strides, p.shape.d_input = p.d_input.strides;
  p.weights = shape.output_channels * (shape.input_channels / shape.groups) * shape.kernel_height * shape.kernel_width;
  p.weight = guarded_allocate(p.weights * sizeof(float), side);
  p.bias = guarded_allocate(shape.output_channels * sizeof(float), side);
  Random r = random_stream(5);
  for (size_t i = 0; i < p.weights; i++) ((float *)p.weight.data)[i] = (float)random_normal(&r);
  for (size_t i = 0; i < shape.output_channels; i++) ((float *)p.bias.data)[i] = (float)random_normal(&r);
  return p;
}

void convolution_free(Convolution *p) {
  image_free(&p->input), image_free(&p->output), image_free(&p->d_output), image_free(&p->d_input);
  guarded_free(&p->weight), guarded_free(&p->bias);
}

static size_t elements(const Image *image) { return image->size[0] * image->size[1] * image->size[2] * image->size[3]; }

ConvolutionResult convolution_run(Convolution *p) {
  const ConvolutionResult r = {
      .output = calloc(elements(&p->output) + 1, sizeof(float)),
      .d_input = calloc(elements(&p->input) + 1, sizeof(float)),
      .d_weight = calloc(p->weights, sizeof(float)),
      .d_bias = calloc(p->shape.output_channels, sizeof(float)),
  };
  poison_floats(r.d_weight, p->weights);
  poison_floats(r.d_bias, p->shape.output_channels);
  const HeedConvolutionShape *s = &p->shape;
  CHECK(heed_convolution_forward(s, p->input.first, p->weight.data, p->bias.data, HeedActivationNone, p->output.first) == HeedStatusOk);
  CHECK(heed_convolution_input_backward(s, p->weight.data, p->d_output.first, p->d_input.first) == HeedStatusOk);
  CHECK(heed_convolution_weight_backward(s, p->input.first, p->d_output.first, r.d_weight) == HeedStatusOk);
  CHECK(heed_convolution_bias_backward(s, p->d_output.first, r.d_bias) == HeedStatusOk);
  image_take(&p->output, r.output);
  image_take(&p->d_input, r.d_input);
  return r;
}

void convolution_result_free(ConvolutionResult *r) { free(r->output), free(r->d_input), free(r->d_weight), free(r->d_bias); }

typedef struct Reference {
  double *output, *d_input, *d_weight, *d_bias;
} Reference;

static Reference run_reference(const Convolution *p) {
  const Reference r = {
      .output = calloc(elements(&p->output) + 1, sizeof(double)),
      .d_input = calloc(elements(&p->input) + 1, sizeof(double)),
      .d_weight = calloc(p->weights, sizeof(double)),
      .d_bias = calloc(p->shape.output_channels, sizeof(double)),
  };
  CHECK(heed_convolution_reference_forward(&p->shape, p->input.first, p->weight.data, p->bias.data, r.output) == HeedStatusOk);
  CHECK(heed_convolution_reference_backward(&p->shape, p->input.first, p->weight.data, p->d_output.first, r.d_input, r.d_weight,
                                            r.d_bias) == HeedStatusOk);
  return r;
}

static void free_reference(Reference *r) { free(r->output), free(r->d_input), free(r->d_weight), free(r->d_bias); }

ConvolutionErrors convolution_errors(Convolution *p, const ConvolutionResult *result) {
  Reference exact = run_reference(p);
  image_make_absolute(&p->input), image_make_absolute(&p->d_output);
  for (size_t i = 0; i < p->weights; i++) ((float *)p->weight.data)[i] = fabsf(((float *)p->weight.data)[i]);
  for (size_t i = 0; i < p->shape.output_channels; i++) ((float *)p->bias.data)[i] = fabsf(((float *)p->bias.data)[i]);
  Reference size = run_reference(p);
  const ConvolutionErrors e = {
      .output = compare_to_magnitude(result->output, exact.output, size.output, elements(&p->output)),
      .d_input = compare_to_magnitude(result->d_input, exact.d_input, size.d_input, elements(&p->input)),
      .d_weight = compare_to_magnitude(result->d_weight, exact.d_weight, size.d_weight, p->weights),
      .d_bias = compare_to_magnitude(result->d_bias, exact.d_bias, size.d_bias, p->shape.output_channels),
  };
  free_reference(&exact), free_reference(&size);
  return e;
}

const char *convolution_describe(const HeedConvolutionShape *s) {
  static char text[200];
  snprintf(text, sizeof text,
           "%zu x %zu->%zu (%zu groups) %zu x %zu, kernel %zu x %zu, stride %zu %zu, dilation %zu %zu, padding %zu %zu %zu %zu", s->batch,
           s->input_channels, s->output_channels, s->groups, s->height, s->width, s->kernel_height, s->kernel_width, s->stride_height,
           s->stride_width, s->dilation_height, s->dilation_width, s->top, s->bottom, s->left, s->right);
  return text;
}

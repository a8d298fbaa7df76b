// Convolution in float64, one scalar step after the other: the specification of convolution.h in code, and the oracle of the tests. Results
// are contiguous.

#include "checks/convolution_checks.h"
#include "runtime/float_mode.h"

// Calls `visit` for every product of a weight and an element of X that is there.
typedef void (*Visit)(void *context, size_t output, ptrdiff_t input, size_t contiguous_input, ptrdiff_t strided_output, size_t weight);

static void visit_all(const HeedConvolutionShape *s, const HeedConvolutionSizes *z, Visit visit, void *context) {
  for (size_t n = 0; n < s->batch; n++)
    for (size_t o = 0; o < s->output_channels; o++)
      for (size_t y = 0; y < z->output_height; y++)
        for (size_t x = 0; x < z->output_width; x++)
          for (size_t c = 0; c < z->group_inputs; c++)
            for (size_t i = 0; i < s->kernel_height; i++)
              for (size_t j = 0; j < s->kernel_width; j++) {
                const size_t row = y * s->stride_height + i * s->dilation_height, column = x * s->stride_width + j * s->dilation_width;
                if (row < s->top || row - s->top >= s->height || column < s->left || column - s->left >= s->width) continue;
                const size_t channel = o / z->group_outputs * z->group_inputs + c, h = row - s->top, w = column - s->left;
                visit(context, ((n * s->output_channels + o) * z->output_height + y) * z->output_width + x,
                      (ptrdiff_t)n * s->input.batch + (ptrdiff_t)channel * s->input.channel + (ptrdiff_t)h * s->input.row +
                          (ptrdiff_t)w * s->input.column,
                      ((n * s->input_channels + channel) * s->height + h) * s->width + w,
                      (ptrdiff_t)n * s->output.batch + (ptrdiff_t)o * s->output.channel + (ptrdiff_t)y * s->output.row +
                          (ptrdiff_t)x * s->output.column,
                      ((o * z->group_inputs + c) * s->kernel_height + i) * s->kernel_width + j);
              }
}

typedef struct Operands {
  const float *input, *weight, *d_output;
  double *output, *d_input, *d_weight;
} Operands;

static void add_forward(void *context, size_t output, ptrdiff_t input, size_t contiguous_input, ptrdiff_t strided_output, size_t weight) {
  (void)contiguous_input, (void)strided_output;
  const Operands *x = context;
  x->output[output] += (double)x->input[input] * (double)x->weight[weight];
}

static void add_backward(void *context, size_t output, ptrdiff_t input, size_t contiguous_input, ptrdiff_t strided_output, size_t weight) {
  (void)output;
  const Operands *x = context;
  const double gradient = x->d_output[strided_output];
  if (x->d_input) x->d_input[contiguous_input] += gradient * (double)x->weight[weight];
  if (x->d_weight) x->d_weight[weight] += gradient * (double)x->input[input];
}

HeedStatus heed_convolution_reference_forward(const HeedConvolutionShape *shape, const float *input, const float *weight, const float *bias,
                                              double *output) {
  HEED_FLOAT_MODE();
  HeedConvolutionSizes z;
  HeedStatus status = heed_convolution_check(shape, &z);
  if (status == HeedStatusOk) status = heed_convolution_check_input(shape, &shape->input);
  if (status != HeedStatusOk) return status;
  if (shape->batch > 0 && (!input || !weight || !output)) return HeedStatusBadArgument;
  for (size_t i = 0; i < shape->batch * shape->output_channels * z.pixels; i++)
    output[i] = bias ? (double)bias[i / z.pixels % shape->output_channels] : 0;
  Operands operands = {.input = input, .weight = weight, .output = output};
  HeedConvolutionShape read = *shape;
  read.output = (HeedConvolutionStrides){0}; // Y is contiguous: its strides may be anything
  visit_all(&read, &z, add_forward, &operands);
  return HeedStatusOk;
}

HeedStatus heed_convolution_reference_backward(const HeedConvolutionShape *shape, const float *input, const float *weight,
                                               const float *d_output, double *d_input, double *d_weight, double *d_bias) {
  HEED_FLOAT_MODE();
  HeedConvolutionSizes z;
  HeedStatus status = heed_convolution_check(shape, &z);
  if (status == HeedStatusOk && d_weight) status = heed_convolution_check_input(shape, &shape->input);
  if (status == HeedStatusOk) status = heed_convolution_check_output(shape, &z, false);
  if (status != HeedStatusOk) return status;
  if (shape->batch > 0 && (!d_output || (d_input && !weight) || (d_weight && !input))) return HeedStatusBadArgument;
  for (size_t i = 0; d_input && i < shape->batch * shape->input_channels * shape->height * shape->width; i++) d_input[i] = 0;
  for (size_t i = 0; d_weight && i < shape->output_channels * z.depth; i++) d_weight[i] = 0;
  Operands operands = {.input = input, .weight = weight, .d_output = d_output, .d_input = d_input, .d_weight = d_weight};
  HeedConvolutionShape read = *shape;
  if (!d_weight) read.input = (HeedConvolutionStrides){0}; // X is not read: its strides may be anything
  visit_all(&read, &z, add_backward, &operands);
  for (size_t o = 0; d_bias && o < shape->output_channels; o++) {
    d_bias[o] = 0;
    for (size_t n = 0; n < shape->batch; n++)
      for (size_t p = 0; p < z.pixels; p++)
        d_bias[o] +=
            (double)d_output[(ptrdiff_t)n * shape->output.batch + (ptrdiff_t)o * shape->output.channel +
                             (ptrdiff_t)(p / z.output_width) * shape->output.row + (ptrdiff_t)(p % z.output_width) * shape->output.column];
  }
  return HeedStatusOk;
}

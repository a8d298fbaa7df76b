// Average pooling in float64: the specification of pooling.h in code, and the oracle of the tests. Results are contiguous.

#include "checks/pooling_windows.h"
#include "runtime/float_mode.h"

// For every element of every window: output place, input place (contiguous), offset of X and of dY, divisor.
typedef void (*Visit)(void *context, size_t output, size_t input, ptrdiff_t at_input, ptrdiff_t at_output, double divisor);

static void visit_all(const HeedPoolingShape *s, const HeedPoolingSizes *z, Visit visit, void *context) {
  for (size_t p = 0; p < s->batch * s->channels; p++)
    for (size_t y = 0; y < z->output_height; y++)
      for (size_t x = 0; x < z->output_width; x++) {
        const HeedPoolingWindow rows = heed_pooling_rows(s, y), columns = heed_pooling_columns(s, x);
        const ptrdiff_t n = (ptrdiff_t)(p / s->channels), c = (ptrdiff_t)(p % s->channels);
        for (size_t h = rows.first; h < rows.end; h += rows.step)
          for (size_t w = columns.first; w < columns.end; w += columns.step)
            visit(context, (p * z->output_height + y) * z->output_width + x, (p * s->height + h) * s->width + w,
                  n * s->input.batch + c * s->input.channel + (ptrdiff_t)h * s->input.row + (ptrdiff_t)w * s->input.column,
                  n * s->output.batch + c * s->output.channel + (ptrdiff_t)y * s->output.row + (ptrdiff_t)x * s->output.column,
                  heed_pooling_divisor(s, &rows, &columns));
      }
}

typedef struct Operands {
  const float *from;
  double *to;
} Operands;

static void add_forward(void *context, size_t output, size_t input, ptrdiff_t at_input, ptrdiff_t at_output, double divisor) {
  (void)input, (void)at_output;
  const Operands *x = context;
  x->to[output] += (double)x->from[at_input] / divisor;
}

static void add_backward(void *context, size_t output, size_t input, ptrdiff_t at_input, ptrdiff_t at_output, double divisor) {
  (void)output, (void)at_input;
  const Operands *x = context;
  x->to[input] += (double)x->from[at_output] / divisor;
}

HeedStatus heed_pooling_reference_average_forward(const HeedPoolingShape *shape, const float *input, double *output) {
  HEED_FLOAT_MODE();
  HeedPoolingSizes z;
  const HeedStatus status = heed_pooling_check(shape, &z);
  if (status != HeedStatusOk) return status;
  const HeedArray x = heed_image(shape->batch, shape->channels, shape->height, shape->width, &shape->input);
  if (!heed_array_distances_fit(&x, sizeof(float))) return HeedStatusBadStride;
  const size_t planes = shape->batch * shape->channels;
  if (planes > 0 && (!input || !output)) return HeedStatusBadArgument;
  for (size_t i = 0; i < planes * z.output_height * z.output_width; i++) output[i] = 0;
  Operands operands = {input, output};
  HeedPoolingShape read = *shape;
  read.output = (HeedConvolutionStrides){0}; // Y is contiguous: its strides may be anything
  visit_all(&read, &z, add_forward, &operands);
  return HeedStatusOk;
}

HeedStatus heed_pooling_reference_average_backward(const HeedPoolingShape *shape, const float *d_output, double *d_input) {
  HEED_FLOAT_MODE();
  HeedPoolingSizes z;
  const HeedStatus status = heed_pooling_check(shape, &z);
  if (status != HeedStatusOk) return status;
  const HeedArray y = heed_image(shape->batch, shape->channels, z.output_height, z.output_width, &shape->output);
  if (!heed_array_distances_fit(&y, sizeof(float))) return HeedStatusBadStride;
  const size_t planes = shape->batch * shape->channels;
  if (planes > 0 && (!d_output || !d_input)) return HeedStatusBadArgument;
  for (size_t i = 0; i < planes * shape->height * shape->width; i++) d_input[i] = 0;
  Operands operands = {d_output, d_input};
  HeedPoolingShape read = *shape;
  read.input = (HeedConvolutionStrides){0}; // X is not read: its strides may be anything
  visit_all(&read, &z, add_backward, &operands);
  return HeedStatusOk;
}

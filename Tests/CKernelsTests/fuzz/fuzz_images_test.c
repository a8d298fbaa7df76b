// Random convolutions and poolings, forward and backward. See fuzz_support.h.

#include "fuzz_support.h"

static HeedConvolutionStrides strides_of(const FuzzArray *x) {
  return (HeedConvolutionStrides){x->stride[0], x->stride[1], x->stride[2], x->stride[3]};
}

// ---- Convolution ------------------------------------------------------------------------------------------------------------------------

typedef struct Image {
  HeedConvolutionShape shape;
  FuzzArray input, weight, bias, output, d_output, d_input, d_weight, d_bias;
  FuzzArray oracle_output, oracle_input, oracle_weight, oracle_bias, magnitude;
  size_t height, width;
} Image;

// Kernels, strides, dilation and padding of one dimension; the output's size.
static size_t choose(size_t *size, size_t *kernel, size_t *stride, size_t *dilation, size_t *before, size_t *after) {
  for (;;) {
    *size = fuzz_is_large ? 8 + fuzz_below(16) : 1 + fuzz_below(fuzz_one_in(4) ? 20 : 7);
    *kernel = fuzz_one_in(3) ? 1 : 1 + fuzz_below(5), *stride = fuzz_one_in(2) ? 1 : 1 + fuzz_below(4),
    *dilation = fuzz_one_in(2) ? 1 : 1 + fuzz_below(3);
    *before = fuzz_one_in(2) ? 0 : fuzz_below(4), *after = fuzz_one_in(2) ? *before : fuzz_below(4);
    const size_t outputs = heed_convolution_output_size(*size, *kernel, *stride, *dilation, *before, *after);
    if (outputs > 0) return outputs;
  }
}

static void build(Image *x) {
  HeedConvolutionShape *s = &x->shape;
  s->batch = fuzz_size(3), s->groups = 1 + fuzz_below(4);
  const size_t inputs = 1 + fuzz_below(fuzz_one_in(3) ? 6 : 2), outputs = 1 + fuzz_below(fuzz_one_in(3) ? 8 : 2);
  s->input_channels = s->groups * inputs, s->output_channels = s->groups * outputs;
  if (fuzz_one_in(3)) s->groups = s->input_channels, s->output_channels = s->groups * (1 + fuzz_below(2)); // depthwise
  x->height = choose(&s->height, &s->kernel_height, &s->stride_height, &s->dilation_height, &s->top, &s->bottom);
  x->width = choose(&s->width, &s->kernel_width, &s->stride_width, &s->dilation_width, &s->left, &s->right);
  if (fuzz_one_in(4)) { // one dimension
    s->height = s->kernel_height = s->stride_height = s->dilation_height = x->height = 1, s->top = s->bottom = 0;
  }
  x->input = FUZZ_FLOATS("X", FuzzRead, FuzzAny, s->batch, s->input_channels, s->height, s->width);
  x->weight =
      FUZZ_FLOATS("W", FuzzRead, FuzzContiguous, s->output_channels, s->input_channels / s->groups, s->kernel_height, s->kernel_width);
  x->bias = FUZZ_FLOATS("bias", FuzzRead, FuzzContiguous, s->output_channels);
  fuzz_fill(&x->input, 1), fuzz_fill(&x->weight, 1), fuzz_fill(&x->bias, 1);
  s->input = strides_of(&x->input);
  fuzz_note("groups", (double)s->groups), fuzz_note("stride", (double)s->stride_height), fuzz_note("and", (double)s->stride_width);
  fuzz_note("dilation", (double)s->dilation_height), fuzz_note("and", (double)s->dilation_width);
  fuzz_note("padding", (double)s->top), fuzz_note("and", (double)s->bottom), fuzz_note("and", (double)s->left),
      fuzz_note("and", (double)s->right);
}

static HeedStatus spoil_sizes(HeedConvolutionShape *s) {
  switch (fuzz_below(7)) {
  case 0: {
    size_t *const sizes[] = {&s->batch, &s->height, &s->width, &s->kernel_width, &s->dilation_height, &s->top};
    size_t *chosen = sizes[fuzz_below(6)];
    // A dilation of a kernel of 1 moves nothing.
    if (chosen == &s->dilation_height && s->kernel_height == 1) return HeedStatusOk;
    return fuzz_huge(chosen);
  }
  case 1:
    s->groups = 0;
    return HeedStatusBadShape;
  case 2:
    s->groups = s->input_channels + 1;
    return HeedStatusBadShape;
  case 3:
    s->stride_width = 0;
    return HeedStatusBadShape;
  case 4:
    s->kernel_height = s->height + s->top + s->bottom + 1;
    return HeedStatusBadShape;
  case 5:
    s->input_channels = 0;
    return HeedStatusBadShape;
  default:
    s->width = 0;
    return HeedStatusBadShape;
  }
}

// Distances count padding: an input of one row may be far all the same.
static HeedStatus far_input(HeedConvolutionShape *s, HeedConvolutionStrides *strides) {
  if (s->batch == 0 || s->height < 2) return HeedStatusOk;
  strides->row = PTRDIFF_MAX / 2;
  return HeedStatusBadStride;
}

// Strides of a dimension that moves nothing but in its padding may be refused there: made harmless.
static void tame(HeedConvolutionShape *s, HeedConvolutionStrides *strides) {
  if (s->height == 1) strides->row = 0;
  if (s->width == 1) strides->column = 0;
}

static double terms_of(const HeedConvolutionShape *s) {
  return (double)(s->input_channels / (s->groups ? s->groups : 1) * s->kernel_height * s->kernel_width);
}

FUZZ(convolution) {
  Image x = {0};
  build(&x);
  HeedConvolutionShape *s = &x.shape;
  tame(s, &s->input);
  x.output = FUZZ_FLOATS("Y", FuzzWritten, FuzzAny, s->batch, s->output_channels, x.height, x.width);
  x.oracle_output = FUZZ_DOUBLES("oracle", s->batch, s->output_channels, x.height, x.width);
  s->output = strides_of(&x.output);
  const double terms = terms_of(s);
  const float *input = x.input.data, *weight = x.weight.data, *bias = fuzz_one_in(2) ? x.bias.data : NULL;
  HeedActivation activation = fuzz_one_in(2) ? HeedActivationRelu : HeedActivationNone;
  HeedStatus expected = HeedStatusOk, of_output = HeedStatusOk;
  switch (fuzz_spoil(6)) {
  case 0:
  case 1:
    expected = spoil_sizes(s);
    break;
  case 2:
    expected = far_input(s, &s->input);
    break;
  case 3:
    expected = fuzz_null(&input, &x.input);
    if (fuzz_one_in(2) && x.input.count > 0) input = x.input.data, weight = NULL;
    break;
  case 4:
    of_output = fuzz_one_in(2) ? fuzz_overlap(&s->output.channel, &x.output, 1) : fuzz_far(&s->output.row, &x.output, 2);
    break;
  case 5:
    of_output = fuzz_enum(&activation, HEED_ACTIVATION_COUNT);
    break;
  default:
    break;
  }
  if (!FUZZ_CALL(expected, heed_convolution_reference_forward(s, input, weight, bias, x.oracle_output.data)) && expected == HeedStatusOk)
    return;
  for (size_t i = 0; expected == HeedStatusOk && activation == HeedActivationRelu && i < x.oracle_output.count; i++)
    if (FUZZ_AT(double, x.oracle_output, i) < 0) FUZZ_AT(double, x.oracle_output, i) = 0;
  fuzz_keep(&x.oracle_output);
  if (expected == HeedStatusOk) expected = of_output;
  // Numbers are at most 3.
  if (FUZZ_CALL(expected, heed_convolution_forward(s, input, weight, bias, activation, x.output.data)))
    fuzz_near(&x.output, &x.oracle_output, NULL, 8 * EPSILON * 9 * (terms + 1));
}

FUZZ(convolution_backward) {
  Image x = {0};
  build(&x);
  HeedConvolutionShape *s = &x.shape;
  tame(s, &s->input);
  x.d_output = FUZZ_FLOATS("dY", FuzzRead, FuzzAny, s->batch, s->output_channels, x.height, x.width);
  fuzz_fill(&x.d_output, 1);
  s->output = strides_of(&x.d_output);
  x.d_input = FUZZ_FLOATS("dX", FuzzWritten, FuzzAny, s->batch, s->input_channels, s->height, s->width);
  s->d_input = strides_of(&x.d_input), tame(s, &s->d_input);
  x.d_weight = FUZZ_FLOATS("dW", FuzzWritten, FuzzContiguous, x.weight.size[0], x.weight.size[1], x.weight.size[2], x.weight.size[3]);
  x.d_bias = FUZZ_FLOATS("dbias", FuzzWritten, FuzzContiguous, s->output_channels);
  x.oracle_input = FUZZ_DOUBLES("oracle dX", s->batch, s->input_channels, s->height, s->width);
  x.oracle_weight = FUZZ_DOUBLES("oracle dW", x.weight.size[0], x.weight.size[1], x.weight.size[2], x.weight.size[3]);
  x.oracle_bias = FUZZ_DOUBLES("oracle dbias", s->output_channels);
  const bool accumulate = fuzz_one_in(2);
  s->accumulate = accumulate;
  if (accumulate) fuzz_fill(&x.d_weight, 1), fuzz_fill(&x.d_bias, 1);
  const double back = (double)(s->output_channels / s->groups * s->kernel_height * s->kernel_width),
               all = (double)(s->batch * x.height * x.width);
  const float *input = x.input.data, *weight = x.weight.data, *d_output = x.d_output.data;
  HeedStatus of_input = HeedStatusOk, of_weight = HeedStatusOk, of_bias = HeedStatusOk, of_oracle = HeedStatusOk;
  switch (fuzz_spoil(6)) {
  case 0:
  case 1:
    of_input = of_weight = of_bias = of_oracle = spoil_sizes(s);
    break;
  case 2:
    of_input = of_weight = of_bias = of_oracle = fuzz_far(&s->output.channel, &x.d_output, 1);
    break;
  case 3:
    of_input = of_weight = of_bias = of_oracle = fuzz_null(&d_output, &x.d_output);
    break;
  case 4:
    of_weight = of_oracle = far_input(s, &s->input);
    break;
  case 5:
    of_input = fuzz_overlap(&s->d_input.channel, &x.d_input, 1);
    break;
  default:
    break;
  }
  if (!FUZZ_CALL(of_oracle, heed_convolution_reference_backward(s, input, weight, d_output, x.oracle_input.data, x.oracle_weight.data,
                                                                x.oracle_bias.data)) &&
      of_oracle == HeedStatusOk)
    return;
  for (size_t i = 0; of_oracle == HeedStatusOk && accumulate && i < x.oracle_weight.count; i++)
    FUZZ_AT(double, x.oracle_weight, i) += (double)FUZZ_AT(float, x.d_weight, i);
  for (size_t i = 0; of_oracle == HeedStatusOk && accumulate && i < x.oracle_bias.count; i++)
    FUZZ_AT(double, x.oracle_bias, i) += (double)FUZZ_AT(float, x.d_bias, i);
  fuzz_keep(&x.oracle_input), fuzz_keep(&x.oracle_weight), fuzz_keep(&x.oracle_bias);
  const bool known = of_oracle == HeedStatusOk;
  if (FUZZ_CALL(of_input, heed_convolution_input_backward(s, weight, d_output, x.d_input.data)) && known)
    fuzz_near(&x.d_input, &x.oracle_input, NULL, 8 * EPSILON * 9 * (back + 1));
  if (FUZZ_CALL(of_weight, heed_convolution_weight_backward(s, input, d_output, x.d_weight.data)) && known)
    fuzz_near(&x.d_weight, &x.oracle_weight, NULL, 8 * EPSILON * 9 * (all + 1));
  if (FUZZ_CALL(of_bias, heed_convolution_bias_backward(s, d_output, x.d_bias.data)) && known)
    fuzz_near(&x.d_bias, &x.oracle_bias, NULL, 2 * EPSILON * 3 * (all + 1));
}

// ---- Pooling ----------------------------------------------------------------------------------------------------------------------------

typedef struct Pool {
  HeedPoolingShape shape;
  size_t height, width; // of Y
} Pool;

static bool build_pool(Pool *p) {
  HeedPoolingShape *s = &p->shape;
  *s = (HeedPoolingShape){.batch = fuzz_size(3), .channels = fuzz_size(4), .count_padding = fuzz_one_in(2), .adaptive = fuzz_one_in(3)};
  p->height = choose(&s->height, &s->kernel_height, &s->stride_height, &s->dilation_height, &s->top, &s->bottom);
  p->width = choose(&s->width, &s->kernel_width, &s->stride_width, &s->dilation_width, &s->left, &s->right);
  s->output_height = 1 + fuzz_below(9), s->output_width = 1 + fuzz_below(9);
  if (s->adaptive) p->height = s->output_height, p->width = s->output_width;
  fuzz_note("adaptive", s->adaptive), fuzz_note("kernel", (double)s->kernel_height), fuzz_note("and", (double)s->kernel_width);
  fuzz_note("padding", (double)s->top), fuzz_note("and", (double)s->bottom), fuzz_note("and", (double)s->left),
      fuzz_note("and", (double)s->right);
  return true;
}

// Whether every window holds an element and padding is no more than half a kernel: what else may be refused.
static bool windows_hold(size_t size, size_t outputs, size_t kernel, size_t stride, size_t dilation, size_t before, size_t after) {
  const size_t reach = dilation * (kernel - 1) + 1;
  if (before > reach / 2 || after > reach / 2) return false;
  for (size_t y = 0; y < outputs; y++) {
    bool holds = false;
    for (size_t i = 0; i < kernel; i++) holds |= y * stride + i * dilation >= before && y * stride + i * dilation - before < size;
    if (!holds) return false;
  }
  return true;
}

// The average of a window, written independently of the kernels.
static double average(const HeedPoolingShape *s, const FuzzArray *x, size_t plane, size_t y, size_t z) {
  double sum = 0, count = 0;
  for (size_t h = 0; h < s->height; h++)
    for (size_t w = 0; w < s->width; w++) {
      bool inside;
      if (s->adaptive) {
        inside = h >= y * s->height / s->output_height && h * s->output_height < (y + 1) * s->height &&
                 w >= z * s->width / s->output_width && w * s->output_width < (z + 1) * s->width;
      } else {
        const size_t top = y * s->stride_height, left = z * s->stride_width, row = h + s->top, column = w + s->left;
        inside = row >= top && (row - top) % s->dilation_height == 0 && (row - top) / s->dilation_height < s->kernel_height &&
                 column >= left && (column - left) % s->dilation_width == 0 && (column - left) / s->dilation_width < s->kernel_width;
      }
      if (inside) sum += (double)FUZZ_AT(float, *x, (plane * s->height + h) * s->width + w), count++;
    }
  return sum / (s->count_padding && !s->adaptive ? (double)(s->kernel_height * s->kernel_width) : count);
}

FUZZ(pooling) {
  Pool p;
  build_pool(&p);
  HeedPoolingShape *s = &p.shape;
  FuzzArray x = FUZZ_FLOATS("X", FuzzRead, FuzzAny, s->batch, s->channels, s->height, s->width),
            y = FUZZ_FLOATS("Y", FuzzWritten, FuzzAny, s->batch, s->channels, p.height, p.width);
  FuzzArray index = fuzz_array("index", FuzzWritten, FuzzContiguous, sizeof(int32_t), FUZZ_SIZES(s->batch, s->channels, p.height, p.width)),
            dx = FUZZ_FLOATS("dX", FuzzWritten, FuzzAny, s->batch, s->channels, s->height, s->width);
  FuzzArray oracle = FUZZ_DOUBLES("oracle", s->batch, s->channels, p.height, p.width),
            oracle_dx = FUZZ_DOUBLES("oracle dX", s->batch, s->channels, s->height, s->width);
  fuzz_fill(&x, 1);
  s->input = strides_of(&x), s->output = strides_of(&y), s->d_input = strides_of(&dx);
  const float *input = x.data;
  HeedStatus expected = HeedStatusOk, of_output = HeedStatusOk;
  const bool holds =
      s->adaptive || (windows_hold(s->height, p.height, s->kernel_height, s->stride_height, s->dilation_height, s->top, s->bottom) &&
                      windows_hold(s->width, p.width, s->kernel_width, s->stride_width, s->dilation_width, s->left, s->right));
  if (!holds) {
    expected = HeedStatusBadShape;
  } else {
    switch (fuzz_spoil(6)) {
    case 0:
      expected = fuzz_huge(fuzz_one_in(2) ? &s->batch : &s->channels);
      break;
    case 1:
      if (!s->adaptive) s->stride_width = 0, expected = HeedStatusBadShape;
      break;
    case 2:
      s->height = 0, expected = HeedStatusBadShape;
      break;
    case 3:
      expected = fuzz_far(&s->input.row, &x, 2);
      break;
    case 4:
      expected = fuzz_null(&input, &x);
      break;
    case 5:
      of_output = fuzz_one_in(2) ? fuzz_overlap(&s->output.row, &y, 2) : fuzz_far(&s->output.batch, &y, 0);
      break;
    default:
      break;
    }
  }
  if (!FUZZ_CALL(expected, heed_pooling_reference_average_forward(s, input, oracle.data)) && expected == HeedStatusOk) return;
  fuzz_keep(&oracle);
  for (size_t i = 0; expected == HeedStatusOk && i < oracle.count; i++) {
    const double known = average(s, &x, i / (p.height * p.width), i / p.width % p.height, i % p.width);
    if (fabs(FUZZ_AT(double, oracle, i) - known) > 1e-12)
      fuzz_fail("the reference's element %zu is %g and not %g", i, FUZZ_AT(double, oracle, i), known);
  }
  if (expected == HeedStatusOk) expected = of_output;
  if (FUZZ_CALL(expected, heed_pooling_average_forward(s, input, y.data))) fuzz_near(&y, &oracle, NULL, 4 * EPSILON);
  if (!FUZZ_CALL(expected, heed_pooling_max_forward(s, input, y.data, index.data))) return;
  // The index names an element as large as the output, and no element of the window is larger: the average is no larger.
  for (size_t i = 0; i < y.count; i++) {
    const int32_t at = FUZZ_AT(int32_t, index, i);
    const size_t plane = i / (p.height * p.width), area = s->height * s->width;
    if (at < 0 || (size_t)at >= area || FUZZ_AT(float, x, plane *area + (size_t)at) != FUZZ_AT(float, y, i)) {
      fuzz_fail("the index of element %zu names another element than the largest", i);
      return;
    }
    if (!s->count_padding && (double)FUZZ_AT(float, y, i) < FUZZ_AT(double, oracle, i) - 1e-6)
      fuzz_fail("element %zu is below the average", i);
  }
  fuzz_keep(&index), fuzz_keep(&y); // Y serves as dY
  for (size_t i = 0; i < oracle_dx.count; i++) FUZZ_AT(double, oracle_dx, i) = 0;
  for (size_t i = 0; i < y.count; i++) {
    const size_t plane = i / (p.height * p.width), area = s->height * s->width;
    FUZZ_AT(double, oracle_dx, plane *area + (size_t)FUZZ_AT(int32_t, index, i)) += (double)FUZZ_AT(float, y, i);
  }
  const double sums = 8 * EPSILON * 3 * (double)(p.height * p.width); // of as many terms as there are windows
  HeedStatus back = HeedStatusOk;
  const bool spoils = fuzz_one_in(10);
  if (spoils && fuzz_one_in(2))
    back = fuzz_index(&index, (int64_t)(s->height * s->width) - 1);
  else if (spoils)
    back = fuzz_overlap(&s->d_input.channel, &dx, 1);
  if (FUZZ_CALL(back, heed_pooling_max_backward(s, y.data, index.data, dx.data))) fuzz_near(&dx, &oracle_dx, NULL, sums);
  s->d_input = strides_of(&dx);
  fuzz_write_again(&oracle_dx);
  if (!FUZZ_CALL(HeedStatusOk, heed_pooling_reference_average_backward(s, y.data, oracle_dx.data))) return;
  fuzz_keep(&oracle_dx);
  if (FUZZ_CALL(HeedStatusOk, heed_pooling_average_backward(s, y.data, dx.data))) fuzz_near(&dx, &oracle_dx, NULL, sums);
}

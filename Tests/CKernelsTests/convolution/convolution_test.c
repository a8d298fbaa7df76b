// Convolutions against float64 in every layout; their bits; what they refuse; and the gradients against finite differences.

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "convolution_support.h"

#define SHAPE(n, c, o, g, h, w, kh, kw, sh, sw, dh, dw, t, b, l, r)                                                                        \
  (HeedConvolutionShape) {                                                                                                                 \
    .batch = n, .input_channels = c, .output_channels = o, .groups = g, .height = h, .width = w, .kernel_height = kh, .kernel_width = kw,  \
    .stride_height = sh, .stride_width = sw, .dilation_height = dh, .dilation_width = dw, .top = t, .bottom = b, .left = l, .right = r     \
  }

static const HeedConvolutionShape shapes[] = {
    SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0),     // one number
    SHAPE(2, 3, 5, 1, 9, 10, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),    //
    SHAPE(2, 2, 4, 1, 12, 13, 3, 3, 2, 2, 1, 1, 0, 0, 0, 0),   // stride
    SHAPE(3, 6, 3, 1, 7, 8, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0),     // pointwise, several images a tile
    SHAPE(2, 70, 33, 1, 17, 19, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0), // pointwise, several tiles an image
    SHAPE(2, 5, 7, 1, 20, 23, 1, 1, 2, 3, 1, 1, 0, 0, 0, 0),   // one element of the kernel, with stride
    SHAPE(1, 4, 6, 2, 11, 9, 3, 2, 1, 2, 2, 3, 2, 0, 3, 1),    // groups, dilation, uneven padding
    SHAPE(2, 8, 8, 8, 15, 14, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),   // each channel alone
    SHAPE(2, 8, 16, 8, 9, 9, 5, 5, 2, 2, 1, 1, 2, 2, 2, 2),    // and with two outputs each
    SHAPE(3, 4, 5, 1, 1, 50, 1, 7, 1, 1, 1, 1, 0, 0, 6, 0),    // 1-D, causal
    SHAPE(5, 16, 20, 1, 1, 33, 1, 3, 1, 1, 1, 4, 0, 0, 8, 0),  // 1-D, causal, dilated
    SHAPE(2, 3, 40, 1, 1, 700, 1, 10, 1, 5, 1, 1, 0, 0, 0, 0), // 1-D, stride 5
    SHAPE(1, 2, 3, 1, 40, 1, 5, 1, 3, 1, 1, 1, 2, 1, 0, 0),    // one column
    SHAPE(4, 3, 17, 1, 6, 5, 6, 5, 1, 1, 1, 1, 0, 0, 0, 0),    // the kernel is the image
    SHAPE(1, 3, 2, 1, 4, 4, 6, 7, 1, 1, 1, 1, 1, 1, 2, 1),     // and larger than it
    SHAPE(2, 20, 66, 1, 18, 31, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1), //
    SHAPE(1, 1, 2, 1, 30, 40, 2, 3, 2, 1, 1, 1, 5, 5, 20, 20), // rows and columns that are padding alone
    SHAPE(1, 90, 250, 1, 5, 6, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),  // several tiles of rows
    SHAPE(70, 2, 3, 1, 2, 3, 2, 2, 1, 1, 1, 1, 1, 0, 0, 1),    // many small images
    SHAPE(2, 3, 4, 1, 3, 530, 1, 2, 1, 1, 1, 1, 0, 0, 0, 0),   // rows longer than a tile
    SHAPE(0, 3, 4, 1, 5, 6, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0),     // no image
    // Each channel alone:
    SHAPE(2, 37, 37, 37, 7, 7, 7, 7, 1, 1, 1, 1, 3, 3, 3, 3),      // more channels than lanes, small planes
    SHAPE(3, 5, 5, 5, 1, 4500, 1, 4, 1, 1, 1, 1, 0, 0, 3, 0),      // 1-D, causal, several tiles a row
    SHAPE(2, 18, 18, 18, 1, 90, 1, 3, 1, 1, 1, 8, 0, 0, 16, 0),    // 1-D, causal, dilated
    SHAPE(2, 3, 3, 3, 70, 66, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),       // several tiles of rows
    SHAPE(1, 17, 17, 17, 57, 41, 3, 5, 2, 3, 1, 1, 1, 1, 2, 2),    // stride
    SHAPE(2, 3, 6, 3, 30, 31, 3, 3, 2, 4, 3, 2, 2, 1, 0, 3),       // stride and dilation with and without a common divisor
    SHAPE(2, 4, 4, 4, 20, 22, 2, 1, 3, 4, 1, 1, 0, 0, 0, 0),       // steps larger than the kernel
    SHAPE(1, 3, 3, 3, 33, 29, 9, 9, 1, 1, 1, 1, 4, 4, 4, 4),       // more terms than a block
    SHAPE(2, 2, 16, 2, 9, 12, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),       // eight outputs each
    SHAPE(2, 2, 18, 2, 9, 12, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1),       // and nine
    SHAPE(2, 3, 3, 3, 4, 9, 3, 2, 1, 1, 40, 1, 40, 40, 1, 0),      // a kernel that reaches far beyond the image
    SHAPE(2, 2, 2, 2, 3, 9, 3, 2, 1, 1, 1, 20000, 1, 1, 20000, 0), // and farther than a plane holds
};
#define SHAPES (sizeof shapes / sizeof *shapes)

TEST(convolution_is_accurate_in_every_shape_and_layout) {
  for (size_t i = 0; i < SHAPES; i++)
    for (int layout = 0; layout < IMAGE_LAYOUTS; layout++) {
      if (!test_exhaustive && layout > 0 && i % 3 != (size_t)layout - 1) continue;
      heed_thread_count_set(1 + i % 3);
      Convolution p =
          convolution_make(shapes[i], (ImageLayout)layout, (ImageLayout)((layout * 3 + (int)i * (layout > 0)) % 4), (GuardSide)(i % 2));
      ConvolutionResult r = convolution_run(&p);
      const ConvolutionErrors e = convolution_errors(&p, &r);
      CHECK_MESSAGE(e.output <= 2.5 && e.d_input <= 2.5 && e.d_weight <= 3 && e.d_bias <= 1, "C = %.2f, dX %.2f, dW %.2f, db %.2f: %s",
                    e.output, e.d_input, e.d_weight, e.d_bias, convolution_describe(shapes + i));
      convolution_result_free(&r);
      convolution_free(&p);
    }
  heed_thread_count_set(0);
}

static void expect_same(const float *x, const float *y, size_t count, const char *what, const HeedConvolutionShape *s) {
  size_t first = 0;
  const size_t differing = differing_floats(x, y, count, &first);
  CHECK_MESSAGE(differing == 0, "%zu floats of %s differ, the first is %zu: %s", differing, what, first, convolution_describe(s));
}

TEST(convolution_bits_do_not_depend_on_threads_or_layout) {
  static const size_t threads[] = {1, 2, 3, 5, 8};
  for (size_t i = 0; i < SHAPES; i++) {
    const HeedConvolutionShape *s = shapes + i;
    if (s->batch == 0) continue;
    ConvolutionResult expected = {0};
    for (size_t t = 0; t < 8; t++) {
      heed_thread_count_set(threads[t < 5 ? t : 1]);
      Convolution p =
          convolution_make(*s, t < 5 ? ImageContiguous : (ImageLayout)(t - 4), t < 5 ? ImageContiguous : (ImageLayout)(8 - t), GuardEnd);
      ConvolutionResult r = convolution_run(&p);
      if (t == 0) {
        expected = r;
      } else {
        expect_same(r.output, expected.output, s->batch * s->output_channels * p.output_height * p.output_width, "Y", s);
        expect_same(r.d_input, expected.d_input, s->batch * s->input_channels * s->height * s->width, "dX", s);
        expect_same(r.d_weight, expected.d_weight, p.weights, "dW", s);
        expect_same(r.d_bias, expected.d_bias, s->output_channels, "db", s);
        convolution_result_free(&r);
      }
      convolution_free(&p);
    }
    convolution_result_free(&expected);
  }
  heed_thread_count_set(0);
}

TEST(convolution_of_an_image_alone_has_its_bits_among_many) {
  for (size_t i = 0; i < SHAPES; i++) {
    const HeedConvolutionShape *s = shapes + i;
    if (s->batch < 2) continue;
    Convolution p = convolution_make(*s, ImageContiguous, ImageContiguous, GuardEnd);
    ConvolutionResult all = convolution_run(&p);
    const size_t in = s->input_channels * s->height * s->width, out = s->output_channels * p.output_height * p.output_width;
    float *y = malloc(out * sizeof *y), *dx = malloc(in * sizeof *dx);
    HeedConvolutionShape one = p.shape;
    one.batch = 1;
    for (size_t n = 0; n < s->batch; n += 1 + s->batch / 3) {
      const float *x = p.input.first + n * in, *dy = p.d_output.first + n * out;
      CHECK(heed_convolution_forward(&one, x, p.weight.data, p.bias.data, HeedActivationNone, y) == HeedStatusOk);
      CHECK(heed_convolution_input_backward(&one, p.weight.data, dy, dx) == HeedStatusOk);
      expect_same(y, all.output + n * out, out, "Y", s);
      expect_same(dx, all.d_input + n * in, in, "dX", s);
    }
    free(y), free(dx);
    convolution_result_free(&all);
    convolution_free(&p);
  }
}

TEST(convolution_accumulates_and_fuses_bias_and_activation) {
  const HeedConvolutionShape shape = SHAPE(3, 5, 18, 1, 9, 8, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1);
  Convolution p = convolution_make(shape, ImageContiguous, ImageContiguous, GuardEnd);
  ConvolutionResult r = convolution_run(&p);
  const size_t count = 3 * 18 * 9 * 8;
  float *dw = malloc(p.weights * sizeof *dw), db[18], *y = malloc(count * sizeof *y), *expected = malloc(count * sizeof *y);
  for (size_t i = 0; i < p.weights; i++) dw[i] = (float)i;
  for (size_t i = 0; i < 18; i++) db[i] = (float)i;
  p.shape.accumulate = true;
  CHECK(heed_convolution_weight_backward(&p.shape, p.input.first, p.d_output.first, dw) == HeedStatusOk);
  CHECK(heed_convolution_bias_backward(&p.shape, p.d_output.first, db) == HeedStatusOk);
  for (size_t i = 0; i < p.weights; i++) CHECK(dw[i] == (float)i + r.d_weight[i]);
  for (size_t i = 0; i < 18; i++)
    CHECK(fabs((double)db[i] - ((double)i + (double)r.d_bias[i])) <= EPSILON * (fabs((double)r.d_bias[i]) + (double)i));
  for (int a = 0; a < HEED_ACTIVATION_COUNT; a++) {
    CHECK(heed_activation_forward((HeedActivation)a, count, r.output, expected) == HeedStatusOk);
    CHECK(heed_convolution_forward(&p.shape, p.input.first, p.weight.data, p.bias.data, (HeedActivation)a, y) == HeedStatusOk);
    expect_same(y, expected, count, "the activation", &shape);
  }
  CHECK(heed_convolution_forward(&p.shape, p.input.first, p.weight.data, NULL, HeedActivationNone, y) == HeedStatusOk);
  for (size_t i = 0; i < count; i++) CHECK(y[i] + ((float *)p.bias.data)[i / 72 % 18] == r.output[i]);
  HeedConvolutionShape none = p.shape;
  none.batch = 0, none.accumulate = false;
  dw[0] = NAN;
  CHECK(heed_convolution_weight_backward(&none, NULL, NULL, dw) == HeedStatusOk && dw[0] == 0 && dw[p.weights - 1] == 0);
  free(dw), free(y), free(expected);
  convolution_result_free(&r);
  convolution_free(&p);
}

// NaN in X reaches the outputs that read it and no others; one in dY the inputs and weights that it belongs to.
TEST(convolution_keeps_nan_where_it_is_read) {
  const HeedConvolutionShape shape = SHAPE(2, 3, 4, 1, 20, 21, 3, 3, 2, 1, 1, 2, 1, 1, 1, 1);
  Convolution p = convolution_make(shape, ImageContiguous, ImageContiguous, GuardEnd);
  *image_at(&p.input, 1, 2, 7, 20) = NAN;
  *image_at(&p.d_output, 0, 1, 3, 4) = NAN;
  ConvolutionResult r = convolution_run(&p);
  size_t i = 0;
  for (size_t n = 0; n < 2; n++)
    for (size_t o = 0; o < 4; o++)
      for (size_t y = 0; y < p.output_height; y++)
        for (size_t x = 0; x < p.output_width; x++) {
          bool reads = false;
          for (size_t k = 0; n == 1 && k < 9; k++) reads |= 2 * y + k / 3 == 7 + 1 && x + 2 * (k % 3) == 20 + 1;
          CHECK(isnan(r.output[i++]) == reads);
        }
  i = 0;
  for (size_t n = 0; n < 2; n++)
    for (size_t c = 0; c < 3; c++)
      for (size_t h = 0; h < 20; h++)
        for (size_t w = 0; w < 21; w++) {
          bool belongs = false;
          for (size_t k = 0; n == 0 && k < 9; k++) belongs |= 2 * 3 + k / 3 == h + 1 && 4 + 2 * (k % 3) == w + 1;
          CHECK(isnan(r.d_input[i++]) == belongs);
        }
  for (size_t k = 0; k < p.weights; k++) CHECK(k / 27 == 1 || k % 27 / 9 == 2 || !isnan(r.d_weight[k]));
  for (size_t o = 0; o < 4; o++) CHECK(isnan(r.d_bias[o]) == (o == 1));
  convolution_result_free(&r);
  convolution_free(&p);
}

// NaN and infinities in a channel's last column, which the gaps between rows of outputs would meet: each reaches what reads it alone.
TEST(convolution_of_single_channels_keeps_nan_where_it_is_read) {
  const HeedConvolutionShape shape = SHAPE(2, 3, 6, 3, 20, 21, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0);
  Convolution p = convolution_make(shape, ImageContiguous, ImageContiguous, GuardEnd);
  static const size_t rows[] = {10, 19};
  *image_at(&p.input, 0, 1, rows[0], 20) = NAN;
  *image_at(&p.input, 1, 1, rows[1], 20) = INFINITY;
  ConvolutionResult r = convolution_run(&p);
  bool read[6 * 9] = {false};
  size_t i = 0;
  for (size_t n = 0; n < 2; n++)
    for (size_t o = 0; o < 6; o++)
      for (size_t y = 0; y < p.output_height; y++)
        for (size_t x = 0; x < p.output_width; x++, i++) {
          bool reads = false;
          for (size_t k = 0; o / 2 == 1 && k < 9; k++) {
            const bool meets = y + k / 3 == rows[n] && x + k % 3 == 20;
            reads |= meets, read[o * 9 + k] |= meets;
          }
          CHECK(isfinite(r.output[i]) == !reads);
        }
  for (size_t k = 0; k < 6 * 9; k++) CHECK_MESSAGE(isfinite(r.d_weight[k]) == !read[k], "weight %zu: %g", k, (double)r.d_weight[k]);
  for (size_t k = 0; k < 2 * 3 * 20 * 21; k++) CHECK(isfinite(r.d_input[k]));
  convolution_result_free(&r);
  convolution_free(&p);
}

// The reference's own gradients: the change of sum dY Y when one number changes.
TEST_ONCE(convolution_reference_gradients_are_differences) {
  const HeedConvolutionShape shape = SHAPE(2, 4, 6, 2, 7, 6, 3, 2, 2, 1, 1, 2, 1, 0, 2, 1);
  Convolution p = convolution_make(shape, ImageContiguous, ImageContiguous, GuardEnd);
  const size_t outputs = 2 * 6 * p.output_height * p.output_width, inputs = 2 * 4 * 7 * 6;
  double *y = malloc(2 * outputs * sizeof *y), *dx = malloc(inputs * sizeof *dx), *dw = malloc(p.weights * sizeof *dw), db[6];
  float *operands[] = {p.input.first, p.weight.data, p.bias.data};
  double *gradients[] = {dx, dw, db};
  const size_t counts[] = {inputs, p.weights, 6};
  REQUIRE(heed_convolution_reference_backward(&p.shape, operands[0], operands[1], p.d_output.first, dx, dw, db) == HeedStatusOk);
  for (int k = 0; k < 3; k++)
    for (size_t i = 0; i < counts[k]; i += 1 + counts[k] / 40) {
      const float before = operands[k][i];
      for (size_t side = 0; side < 2; side++) {
        operands[k][i] = side ? before + 1 : before - 1;
        heed_convolution_reference_forward(&p.shape, operands[0], operands[1], operands[2], y + side * outputs);
      }
      double change = 0;
      const double width = (double)(before + 1) - (double)(before - 1);
      for (size_t j = 0; j < outputs; j++) change += (y[outputs + j] - y[j]) / width * (double)p.d_output.first[j];
      operands[k][i] = before;
      CHECK_MESSAGE(fabs(change - gradients[k][i]) <= 1e-9 * (1 + fabs(change)), "operand %d, element %zu: %g for %g", k, i,
                    gradients[k][i], change);
    }
  free(y), free(dx), free(dw);
  convolution_free(&p);
}

TEST_ONCE(convolution_refuses_bad_arguments) {
  const HeedConvolutionShape shape = SHAPE(1, 4, 6, 2, 5, 6, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0);
  Convolution p = convolution_make(shape, ImageContiguous, ImageContiguous, GuardEnd);
  const HeedConvolutionShape good = p.shape;
  const float *x = p.input.first, *w = p.weight.data, *dy = p.d_output.first;
  float *y = p.output.first, *dx = p.d_input.first, dw[6 * 2 * 9], db[6];
  poison_floats(y, p.output.count), poison_floats(dx, p.d_input.count);
#define REFUSES(status, ...)                                                                                                               \
  do {                                                                                                                                     \
    HeedConvolutionShape bad = good;                                                                                                       \
    __VA_ARGS__;                                                                                                                           \
    CHECK(heed_convolution_forward(&bad, x, w, NULL, HeedActivationNone, y) == status);                                                    \
    CHECK(heed_convolution_input_backward(&bad, w, dy, dx) == status);                                                                     \
  } while (0)
  REFUSES(HeedStatusBadShape, bad.kernel_height = 6); // larger than the input
  REFUSES(HeedStatusBadShape, bad.dilation_width = 3);
  REFUSES(HeedStatusBadShape, bad.groups = 3);
  REFUSES(HeedStatusBadShape, bad.groups = 0);
  REFUSES(HeedStatusBadShape, bad.stride_height = 0);
  REFUSES(HeedStatusBadShape, bad.dilation_height = 0);
  REFUSES(HeedStatusBadShape, bad.kernel_width = 0);
  REFUSES(HeedStatusBadShape, bad.input_channels = 0);
  REFUSES(HeedStatusBadShape, bad.height = 0);
  REFUSES(HeedStatusBadShape, bad.top = SIZE_MAX);
  REFUSES(HeedStatusBadShape, bad.batch = SIZE_MAX / 8);
  REFUSES(HeedStatusBadStride, bad.top = (size_t)1 << 40, bad.input.row = bad.d_input.row = PTRDIFF_MAX >> 12);
  HeedConvolutionShape bad = good;
  bad.output.column = 0;
  CHECK(heed_convolution_forward(&bad, x, w, NULL, HeedActivationNone, y) == HeedStatusBadStride);
  bad = good, bad.d_input.row = 1;
  CHECK(heed_convolution_input_backward(&bad, w, dy, dx) == HeedStatusBadStride);
  CHECK(heed_convolution_forward(&good, NULL, w, NULL, HeedActivationNone, y) == HeedStatusBadArgument);
  CHECK(heed_convolution_forward(&good, x, NULL, NULL, HeedActivationNone, y) == HeedStatusBadArgument);
  CHECK(heed_convolution_forward(&good, x, w, NULL, HeedActivationNone, NULL) == HeedStatusBadArgument);
  CHECK(heed_convolution_forward(&good, x, w, NULL, (HeedActivation)99, y) == HeedStatusBadArgument);
  CHECK(heed_convolution_forward(NULL, x, w, NULL, HeedActivationNone, y) == HeedStatusBadArgument);
  CHECK(heed_convolution_weight_backward(&good, NULL, dy, dw) == HeedStatusBadArgument);
  CHECK(heed_convolution_weight_backward(&good, x, dy, NULL) == HeedStatusBadArgument);
  CHECK(heed_convolution_bias_backward(&good, NULL, db) == HeedStatusBadArgument);
  CHECK(is_poison(y, p.output.count) && is_poison(dx, p.d_input.count));
  CHECK(heed_convolution_output_size(10, 3, 2, 1, 1, 1) == 5 && heed_convolution_output_size(2, 3, 1, 1, 0, 0) == 0);
  CHECK(heed_convolution_output_size(10, SIZE_MAX, 1, SIZE_MAX, 0, 0) == 0 && heed_convolution_output_size(10, 1, 1, 1, SIZE_MAX, 1) == 0);
  convolution_free(&p);
}

// Pooling against plain loops over padded copies and float64, in every layout.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "convolution_support.h"
#include "heed/pooling.h"

static HeedPoolingShape regular(size_t n, size_t c, size_t h, size_t w, size_t kernel_h, size_t kernel_w, size_t stride, size_t dilation,
                                size_t pad) {
  return (HeedPoolingShape){.batch = n,
                            .channels = c,
                            .height = h,
                            .width = w,
                            .kernel_height = kernel_h,
                            .kernel_width = kernel_w,
                            .stride_height = stride,
                            .stride_width = stride,
                            .dilation_height = dilation,
                            .dilation_width = dilation,
                            .top = kernel_h > 1 ? pad : 0,
                            .bottom = kernel_h > 1 ? pad : 0,
                            .left = pad,
                            .right = pad};
}

static HeedPoolingShape adaptive(size_t n, size_t c, size_t h, size_t w, size_t outputs_h, size_t outputs_w) {
  return (HeedPoolingShape){
      .batch = n, .channels = c, .height = h, .width = w, .adaptive = true, .output_height = outputs_h, .output_width = outputs_w};
}

// clang-format off
static HeedPoolingShape shape_at(size_t i) {
  switch (i) {
  case 0: return regular(2, 3, 8, 10, 2, 2, 2, 1, 0);
  case 1: return regular(1, 5, 9, 7, 3, 3, 2, 1, 1);
  case 2: return regular(3, 2, 12, 11, 3, 2, 1, 2, 1);
  case 3: return regular(2, 4, 1, 50, 1, 5, 3, 1, 2);
  case 4: return regular(1, 1, 1, 1, 1, 1, 1, 1, 0);
  case 5: return regular(2, 70, 6, 6, 6, 6, 1, 1, 0);
  case 6: return adaptive(2, 3, 10, 7, 1, 1);
  case 7: return adaptive(2, 3, 10, 7, 4, 3);
  case 8: return adaptive(1, 2, 3, 5, 7, 9); // more outputs than inputs
  case 9: return regular(0, 3, 8, 8, 2, 2, 2, 1, 0);
  default: {
    HeedPoolingShape s = regular(2, 3, 9, 9, 3, 3, 2, 1, 1);
    s.count_padding = true;
    return s;
  }
  }
}
// clang-format on
#define POOLINGS 11

typedef struct Pooling {
  HeedPoolingShape shape;
  Image input, output, d_output, d_input;
  size_t output_height, output_width, planes;
} Pooling;

static Pooling make(HeedPoolingShape s, ImageLayout layout, GuardSide side) {
  Pooling p = {.shape = s, .planes = s.batch * s.channels};
  p.output_height = s.adaptive
                        ? s.output_height
                        : heed_convolution_output_size(s.height, s.kernel_height, s.stride_height, s.dilation_height, s.top, s.bottom);
  p.output_width = s.adaptive ? s.output_width
                              : heed_convolution_output_size(s.width, s.kernel_width, s.stride_width, s.dilation_width, s.left, s.right);
  p.input = image_make(s.batch, s.channels, s.height, s.width, layout, 1, side);
  p.d_input = image_make(s.batch, s.channels, s.height, s.width, layout, 2, side);
  p.output = image_make(s.batch, s.channels, p.output_height, p.output_width, (ImageLayout)((layout + 1) % 4), 3, side);
  p.d_output = image_make(s.batch, s.channels, p.output_height, p.output_width, (ImageLayout)((layout + 1) % 4), 4, side);
  p.shape.input = p.input.strides, p.shape.d_input = p.d_input.strides, p.shape.output = p.output.strides;
  return p;
}

static void discard(Pooling *p) { image_free(&p->input), image_free(&p->output), image_free(&p->d_output), image_free(&p->d_input); }

TEST(pooling_averages_are_rounded_once) {
  for (size_t i = 0; i < POOLINGS; i++)
    for (int layout = 0; layout < IMAGE_LAYOUTS; layout++) {
      heed_thread_count_set(1 + (i + (size_t)layout) % 3);
      Pooling p = make(shape_at(i), (ImageLayout)layout, (GuardSide)(layout % 2));
      const size_t in = p.planes * p.shape.height * p.shape.width, out = p.planes * p.output_height * p.output_width;
      double *r = calloc(out + 1, sizeof *r), *rx = calloc(in + 1, sizeof *rx), *m = calloc(out + 1, sizeof *m),
             *mx = calloc(in + 1, sizeof *mx);
      float *y = calloc(out + 1, sizeof *y), *dx = calloc(in + 1, sizeof *dx);
      CHECK(heed_pooling_reference_average_forward(&p.shape, p.input.first, r) == HeedStatusOk);
      CHECK(heed_pooling_reference_average_backward(&p.shape, p.d_output.first, rx) == HeedStatusOk);
      CHECK(heed_pooling_average_forward(&p.shape, p.input.first, p.output.first) == HeedStatusOk);
      CHECK(heed_pooling_average_backward(&p.shape, p.d_output.first, p.d_input.first) == HeedStatusOk);
      image_take(&p.output, y), image_take(&p.d_input, dx);
      image_make_absolute(&p.input), image_make_absolute(&p.d_output);
      heed_pooling_reference_average_forward(&p.shape, p.input.first, m);
      heed_pooling_reference_average_backward(&p.shape, p.d_output.first, mx);
      const double e = compare_to_magnitude(y, r, m, out), ex = compare_to_magnitude(dx, rx, mx, in);
      CHECK_MESSAGE(e <= 0.51 && ex <= 2, "pooling %zu, layout %d: %.2f and %.2f eps", i, layout, e, ex);
      free(r), free(rx), free(m), free(mx), free(y), free(dx);
      discard(&p);
    }
  heed_thread_count_set(0);
}

// The largest by a walk over all rows and columns, that asks of each whether the window holds it.
static bool holds(size_t at, size_t stride, size_t pad, size_t kernel, size_t dilation, size_t element) {
  for (size_t k = 0; k < kernel; k++)
    if (at * stride + k * dilation == element + pad) return true;
  return false;
}

TEST(pooling_takes_the_largest_and_gives_back_to_it) {
  for (size_t i = 0; i < POOLINGS; i++)
    for (int layout = 0; layout < IMAGE_LAYOUTS; layout++) {
      HeedPoolingShape s = shape_at(i);
      if (s.adaptive) continue;
      heed_thread_count_set(1 + (i + (size_t)layout) % 3);
      Pooling p = make(s, (ImageLayout)layout, (GuardSide)(layout % 2));
      const size_t plane = s.height * s.width, in = p.planes * plane, outs = p.output_height * p.output_width, out = p.planes * outs;
      if (in > 40) { // equals, infinities and NaN
        *image_at(&p.input, 0, 0, 0, 0) = NAN, *image_at(&p.input, 0, 1, 0, 0) = INFINITY;
        for (size_t w = 0; w < s.width; w++) *image_at(&p.input, 0, 1, s.height - 1, w) = -INFINITY;
        for (size_t w = 0; w < s.width; w++) *image_at(&p.input, 0, 1, s.height / 2, w) = 9;
      }
      Guarded index = guarded_allocate(out * sizeof(int32_t), (GuardSide)(layout % 2));
      float *y = calloc(out + 1, sizeof *y), *dx = calloc(in + 1, sizeof *dx), *expected = calloc(in + 1, sizeof *expected);
      CHECK(heed_pooling_max_forward(&p.shape, p.input.first, p.output.first, index.data) == HeedStatusOk);
      CHECK(heed_pooling_max_backward(&p.shape, p.d_output.first, index.data, p.d_input.first) == HeedStatusOk);
      image_take(&p.output, y), image_take(&p.d_input, dx);
      for (size_t o = 0; o < out; o++) {
        const size_t n = o / outs / s.channels, c = o / outs % s.channels, oy = o % outs / p.output_width, ox = o % p.output_width;
        float largest = -INFINITY;
        size_t place = SIZE_MAX;
        for (size_t e = 0; e < plane; e++) {
          if (!holds(oy, s.stride_height, s.top, s.kernel_height, s.dilation_height, e / s.width)) continue;
          if (!holds(ox, s.stride_width, s.left, s.kernel_width, s.dilation_width, e % s.width)) continue;
          const float x = *image_at(&p.input, n, c, e / s.width, e % s.width);
          if (place == SIZE_MAX || x > largest || isnan(x)) largest = x, place = e;
        }
        CHECK_MESSAGE((size_t)((int32_t *)index.data)[o] == place && differing_floats(y + o, &largest, 1, NULL) == 0,
                      "pooling %zu, output %zu: %g at %d, not %g at %zu", i, o, (double)y[o], ((int32_t *)index.data)[o], (double)largest,
                      place);
        if (place < plane) expected[o / outs * plane + place] += *image_at(&p.d_output, n, c, oy, ox);
      }
      CHECK(differing_floats(dx, expected, in, NULL) == 0);
      if (out > 0) CHECK(heed_pooling_max_forward(&p.shape, p.input.first, p.output.first, NULL) == HeedStatusOk);
      free(y), free(dx), free(expected);
      guarded_free(&index);
      discard(&p);
    }
  heed_thread_count_set(0);
}

TEST(pooling_bits_do_not_depend_on_threads_or_other_planes) {
  Pooling p = make(shape_at(5), ImageContiguous, GuardEnd);
  p.output.strides = p.shape.output = (HeedConvolutionStrides){70, 1, 1, 1};
  float all[140], one;
  heed_thread_count_set(8);
  CHECK(heed_pooling_average_forward(&p.shape, p.input.first, all) == HeedStatusOk);
  HeedPoolingShape alone = p.shape;
  alone.batch = alone.channels = 1;
  for (size_t i = 0; i < 140; i++) {
    heed_thread_count_set(1 + i % 5);
    CHECK(heed_pooling_average_forward(&alone, p.input.first + 36 * i, &one) == HeedStatusOk);
    CHECK(differing_floats(&one, all + i, 1, NULL) == 0);
  }
  heed_thread_count_set(0);
  discard(&p);
}

TEST_ONCE(pooling_refuses_bad_arguments) {
  Pooling p = make(regular(1, 2, 8, 8, 2, 2, 2, 1, 0), ImageContiguous, GuardEnd);
  p.shape.output = (HeedConvolutionStrides){32, 16, 4, 1};
  float y[32], dx[128];
  int32_t index[32] = {0};
  poison_floats(y, 32), poison_floats(dx, 128);
#define REFUSES(status, change)                                                                                                            \
  do {                                                                                                                                     \
    HeedPoolingShape bad = p.shape;                                                                                                        \
    bad.change;                                                                                                                            \
    CHECK(heed_pooling_max_forward(&bad, p.input.first, y, index) == status);                                                              \
    CHECK(heed_pooling_average_backward(&bad, p.d_output.first, dx) == status);                                                            \
  } while (0)
  REFUSES(HeedStatusBadShape, kernel_height = 9);
  REFUSES(HeedStatusBadShape, kernel_width = 0);
  REFUSES(HeedStatusBadShape, stride_width = 0);
  REFUSES(HeedStatusBadShape, top = 2); // more than half a kernel
  REFUSES(HeedStatusBadShape, height = 0);
  REFUSES(HeedStatusBadShape, batch = SIZE_MAX / 16);
  HeedPoolingShape bad = p.shape;
  bad.output.row = 0;
  CHECK(heed_pooling_max_forward(&bad, p.input.first, y, index) == HeedStatusBadStride);
  bad = p.shape, bad.d_input.column = 0;
  CHECK(heed_pooling_average_backward(&bad, p.d_output.first, dx) == HeedStatusBadStride);
  bad = p.shape, bad.adaptive = true, bad.output_height = 0, bad.output_width = 1;
  CHECK(heed_pooling_average_forward(&bad, p.input.first, y) == HeedStatusBadShape);
  CHECK(heed_pooling_max_forward(NULL, p.input.first, y, index) == HeedStatusBadArgument);
  CHECK(heed_pooling_max_forward(&p.shape, NULL, y, index) == HeedStatusBadArgument);
  CHECK(heed_pooling_max_backward(&p.shape, p.d_output.first, NULL, dx) == HeedStatusBadArgument);
  index[31] = 64;
  CHECK(heed_pooling_max_backward(&p.shape, p.d_output.first, index, dx) == HeedStatusBadIndex);
  index[31] = -1;
  CHECK(heed_pooling_max_backward(&p.shape, p.d_output.first, index, dx) == HeedStatusBadIndex);
  CHECK(is_poison(y, 32) && is_poison(dx, 128));
  discard(&p);
}

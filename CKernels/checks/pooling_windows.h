// Private: pooling's windows and argument checks, for the engine and the reference.

#ifndef HEED_POOLING_WINDOWS_H
#define HEED_POOLING_WINDOWS_H

#include "checks/convolution_checks.h"
#include "heed/pooling.h"
#include "runtime/sizes.h"

// Along one dimension: elements first, first + step ... below end.
typedef struct HeedPoolingWindow {
  size_t first, end, step, count;
} HeedPoolingWindow;

static inline HeedPoolingWindow heed_pooling_window(size_t at, size_t size, size_t kernel, size_t stride, size_t dilation, size_t before) {
  const size_t begin = at * stride, skipped = begin < before ? heed_divide_up(before - begin, dilation) : 0;
  HeedPoolingWindow w = {.first = begin + skipped * dilation - before, .step = dilation};
  const size_t inside = w.first < size ? heed_divide_up(size - w.first, dilation) : 0, left = kernel > skipped ? kernel - skipped : 0;
  w.count = heed_size_min(inside, left);
  w.end = w.first + w.count * dilation;
  return w;
}

static inline HeedPoolingWindow heed_pooling_adaptive_window(size_t at, size_t size, size_t outputs) {
  const size_t first = (size_t)((unsigned __int128)at * size / outputs);
  const size_t end = (size_t)(((unsigned __int128)(at + 1) * size + outputs - 1) / outputs);
  return (HeedPoolingWindow){first, end, 1, end - first};
}

static inline HeedPoolingWindow heed_pooling_rows(const HeedPoolingShape *s, size_t y) {
  return s->adaptive ? heed_pooling_adaptive_window(y, s->height, s->output_height)
                     : heed_pooling_window(y, s->height, s->kernel_height, s->stride_height, s->dilation_height, s->top);
}

static inline HeedPoolingWindow heed_pooling_columns(const HeedPoolingShape *s, size_t x) {
  return s->adaptive ? heed_pooling_adaptive_window(x, s->width, s->output_width)
                     : heed_pooling_window(x, s->width, s->kernel_width, s->stride_width, s->dilation_width, s->left);
}

// The divisor of a window's sum.
static inline double heed_pooling_divisor(const HeedPoolingShape *s, const HeedPoolingWindow *rows, const HeedPoolingWindow *columns) {
  return s->count_padding && !s->adaptive ? (double)s->kernel_height * (double)s->kernel_width
                                          : (double)rows->count * (double)columns->count;
}

// The output's size along a dimension; 0 if it is refused.
static inline size_t heed_pooling_size(size_t size, size_t kernel, size_t stride, size_t dilation, size_t before, size_t after) {
  const size_t outputs = heed_convolution_output_size(size, kernel, stride, dilation, before, after);
  if (outputs == 0) return 0;
  const size_t reach = dilation * (kernel - 1) + 1; // fits, as the size above was found
  if (before > reach / 2 || after > reach / 2) return 0;
  return heed_pooling_window(0, size, kernel, stride, dilation, before).count > 0 &&
                 heed_pooling_window(outputs - 1, size, kernel, stride, dilation, before).count > 0
             ? outputs
             : 0;
}

typedef struct HeedPoolingSizes {
  size_t output_height, output_width;
} HeedPoolingSizes;

// Checks only sizes. Every window must hold an element: a window with holes may miss a small X.
static inline HeedStatus heed_pooling_check(const HeedPoolingShape *s, HeedPoolingSizes *z) {
  if (!s) return HeedStatusBadArgument;
  if (!s->height || !s->width) return HeedStatusBadShape;
  z->output_height = s->adaptive ? s->output_height
                                 : heed_pooling_size(s->height, s->kernel_height, s->stride_height, s->dilation_height, s->top, s->bottom);
  z->output_width =
      s->adaptive ? s->output_width : heed_pooling_size(s->width, s->kernel_width, s->stride_width, s->dilation_width, s->left, s->right);
  if (!z->output_height || !z->output_width) return HeedStatusBadShape;
  const HeedArray input = {4, {s->batch, s->channels, s->height, s->width}, {0}},
                  output = {4, {s->batch, s->channels, z->output_height, z->output_width}, {0}};
  if (!heed_array_sizes_fit(&input) || !heed_array_sizes_fit(&output) || s->height * s->width > INT32_MAX) return HeedStatusBadShape;
  for (size_t y = 0; !s->adaptive && s->dilation_height > 1 && y < z->output_height; y++)
    if (heed_pooling_rows(s, y).count == 0) return HeedStatusBadShape;
  for (size_t x = 0; !s->adaptive && s->dilation_width > 1 && x < z->output_width; x++)
    if (heed_pooling_columns(s, x).count == 0) return HeedStatusBadShape;
  return HeedStatusOk;
}

#endif

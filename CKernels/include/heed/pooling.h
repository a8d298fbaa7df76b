// Pooling of one or two dimensions, as torch.nn.functional's max_pool, avg_pool and adaptive_avg_pool, float32.
//
//   max       Y[n,c,y,x] <- the largest X[n,c,h,w] of the window; `index` <- h width + w of it, the first of equals
//             dX <- the sum of dY over the windows whose index names the element, in order of y, x
//   average   Y[n,c,y,x] <- sum of the window / its number of elements, the sum in float64
//             dX <- the sum of dY / that number over the windows that hold the element, in order of y, x
//
// The window of output (y, x) is rows y stride_height - top + i dilation_height, i < kernel_height, and columns likewise, without what lies
// beyond X's edges: padding is never the maximum and adds nothing. The number of elements is that of those inside, or kernel_height
// kernel_width with `count_padding`. Adaptive windows are rows floor(y height / output_height) ... ceil((y + 1) height / output_height) -
// 1, columns likewise; an output of 1 x 1 is the global average.
//
// NaN in a window is its maximum, the last one where there are several, as PyTorch's. X, Y and dX have strides as a convolution's
// (convolution.h); dY has Y's. `index` is contiguous [batch, channels, output height, output width]. Outputs overwrite. A plane's bits
// depend on the plane alone.
//
// Errors, with nothing touched: BadShape (a size of 0 but for batch and channels, a kernel larger than the padded input, a window that may
// lie in the padding alone: padding must be at most (dilation (kernel - 1) + 1) / 2 and behind the last output below it; a plane of more
// than INT32_MAX elements; overflow), BadStride, BadArgument (null pointers, an index that is not of its plane), OutOfMemory.

#ifndef HEED_POOLING_H
#define HEED_POOLING_H

#include "heed/convolution.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct HeedPoolingShape {
  size_t batch, channels, height, width; // of X
  size_t kernel_height, kernel_width;
  size_t stride_height, stride_width;
  size_t dilation_height, dilation_width;
  size_t top, bottom, left, right;    // padding
  bool count_padding;                 // average: the number of elements is the kernel's
  bool adaptive;                      // windows follow from the sizes below; what is above counts not
  size_t output_height, output_width; // of adaptive windows
  HeedConvolutionStrides input, output, d_input;
} HeedPoolingShape;

HeedStatus heed_pooling_reference_average_forward(const HeedPoolingShape *shape, const float *input, double *output);
HeedStatus heed_pooling_reference_average_backward(const HeedPoolingShape *shape, const float *d_output, double *d_input);

// `index` may be null.
HeedStatus heed_pooling_max_forward(const HeedPoolingShape *shape, const float *input, float *output, int32_t *index);
HeedStatus heed_pooling_max_backward(const HeedPoolingShape *shape, const float *d_output, const int32_t *index, float *d_input);
HeedStatus heed_pooling_average_forward(const HeedPoolingShape *shape, const float *input, float *output);
HeedStatus heed_pooling_average_backward(const HeedPoolingShape *shape, const float *d_output, float *d_input);

#ifdef __cplusplus
}
#endif

#endif

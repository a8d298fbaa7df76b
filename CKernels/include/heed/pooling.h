// Pooling of one or two dimensions, as torch.nn.functional's max_pool, avg_pool and adaptive_avg_pool, float32.
//
//   max       Y[n,c,y,x] <- the largest X[n,c,h,w] of the window; `index` <- its h width + w, the first one of equals
//             dX <- the sum of dY over the windows whose index names the element, in order of y, x
//   average   Y[n,c,y,x] <- the sum of the window / its number of elements, the sum in float64
//             dX <- the sum of dY / that number over the windows that hold the element, in order of y, x
//
// Windows. The window of output (y, x) has the rows y stride_height - top + i dilation_height, i < kernel_height, and columns by the same
// rule, without those beyond X's edges: padding is never the maximum and adds nothing to a sum. The number of elements is the number of
// those inside X, or kernel_height kernel_width if `count_padding` is true.
//
// Adaptive windows have the rows floor(y height / output_height) ... ceil((y + 1) height / output_height) - 1, and columns by the same
// rule. An output of 1 x 1 is the global average.
//
// NaN is the maximum of its window. If there are several, the last one is, as in PyTorch.
//
// Strides. X, Y and dX have strides as in a convolution (convolution.h); dY has Y's. `index` is contiguous [batch, channels, output height,
// output width]. Outputs overwrite. The bits of a plane depend only on that plane.
//
// Errors, checked before anything is written:
//   BadShape     a size of 0, except batch and channels; a kernel larger than the padded input; a window that may lie wholly in the
//                padding: padding must be at most (dilation (kernel - 1) + 1) / 2, and the first and the last window must hold an element
//                of X; a plane of more than INT32_MAX elements; overflow
//   BadStride    as for a convolution
//   BadArgument  null pointers
//   BadIndex     one of `index` is outside its plane
//   OutOfMemory  no scratch memory

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
  bool count_padding;                 // average: divide by the size of the kernel
  bool adaptive;                      // windows follow from the output's sizes below; the members above are ignored
  size_t output_height, output_width; // only for adaptive windows
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

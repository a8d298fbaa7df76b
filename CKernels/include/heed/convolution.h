// Convolution (cross-correlation) of one or two dimensions, as torch.nn.functional.conv1d and conv2d, float32.
//
//   forward    Y[n,o,y,x] <- activation(bias[o] + sum over c, i, j of W[o,c,i,j] X[n, g C/G + c, y sy - top + i dy, x sx - left + j dx])
//              o in group g = o / (O/G), c < C/G, i < kernel_height, j < kernel_width; an X beyond its edges is 0
//   backward   dX[n,c,.,.] <- the sum of W[o,.] dY[n,o,.] over all that read X[n,c,.,.]
//              dW[o,c,i,j] <- sum over n, y, x of dY[n,o,y,x] X[...]
//              dbias[o]    <- sum over n, y, x of dY[n,o,y,x], in float64
//
// Shapes. X is [batch, C, height, width], and Y is [batch, O, output height, output width]. Each has a stride per dimension, in elements
// and of any sign; those of X and dY may be 0. dX has X's sizes. W is contiguous [O, C / G, kernel_height, kernel_width]. For a convolution
// of one dimension, the height is 1. Y's sizes are:
//   (size + before + after - dilation (kernel - 1) - 1) / stride + 1, rounded down
//
// Gradients. If `accumulate` is true, dW and dbias are added to what their arrays hold ("Gradients" in runtime.h): dW after its sum is
// rounded, dbias before.
//
// Order of summation. Sums over c, i, j are taken in this order and as gemm.h says: in blocks of HEED_GEMM_KC terms, each from zero, added
// from left to right. For each i, j, dX sums over o in the same way; these sums are then added in order of y, x, then i, j. dW sums over n,
// y, x in order.
//
// Depthwise. If every channel of X is a group of its own, and neither kernel nor strides are very large, dX sums over o, i, j in order. dW
// sums over n, y, x in lanes, and adds the lanes in float64.
//
// Bits. The bits of an image's Y and dX depend only on that image. Nothing depends on the number of threads, nor on strides, except for the
// sign of a zero.
//
// Padding counts as zeros, and a weight that is not finite makes NaN of them. In a depthwise convolution the same holds in dX.
//
// Scratch: each worker holds one tile of the unfolded input, at most some 2 MB for kernels of up to 4096 terms, never the whole of it.
//
// Errors, checked before anything is written: BadShape (a size of 0, except batch; C or O not a multiple of G; a kernel larger than the
// padded input; overflow), BadStride (distances overflow, elements of an output overlap), BadArgument (a null pointer where data is needed,
// an activation that does not exist), OutOfMemory.

#ifndef HEED_CONVOLUTION_H
#define HEED_CONVOLUTION_H

#include "heed/activation.h"
#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct HeedConvolutionStrides {
  ptrdiff_t batch, channel, row, column;
} HeedConvolutionStrides;

typedef struct HeedConvolutionShape {
  size_t batch, input_channels, output_channels, groups;
  size_t height, width; // of X
  size_t kernel_height, kernel_width;
  size_t stride_height, stride_width;
  size_t dilation_height, dilation_width;
  size_t top, bottom, left, right;      // padding
  HeedConvolutionStrides input, output; // of X; of Y and dY
  HeedConvolutionStrides d_input;       // of dX
  bool accumulate;                      // backward: dW and dbias
} HeedConvolutionShape;

// Returns Y's size along one dimension; 0 if the kernel is larger than the padded input, a size is 0, or a number overflows.
size_t heed_convolution_output_size(size_t size, size_t kernel, size_t stride, size_t dilation, size_t before, size_t after);

// Scalar, float64. Results are contiguous and overwritten. `bias` may be null.
HeedStatus heed_convolution_reference_forward(const HeedConvolutionShape *shape, const float *input, const float *weight, const float *bias,
                                              double *output);
// Each gradient may be null.
HeedStatus heed_convolution_reference_backward(const HeedConvolutionShape *shape, const float *input, const float *weight,
                                               const float *d_output, double *d_input, double *d_weight, double *d_bias);

// `bias` may be null.
HeedStatus heed_convolution_forward(const HeedConvolutionShape *shape, const float *input, const float *weight, const float *bias,
                                    HeedActivation activation, float *output);

HeedStatus heed_convolution_input_backward(const HeedConvolutionShape *shape, const float *weight, const float *d_output, float *d_input);
HeedStatus heed_convolution_weight_backward(const HeedConvolutionShape *shape, const float *input, const float *d_output, float *d_weight);
HeedStatus heed_convolution_bias_backward(const HeedConvolutionShape *shape, const float *d_output, float *d_bias);

#ifdef __cplusplus
}
#endif

#endif

// Matrix product, batched:   C[b] <- activation(alpha * A[b] B[b] + beta * C[b] + bias[b])
//
// Shapes. A is [m, k], B is [k, n], C is [m, n]. Every matrix has a stride per batch, row and column, in elements and of any sign, so that
// a transpose is a swap of strides. The strides of A, B and the bias may be 0. C may not overlap A, B or the bias.
//
// Special cases. beta = 0 overwrites C, even if C holds NaN. If k = 0 or alpha = 0, the product is left out, and A and B are not read.
//
// Elements. A and B are float32, or both are bfloat16. C, the sums and the bias are float32. B may be packed once into a layout that is
// read from beginning to end: use it for weights, for one row of A or many.
//
// Order of summation, float32. k is cut into blocks of HEED_GEMM_KC. Each block is summed in order from zero, with one fused multiply-add
// per term (if the instruction set has one). The blocks are added from left to right; then come alpha, beta, bias and activation.
//
// Order of summation, bfloat16: the rule for every product of bfloat16 numbers in this library. Terms are counted from the first of the
// product, k is cut into blocks of HEED_GEMM_BF16_KC terms, and
//
//   total = +0
//   for each block from left to right
//     even = +0, odd = +0
//     for each term k of the block in order    if k is even: even = a[k] * b[k] + even    else: odd = a[k] * b[k] + odd
//     total = total + (even + odd)
//
// with one rounding to nearest per multiply-add and one per addition. A denormal operand counts as a zero of its sign, and a tiny result
// becomes one: a result whose magnitude, rounded to 24 bits as if the exponent had no lower end, is below 2^-126. The whole call counts
// denormal numbers as zeros: alpha, beta, previous elements of C, bias, activation and result too. Every instruction set with a fused
// multiply-add gives the same bits, which are also those of Intel's tile instructions (TDPBF16PS). HeedISAGeneric rounds each product
// before it adds it: the product of two bfloat16 numbers is exact in float32, so its bits differ only where a product overflows or is tiny.
//
// Bits. They do not depend on m, n, batch, threads or strides, nor on whether B is packed. One row by itself has the same bits as among
// many.
//
// Accuracy. |C - exact| <= 2 eps sum |a||b| for numbers of mean 0 (1 eps for k > 1024), eps = 2^-23. For numbers of one sign, whose partial
// sums grow, the error is up to 5 eps sum |a||b|.
//
// Errors: BadShape (overflow), BadStride (elements of C overlap or might, or a distance overflows), BadArgument (null data, alpha or beta
// not finite, an activation or element that does not exist, an element that the variant does not take), OutOfMemory.

#ifndef HEED_GEMM_H
#define HEED_GEMM_H

#include "heed/activation.h"
#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

// Named as in BLIS (Van Zee and van de Geijn 2015).
#define HEED_GEMM_KC      64 // terms per block of k: a panel of this many rows stays in the first-level cache
#define HEED_GEMM_BF16_KC 32 // terms per block of bfloat16: those that one tile instruction of Intel sums
#define HEED_GEMM_NR      64 // columns per panel of packed weights

typedef struct HeedGemmShape {
  size_t batch, m, n, k;
  HeedElement element; // of A and B
  ptrdiff_t a_batch, a_row, a_column;
  ptrdiff_t b_batch, b_row, b_column;
  ptrdiff_t c_batch, c_row, c_column;
  float alpha, beta;
} HeedGemmShape;

// Bias and activation, applied as C is stored. The bias is added with its strides (batch, row, column): (0, 0, 1) is one number per column,
// (0, 1, 0) one per row, and the strides of C add a whole matrix (a residual).
typedef struct HeedGemmEpilogue {
  const float *bias; // or null
  ptrdiff_t bias_batch, bias_row, bias_column;
  HeedActivation activation;
} HeedGemmEpilogue;

// Scalar, float64, one thread, for float32 only. `c` holds the previous C and receives the result, contiguous [batch, m, n].
HeedStatus heed_gemm_reference(const HeedGemmShape *shape, const float *a, const float *b, double *c);

// The engine's own product. `epilogue` may be null.
HeedStatus heed_gemm(const HeedGemmShape *shape, const HeedGemmEpilogue *epilogue, const void *a, const void *b, float *c);

// OpenBLAS, opened at run time and called by our threads: a named choice for comparisons, for float32 only. Its order of summation is its
// own. Returns HeedStatusNotSupported if there is no OpenBLAS, if a matrix has no contiguous dimension, if a leading dimension is below 1
// or below what BLAS takes, or if a size or a leading dimension is above INT_MAX.
HeedStatus heed_gemm_openblas(const HeedGemmShape *shape, const float *a, const float *b, float *c);

// ---- Packed weights -------------------------------------------------------------------------------------------------------------------

// The bytes of a packed [k, n] matrix; SIZE_MAX if they overflow or the element does not exist. The layout is the same for every
// instruction set: panels of HEED_GEMM_NR columns follow each other, each [k][64] float32 or [ceil(k / 4)][2][64] pairs of bfloat16. Of
// each four terms, the first and the third are a pair, then the second and the fourth, with the earlier one in the upper half. Where there
// is no term or no column a panel is filled up, with zeros in float32 and with -0 in bfloat16 (+0 times -0 is -0, which changes no sum).
size_t heed_gemm_packed_size(size_t k, size_t n, HeedElement element);

// Packs B [k, n], whose elements are float or uint16_t, from its strides. `packed` has the size above and is aligned to 4 bytes or more. It
// may not overlap B. Fresh memory that holds nothing else is read fastest, because the system is asked to put it into huge pages.
HeedStatus heed_gemm_pack(size_t k, size_t n, HeedElement element, const void *b, ptrdiff_t b_row, ptrdiff_t b_column, void *packed);

// The same product with B packed as the shape's element. One B serves the whole batch, and the strides of B in `shape` are ignored.
// `epilogue` may be null.
HeedStatus heed_gemm_packed(const HeedGemmShape *shape, const HeedGemmEpilogue *epilogue, const void *a, const void *packed, float *c);

#ifdef __cplusplus
}
#endif

#endif

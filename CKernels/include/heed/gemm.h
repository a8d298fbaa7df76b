// Matrix product, batched:   C[b] <- activation(alpha * A[b] B[b] + beta * C[b] + bias[b])
//
// A is [m, k], B is [k, n], C is [m, n]. Every matrix has a stride for batch, row and column (in elements, any sign, 0 too for A, B and the
// bias), so a transpose is a swap of strides. beta = 0 overwrites C whatever it holds (NaN too); k = 0 or alpha = 0 leaves the product out
// without reading A and B.
//
// A and B are float32, or both bfloat16; C, sums and bias are float32. B may be packed once into a layout that is read straight through:
// weights, for one row or many.
//
// Order of summation: k in blocks of HEED_GEMM_KC (HEED_GEMM_BF16_KC), each summed in order from zero with one fused multiply-add a
// term (where the instruction set has one), the blocks added from left to right, then alpha, beta, bias, activation. In bfloat16 terms are
// taken in pairs, the second before the first, as vdpbf16ps does; every instruction set gives the same bits, but that with the instruction
// denormal numbers count as 0. The bits do not depend on m, n, batch, threads, strides, or on whether B is packed: a row alone has the bits
// it has among many.
//
// Accuracy: |C - exact| <= 2 eps sum |a||b| for numbers of mean 0 (1 eps for k > 1024), eps = 2^-23; numbers of one sign, whose partial
// sums grow, up to 5 eps.
//
// C may not overlap A, B or the bias.
//
// Errors: BadShape (overflow), BadStride (elements of C overlap or might, or a distance overflows), BadArgument (null data, alpha or beta
// not finite, no such activation or element, an element that the variant does not take), OutOfMemory.

#ifndef HEED_GEMM_H
#define HEED_GEMM_H

#include "heed/activation.h"
#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

// Named as in BLIS (Van Zee and van de Geijn 2015).
#define HEED_GEMM_KC      64  // terms of a block of k: a panel of so many stays in the first-level cache
#define HEED_GEMM_BF16_KC 128 // the same of bfloat16
#define HEED_GEMM_NR      64  // columns of a panel of packed weights

typedef struct HeedGemmShape {
  size_t batch, m, n, k;
  HeedElement element; // of A and B
  ptrdiff_t a_batch, a_row, a_column;
  ptrdiff_t b_batch, b_row, b_column;
  ptrdiff_t c_batch, c_row, c_column;
  float alpha, beta;
} HeedGemmShape;

// What is done to C as it is stored. Strides (0, 0, 1) are a bias a column, (0, 1, 0) a bias a row, C's own a matrix added (a residual).
typedef struct HeedGemmEpilogue {
  const float *bias; // or null
  ptrdiff_t bias_batch, bias_row, bias_column;
  HeedActivation activation;
} HeedGemmEpilogue;

// Scalar, float64, one thread, of float32 only; `c` holds the previous C and receives the result, contiguous [batch, m, n].
HeedStatus heed_gemm_reference(const HeedGemmShape *shape, const float *a, const float *b, double *c);

// The engine's own. `epilogue` may be null.
HeedStatus heed_gemm(const HeedGemmShape *shape, const HeedGemmEpilogue *epilogue, const void *a, const void *b, float *c);

// OpenBLAS, opened at run time, called by our threads: a named choice to compare with, of float32 only. Its order of summation is its own.
// NotSupported where there is no OpenBLAS, where a matrix has no contiguous dimension or a leading dimension below 1 or what BLAS takes, or
// where a size or leading dimension is over INT_MAX.
HeedStatus heed_gemm_openblas(const HeedGemmShape *shape, const float *a, const float *b, float *c);

// ---- Packed weights -------------------------------------------------------------------------------------------------------------------

// Bytes of a packed [k, n] matrix; SIZE_MAX where they overflow or there is no such element. Panels of HEED_GEMM_NR columns follow each
// other, each [k][64] float32 or [(k + 1) / 2][64] pairs of bfloat16 (the earlier term in the lower half), the last one filled up with
// zeros. The same for every instruction set.
size_t heed_gemm_packed_size(size_t k, size_t n, HeedElement element);

// Packs B [k, n] with its strides, whose elements are float or uint16_t. `packed` has the size above and an alignment of 4 at least;
// memory of its own, not written before, is read fastest (it is asked to be in huge pages). It may not overlap B.
HeedStatus heed_gemm_pack(size_t k, size_t n, HeedElement element, const void *b, ptrdiff_t b_row, ptrdiff_t b_column, void *packed);

// The same product with B packed as the shape's element, one for the whole batch: the strides of B in `shape` are not looked at. `epilogue`
// may be null.
HeedStatus heed_gemm_packed(const HeedGemmShape *shape, const HeedGemmEpilogue *epilogue, const void *a, const void *packed, float *c);

#ifdef __cplusplus
}
#endif

#endif

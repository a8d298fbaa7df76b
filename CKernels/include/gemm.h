// Matrix product, float32, batched:   C[b] <- alpha * A[b] B[b] + beta * C[b]
//
// A is [m, k], B is [k, n], C is [m, n]. Every matrix has a stride for batch, row and column (in elements, any sign, 0 too for A and B), so
// a transpose is a swap of strides. beta = 0 overwrites C whatever it holds (NaN too); k = 0 or alpha = 0 gives beta * C without reading
// A and B.
//
// Order of summation: k in blocks of HEED_GEMM_K_BLOCK, each summed in order from zero with one fused multiply-add a term (where the
// instruction set has one), the blocks added from left to right, then alpha, then beta. It does not depend on m, n, batch, threads or
// strides: a row alone has the bits it has among many.
//
// C may not overlap A or B.
//
// Errors: BadShape (overflow), BadStride (elements of C overlap or might, or a distance overflows), BadArgument (null data, alpha or beta not
// finite), OutOfMemory.

#ifndef HEED_GEMM_H
#define HEED_GEMM_H

#include "heed_runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_GEMM_K_BLOCK 96

typedef struct HeedGemmShape {
  size_t batch, m, n, k;
  ptrdiff_t a_batch, a_row, a_column;
  ptrdiff_t b_batch, b_row, b_column;
  ptrdiff_t c_batch, c_row, c_column;
  float alpha, beta;
} HeedGemmShape;

// Scalar, float64, one thread; `c` holds the previous C and receives the result, contiguous [batch, m, n].
HeedStatus heed_gemm_reference(const HeedGemmShape *shape, const float *a, const float *b, double *c);

typedef HeedStatus (*HeedGemm)(const HeedGemmShape *shape, const float *a, const float *b, float *c);

HeedStatus heed_gemm_engine(const HeedGemmShape *shape, const float *a, const float *b, float *c);

// OpenBLAS, opened at run time, called by our threads: a named choice to compare with. Its order of summation is its own. NotSupported
// where there is no OpenBLAS, where a matrix has no contiguous dimension or a leading dimension below 1 or what BLAS takes, or where a
// size or leading dimension is over INT_MAX.
HeedStatus heed_gemm_openblas(const HeedGemmShape *shape, const float *a, const float *b, float *c);

#ifdef __cplusplus
}
#endif

#endif

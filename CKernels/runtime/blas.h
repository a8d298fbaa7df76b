// Private: OpenBLAS, opened at run time.

#ifndef HEED_BLAS_H
#define HEED_BLAS_H

#include "heed/runtime.h"

// The constants and types of cblas.h.
#define HEED_CBLAS_ROW_MAJOR    101
#define HEED_CBLAS_NO_TRANSPOSE 111
#define HEED_CBLAS_TRANSPOSE    112

typedef void (*HeedCblasSgemm)(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                               const float *b, int ldb, float beta, float *c, int ldc);

// Null if this build or this machine has no OpenBLAS. It runs only on the calling thread: parallel regions are ours.
HeedCblasSgemm heed_openblas_sgemm(void);

#endif

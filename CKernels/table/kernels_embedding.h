// Private: the embedding's part of the table (heed/embedding.h).

#ifndef HEED_KERNELS_EMBEDDING_H
#define HEED_KERNELS_EMBEDDING_H

#include "heed/runtime.h"

// Some columns of one row of the table's gradient.
typedef struct HeedEmbeddingSum {
  size_t tokens, columns;
  const uint64_t *token; // [tokens] which rows of `gradient` are added, in this order
  const float *gradient;
  ptrdiff_t gradient_row;
  float *output;
  bool accumulate;
} HeedEmbeddingSum;

typedef struct HeedEmbeddingKernels {
  void (*sum)(const HeedEmbeddingSum *sum);
} HeedEmbeddingKernels;

#endif

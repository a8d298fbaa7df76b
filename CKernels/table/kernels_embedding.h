// Private: the embedding's part of the table (heed/embedding.h).

#ifndef HEED_KERNELS_EMBEDDING_H
#define HEED_KERNELS_EMBEDDING_H

#include "heed/runtime.h"

// Some columns of one row of the table's gradient.
typedef struct HeedEmbeddingSum {
  size_t tokens, columns;
  const uint64_t *token; // [tokens] which rows of `d_output` are added, in this order
  const float *d_output;
  ptrdiff_t d_output_row;
  float *output;
  bool accumulate;
} HeedEmbeddingSum;

typedef struct HeedEmbeddingKernels {
  void (*sum)(const HeedEmbeddingSum *sum);
} HeedEmbeddingKernels;

#endif

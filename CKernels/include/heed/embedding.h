// Embedding: rows of a table looked up by their numbers, and the table's gradient, float32.
//
//   Y[t,j] = W[id[t],j]                          t < tokens, j < columns
//   dW[v,j] = sum of dY[t,j] over the t with id[t] = v and v not `padding`
//
// These are the products with a one-hot matrix H [tokens, vocabulary] without the matrix: Y = H W, and dW = H^T dY for any dY.
//
// W is [vocabulary, columns], Y and dY are [tokens, columns], with contiguous columns and a stride of rows each (in elements, any sign; 0
// too for what is read). Numbers are int32 or int64, `id_step` elements apart.
//
// Gradients. `dense` goes into the whole table, and is added to what that holds where `accumulate` is set ("Gradients" in runtime.h).
// `touched` gives only the rows that are named, overwriting always: their numbers, rising, and their sums, one behind the other. A row's
// sum is that of float64, in the order of the tokens, rounded once (with what it is added to): the same bits for any number of threads. NaN
// and infinities follow IEEE and stay in their row and column.
//
// Errors: BadShape (overflow), BadStride (rows of an output overlap, a distance overflows), BadArgument (null data, a number outside the
// vocabulary, no such kind of numbers), OutOfMemory. Outputs may not overlap inputs.

#ifndef HEED_EMBEDDING_H
#define HEED_EMBEDDING_H

#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum HEED_CLOSED HeedEmbeddingIndex {
  HeedEmbeddingIndexInt32 = 0,
  HeedEmbeddingIndexInt64,
} HeedEmbeddingIndex;

typedef struct HeedEmbeddingShape {
  size_t tokens, vocabulary, columns;
  HeedEmbeddingIndex id_element;
  ptrdiff_t id_step;
  ptrdiff_t table_row;  // stride of W, and of dW (dense)
  ptrdiff_t output_row; // stride of Y, and of dY
  bool has_padding;
  int64_t padding; // tokens of this number have no gradient; looked up like any other
  bool accumulate; // backward, dense: the table's gradient
} HeedEmbeddingShape;

HeedStatus heed_embedding_forward(const HeedEmbeddingShape *shape, const float *table, const void *ids, float *output);
HeedStatus heed_embedding_dense_backward(const HeedEmbeddingShape *shape, const void *ids, const float *d_output, float *d_table);

// `rows` (of the kind of `ids`) and `d_rows` [.., columns], contiguous, have room for min(tokens, vocabulary) rows; `count` receives how
// many there are.
HeedStatus heed_embedding_touched_backward(const HeedEmbeddingShape *shape, const void *ids, const float *d_output, void *rows,
                                           float *d_rows, size_t *count);

// The scatter-add in float64, token after token; `d_table` [vocabulary, columns] is contiguous and overwritten.
HeedStatus heed_embedding_reference_backward(const HeedEmbeddingShape *shape, const void *ids, const float *d_output, double *d_table);

#ifdef __cplusplus
}
#endif

#endif

// Embedding: looks up rows of a table by their ids, and computes the gradient of the table, float32.
//
//   Y[t,j] = W[id[t],j]                          t < tokens, j < columns
//   dW[v,j] = sum of dY[t,j] over the t with id[t] = v and v not `padding`
//
// These are products with a one-hot matrix H [tokens, vocabulary], computed without the matrix: Y = H W, and dW = H^T dY for any dY.
//
// Shapes. W is [vocabulary, columns]; Y and dY are [tokens, columns]. Columns are contiguous. Each matrix has a stride of rows, in elements
// and of any sign; that of an input may be 0. Ids are int32 or int64, `id_step` elements apart. Outputs may not overlap inputs.
//
// Gradients. `dense` writes the whole table. If `accumulate` is true, it adds to what the table holds ("Gradients" in runtime.h). `touched`
// returns only the rows whose ids occur: their ids in ascending order, and their sums one behind the other. It always overwrites.
//
// Bits. The sum of a row is computed in float64, in the order of the tokens, and rounded once, together with the number it is added to. So
// it has the same bits for any number of threads. NaN and infinities follow IEEE and stay in their row and column.
//
// Errors: BadShape (overflow), BadStride (rows of an output overlap, a distance overflows), BadArgument (null data, a type of
// ids that does not exist), BadIndex (one of `ids` is outside the vocabulary), OutOfMemory.

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
  int64_t padding; // tokens with this id have no gradient; the lookup treats it like any other
  bool accumulate; // backward, dense: add to the table's gradient
} HeedEmbeddingShape;

HeedStatus heed_embedding_forward(const HeedEmbeddingShape *shape, const float *table, const void *ids, float *output);
HeedStatus heed_embedding_dense_backward(const HeedEmbeddingShape *shape, const void *ids, const float *d_output, float *d_table);

// `rows` (of the type of `ids`) and `d_rows` [.., columns], both contiguous, have room for min(tokens, vocabulary) rows. `count` receives
// the number of rows written.
HeedStatus heed_embedding_touched_backward(const HeedEmbeddingShape *shape, const void *ids, const float *d_output, void *rows,
                                           float *d_rows, size_t *count);

// The scatter-add in float64, token after token. `d_table` [vocabulary, columns] is contiguous and overwritten.
HeedStatus heed_embedding_reference_backward(const HeedEmbeddingShape *shape, const void *ids, const float *d_output, double *d_table);

#ifdef __cplusplus
}
#endif

#endif

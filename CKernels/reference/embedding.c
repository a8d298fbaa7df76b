// The embedding's gradient as a scatter-add in float64, token after token: the oracle of the tests.

#include "checks/embedding_checks.h"
#include "runtime/float_mode.h"

HeedStatus heed_embedding_reference_backward(const HeedEmbeddingShape *shape, const void *ids, const float *d_output, double *d_table) {
  HEED_FLOAT_MODE();
  if (!shape) return HeedStatusBadArgument;
  HeedEmbeddingShape contiguous = *shape;
  contiguous.table_row = (ptrdiff_t)shape->columns;
  const HeedStatus status = heed_embedding_check(&contiguous, ids, d_table, d_output, true);
  if (status != HeedStatusOk) return status;
  for (size_t i = 0; i < shape->vocabulary * shape->columns; i++) d_table[i] = 0;
  for (size_t t = 0; shape->columns > 0 && t < shape->tokens; t++) {
    const int64_t id = heed_embedding_id(shape, ids, t);
    if (shape->has_padding && id == shape->padding) continue;
    const float *row = d_output + (ptrdiff_t)t * shape->output_row;
    for (size_t j = 0; j < shape->columns; j++) d_table[(size_t)id * shape->columns + j] += (double)row[j];
  }
  return HeedStatusOk;
}

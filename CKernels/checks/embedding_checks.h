// Private: the argument checks of embedding, and its numbers.

#ifndef HEED_EMBEDDING_CHECKS_H
#define HEED_EMBEDDING_CHECKS_H

#include "checks/array_checks.h"
#include "heed/embedding.h"
#include "runtime/bad_index.h"

static inline int64_t heed_embedding_id(const HeedEmbeddingShape *s, const void *ids, size_t token) {
  const ptrdiff_t place = (ptrdiff_t)token * s->id_step;
  return s->id_element == HeedEmbeddingIndexInt32 ? (int64_t)((const int32_t *)ids)[place] : ((const int64_t *)ids)[place];
}

static inline HeedStatus heed_embedding_check_ids(const HeedEmbeddingShape *s, const void *ids) {
  for (size_t t = 0; t < s->tokens; t++) {
    const int64_t id = heed_embedding_id(s, ids, t);
    if (id < 0 || (uint64_t)id >= s->vocabulary) return heed_bad_index("ids", id, t, s->vocabulary);
  }
  return HeedStatusOk;
}

// `table_written`: the table is dW and is written; else the rows of Y are. `rows` is the array with one row per token, Y or dY.
static inline HeedStatus heed_embedding_check(const HeedEmbeddingShape *s, const void *ids, const void *table, const void *rows,
                                              bool table_written) {
  if (!s) return HeedStatusBadArgument;
  const HeedArray w = {2, {s->vocabulary, s->columns}, {s->table_row, 1}}, y = {2, {s->tokens, s->columns}, {s->output_row, 1}};
  const HeedArray id = {1, {s->tokens}, {s->id_step}};
  if (!heed_array_sizes_fit(&w) || !heed_array_sizes_fit(&y)) return HeedStatusBadShape;
  if (!heed_array_distances_fit(&w, sizeof(float)) || !heed_array_distances_fit(&y, sizeof(float))) return HeedStatusBadStride;
  if (!heed_array_distances_fit(&id, sizeof(int64_t)) || !heed_array_is_injective(table_written ? &w : &y)) return HeedStatusBadStride;
  if (s->id_element != HeedEmbeddingIndexInt32 && s->id_element != HeedEmbeddingIndexInt64) return HeedStatusBadArgument;
  if (s->tokens == 0) return table_written && !table && s->vocabulary && s->columns ? HeedStatusBadArgument : HeedStatusOk;
  if (!ids) return HeedStatusBadArgument;
  const HeedStatus status = heed_embedding_check_ids(s, ids); // first: the table of no vocabulary may be null
  if (status != HeedStatusOk) return status;
  return s->columns == 0 || (table && rows) ? HeedStatusOk : HeedStatusBadArgument;
}

#endif

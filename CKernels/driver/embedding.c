// Embedding forward: checks, one task per few tokens.

#include "heed/embedding.h"

#include <string.h>

#include "checks/embedding_checks.h"
#include "runtime/profile.h"
#include "runtime/threads/tasks.h"

typedef struct Call {
  const HeedEmbeddingShape *shape;
  const float *table;
  const void *ids;
  float *output;
  size_t task_tokens;
} Call;

static void look_up(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedEmbeddingShape *s = call->shape;
  const size_t first = task * call->task_tokens, end = first + heed_size_min(s->tokens - first, call->task_tokens);
  for (size_t t = first; t < end; t++)
    memcpy(call->output + (ptrdiff_t)t * s->output_row, call->table + (ptrdiff_t)heed_embedding_id(s, call->ids, t) * s->table_row,
           s->columns * sizeof(float));
}

HeedStatus heed_embedding_forward(const HeedEmbeddingShape *shape, const float *table, const void *ids, float *output) {
  HEED_ENTRY();
  const HeedStatus status = heed_embedding_check(shape, ids, table, output, false);
  if (status != HeedStatusOk) return status;
  if (shape->tokens == 0 || shape->columns == 0) return HeedStatusOk;
  Call call = {shape, table, ids, output, heed_task_rows(shape->columns)};
  const size_t tasks = heed_divide_up(shape->tokens, call.task_tokens);
  heed_parallel_for(tasks, heed_parallel_width(tasks, HEED_COPY_FLOPS * (double)shape->tokens * (double)shape->columns), look_up, &call);
  return HeedStatusOk;
}

// The plain matrix products of additive and multiplicative attention: projections, the gradients through them and of their weights.

#include <string.h>

#include "driver/scored_attention/scored_attention_call.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/tasks.h"
#include "table/dispatch.h"

// Queries per task: enough that packing the keys costs little in comparison, fewer if there were too few tasks to share.
#define BLOCK_ROWS       64
#define BLOCK_ROWS_LEAST 8 // more than a register block

#define PREPARE_FLOPS 20.0 // an exponential
#define PREPARE_ROWS  16   // of a task

// ---- Products over all rows of all sequences ------------------------------------------------------------------------------------------

// Rows of a batch at even distances are the rows of one matrix.
static bool joins(size_t batch, size_t rows, HeedScoredAttentionStrides *s) {
  if (rows == 1) s->row = s->batch; // of a single row the stride says nothing
  if (batch > 1 && rows > 1 && s->batch != (ptrdiff_t)rows * s->row) return false;
  return true;
}

HeedStatus heed_scored_attention_multiply(size_t batch, size_t rows, HeedScoredAttentionRows x, const float *m, ptrdiff_t m_row,
                                          ptrdiff_t m_column, size_t columns, float *target) {
  HeedGemmShape shape = {
      .batch = batch,
      .m = rows,
      .n = columns,
      .k = x.columns,
      .b_row = m_row,
      .b_column = m_column,
      .c_batch = (ptrdiff_t)(rows * columns),
      .c_row = (ptrdiff_t)columns,
      .c_column = 1,
      .alpha = 1.0f,
  };
  if (joins(batch, rows, &x.strides)) shape.m = batch * rows, shape.batch = 1;
  shape.a_batch = x.strides.batch, shape.a_row = x.strides.row, shape.a_column = x.strides.column;
  return heed_gemm(&shape, NULL, x.data, m, target);
}

static size_t visible_rows(const HeedScoredAttentionCall *call, size_t rows, bool all_or_none, size_t b) {
  const size_t length = heed_scored_attention_length(call->shape, call->inputs, b);
  return all_or_none ? (length > 0 ? rows : 0) : length;
}

// The visible rows one behind the other; their number.
static void gather(const HeedScoredAttentionCall *call, size_t rows, bool all_or_none, HeedScoredAttentionRows x, float *target) {
  for (size_t b = 0; b < call->shape->batch; b++) {
    const size_t visible = visible_rows(call, rows, all_or_none, b);
    if (visible == 0 || x.columns == 0) continue;
    call->kernels->matrix.copy(x.data + heed_scored_attention_offset(x.strides, b, 0, 0), x.strides.row, x.strides.column, visible,
                               x.columns, target, (ptrdiff_t)x.columns, 1);
    target += visible * x.columns;
  }
}

HeedStatus heed_scored_attention_outer(const HeedScoredAttentionCall *call, size_t rows, bool all_or_none, HeedScoredAttentionRows left,
                                       HeedScoredAttentionRows right, bool accumulate, float *target) {
  const size_t batch = call->shape->batch;
  size_t visible = 0;
  for (size_t b = 0; b < batch; b++) visible += visible_rows(call, rows, all_or_none, b);
  float *room = NULL;
  // Hidden rows must not be read, and a sum goes through all sequences in one row of terms; otherwise the rows are gathered first.
  if (visible < batch * rows || !joins(batch, rows, &left.strides) || !joins(batch, rows, &right.strides)) {
    room = heed_scratch_push(heed_size_product(heed_size_product(visible, sizeof(float)), left.columns + right.columns));
    if (!room) return HeedStatusOutOfMemory;
    gather(call, rows, all_or_none, left, room);
    gather(call, rows, all_or_none, right, room + visible * left.columns);
    left.data = room, right.data = room + visible * left.columns;
    left.strides = heed_scored_attention_rows(visible, left.columns), right.strides = heed_scored_attention_rows(visible, right.columns);
  }
  const HeedGemmShape shape = {
      .batch = 1,
      .m = left.columns,
      .n = right.columns,
      .k = visible,
      .a_row = left.strides.column,
      .a_column = left.strides.row,
      .b_row = right.strides.row,
      .b_column = right.strides.column,
      .c_row = (ptrdiff_t)right.columns,
      .c_column = 1,
      .alpha = 1.0f,
      .beta = accumulate ? 1.0f : 0.0f,
  };
  const HeedStatus status = heed_gemm(&shape, NULL, left.data, right.data, target);
  heed_scratch_pop(room);
  return status;
}

void heed_scored_attention_clear_hidden(const HeedScoredAttentionCall *call, size_t rows, bool all_or_none, size_t columns, float *target) {
  for (size_t b = 0; b < call->shape->batch; b++) {
    const size_t visible = visible_rows(call, rows, all_or_none, b), hidden = (rows - visible) * columns;
    if (hidden > 0) memset(target + (b * rows + visible) * columns, 0, hidden * sizeof(float));
  }
}

HeedStatus heed_scored_attention_multiply_visible(const HeedScoredAttentionCall *call, size_t rows, bool all_or_none,
                                                  HeedScoredAttentionRows x, const float *m, ptrdiff_t m_row, ptrdiff_t m_column,
                                                  size_t columns, float *target) {
  const size_t batch = call->shape->batch;
  HeedStatus status = HeedStatusOk;
  for (size_t b = 0; b < batch && status == HeedStatusOk;) {
    const size_t first = b, visible = visible_rows(call, rows, all_or_none, b);
    do b++;
    while (visible == rows && b < batch && visible_rows(call, rows, all_or_none, b) == rows);
    const HeedScoredAttentionRows part = {x.data ? x.data + heed_scored_attention_offset(x.strides, first, 0, 0) : NULL, x.strides,
                                          x.columns};
    if (visible > 0)
      status = heed_scored_attention_multiply(b - first, visible, part, m, m_row, m_column, columns, target + first * rows * columns);
  }
  heed_scored_attention_clear_hidden(call, rows, all_or_none, columns, target);
  return status;
}

// ---- Projections ----------------------------------------------------------------------------------------------------------------------

typedef struct Prepare {
  const HeedKernels *kernels;
  size_t rows, dim;
  const float *projection;
  float *exponential, *largest;
} Prepare;

static void prepare_rows(void *context, size_t task, size_t worker) {
  (void)worker;
  const Prepare *x = context;
  const size_t first = task * PREPARE_ROWS, left = x->rows - first, at = first * x->dim;
  x->kernels->scored_attention.additive_prepare(left < PREPARE_ROWS ? left : PREPARE_ROWS, x->dim, x->projection + at, x->exponential + at,
                                                x->largest + first);
}

static size_t prepared_floats(size_t rows, size_t dim) { return heed_size_product(rows, heed_size_sum(heed_size_product(2, dim), 1)); }

// The parts of prepared rows.
static HeedScoredAttentionAdditiveRows prepared_rows(const float *prepared, size_t rows, size_t dim) {
  return (HeedScoredAttentionAdditiveRows){prepared, prepared + rows * dim, prepared + 2 * rows * dim};
}

// Projects rows [batch, rows, x.columns] by weight [dim, x.columns] and prepares them.
static HeedStatus prepare(const HeedKernels *kernels, size_t batch, size_t rows, HeedScoredAttentionRows x, const float *weight, size_t dim,
                          float *prepared) {
  const HeedStatus status = heed_scored_attention_multiply(batch, rows, x, weight, 1, (ptrdiff_t)x.columns, dim, prepared);
  if (status != HeedStatusOk) return status;
  const size_t all = batch * rows;
  Prepare call = {kernels, all, dim, prepared, prepared + all * dim, prepared + 2 * all * dim};
  const size_t tasks = heed_divide_up(all, PREPARE_ROWS);
  heed_parallel_for(tasks, heed_parallel_width(tasks, PREPARE_FLOPS * (double)all * (double)dim), prepare_rows, &call);
  return HeedStatusOk;
}

static HeedScoredAttentionRows query_rows(const HeedScoredAttentionCall *call) {
  return (HeedScoredAttentionRows){call->inputs->query, call->shape->query, call->shape->query_dim};
}

static HeedStatus project_additive(HeedScoredAttentionCall *call) {
  const HeedScoredAttentionShape *s = call->shape;
  const HeedScoredAttentionInputs *in = call->inputs;
  const size_t A = s->attention_dim, queries = s->batch * s->query_length, keys = s->batch * s->key_length;
  const size_t query_floats = prepared_floats(queries, A), key_floats = in->prepared_keys ? 0 : prepared_floats(keys, A);
  call->room = heed_scratch_push(heed_size_product(heed_size_sum(query_floats, key_floats), sizeof(float)));
  if (!call->room) return HeedStatusOutOfMemory;
  float *query = call->room, *key = query + query_floats;
  HeedStatus status = prepare(call->kernels, s->batch, s->query_length, query_rows(call), in->query_weight, A, query);
  if (status == HeedStatusOk && !in->prepared_keys) {
    const HeedScoredAttentionRows rows = {in->key, s->key, s->key_dim};
    status = prepare(call->kernels, s->batch, s->key_length, rows, in->key_weight, A, key);
  }
  call->queries = prepared_rows(query, queries, A);
  call->keys = prepared_rows(in->prepared_keys ? in->prepared_keys : key, keys, A);
  return status;
}

static HeedStatus project_general(HeedScoredAttentionCall *call) {
  const HeedScoredAttentionShape *s = call->shape;
  const size_t floats = s->batch * s->query_length * s->key_dim;
  call->room = heed_scratch_push(heed_size_product(floats, sizeof(float)));
  if (!call->room) return HeedStatusOutOfMemory;
  call->left = call->room;
  call->left_strides = heed_scored_attention_rows(s->query_length, s->key_dim);
  return heed_scored_attention_multiply(s->batch, s->query_length, query_rows(call), call->inputs->weight, (ptrdiff_t)s->key_dim, 1,
                                        s->key_dim, call->room);
}

void heed_scored_attention_plan(HeedScoredAttentionCall *call) {
  const HeedScoredAttentionShape *s = call->shape;
  call->block_rows = heed_size_min(s->query_length, BLOCK_ROWS);
  while (call->block_rows >= 2 * BLOCK_ROWS_LEAST && s->batch * (s->query_length / call->block_rows) < HEED_TASKS_WANTED)
    call->block_rows /= 2;
  call->blocks = heed_divide_up(s->query_length, call->block_rows);
}

HeedStatus heed_scored_attention_project(HeedScoredAttentionCall *call) {
  const HeedScoredAttentionShape *s = call->shape;
  HeedStatus status = HeedStatusOk;
  if (s->score == HeedScoredAttentionScoreAdditive)
    status = project_additive(call);
  else if (s->score == HeedScoredAttentionScoreGeneral)
    status = project_general(call);
  else
    call->left = call->inputs->query, call->left_strides = s->query;
  if (status != HeedStatusOk) heed_scored_attention_release(call);
  return status;
}

void heed_scored_attention_release(HeedScoredAttentionCall *call) {
  heed_scratch_pop(call->room);
  call->room = NULL;
}

// ---- Prepared keys --------------------------------------------------------------------------------------------------------------------

size_t heed_scored_attention_additive_prepared_size(const HeedScoredAttentionShape *shape) {
  return shape ? prepared_floats(heed_size_product(shape->batch, shape->key_length), shape->attention_dim) : SIZE_MAX;
}

static HeedStatus check_keys(const HeedScoredAttentionShape *s, const HeedScoredAttentionInputs *in) {
  const HeedStatus status = heed_scored_attention_check_sizes(s, true);
  if (status != HeedStatusOk) return status;
  if (!in || s->score != HeedScoredAttentionScoreAdditive) return HeedStatusBadArgument;
  const HeedArray key = heed_scored_attention_contiguous(s->batch, s->key_length, s->key_dim),
                  weight = heed_scored_attention_contiguous(1, s->attention_dim, s->key_dim);
  if (!heed_array_has(&key, in->key) || !heed_array_has(&weight, in->key_weight)) return HeedStatusBadArgument;
  return heed_scored_attention_check_lengths(s, in);
}

HeedStatus heed_scored_attention_additive_prepare_keys(const HeedScoredAttentionShape *shape, const HeedScoredAttentionInputs *inputs,
                                                       float *prepared) {
  HEED_ENTRY_FLUSHING_DENORMALS();
  const HeedStatus status = check_keys(shape, inputs);
  if (status != HeedStatusOk) return status;
  if (heed_scored_attention_additive_prepared_size(shape) > PTRDIFF_MAX / sizeof(float)) return HeedStatusBadShape;
  if (shape->batch == 0 || shape->key_length == 0) return HeedStatusOk;
  if (!prepared) return HeedStatusBadArgument;
  const HeedScoredAttentionRows rows = {inputs->key, shape->key, shape->key_dim};
  return prepare(heed_kernels(), shape->batch, shape->key_length, rows, inputs->key_weight, shape->attention_dim, prepared);
}

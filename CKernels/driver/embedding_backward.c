// Embedding backward: the tokens are sorted by their numbers, stably, so that each row of the table has its tokens one behind the other and
// in their order. A task is a stretch of sorted tokens and a block of columns: it owns the rows whose first token is in its stretch.

#include <string.h>

#include "checks/embedding_checks.h"
#include "heed/embedding.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/tasks.h"
#include "table/dispatch.h"

#define TASK_TOKENS  64  // with TASK_COLUMNS HEED_TASK_ELEMENTS
#define TASK_COLUMNS 256 // whole cache lines of dW, that no other task touches
#define CLEAR_ROWS   64  // of a task that clears dW
#define DIGIT_BITS   11  // of the sort by rows: its counts, 16 KiB, stay in the first-level cache
#define DIGITS       (1 << DIGIT_BITS)

// A token and the row that it names.
typedef struct Entry {
  uint64_t row, token;
} Entry;

typedef struct Call {
  const HeedKernels *kernels;
  const HeedEmbeddingShape *shape;
  const float *d_output;
  float *target;
  bool compact; // row u of the target is the u-th row that is named; else the target is the table
  bool accumulate;
  const uint64_t *token, *first, *row; // sorted tokens; of each named row its first place in them (and one more, the end), and its number
  size_t rows, column_tasks;
} Call;

static void sum_rows(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedEmbeddingShape *s = call->shape;
  const size_t column = task % call->column_tasks * TASK_COLUMNS, left = s->columns - column;
  const uint64_t begin = task / call->column_tasks * TASK_TOKENS, end = begin + TASK_TOKENS;
  size_t low = 0, high = call->rows; // the first row that begins at `begin` or behind it
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (call->first[middle] < begin)
      low = middle + 1;
    else
      high = middle;
  }
  for (size_t u = low; u < call->rows && call->first[u] < end; u++) {
    const HeedEmbeddingSum sum = {
        .tokens = call->first[u + 1] - call->first[u],
        .columns = heed_size_min(left, TASK_COLUMNS),
        .token = call->token + call->first[u],
        .d_output = call->d_output + column,
        .d_output_row = s->output_row,
        .output = call->compact ? call->target + u * s->columns + column
                                : call->target + (ptrdiff_t)call->row[u] * s->table_row + (ptrdiff_t)column,
        .accumulate = call->accumulate,
    };
    call->kernels->embedding.sum(&sum);
  }
}

// Sorts by the row, a digit at a time. Returns the array that holds the result, one of the two.
static Entry *sort_entries(Entry *entries, Entry *other, size_t count, size_t vocabulary, size_t *places) {
  for (unsigned shift = 0; shift < 64 && (vocabulary - 1) >> shift; shift += DIGIT_BITS) {
    memset(places, 0, DIGITS * sizeof *places);
    for (size_t i = 0; i < count; i++) places[entries[i].row >> shift & (DIGITS - 1)]++;
    for (size_t d = 0, place = 0; d < DIGITS; d++) {
      const size_t here = places[d];
      places[d] = place;
      place += here;
    }
    for (size_t i = 0; i < count; i++) other[places[entries[i].row >> shift & (DIGITS - 1)]++] = entries[i];
    Entry *sorted = other;
    other = entries, entries = sorted;
  }
  return entries;
}

// Sorts the tokens that have a gradient, and fills the call's members about them. `scratch` has scratch_size(tokens) bytes.
static void sort_tokens(Call *call, const void *ids, void *scratch) {
  const HeedEmbeddingShape *s = call->shape;
  Entry *entries = scratch, *other = entries + s->tokens;
  uint64_t *token = (uint64_t *)(other + s->tokens), *first = token + s->tokens, *row = first + s->tokens + 1;
  size_t *places = (size_t *)(row + s->tokens), count = 0, rows = 0;
  for (size_t t = 0; t < s->tokens; t++) {
    const int64_t id = heed_embedding_id(s, ids, t);
    if (!s->has_padding || id != s->padding) entries[count++] = (Entry){(uint64_t)id, t};
  }
  entries = sort_entries(entries, other, count, s->vocabulary, places);
  for (size_t i = 0; i < count; i++) {
    token[i] = entries[i].token;
    if (i > 0 && entries[i].row == entries[i - 1].row) continue;
    first[rows] = i;
    row[rows++] = entries[i].row;
  }
  first[rows] = count;
  call->token = token, call->first = first, call->row = row, call->rows = rows;
}

static size_t scratch_size(size_t tokens) {
  return heed_size_sum(heed_size_product(tokens, 2 * sizeof(Entry) + 3 * sizeof(uint64_t)), sizeof(uint64_t) + DIGITS * sizeof(size_t));
}

static void run_sums(Call *call) {
  const HeedEmbeddingShape *s = call->shape;
  const size_t count = call->first[call->rows];
  if (count == 0 || s->columns == 0) return;
  call->column_tasks = heed_divide_up(s->columns, TASK_COLUMNS);
  const size_t tasks = heed_divide_up(count, TASK_TOKENS) * call->column_tasks;
  heed_parallel_for(tasks, heed_parallel_width(tasks, HEED_COPY_FLOPS * (double)count * (double)s->columns), sum_rows, call);
}

static void clear_rows(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedEmbeddingShape *s = call->shape;
  const size_t first = task * CLEAR_ROWS, end = first + heed_size_min(s->vocabulary - first, CLEAR_ROWS);
  for (size_t v = first; v < end; v++) memset(call->target + (ptrdiff_t)v * s->table_row, 0, s->columns * sizeof(float));
}

HeedStatus heed_embedding_dense_backward(const HeedEmbeddingShape *shape, const void *ids, const float *d_output, float *d_table) {
  HEED_ENTRY();
  const HeedStatus status = heed_embedding_check(shape, ids, d_table, d_output, true);
  if (status != HeedStatusOk) return status;
  if (shape->vocabulary == 0 || shape->columns == 0) return HeedStatusOk;
  Call call = {.kernels = heed_kernels(), .shape = shape, .d_output = d_output, .target = d_table};
  call.accumulate = shape->accumulate;
  void *scratch = heed_scratch_push(scratch_size(shape->tokens));
  if (!scratch) return HeedStatusOutOfMemory;
  const size_t clears = heed_divide_up(shape->vocabulary, CLEAR_ROWS);
  if (!shape->accumulate)
    heed_parallel_for(clears, heed_parallel_width(clears, (double)shape->vocabulary * (double)shape->columns), clear_rows, &call);
  sort_tokens(&call, ids, scratch);
  run_sums(&call);
  heed_scratch_pop(scratch);
  return HeedStatusOk;
}

HeedStatus heed_embedding_touched_backward(const HeedEmbeddingShape *shape, const void *ids, const float *d_output, void *rows,
                                           float *d_rows, size_t *count) {
  HEED_ENTRY();
  if (!shape || !count) return HeedStatusBadArgument;
  HeedEmbeddingShape s = *shape;
  s.table_row = (ptrdiff_t)s.columns; // there is no table
  const HeedStatus status = heed_embedding_check(&s, ids, d_rows, d_output, s.tokens > 0);
  if (status != HeedStatusOk) return status;
  if (s.tokens > 0 && !rows) return HeedStatusBadArgument;
  if (s.tokens == 0) {
    *count = 0;
    return HeedStatusOk;
  }
  Call call = {.kernels = heed_kernels(), .shape = &s, .d_output = d_output, .target = d_rows, .compact = true};
  void *scratch = heed_scratch_push(scratch_size(s.tokens));
  if (!scratch) return HeedStatusOutOfMemory;
  sort_tokens(&call, ids, scratch);
  run_sums(&call);
  for (size_t u = 0; u < call.rows; u++) {
    if (s.id_element == HeedEmbeddingIndexInt32)
      ((int32_t *)rows)[u] = (int32_t)call.row[u];
    else
      ((int64_t *)rows)[u] = (int64_t)call.row[u];
  }
  *count = call.rows;
  heed_scratch_pop(scratch);
  return HeedStatusOk;
}

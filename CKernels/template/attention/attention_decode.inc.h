// Attention forward for a few queries over many keys: one chunk of KEY_CHUNK keys of one key/value head (letters: heed/attention.h).
//
// Keys stand in the lanes, so a single query fills them; memory is read once, whatever the number of queries:
//
//   S <- Q K^T        16 keys at a time: in place in a cache, or from rows transposed in registers, lanes x lanes P <- 2^(S - m)    vectors
//   of keys O <- O * alpha + P V    value dimension in the lanes, key by key
//
// Every score is the same sum over d in order, every tile's sum runs key by key from zero (in bfloat16 both by the rule of heed/gemm.h),
// tiles go online within a chunk: the bits are those of attention_tiled_forward.inc.h, and attention_online.inc.h says why.

// Minima of sizes are written out here: with heed_size_min clang 21 turns 45 of 245 conditional moves (AVX-512) into branches.

#include "template/attention/attention_online.inc.h"

#define KEY_VECTORS    (KEY_BLOCK / HEED_LANES)                           // vectors that hold the scores of one block
#define DECODE_ROWS    (HEED_LANES == 16 ? 8 : (HEED_LANES == 8 ? 4 : 2)) // queries whose sums share the registers with one block of keys
#define DECODE_COLUMNS 4                                                  // vectors of the value dimension summed at a time

INLINE_KERNEL vf decode_load(const bool bf16, const void *base, ptrdiff_t index, size_t n) {
  return bf16 ? vf_load_bf16_n((const uint16_t *)base + index, n) : vf_load_n((const float *)base + index, n);
}

// One key's term of the values of rows x columns vectors.
INLINE_KERNEL void decode_value_term(const int rows, const int columns, const bool bf16, const void *value, ptrdiff_t index, size_t last,
                                     const float *weights, vf sum[DECODE_ROWS][DECODE_COLUMNS]) {
  vf element[DECODE_COLUMNS];
#pragma clang loop unroll(full)
  for (int c = 0; c < columns; c++)
    element[c] = decode_load(bf16, value, index + c * HEED_LANES, c + 1 < columns ? (size_t)HEED_LANES : last);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    const vf weight = vf_set1(weights[r * KEY_TILE]);
#pragma clang loop unroll(full)
    for (int c = 0; c < columns; c++) sum[r][c] = vf_fma(element[c], weight, sum[r][c]);
  }
}

#include "template/attention/attention_decode_bf16.inc.h"

// Scores of a block of a cache: 16 keys beside each other at each d.
INLINE_KERNEL void decode_blocked(const int rows, const HeedAttentionDecode *task, const float *key, const float *query,
                                  vf sum[DECODE_ROWS][KEY_VECTORS]) {
  for (size_t d = 0; d < task->head_dim; d++)
#pragma clang loop unroll(full)
    for (int v = 0; v < KEY_VECTORS; v++) {
      const vf keys = vf_load(key + d * KEY_BLOCK + (size_t)(v * HEED_LANES));
#pragma clang loop unroll(full)
      for (int r = 0; r < rows; r++) sum[r][v] = vf_fma(keys, vf_set1(query[(size_t)r * task->head_dim + d]), sum[r][v]);
    }
}

// The same from rows of keys, of which `count` are left, transposed in registers.
INLINE_KERNEL void decode_transposed(const int rows, const HeedAttentionDecode *task, ptrdiff_t first, size_t count, const float *query,
                                     vf sum[DECODE_ROWS][KEY_VECTORS]) {
  const size_t dim = task->head_dim;
  for (size_t d = 0; d < dim; d += HEED_LANES) {
    const size_t width = dim - d < HEED_LANES ? dim - d : HEED_LANES;
    for (int v = 0; v < KEY_VECTORS; v++) {
      vf block[HEED_LANES];
      const size_t there = count > (size_t)(v * HEED_LANES) ? count - (size_t)(v * HEED_LANES) : 0;
#pragma clang loop unroll(full)
      for (size_t i = 0; i < HEED_LANES; i++) {
        const ptrdiff_t index = (first + v * HEED_LANES + (ptrdiff_t)i) * task->key_row + (ptrdiff_t)d;
        block[i] = i < there ? vf_load_n((const float *)task->key + index, width) : vf_zero();
      }
      vf_transpose(block);
#pragma clang loop unroll(full)
      for (size_t i = 0; i < HEED_LANES; i++)
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++)
          if (i < width) sum[r][v] = vf_fma(block[i], vf_set1(query[(size_t)r * dim + d + i]), sum[r][v]);
    }
  }
}

// scores[r][0 ... 15] = sum over d of query[r][d] * keys[j][d] for the 16 keys from position `first` of the chunk on, of which `count`
// exist.
INLINE_KERNEL void decode_scores(const int rows, const bool bf16, const HeedAttentionDecode *task, size_t first, size_t count,
                                 const float *query, float *scores) {
  vf sum[DECODE_ROWS][KEY_VECTORS];
  for (int r = 0; r < rows; r++)
    for (int v = 0; v < KEY_VECTORS; v++) sum[r][v] = vf_zero();
  const size_t block = first * task->head_dim; // where the block begins in a cache
  if (bf16 && task->key_blocked)
    decode_blocked_bf16(rows, task, (const uint16_t *)task->key + block, query, sum);
  else if (bf16)
    decode_rows_bf16(rows, task, (ptrdiff_t)first, count, query, sum);
  else if (task->key_blocked)
    decode_blocked(rows, task, (const float *)task->key + block, query, sum);
  else
    decode_transposed(rows, task, (ptrdiff_t)first, count, query, sum);
  for (int r = 0; r < rows; r++)
    for (int v = 0; v < KEY_VECTORS; v++) vf_store(scores + r * KEY_TILE + v * HEED_LANES, vf_mul(sum[r][v], vf_set1(task->scale)));
}

INLINE_KERNEL float decode_largest(const float *scores, size_t end) {
  vf top = vf_set1(HEED_LOWEST);
  for (size_t j = 0; j < end; j += HEED_LANES) top = vf_max(vf_select(vm_first(end - j), vf_load(scores + j), vf_set1(HEED_LOWEST)), top);
  return vf_reduce_max(top);
}

// refine_near and refine_lanes of one score.
INLINE_KERNEL bool decode_near(float score, float maximum) { return maximum - REFINE_NEAR < score; }
INLINE_KERNEL bool decode_refines(float top, float maximum) { return fabsf(top) >= REFINE_LARGE && decode_near(top, maximum); }

// The scores of one row of a tile, whose first key stands at `first` of the chunk, computed again where decode_near says so: rounded, and
// in `rest` what that took away. What attention_refine.inc.h does, keys in the lanes.
static __attribute__((noinline)) void decode_refine(const HeedAttentionDecode *task, const float *query, size_t first, size_t end,
                                                    float maximum, float *scores, float rest[KEY_TILE]) {
  const size_t dim = task->head_dim;
  for (size_t j = 0; j < KEY_TILE; j++) rest[j] = 0.0f;
  for (size_t block = 0; block < end; block += KEY_BLOCK) {
    const size_t count = end - block < KEY_BLOCK ? end - block : KEY_BLOCK;
    bool any = false;
    for (size_t i = 0; i < count; i++) any = any || decode_near(scores[block + i], maximum);
    if (!any) continue;
    const float *key =
        (const float *)task->key + (task->key_blocked ? (ptrdiff_t)((first + block) * dim) : (ptrdiff_t)(first + block) * task->key_row);
    const ptrdiff_t row = task->key_blocked ? 1 : task->key_row, column = task->key_blocked ? KEY_BLOCK : 1;
    double sum[KEY_BLOCK] = {0};
    for (size_t d = 0; d < dim; d++)
      for (size_t i = 0; i < count; i++) sum[i] += (double)query[d] * (double)key[(ptrdiff_t)i * row + (ptrdiff_t)d * column];
    for (size_t i = 0; i < count; i++) {
      if (!decode_near(scores[block + i], maximum)) continue;
      const double score = sum[i] * task->factor;
      scores[block + i] = (float)score;
      if (fabsf(scores[block + i]) < INFINITY) rest[block + i] = (float)(score - (double)scores[block + i]);
    }
  }
}

// The maximum of a row in two parts, `max` and `rest`, and the sum of its weights.
typedef struct DecodeStatistics {
  float max, rest, sum;
} DecodeStatistics;

// decode_refine, and less the row's maximum up to this tile, which it returns in `now`.
static __attribute__((noinline)) void decode_refine_and_subtract(const HeedAttentionDecode *task, const float *query, size_t first,
                                                                 size_t end, DecodeStatistics before, DecodeStatistics *now,
                                                                 float *scores) {
  float rest[KEY_TILE] __attribute__((aligned(64)));
  decode_refine(task, query, first, end, now->max, scores, rest);
  const float top = decode_largest(scores, end);
  *now = before;
  if (before.max < top) {
    float top_rest = HEED_LOWEST;
    for (size_t j = 0; j < end; j++)
      if (scores[j] == top && rest[j] > top_rest) top_rest = rest[j];
    now->max = top, now->rest = top_rest;
  }
  for (size_t j = 0; j < end; j++)
    if (scores[j] != -INFINITY) scores[j] = (scores[j] - now->max) + (rest[j] - now->rest);
}

// P of one row of a tile in place of its scores, of which the row sees those from `begin` to before `end`; its statistics move on.
// `query` is the row of Q, `first` the position of the tile in the chunk. Returns alpha.
INLINE_KERNEL vf decode_weights(const bool bf16, const HeedAttentionDecode *task, const float *query, size_t first, float *scores,
                                size_t begin, size_t end, float *statistics) {
  for (size_t j = 0; j < begin; j++) scores[j] = -INFINITY;
  const DecodeStatistics before = {statistics[0], statistics[1], statistics[2]};
  const float top = decode_largest(scores, end);
  DecodeStatistics now = before;
  if (before.max < top) now.max = top, now.rest = 0.0f;
  float shift = now.max;
  if (!bf16 && __builtin_expect(decode_refines(top, now.max), false)) {
    decode_refine_and_subtract(task, query, first, end, before, &now, scores);
    shift = 0.0f;
  }
  for (size_t j = 0; j < end; j += HEED_LANES) vf_store(scores + j, weight_of(vf_sub(vf_load(scores + j), vf_set1(shift))));
  const vf alpha = weight_of_maximum(vf_set1(before.max), vf_set1(before.rest), vf_set1(now.max), vf_set1(now.rest));
  float tile_sum = 0.0f;
  for (size_t j = begin; j < end; j++) tile_sum += scores[j];
  if (bf16)
    for (size_t j = 0; j < end; j += HEED_LANES) vf_store(scores + j, vf_round_bf16(vf_load(scores + j)));
  statistics[0] = now.max, statistics[1] = now.rest;
  vf_store_n(statistics + 2, vf_fma(vf_set1(before.sum), alpha, vf_set1(tile_sum)), 1);
  return alpha;
}

// output[r] <- output[r] * alpha[r] + sum over the keys from `begin` to before `end` of weights[r][j] * value[j], for `columns` vectors of
// the value dimension, of which `width` numbers exist.
INLINE_KERNEL void decode_values(const int rows, const int columns, const bool bf16, const HeedAttentionDecode *task, const void *value,
                                 size_t e, size_t begin, size_t end, const float *weights, const vf alpha[DECODE_ROWS], float *output,
                                 size_t width) {
  vf sum[DECODE_ROWS][DECODE_COLUMNS];
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < columns; c++) sum[r][c] = vf_zero();
  const size_t last = width - (size_t)(columns - 1) * HEED_LANES;
  const ptrdiff_t row = task->value_row, column = (ptrdiff_t)e;
  if (bf16)
    decode_value_sums_bf16(rows, columns, task, value, e, begin, end, last, weights, sum);
  else
    for (size_t j = begin; j < end; j++) decode_value_term(rows, columns, bf16, value, (ptrdiff_t)j * row + column, last, weights + j, sum);
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < columns; c++) {
      float *o = output + (size_t)r * task->value_dim + e + (size_t)c * HEED_LANES;
      const size_t n = c + 1 < columns ? HEED_LANES : last;
      vf_store_n(o, vf_fma(vf_load_n(o, n), alpha[r], sum[r][c]), n);
    }
}

INLINE_KERNEL void decode_value_columns(const int rows, const int columns, const bool bf16, const HeedAttentionDecode *task,
                                        const void *value, size_t begin, size_t end, const float *weights, const vf alpha[DECODE_ROWS],
                                        float *output) {
  const size_t dim = task->value_dim, step = (size_t)columns * HEED_LANES;
  size_t e = 0;
  for (; e + step <= dim; e += step) decode_values(rows, columns, bf16, task, value, e, begin, end, weights, alpha, output, step);
  for (; e < dim; e += HEED_LANES)
    decode_values(rows, 1, bf16, task, value, e, begin, end, weights, alpha, output, dim - e < HEED_LANES ? dim - e : HEED_LANES);
}

// Where in a tile of `keys` keys something stands that stands at `position` of the chunk.
INLINE_KERNEL size_t within_tile(size_t position, size_t first, size_t keys) {
  return position <= first ? 0 : (position - first < keys ? position - first : keys);
}

// `rows` queries from the task's row `first_row` on, over the chunk.
INLINE_KERNEL void decode_rows(const int rows, const bool bf16, const HeedAttentionDecode *task, size_t first_row) {
  const int columns = rows * DECODE_COLUMNS <= HEED_BLOCK_ROWS * HEED_BLOCK_VECTORS ? DECODE_COLUMNS : (rows > 4 ? 2 : DECODE_COLUMNS / 2);
  const size_t *begins = task->first_key + first_row, *ends = task->visible + first_row;
  const float *query = task->query + first_row * task->head_dim;
  float *output = task->output + first_row * task->value_dim, *statistics = task->statistics + HEED_DECODE_STATISTICS * first_row;
  size_t earliest = SIZE_MAX, seen = 0;
  for (int r = 0; r < rows; r++) {
    float *row = statistics + HEED_DECODE_STATISTICS * r;
    row[0] = HEED_LOWEST, row[1] = row[2] = 0.0f;
    if (begins[r] >= ends[r]) continue;
    earliest = begins[r] < earliest ? begins[r] : earliest;
    seen = ends[r] > seen ? ends[r] : seen;
  }
  for (size_t i = 0; i < (size_t)rows * task->value_dim; i++) output[i] = 0.0f;
  float scores[DECODE_ROWS * KEY_TILE] __attribute__((aligned(64)));
  for (size_t first = earliest < seen ? earliest / KEY_TILE * KEY_TILE : seen; first < seen; first += KEY_TILE) {
    const size_t keys = seen - first < KEY_TILE ? seen - first : KEY_TILE;
    for (size_t j = 0; j < keys; j += KEY_BLOCK) decode_scores(rows, bf16, task, first + j, keys - j, query, scores + j);
    vf alpha[DECODE_ROWS];
    size_t begin[DECODE_ROWS], end[DECODE_ROWS];
    bool together = true;
    for (int r = 0; r < rows; r++) {
      begin[r] = within_tile(begins[r], first, keys), end[r] = within_tile(ends[r], first, keys);
      together = together && begin[r] == 0 && end[r] == keys;
      alpha[r] = begin[r] < end[r] ? decode_weights(bf16, task, query + (size_t)r * task->head_dim, first, scores + r * KEY_TILE, begin[r],
                                                    end[r], statistics + HEED_DECODE_STATISTICS * r)
                                   : vf_set1(1.0f);
    }
    const void *value = (const char *)task->value + (ptrdiff_t)first * task->value_row * (ptrdiff_t)(bf16 ? 2 : sizeof(float));
    if (together) {
      decode_value_columns(rows, columns, bf16, task, value, 0, keys, scores, alpha, output);
      continue;
    }
    for (int r = 0; r < rows; r++) // each row keeps to the keys that it sees: others may hold anything
      if (begin[r] < end[r])
        decode_value_columns(1, DECODE_COLUMNS, bf16, task, value, begin[r], end[r], scores + r * KEY_TILE, alpha + r,
                             output + (size_t)r * task->value_dim);
  }
}

INLINE_KERNEL void decode_all(const bool bf16, const HeedAttentionDecode *task) {
  size_t row = 0;
#if HEED_LANES == 16
  for (; row + 8 <= task->rows; row += 8) decode_rows(8, bf16, task, row);
#endif
#if HEED_LANES >= 8
  for (; row + 4 <= task->rows; row += 4) decode_rows(4, bf16, task, row);
#endif
  for (; row + 2 <= task->rows; row += 2) decode_rows(2, bf16, task, row);
  for (; row < task->rows; row++) decode_rows(1, bf16, task, row);
}

static void attention_decode_forward(const HeedAttentionDecode *task) {
  if (task->bf16)
    decode_all(true, task);
  else
    decode_all(false, task);
}

// The row that comes of `chunks` chunks from left to right; chunk c's statistics and output stand a stride of floats apart.
static void attention_decode_merge(size_t chunks, size_t value_dim, const float *statistics, const float *parts, size_t statistics_stride,
                                   size_t parts_stride, float *output, ptrdiff_t output_column, float *log_sum_exp) {
  DecodeStatistics all = {statistics[0], statistics[1], statistics[2]};
  float total[HEED_LANES];
  for (size_t e = 0; e < value_dim || e == 0; e += HEED_LANES) {
    const size_t n = value_dim - e < HEED_LANES ? value_dim - e : HEED_LANES;
    all = (DecodeStatistics){statistics[0], statistics[1], statistics[2]};
    vf part = vf_load_n(parts + e, n);
    for (size_t c = 1; c < chunks; c++) {
      const float *chunk = statistics + c * statistics_stride;
      const bool larger = all.max < chunk[0];
      const vf now = vf_set1(larger ? chunk[0] : all.max), now_rest = vf_set1(larger ? chunk[1] : all.rest);
      const vf a = weight_of_maximum(vf_set1(all.max), vf_set1(all.rest), now, now_rest);
      const vf b = weight_of_maximum(vf_set1(chunk[0]), vf_set1(chunk[1]), now, now_rest);
      part = vf_fma(part, a, vf_mul(vf_load_n(parts + c * parts_stride + e, n), b));
      vf_store(total, vf_fma(vf_set1(all.sum), a, vf_mul(vf_set1(chunk[2]), b)));
      all.sum = total[0];
      if (larger) all.max = chunk[0], all.rest = chunk[1];
    }
    const float inverse = all.sum == 0.0f ? 0.0f : 1.0f / all.sum;
    vf_store(total, vf_add(vf_mul(part, vf_set1(inverse)), vf_zero()));
    for (size_t i = 0; i < n; i++) output[(ptrdiff_t)(e + i) * output_column] = total[i];
  }
  if (log_sum_exp) *log_sum_exp = log_sum_exp_of(all.max, all.rest, all.sum);
}

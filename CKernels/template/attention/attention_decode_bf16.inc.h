// The sums of decoding in bfloat16 (attention_decode.inc.h), by the rule of heed/gemm.h: in blocks of 32 terms, the even ones and the odd
// ones of a block apart. Terms are converted as they are read, once for all rows.

// How many vectors of accumulators both chains of a block may have at a time.
#define DECODE_SUMS (HEED_BLOCK_ROWS * HEED_BLOCK_VECTORS)

// One term of the scores of a block of a cache.
INLINE_KERNEL void decode_term_bf16(const int rows, const HeedAttentionDecode *task, const uint16_t *key, size_t d, const float *query,
                                    vf sum[DECODE_ROWS][KEY_VECTORS]) {
#pragma clang loop unroll(full)
  for (int v = 0; v < KEY_VECTORS; v++) {
    const vf keys = vf_load_bf16_n(key + d * KEY_BLOCK + (size_t)(v * HEED_LANES), HEED_LANES);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) sum[r][v] = vf_fma(keys, vf_set1(query[(size_t)r * task->head_dim + d]), sum[r][v]);
  }
}

// Sums set to zero, and total <- total + (even + odd).
INLINE_KERNEL void decode_clear(const int rows, const int vectors, vf sum[DECODE_ROWS][KEY_VECTORS]) {
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) sum[r][v] = vf_zero();
}
INLINE_KERNEL void decode_add_block(const int rows, const int vectors, int first_vector, vf even[DECODE_ROWS][KEY_VECTORS],
                                    vf odd[DECODE_ROWS][KEY_VECTORS], vf total[DECODE_ROWS][KEY_VECTORS]) {
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      vf *const sum = &total[r][first_vector + v];
      *sum = vf_add(*sum, vf_add(even[r][v], odd[r][v]));
    }
}

// Scores of a block of a cache, in `total`, which is zero before. Both chains at once where the registers hold them: a single row would
// leave the multipliers waiting.
INLINE_KERNEL void decode_blocked_bf16(const int rows, const HeedAttentionDecode *task, const uint16_t *key, const float *query,
                                       vf total[DECODE_ROWS][KEY_VECTORS]) {
  for (size_t first = 0; first < task->head_dim; first += HEED_GEMM_BF16_KC) {
    const size_t left = task->head_dim - first, end = first + (left < HEED_GEMM_BF16_KC ? left : HEED_GEMM_BF16_KC);
    vf even[DECODE_ROWS][KEY_VECTORS], odd[DECODE_ROWS][KEY_VECTORS];
    decode_clear(rows, KEY_VECTORS, even);
    if (2 * rows * KEY_VECTORS <= DECODE_SUMS) {
      decode_clear(rows, KEY_VECTORS, odd);
      size_t d = first;
      for (; d + 2 <= end; d += 2) {
        decode_term_bf16(rows, task, key, d, query, even);
        decode_term_bf16(rows, task, key, d + 1, query, odd);
      }
      if (d < end) decode_term_bf16(rows, task, key, d, query, even);
    } else {
      for (size_t d = first; d < end; d += 2) decode_term_bf16(rows, task, key, d, query, even);
      decode_clear(rows, KEY_VECTORS, odd);
      for (size_t d = first + 1; d < end; d += 2) decode_term_bf16(rows, task, key, d, query, odd);
    }
    decode_add_block(rows, KEY_VECTORS, 0, even, odd, total);
  }
}

// `width` terms from d on of one vector of keys in rows, of which `there` exist, transposed in registers.
INLINE_KERNEL void decode_transposed_bf16(const int rows, const HeedAttentionDecode *task, const uint16_t *key, size_t there, size_t d,
                                          size_t width, const float *query, vf even[DECODE_ROWS][KEY_VECTORS],
                                          vf odd[DECODE_ROWS][KEY_VECTORS]) {
  vf block[HEED_LANES];
#pragma clang loop unroll(full)
  for (size_t i = 0; i < HEED_LANES; i++)
    block[i] = i < there ? vf_load_bf16_n(key + (ptrdiff_t)i * task->key_row + (ptrdiff_t)d, width) : vf_zero();
  vf_transpose(block);
#pragma clang loop unroll(full)
  for (size_t i = 0; i < HEED_LANES; i++) {
    vf(*const sum)[KEY_VECTORS] = i % 2 == 0 ? even : odd;
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
      if (i < width) sum[r][0] = vf_fma(block[i], vf_set1(query[(size_t)r * task->head_dim + d + i]), sum[r][0]);
  }
}

// The same scores from rows of keys, from key `first_key` of the chunk on, of which `count` are left.
INLINE_KERNEL void decode_rows_bf16(const int rows, const HeedAttentionDecode *task, ptrdiff_t first_key, size_t count, const float *query,
                                    vf total[DECODE_ROWS][KEY_VECTORS]) {
  const size_t dim = task->head_dim;
  for (int v = 0; v < KEY_VECTORS; v++) {
    const size_t before = (size_t)(v * HEED_LANES), there = count > before ? count - before : 0;
    const uint16_t *key = (const uint16_t *)task->key + (first_key + v * HEED_LANES) * task->key_row;
    for (size_t first = 0; first < dim; first += HEED_GEMM_BF16_KC) {
      const size_t end = dim - first < HEED_GEMM_BF16_KC ? dim : first + HEED_GEMM_BF16_KC;
      vf even[DECODE_ROWS][KEY_VECTORS], odd[DECODE_ROWS][KEY_VECTORS];
      decode_clear(rows, 1, even);
      decode_clear(rows, 1, odd);
      for (size_t d = first; d < end; d += HEED_LANES)
        decode_transposed_bf16(rows, task, key, there, d, end - d < HEED_LANES ? end - d : HEED_LANES, query, even, odd);
      decode_add_block(rows, 1, v, even, odd, total);
    }
  }
}

// The sums over the keys from `begin` to before `end` of a tile of weights[r][j] * value[j], in `total`, which is zero before.
INLINE_KERNEL void decode_value_sums_bf16(const int rows, const int columns, const HeedAttentionDecode *task, const void *value, size_t e,
                                          size_t begin, size_t end, size_t last, const float *weights,
                                          vf total[DECODE_ROWS][DECODE_COLUMNS]) {
#define DECODE_VALUE_TERM(j, sum)                                                                                                          \
  decode_value_term(rows, columns, true, value, (ptrdiff_t)e + task->value_row * (ptrdiff_t)(j), last, weights + (j), sum)
  for (size_t first = begin / HEED_GEMM_BF16_KC * HEED_GEMM_BF16_KC; first < end; first += HEED_GEMM_BF16_KC) {
    const size_t from = first < begin ? begin : first, to = end - first < HEED_GEMM_BF16_KC ? end : first + HEED_GEMM_BF16_KC;
    vf even[DECODE_ROWS][DECODE_COLUMNS], odd[DECODE_ROWS][DECODE_COLUMNS];
    for (int r = 0; r < rows; r++)
      for (int c = 0; c < columns; c++) even[r][c] = odd[r][c] = vf_zero();
    if (2 * rows * columns <= DECODE_SUMS) {
      size_t j = from;
      if (j % 2 != 0 && j < to) DECODE_VALUE_TERM(j, odd), j++;
      for (; j + 2 <= to; j += 2) {
        DECODE_VALUE_TERM(j, even);
        DECODE_VALUE_TERM(j + 1, odd);
      }
      if (j < to) DECODE_VALUE_TERM(j, even);
    } else {
      for (size_t j = from + from % 2; j < to; j += 2) DECODE_VALUE_TERM(j, even);
      for (size_t j = from + (from % 2 == 0); j < to; j += 2) DECODE_VALUE_TERM(j, odd);
    }
    for (int r = 0; r < rows; r++)
      for (int c = 0; c < columns; c++) total[r][c] = vf_add(total[r][c], vf_add(even[r][c], odd[r][c]));
  }
#undef DECODE_VALUE_TERM
}

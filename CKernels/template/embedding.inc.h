// One row of an embedding's gradient: the rows of its tokens added in float64, in their order (heed/embedding.h).

#define EMBEDDING_VECTORS 4 // columns summed in registers: 8 float64 vectors

INLINE_KERNEL void embedding_sum_columns(const int vectors, const HeedEmbeddingSum *x, size_t column) {
  vd sum[2 * EMBEDDING_VECTORS];
#pragma clang loop unroll(full)
  for (int v = 0; v < 2 * vectors; v++) sum[v] = vd_zero();
  const size_t left = x->columns - column;
  for (size_t t = 0; t < x->tokens; t++) {
    const float *row = x->d_output + (ptrdiff_t)x->token[t] * x->d_output_row + (ptrdiff_t)column;
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      const vf term = vectors == 1 ? vf_load_n(row, left) : vf_load(row + v * HEED_LANES);
      sum[2 * v] = vd_add(sum[2 * v], vd_low(term));
      sum[2 * v + 1] = vd_add(sum[2 * v + 1], vd_high(term));
    }
  }
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) {
    float *to = x->output + column + v * HEED_LANES;
    const size_t count = vectors == 1 ? left : HEED_LANES;
    if (x->accumulate) {
      const vf held = vf_load_n(to, count);
      sum[2 * v] = vd_add(vd_low(held), sum[2 * v]);
      sum[2 * v + 1] = vd_add(vd_high(held), sum[2 * v + 1]);
    }
    vf_store_n(to, vf_round_double(sum[2 * v], sum[2 * v + 1]), count);
  }
}

static void embedding_sum(const HeedEmbeddingSum *x) {
  size_t j = 0;
  for (; j + EMBEDDING_VECTORS * HEED_LANES <= x->columns; j += EMBEDDING_VECTORS * HEED_LANES)
    embedding_sum_columns(EMBEDDING_VECTORS, x, j);
  for (; j < x->columns; j += HEED_LANES) embedding_sum_columns(1, x, j);
}

#define EMBEDDING_KERNELS .sum = embedding_sum

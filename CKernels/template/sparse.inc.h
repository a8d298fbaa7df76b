// Products with rows of a sparse matrix (order of summation: heed/sparse.h). Columns of X stand in the lanes.

INLINE_KERNEL vf sparse_load(const float *p, ptrdiff_t stride, size_t n) {
  if (stride == 1) return vf_load_n(p, n);
  float lanes[HEED_LANES] = {0};
  for (size_t i = 0; i < n && i < HEED_LANES; i++) lanes[i] = p[(ptrdiff_t)i * stride];
  return vf_load(lanes);
}

INLINE_KERNEL void sparse_store(float *p, ptrdiff_t stride, vf x, size_t n) {
  if (stride == 1) {
    vf_store_n(p, x, n);
    return;
  }
  float lanes[HEED_LANES];
  vf_store(lanes, x);
  for (size_t i = 0; i < n && i < HEED_LANES; i++) p[(ptrdiff_t)i * stride] = lanes[i];
}

// `vectors` of a row of Y from column j on, the last one of which may be a tail.
INLINE_KERNEL void sparse_sum(const int vectors, const HeedSparseRows *x, size_t r, size_t j) {
  const HeedSparse *a = x->a;
  vf total[4], sum[4];
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) total[v] = vf_zero();
  for (int32_t e = a->offsets[r], end = a->offsets[r + 1]; e < end;) {
    const int32_t block_end = end - e < HEED_SPARSE_BLOCK ? end : e + HEED_SPARSE_BLOCK;
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) sum[v] = vf_zero();
    for (; e < block_end; e++) {
      const float *row = x->matrix + (ptrdiff_t)a->column[e] * x->matrix_row + (ptrdiff_t)j * x->matrix_column;
      const vf value = vf_set1(a->value ? a->value[e] : 1.0f);
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) {
        const size_t lane = (size_t)v * HEED_LANES;
        sum[v] = vf_fma(value, sparse_load(row + (ptrdiff_t)lane * x->matrix_column, x->matrix_column, x->width - j - lane), sum[v]);
      }
    }
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) total[v] = vf_add(total[v], sum[v]);
  }
  float *to = x->output + (ptrdiff_t)r * x->output_row + (ptrdiff_t)j * x->output_column;
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) {
    const size_t lane = (size_t)v * HEED_LANES;
    sparse_store(to + (ptrdiff_t)lane * x->output_column, x->output_column, total[v], x->width - j - lane);
  }
}

static void sparse_multiply(const HeedSparseRows *x) {
  for (size_t r = x->first_row; r < x->end_row; r++)
    for (size_t j = 0; j < x->width;) {
      const size_t vectors = HEED_VECTORS(x->width - j);
      if (vectors >= 4)
        sparse_sum(4, x, r, j), j += 4 * HEED_LANES;
      else if (vectors >= 2)
        sparse_sum(2, x, r, j), j += 2 * HEED_LANES;
      else
        sparse_sum(1, x, r, j), j += HEED_LANES;
    }
}

#define SPARSE_KERNELS .multiply = sparse_multiply

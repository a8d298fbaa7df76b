// The part of materialised attention that is neither matrix product nor softmax: O <- P V if a hidden value may be NaN or infinite.

// One row of O: the matrix product's order of summation, without the keys whose byte in `seen` is 0.
static void weighted_sum_seen(const HeedAttentionWeightedSum *x) {
  for (size_t e = 0; e < x->value_dim; e += HEED_LANES) {
    const size_t count = heed_size_min(x->value_dim - e, HEED_LANES);
    const float *value = x->value + (ptrdiff_t)e * x->value_column;
    vf total = vf_zero();
    for (size_t first = 0; first < x->keys; first += HEED_GEMM_KC) {
      const size_t end = first + heed_size_min(x->keys - first, HEED_GEMM_KC);
      vf sum = vf_zero();
      for (size_t j = first; j < end; j++) {
        if (!x->seen[j]) continue;
        const float *from = value + (ptrdiff_t)j * x->value_row;
        float lanes[HEED_LANES] = {0};
        for (size_t i = 0; x->value_column != 1 && i < count; i++) lanes[i] = from[(ptrdiff_t)i * x->value_column];
        sum = vf_fma(vf_set1(x->weights[j]), x->value_column == 1 ? vf_load_n(from, count) : vf_load(lanes), sum);
      }
      total = vf_add(total, sum);
    }
    float lanes[HEED_LANES];
    vf_store(lanes, total);
    for (size_t i = 0; i < count; i++) x->output[(ptrdiff_t)(e + i) * x->output_column] = lanes[i];
  }
}

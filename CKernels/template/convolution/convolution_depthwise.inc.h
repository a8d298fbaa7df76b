// Convolutions of single channels, on staged planes (driver/convolution/convolution_depthwise.c). Outputs that follow one another in memory
// are read from the same plane at a fixed distance for each element of the kernel, so that lanes are outputs, rows that are narrower than a
// vector included.

#define DEPTHWISE_VECTORS 4 // as many sums side by side as cover a multiply-add's latency

static void convolution_shifted_sum(const HeedConvolutionShiftedSum *s) {
  for (size_t q = 0; q < s->count; q += DEPTHWISE_VECTORS * HEED_LANES) {
    vf total[DEPTHWISE_VECTORS];
    for (size_t v = 0; v < DEPTHWISE_VECTORS; v++) total[v] = vf_zero();
    for (size_t first = 0; first < s->terms; first += HEED_GEMM_KC) {
      const size_t end = first + heed_size_min(s->terms - first, HEED_GEMM_KC);
      vf sum[DEPTHWISE_VECTORS];
#pragma clang loop unroll(full)
      for (size_t v = 0; v < DEPTHWISE_VECTORS; v++) sum[v] = vf_zero();
      for (size_t k = first; k < end; k++) {
        const float *x = s->plane + q + s->offsets[k];
        const vf w = vf_set1(s->weights[k]);
#pragma clang loop unroll(full)
        for (size_t v = 0; v < DEPTHWISE_VECTORS; v++) sum[v] = vf_accumulate(w, vf_load(x + v * HEED_LANES), sum[v]);
      }
#pragma clang loop unroll(full)
      for (size_t v = 0; v < DEPTHWISE_VECTORS; v++) total[v] = vf_add(total[v], sum[v]);
    }
    for (size_t v = 0; v < DEPTHWISE_VECTORS; v++) {
      if (s->bias) total[v] = vf_add(total[v], vf_set1(*s->bias));
      if (s->activation != HeedActivationNone) total[v] = activate(s->activation, total[v]);
      vf_store(s->output + q + v * HEED_LANES, total[v]);
    }
  }
}

#define DOT_VECTORS (HEED_SHIFTED_LANES / HEED_LANES)
#define DOT_TERMS   (DEPTHWISE_VECTORS > DOT_VECTORS ? DEPTHWISE_VECTORS / DOT_VECTORS : 1)

// `terms` is a constant of at most DOT_TERMS: together with the even and the odd vectors it covers the latency.
INLINE_KERNEL void convolution_shifted_dots_of(const size_t terms, const HeedConvolutionShiftedDots *s, size_t first) {
  const float *const y = s->factors;
  float *const lanes = s->sums + first * HEED_SHIFTED_LANES;
  vf even[DOT_TERMS][DOT_VECTORS], odd[DOT_TERMS][DOT_VECTORS];
#pragma clang loop unroll(full)
  for (size_t t = 0; t < terms; t++)
#pragma clang loop unroll(full)
    for (size_t v = 0; v < DOT_VECTORS; v++) even[t][v] = vf_load(lanes + t * HEED_SHIFTED_LANES + v * HEED_LANES), odd[t][v] = vf_zero();
  size_t q = 0;
  for (; q + 2 * HEED_SHIFTED_LANES <= s->count; q += 2 * HEED_SHIFTED_LANES)
#pragma clang loop unroll(full)
    for (size_t v = 0; v < DOT_VECTORS; v++) {
      const size_t at = q + v * HEED_LANES;
      const vf a = vf_load(y + at), b = vf_load(y + at + HEED_SHIFTED_LANES);
#pragma clang loop unroll(full)
      for (size_t t = 0; t < terms; t++) {
        const float *x = s->plane + at + s->offsets[first + t];
        even[t][v] = vf_accumulate(a, vf_load(x), even[t][v]);
        odd[t][v] = vf_accumulate(b, vf_load(x + HEED_SHIFTED_LANES), odd[t][v]);
      }
    }
  for (; q < s->count; q += HEED_SHIFTED_LANES)
#pragma clang loop unroll(full)
    for (size_t v = 0; v < DOT_VECTORS; v++) {
      const size_t at = q + v * HEED_LANES;
      if (at >= s->count) continue;
      const size_t left = s->count - at;
      const vf a = vf_load_n(y + at, left);
#pragma clang loop unroll(full)
      for (size_t t = 0; t < terms; t++) even[t][v] = vf_accumulate(a, vf_load_n(s->plane + at + s->offsets[first + t], left), even[t][v]);
    }
#pragma clang loop unroll(full)
  for (size_t t = 0; t < terms; t++)
#pragma clang loop unroll(full)
    for (size_t v = 0; v < DOT_VECTORS; v++) vf_store(lanes + t * HEED_SHIFTED_LANES + v * HEED_LANES, vf_add(even[t][v], odd[t][v]));
}

static void convolution_shifted_dots(const HeedConvolutionShiftedDots *s) {
  size_t k = 0;
  for (; k + DOT_TERMS <= s->terms; k += DOT_TERMS) convolution_shifted_dots_of(DOT_TERMS, s, k);
#if HEED_LANES >= 16
  if (k + 2 <= s->terms) convolution_shifted_dots_of(2, s, k), k += 2;
#endif
  if (k < s->terms) convolution_shifted_dots_of(1, s, k);
}

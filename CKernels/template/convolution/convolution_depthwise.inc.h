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

// `terms` is a constant of at most 4: together with two vectors at a time it covers the latency.
INLINE_KERNEL void convolution_shifted_dots_of(const size_t terms, const HeedConvolutionShiftedDots *s, size_t first) {
  const float *const y = s->factors;
  float *const lanes = s->sums + first * HEED_LANES;
  vf even[4], odd[4];
#pragma clang loop unroll(full)
  for (size_t t = 0; t < terms; t++) even[t] = vf_load(lanes + t * HEED_LANES), odd[t] = vf_zero();
  size_t q = 0;
  for (; q + 2 * HEED_LANES <= s->count; q += 2 * HEED_LANES) {
    const vf a = vf_load(y + q), b = vf_load(y + q + HEED_LANES);
#pragma clang loop unroll(full)
    for (size_t t = 0; t < terms; t++) {
      const float *x = s->plane + q + s->offsets[first + t];
      even[t] = vf_accumulate(a, vf_load(x), even[t]);
      odd[t] = vf_accumulate(b, vf_load(x + HEED_LANES), odd[t]);
    }
  }
  for (; q < s->count; q += HEED_LANES) {
    const vf a = vf_load_n(y + q, s->count - q);
#pragma clang loop unroll(full)
    for (size_t t = 0; t < terms; t++) even[t] = vf_accumulate(a, vf_load_n(s->plane + q + s->offsets[first + t], s->count - q), even[t]);
  }
#pragma clang loop unroll(full)
  for (size_t t = 0; t < terms; t++) vf_store(lanes + t * HEED_LANES, vf_add(even[t], odd[t]));
}

static void convolution_shifted_dots(const HeedConvolutionShiftedDots *s) {
  size_t k = 0;
  for (; k + 4 <= s->terms; k += 4) convolution_shifted_dots_of(4, s, k);
  switch (s->terms - k) {
  case 3:
    convolution_shifted_dots_of(3, s, k);
    break;
  case 2:
    convolution_shifted_dots_of(2, s, k);
    break;
  case 1:
    convolution_shifted_dots_of(1, s, k);
    break;
  default:
    break;
  }
}

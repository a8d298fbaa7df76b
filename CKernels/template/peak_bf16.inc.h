// The yardstick of bfloat16 dot products: each multiplies 32 pairs and adds them in twos to 16 float32 sums.

static double peak_dot_bf16(size_t rounds) {
  enum { CHAINS = 12 };
  volatile float start = 0.123f;
  __m512 chain[CHAINS];
#pragma clang loop unroll(full)
  for (int i = 0; i < CHAINS; i++) chain[i] = _mm512_set1_ps(start + (float)i);
  const __m512bh a = (__m512bh)_mm512_set1_epi16(0x3f80), b = (__m512bh)_mm512_set1_epi16(0x3f00); // 1.0 and 0.5
  for (size_t round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < CHAINS; i++) chain[i] = _mm512_dpbf16_ps(chain[i], a, b);
  }
  __m512 sum = _mm512_setzero_ps();
#pragma clang loop unroll(full)
  for (int i = 0; i < CHAINS; i++) sum = _mm512_add_ps(sum, chain[i]);
  volatile float sink = _mm512_reduce_add_ps(sum);
  (void)sink;
  return (double)rounds * (CHAINS * 64.0);
}

// The words that AVX512_BF16 adds to the vocabulary. Each lane's 32 bits hold a pair of bfloat16 numbers, the first one in the lower half.
// Include after avx512.h, inside the target attribute that has avx512bf16.

VOCABULARY vf vp_load(const uint32_t *p) { return _mm512_castsi512_ps(_mm512_loadu_si512(p)); }
VOCABULARY void vp_store(uint32_t *p, vf x) { _mm512_storeu_si512(p, _mm512_castps_si512(x)); }
VOCABULARY void vp_store_n(uint32_t *p, vf x, size_t n) { _mm512_mask_storeu_epi32(p, vm_first(n), _mm512_castps_si512(x)); }
VOCABULARY vf vp_set1(uint32_t pair) { return _mm512_castsi512_ps(_mm512_set1_epi32((int)pair)); }
// n pairs, 2n numbers.
VOCABULARY vf vp_load_n(const uint16_t *p, size_t n) { return _mm512_castsi512_ps(_mm512_maskz_loadu_epi32(vm_first(n), p)); }
// c + odd a * odd b, then + even a * even b, each with one rounding to nearest; denormals count as 0.
VOCABULARY vf vf_dot_bf16(vf a, vf b, vf c) { return _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)b); }
// Two vectors rounded and interleaved.
VOCABULARY vf vp_round(vf even, vf odd) {
  const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(even)),
                high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(odd));
  return _mm512_castsi512_ps(_mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}
// The first n numbers of two rows interleaved; a row that is null counts as zeros.
VOCABULARY vf vp_interleave_n(const uint16_t *even, const uint16_t *odd, size_t n) {
  const vm there = vm_first(n);
  const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, even));
  if (!odd) return _mm512_castsi512_ps(low);
  return _mm512_castsi512_ps(_mm512_or_si512(low, _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, odd)), 16)));
}

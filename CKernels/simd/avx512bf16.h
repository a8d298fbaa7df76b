// The words that AVX512_BF16 adds to the vocabulary. Each lane's 32 bits hold a pair of bfloat16 numbers. Include after avx512.h, inside
// the target attribute that has avx512bf16.

VOCABULARY vf vp_load(const uint32_t *p) { return _mm512_castsi512_ps(_mm512_loadu_si512(p)); }
VOCABULARY void vp_store(uint32_t *p, vf x) { _mm512_storeu_si512(p, _mm512_castps_si512(x)); }
VOCABULARY void vp_store_n(uint32_t *p, vf x, size_t n) { _mm512_mask_storeu_epi32(p, vm_first(n), _mm512_castps_si512(x)); }
VOCABULARY vf vp_set1(uint32_t pair) { return _mm512_castsi512_ps(_mm512_set1_epi32((int)pair)); }
// c + upper a * upper b, then + lower a * lower b: two fused multiply-adds, each with one rounding to nearest. Denormal operands count as
// 0, and tiny results become 0, whatever the control word says.
VOCABULARY vf vf_dot_bf16(vf a, vf b, vf c) { return _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)b); }
// n of 32 terms, `absent` in place of the others, as pairs of the same parity: terms 0 and 2, 1 and 3, 4 and 6, 5 and 7 ..., the earlier
// one in the upper half.
VOCABULARY vf vp_load_terms_n(const uint16_t *p, uint16_t absent, size_t n) {
  static const uint16_t by_parity[32] = {2,  0,  3,  1,  6,  4,  7,  5,  10, 8,  11, 9,  14, 12, 15, 13,
                                         18, 16, 19, 17, 22, 20, 23, 21, 26, 24, 27, 25, 30, 28, 31, 29};
  const __mmask32 there = n >= 32 ? (__mmask32)0xffffffff : (__mmask32)((1u << n) - 1u);
  const __m512i terms = _mm512_mask_loadu_epi16(_mm512_set1_epi16((short)absent), there, p);
  return _mm512_castsi512_ps(_mm512_permutexvar_epi16(_mm512_loadu_si512(by_parity), terms));
}
VOCABULARY __m512i vp_join(__m256i upper, __m256i lower) {
  return _mm512_or_si512(_mm512_slli_epi32(_mm512_cvtepu16_epi32(upper), 16), _mm512_cvtepu16_epi32(lower));
}
// Two vectors rounded and interleaved.
VOCABULARY vf vp_round(vf upper, vf lower) {
  return _mm512_castsi512_ps(vp_join((__m256i)_mm512_cvtneps_pbh(upper), (__m256i)_mm512_cvtneps_pbh(lower)));
}
// The first n numbers of two rows interleaved; a row that is null counts as one of `absent`.
VOCABULARY vf vp_interleave_n(const uint16_t *upper, const uint16_t *lower, uint16_t absent, size_t n) {
  const vm there = vm_first(n);
  const __m256i none = _mm256_set1_epi16((short)absent);
  return _mm512_castsi512_ps(
      vp_join(upper ? _mm256_maskz_loadu_epi16(there, upper) : none, lower ? _mm256_maskz_loadu_epi16(there, lower) : none));
}

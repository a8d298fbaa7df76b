// The vector vocabulary for AVX2 with FMA: 8 float32 lanes. Include inside the target attribute of table/kernels_avx2.c. The meaning of
// every operation is the one in avx512.h.

#include <immintrin.h>

#include "simd/vector_common.h"

#define HEED_LANES         8 // floats of a vector
#define HEED_BLOCK_ROWS    4 // 12 accumulators, 3 loads and a broadcast: all 16 registers
#define HEED_BLOCK_VECTORS 3 // times HEED_BLOCK_ROWS: the accumulators that the line above counts

// X(1, ...) X(2, ...) ... for every number of vectors that a block may have: 1 ... HEED_BLOCK_VECTORS.
#define HEED_FOR_EACH_VECTORS(X, ...) X(1, ##__VA_ARGS__) X(2, ##__VA_ARGS__) X(3, ##__VA_ARGS__)

typedef __m256 vf;
typedef __m256 vm; // all bits of a lane, or none
typedef __m256i vu;

VOCABULARY vf vf_zero(void) { return _mm256_setzero_ps(); }
VOCABULARY vf vf_set1(float x) { return _mm256_set1_ps(x); }
VOCABULARY vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
VOCABULARY void vf_store(float *p, vf x) { _mm256_storeu_ps(p, x); }
VOCABULARY vm vm_first(size_t n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(n >= 8 ? 8 : (int)n), lane));
}
VOCABULARY vf vf_load_n(const float *p, size_t n) { return n >= 8 ? vf_load(p) : _mm256_maskload_ps(p, _mm256_castps_si256(vm_first(n))); }
VOCABULARY void vf_store_n(float *p, vf x, size_t n) {
  if (n >= 8)
    vf_store(p, x);
  else
    _mm256_maskstore_ps(p, _mm256_castps_si256(vm_first(n)), x);
}

VOCABULARY vf vf_load_bf16_n(const uint16_t *p, size_t n) {
  uint16_t tail[8] = {0};
  if (n < 8) {
    for (size_t i = 0; i < n; i++) tail[i] = p[i];
    p = tail;
  }
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)), 16));
}
VOCABULARY vf vf_round_bf16(vf x) {
  const __m256i bits = _mm256_castps_si256(x), odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  const vf upper = _mm256_castsi256_ps(_mm256_and_si256(rounded, _mm256_set1_epi32((int)0xffff0000)));
  return _mm256_blendv_ps(upper, x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

VOCABULARY vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
VOCABULARY vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
VOCABULARY vf vf_add_by_multiplier(vf a, vf b) {
  vf one = _mm256_set1_ps(1.0f);
  __asm__("" : "+x"(one));
  return _mm256_fmadd_ps(a, one, b);
}
VOCABULARY vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
VOCABULARY vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
VOCABULARY vf vf_negate(vf a) { return vf_mul(a, vf_set1(-1.0f)); }
VOCABULARY vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
VOCABULARY vf vf_fma_rounded_once(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
// The same for a running sum c of a full register block: 12 sums, 3 vectors and a broadcast in 16 registers. This form of the instruction
// overwrites c. For an intrinsic, the compiler also uses forms that overwrite `a`; it then moves results back and spills, and products
// reach 38 % of the peak.
VOCABULARY vf vf_accumulate(vf a, vf b, vf c) {
  __asm__ volatile("vfmadd231ps %2, %1, %0" : "+x"(c) : "x"(a), "x"(b));
  return c;
}
VOCABULARY vf vf_sqrt(vf a) { return _mm256_sqrt_ps(a); }
VOCABULARY vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
VOCABULARY vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
VOCABULARY vf vf_magnitude(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }

VOCABULARY vm vm_and(vm a, vm b) { return _mm256_and_ps(a, b); }
VOCABULARY vm vm_or(vm a, vm b) { return _mm256_or_ps(a, b); }
VOCABULARY vm vm_not(vm a) { return _mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(-1))); }
VOCABULARY bool vm_any(vm a) { return _mm256_movemask_ps(a) != 0; }
VOCABULARY vm vf_less(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
VOCABULARY vm vf_equal(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
VOCABULARY vm vf_is_nan(vf a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
VOCABULARY vm vf_sign_bit(vf a) { return _mm256_castsi256_ps(_mm256_srai_epi32(_mm256_castps_si256(a), 31)); }
VOCABULARY vf vf_select(vm m, vf a, vf b) { return _mm256_blendv_ps(b, a, m); }
VOCABULARY vm vm_from_bytes_n(const uint8_t *p, size_t n) {
  uint64_t bytes = 0;
  if (n >= 8)
    __builtin_memcpy(&bytes, p, 8);
  else
    for (size_t i = 0; i < n; i++) bytes |= (uint64_t)p[i] << (8 * i);
  const __m256i wide = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)bytes));
  return vm_not(_mm256_castsi256_ps(_mm256_cmpeq_epi32(wide, _mm256_setzero_si256())));
}
VOCABULARY void vm_store_bytes_n(uint8_t *p, vm m, size_t n) {
  const unsigned bits = (unsigned)_mm256_movemask_ps(m);
  for (size_t i = 0; i < n && i < 8; i++) p[i] = (uint8_t)(bits >> i & 1);
}

VOCABULARY vf vf_table16(const float *table, vf bits) {
  const __m256i index = _mm256_castps_si256(bits);
  const vf low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), index),
           high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table + 8), index);
  return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(index, 28)));
}
// Two factors: one takes what a normal power of 2 may be in the last product, the other the rest. For a result that is not 0 the first
// product is exact, so that only the second one rounds.
VOCABULARY vf vf_scale_by_power(vf x, vf n) {
  const vf power = _mm256_floor_ps(_mm256_min_ps(_mm256_max_ps(n, _mm256_set1_ps(-190.0f)), _mm256_set1_ps(254.0f)));
  const vf last = _mm256_min_ps(_mm256_max_ps(power, _mm256_set1_ps(-64.0f)), _mm256_set1_ps(127.0f));
  // The bits of 2^k are those of the integer (k + 127) 2^23.
  const vf unit = _mm256_set1_ps(0x1p23f), bias = _mm256_set1_ps(127 * 0x1p23f);
  const vf a = _mm256_castsi256_ps(_mm256_cvtps_epi32(_mm256_fmadd_ps(_mm256_sub_ps(power, last), unit, bias)));
  const vf b = _mm256_castsi256_ps(_mm256_cvtps_epi32(_mm256_fmadd_ps(last, unit, bias)));
  return _mm256_mul_ps(_mm256_mul_ps(x, a), b);
}

VOCABULARY vu vu_set1(uint32_t x) { return _mm256_set1_epi32((int)x); }
VOCABULARY vu vu_lane_index(void) { return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7); }
VOCABULARY void vu_store(uint32_t *p, vu x) { _mm256_storeu_si256((__m256i *)(void *)p, x); }
VOCABULARY vu vu_add(vu a, vu b) { return _mm256_add_epi32(a, b); }
VOCABULARY vu vu_xor(vu a, vu b) { return _mm256_xor_si256(a, b); }
VOCABULARY vu vu_shift_right(vu x, unsigned bits) { return _mm256_srli_epi32(x, (int)bits); }
VOCABULARY vu vu_multiply_wide(vu a, vu b, vu *high) {
  const __m256i even = _mm256_mul_epu32(a, b), odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32));
  *high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
  return _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
}
VOCABULARY vf vf_from_vu(vu x) { return _mm256_cvtepi32_ps(x); }
// Adds to the entry's exponent that of the power and 64, so that all numbers before the last product are normal; 2^-64 undoes the 64. Half
// the instructions of the two above.
VOCABULARY vf vf_table16_down(const float *table, vf bits) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), bias = _mm256_set1_epi32(64 << 23);
  const __m256i low =
      _mm256_sub_epi32(_mm256_add_epi32(_mm256_loadu_si256((const __m256i *)(const void *)table), bias), _mm256_slli_epi32(lane, 19));
  const __m256i high = _mm256_sub_epi32(_mm256_add_epi32(_mm256_loadu_si256((const __m256i *)(const void *)(table + 8)), bias),
                                        _mm256_slli_epi32(_mm256_add_epi32(lane, _mm256_set1_epi32(8)), 19));
  const __m256i index = _mm256_castps_si256(bits);
  const vf entry =
      _mm256_blendv_ps(_mm256_permutevar8x32_ps(_mm256_castsi256_ps(low), index),
                       _mm256_permutevar8x32_ps(_mm256_castsi256_ps(high), index), _mm256_castsi256_ps(_mm256_slli_epi32(index, 28)));
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(entry), _mm256_slli_epi32(index, 19)));
}
VOCABULARY vf vf_scale_down(vm normal, vf x, vf n) {
  (void)n;
  return _mm256_and_ps(normal, _mm256_mul_ps(x, _mm256_set1_ps(0x1p-64f)));
}

VOCABULARY float vf_reduce_add(vf x) {
  const __m128 a = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1)), b = _mm_add_ps(a, _mm_movehl_ps(a, a));
  return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}
VOCABULARY float vf_reduce_max(vf x) {
  const __m128 a = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1)), b = _mm_max_ps(a, _mm_movehl_ps(a, a));
  return _mm_cvtss_f32(_mm_max_ss(b, _mm_movehdup_ps(b)));
}

VOCABULARY void vf_transpose(vf rows[HEED_LANES]) {
  vf t[8], u[8];
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
  }
  for (int g = 0; g < 2; g++)
    for (int h = 0; h < 2; h++) {
      const vf a = t[4 * g + h], b = t[4 * g + h + 2];
      u[4 * g + 2 * h] = _mm256_shuffle_ps(a, b, 0x44);
      u[4 * g + 2 * h + 1] = _mm256_shuffle_ps(a, b, 0xee);
    }
  for (int c = 0; c < 4; c++) {
    rows[c] = _mm256_permute2f128_ps(u[c], u[4 + c], 0x20);
    rows[4 + c] = _mm256_permute2f128_ps(u[c], u[4 + c], 0x31);
  }
}

typedef __m256d vd;

VOCABULARY vd vd_zero(void) { return _mm256_setzero_pd(); }
VOCABULARY vd vd_add(vd a, vd b) { return _mm256_add_pd(a, b); }
VOCABULARY vd vd_fma(vd a, vd b, vd c) { return _mm256_fmadd_pd(a, b, c); }
VOCABULARY vd vd_load(const double *p) { return _mm256_loadu_pd(p); }
VOCABULARY void vd_store(double *p, vd x) { _mm256_storeu_pd(p, x); }
VOCABULARY vd vd_low(vf x) { return _mm256_cvtps_pd(_mm256_castps256_ps128(x)); }
VOCABULARY vd vd_high(vf x) { return _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)); }
VOCABULARY vf vf_round_double(vd low, vd high) { return _mm256_set_m128(_mm256_cvtpd_ps(high), _mm256_cvtpd_ps(low)); }
VOCABULARY double vd_reduce_add(vd x) {
  const __m128d b = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1));
  return _mm_cvtsd_f64(_mm_add_sd(b, _mm_unpackhi_pd(b, b)));
}

VOCABULARY vf vf_exponent(vf x) {
  return _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_srli_epi32(_mm256_castps_si256(x), 23), _mm256_set1_epi32(127)));
}

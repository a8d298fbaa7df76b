// The vector vocabulary for AVX-512: 16 float32 lanes. Include inside the target attribute of table/kernels_avx512.c.
//
// A tail is a number of lanes, handled here: `_n` reads or writes the first n lanes and never touches memory beyond them.

#include <immintrin.h>

#include "simd/vector_common.h"

#define HEED_LANES         16 // floats of a vector
#define HEED_BLOCK_ROWS    4  // rows x vectors accumulators of the product kernels: 16 of 32 registers, with 4 loads and a broadcast
#define HEED_BLOCK_VECTORS 4  // times HEED_BLOCK_ROWS: the accumulators that the line above counts

// X(1, ...) X(2, ...) ... for every number of vectors that a block may have: 1 ... HEED_BLOCK_VECTORS.
#define HEED_FOR_EACH_VECTORS(X, ...) X(1, ##__VA_ARGS__) X(2, ##__VA_ARGS__) X(3, ##__VA_ARGS__) X(4, ##__VA_ARGS__)

typedef __m512 vf;
typedef __mmask16 vm;
typedef __m512i vu;

VOCABULARY vf vf_zero(void) { return _mm512_setzero_ps(); }
VOCABULARY vf vf_set1(float x) { return _mm512_set1_ps(x); }
VOCABULARY vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
VOCABULARY void vf_store(float *p, vf x) { _mm512_storeu_ps(p, x); }
VOCABULARY vm vm_first(size_t n) { return n >= 16 ? (vm)0xffff : (vm)((1u << n) - 1u); }
VOCABULARY vf vf_load_n(const float *p, size_t n) { return _mm512_maskz_loadu_ps(vm_first(n), p); }
VOCABULARY void vf_store_n(float *p, vf x, size_t n) { _mm512_mask_storeu_ps(p, vm_first(n), x); }

// bfloat16 is the upper half of a float32.
VOCABULARY vf vf_load_bf16_n(const uint16_t *p, size_t n) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(vm_first(n), p)), 16));
}
// Rounded to the nearest bfloat16, ties to even. NaN stays NaN.
VOCABULARY vf vf_round_bf16(vf x) {
  const __m512i bits = _mm512_castps_si512(x), odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const vf upper = _mm512_castsi512_ps(_mm512_and_si512(rounded, _mm512_set1_epi32((int)0xffff0000)));
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), upper, x);
}

VOCABULARY vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
VOCABULARY vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
// The bits of vf_add, computed by the units that multiply. They are idle in loops of sums on processors with other units for additions. The
// compiler must not know that the factor is 1.
VOCABULARY vf vf_add_by_multiplier(vf a, vf b) {
  vf one = _mm512_set1_ps(1.0f);
  __asm__("" : "+v"(one));
  return _mm512_fmadd_ps(a, one, b);
}
VOCABULARY vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
VOCABULARY vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
// -a, but a NaN as it is.
VOCABULARY vf vf_negate(vf a) { return vf_mul(a, vf_set1(-1.0f)); }
VOCABULARY vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
// a b + c rounded once on every instruction set, where vf_fma may round twice.
VOCABULARY vf vf_fma_rounded_once(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
// The same for a running sum c of a register block, in a form that keeps the block in registers.
VOCABULARY vf vf_accumulate(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
VOCABULARY vf vf_sqrt(vf a) { return _mm512_sqrt_ps(a); }
// a > b ? a : b, so b where either is NaN.
VOCABULARY vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
VOCABULARY vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
VOCABULARY vf vf_magnitude(vf a) { return _mm512_abs_ps(a); }

VOCABULARY vm vm_and(vm a, vm b) { return (vm)(a & b); }
VOCABULARY vm vm_or(vm a, vm b) { return (vm)(a | b); }
VOCABULARY vm vm_not(vm a) { return (vm)~a; }
VOCABULARY bool vm_any(vm a) { return a != 0; }
VOCABULARY vm vf_less(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
VOCABULARY vm vf_equal(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
VOCABULARY vm vf_is_nan(vf a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
VOCABULARY vm vf_sign_bit(vf a) { return _mm512_movepi32_mask(_mm512_castps_si512(a)); }
VOCABULARY vf vf_select(vm m, vf a, vf b) { return _mm512_mask_blend_ps(m, b, a); }
// The lanes whose byte (of 16) is not zero.
VOCABULARY vm vm_from_bytes_n(const uint8_t *p, size_t n) {
  const __m128i x = _mm_maskz_loadu_epi8(vm_first(n), p);
  return _mm_test_epi8_mask(x, x);
}
// Stores 1 where the mask is set, else 0, in the first n bytes.
VOCABULARY void vm_store_bytes_n(uint8_t *p, vm m, size_t n) {
  _mm_mask_storeu_epi8(p, vm_first(n), _mm_and_si128(_mm_movm_epi8(m), _mm_set1_epi8(1)));
}

// table[i & 15], i = the low bits of each lane.
VOCABULARY vf vf_table16(const float *table, vf bits) { return _mm512_permutexvar_ps(_mm512_castps_si512(bits), _mm512_loadu_ps(table)); }
// x * 2^floor(n), exact except for the last rounding of a denormal, for n from -190 to 254. Beyond it is as if n were the nearer of these,
// or farther.
VOCABULARY vf vf_scale_by_power(vf x, vf n) { return _mm512_scalef_ps(x, n); }
// The first and the last step of an exponential (template/math/exp.inc.h), which together multiply by 2^(i / 16), i an integer from -2016
// to 960. `bits` are those of the float 1.5 * 2^19 + i / 16, whose last bits count sixteenths; n is i / 16.
//
//   entry = vf_table16_down(table, bits)    table[i & 15], where table[j] = 2^(j / 16)
//   x = ...                                 the caller multiplies the entry and adds multiples of it, so that x is in (1/2, 2)
//   vf_scale_down(normal, x, n)             x * 2^floor(n); 0 in lanes outside `normal`
//
// An instruction set may put the power of 2 into the entry instead and remove a constant power at the end. All numbers in between are then
// scaled by a power of 2, and the result has the same bits. i must be in the range also in lanes outside `normal`, unless the macro is
// defined.
#define HEED_SCALES_DOWN_FROM_ANYWHERE 1
VOCABULARY vf vf_table16_down(const float *table, vf bits) { return vf_table16(table, bits); }
VOCABULARY vf vf_scale_down(vm normal, vf x, vf n) { return _mm512_maskz_scalef_ps(normal, x, n); }

// 32-bit unsigned integers, which wrap.
VOCABULARY vu vu_set1(uint32_t x) { return _mm512_set1_epi32((int)x); }
VOCABULARY vu vu_lane_index(void) { return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }
VOCABULARY void vu_store(uint32_t *p, vu x) { _mm512_storeu_si512(p, x); }
VOCABULARY vu vu_add(vu a, vu b) { return _mm512_add_epi32(a, b); }
VOCABULARY vu vu_xor(vu a, vu b) { return _mm512_xor_si512(a, b); }
VOCABULARY vu vu_shift_right(vu x, unsigned bits) { return _mm512_srli_epi32(x, bits); }
// The lower half of a * b, and the upper one.
VOCABULARY vu vu_multiply_wide(vu a, vu b, vu *high) {
  const __m512i even = _mm512_mul_epu32(a, b), odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32));
  *high = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
  return _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
}
// As numbers; x < 2^31.
VOCABULARY vf vf_from_vu(vu x) { return _mm512_cvtepi32_ps(x); }

// The sum of the lanes. Here and in vd_reduce_add the upper half of the lanes is added to the lower one until one lane is left, so that the
// sum of 16 lanes has one order however many of them a vector has (simd/sixteen_lanes.h).
VOCABULARY float vf_reduce_add(vf x) {
  const __m256 a = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
  const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1)), c = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}
VOCABULARY float vf_reduce_max(vf x) { return _mm512_reduce_max_ps(x); }

// rows[i] lane j <-> rows[j] lane i.
VOCABULARY void vf_transpose(vf rows[HEED_LANES]) {
  vf t[16], u[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    for (int h = 0; h < 2; h++) {
      const __m512d a = _mm512_castps_pd(t[i + h]), b = _mm512_castps_pd(t[i + h + 2]);
      u[i + 2 * h] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
      u[i + 2 * h + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
    }
  }
  // u[4g + c] holds, in 128-bit block b, column 4b + c of rows 4g ... 4g+3.
  for (int c = 0; c < 4; c++) {
    const vf lo0 = _mm512_shuffle_f32x4(u[c], u[4 + c], 0x88), hi0 = _mm512_shuffle_f32x4(u[c], u[4 + c], 0xdd);
    const vf lo1 = _mm512_shuffle_f32x4(u[8 + c], u[12 + c], 0x88), hi1 = _mm512_shuffle_f32x4(u[8 + c], u[12 + c], 0xdd);
    rows[c] = _mm512_shuffle_f32x4(lo0, lo1, 0x88);
    rows[8 + c] = _mm512_shuffle_f32x4(lo0, lo1, 0xdd);
    rows[4 + c] = _mm512_shuffle_f32x4(hi0, hi1, 0x88);
    rows[12 + c] = _mm512_shuffle_f32x4(hi0, hi1, 0xdd);
  }
}

// ---- float64, for sums in which float32 cancels: half as many lanes ----

typedef __m512d vd;

VOCABULARY vd vd_zero(void) { return _mm512_setzero_pd(); }
VOCABULARY vd vd_add(vd a, vd b) { return _mm512_add_pd(a, b); }
VOCABULARY vd vd_fma(vd a, vd b, vd c) { return _mm512_fmadd_pd(a, b, c); }
VOCABULARY vd vd_load(const double *p) { return _mm512_loadu_pd(p); }
VOCABULARY void vd_store(double *p, vd x) { _mm512_storeu_pd(p, x); }
// The lower and the upper half of the lanes.
VOCABULARY vd vd_low(vf x) { return _mm512_cvtps_pd(_mm512_castps512_ps256(x)); }
VOCABULARY vd vd_high(vf x) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1)); }
// Both halves, rounded.
VOCABULARY vf vf_round_double(vd low, vd high) {
  return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low)), _mm512_cvtpd_ps(high), 1);
}
VOCABULARY double vd_reduce_add(vd x) {
  const __m256d a = _mm256_add_pd(_mm512_castpd512_pd256(x), _mm512_extractf64x4_pd(x, 1));
  const __m128d b = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
  return _mm_cvtsd_f64(_mm_add_sd(b, _mm_unpackhi_pd(b, b)));
}

// floor(log2 x) of a positive normal number.
VOCABULARY vf vf_exponent(vf x) { return _mm512_getexp_ps(x); }

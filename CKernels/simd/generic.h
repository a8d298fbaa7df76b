// The vector vocabulary in plain C: 4 float32 lanes of the compiler's own vectors (SSE2 on x86-64, NEON on arm64). The meaning of every
// operation is the one in avx512.h; a multiply-add is fused only if the compiler's target surely has the instruction, which is not so here.

#include "simd/vector_common.h"

#define HEED_LANES         4 // floats of a vector
#define HEED_BLOCK_ROWS    4 // 8 accumulators, 2 loads and a broadcast of 16 registers
#define HEED_BLOCK_VECTORS 2 // times HEED_BLOCK_ROWS: the accumulators that the line above counts

// X(1, ...) X(2, ...) ... for every number of vectors that a block may have: 1 ... HEED_BLOCK_VECTORS.
#define HEED_FOR_EACH_VECTORS(X, ...) X(1, ##__VA_ARGS__) X(2, ##__VA_ARGS__)

typedef float vf __attribute__((vector_size(16)));
typedef int32_t vm __attribute__((vector_size(16))); // all bits of a lane, or none
typedef uint32_t vu __attribute__((vector_size(16)));

VOCABULARY vf vf_set1(float x) { return (vf){x, x, x, x}; }
VOCABULARY vf vf_zero(void) { return vf_set1(0.0f); }
VOCABULARY vf vf_load(const float *p) {
  vf x;
  __builtin_memcpy(&x, p, sizeof x);
  return x;
}
VOCABULARY void vf_store(float *p, vf x) { __builtin_memcpy(p, &x, sizeof x); }
VOCABULARY vm vm_first(size_t n) {
  const int32_t k = n >= 4 ? 4 : (int32_t)n;
  return (vm){0, 1, 2, 3} < (vm){k, k, k, k};
}
VOCABULARY vf vf_load_n(const float *p, size_t n) {
  if (n >= 4) return vf_load(p);
  vf x = vf_zero();
  for (size_t i = 0; i < n; i++) x[i] = p[i];
  return x;
}
VOCABULARY void vf_store_n(float *p, vf x, size_t n) {
  if (n >= 4) {
    vf_store(p, x);
    return;
  }
  for (size_t i = 0; i < n; i++) p[i] = x[i];
}

VOCABULARY vf vf_load_bf16_n(const uint16_t *p, size_t n) {
  typedef uint32_t bits __attribute__((vector_size(16)));
  bits x = {0, 0, 0, 0};
  for (size_t i = 0; i < n && i < 4; i++) x[i] = (uint32_t)p[i] << 16;
  return (vf)x;
}

VOCABULARY vf vf_select(vm m, vf a, vf b) { return (vf)(((vm)a & m) | ((vm)b & ~m)); }
VOCABULARY vf vf_add(vf a, vf b) { return a + b; }
VOCABULARY vf vf_sub(vf a, vf b) { return a - b; }
VOCABULARY vf vf_add_by_multiplier(vf a, vf b) { return a + b; }
VOCABULARY vf vf_mul(vf a, vf b) { return a * b; }
VOCABULARY vf vf_div(vf a, vf b) { return a / b; }
VOCABULARY vf vf_negate(vf a) { return vf_mul(a, vf_set1(-1.0f)); }
VOCABULARY vf vf_fma(vf a, vf b, vf c) { return a * b + c; }
// Through float64, where the product is exact. Rounding the sum there adds at most 2^-53 to the error of float32's own rounding.
VOCABULARY vf vf_fma_rounded_once(vf a, vf b, vf c) {
  typedef double wide __attribute__((vector_size(32)));
  return __builtin_convertvector(__builtin_convertvector(a, wide) * __builtin_convertvector(b, wide) + __builtin_convertvector(c, wide),
                                 vf);
}
VOCABULARY vf vf_accumulate(vf a, vf b, vf c) { return a * b + c; }
VOCABULARY vf vf_sqrt(vf a) { return HEED_SQUARE_ROOTS(a); }
VOCABULARY vf vf_max(vf a, vf b) { return vf_select((vm)(a > b), a, b); }
VOCABULARY vf vf_min(vf a, vf b) { return vf_select((vm)(a < b), a, b); }
VOCABULARY vf vf_magnitude(vf a) { return (vf)((vm)a & 0x7fffffff); }

VOCABULARY vm vm_and(vm a, vm b) { return a & b; }
VOCABULARY vm vm_or(vm a, vm b) { return a | b; }
VOCABULARY vm vm_not(vm a) { return ~a; }
VOCABULARY bool vm_any(vm a) { return (a[0] | a[1] | a[2] | a[3]) != 0; }
VOCABULARY vm vf_less(vf a, vf b) { return (vm)(a < b); }
VOCABULARY vm vf_equal(vf a, vf b) { return (vm)(a == b); }
VOCABULARY vm vf_is_nan(vf a) { return (vm)(a != a); }
VOCABULARY vf vf_round_bf16(vf x) {
  typedef uint32_t bits __attribute__((vector_size(16)));
  const bits b = (bits)x, one = {1, 1, 1, 1}, half = {0x7fff, 0x7fff, 0x7fff, 0x7fff},
             upper = {0xffff0000, 0xffff0000, 0xffff0000, 0xffff0000};
  return vf_select(vf_is_nan(x), x, (vf)((b + ((b >> 16) & one) + half) & upper));
}
VOCABULARY vm vf_sign_bit(vf a) { return (vm)a < (vm){0, 0, 0, 0}; }
VOCABULARY vm vm_from_bytes_n(const uint8_t *p, size_t n) {
  vm m = {0, 0, 0, 0};
  for (size_t i = 0; i < n && i < 4; i++) m[i] = p[i] ? -1 : 0;
  return m;
}
VOCABULARY void vm_store_bytes_n(uint8_t *p, vm m, size_t n) {
  for (size_t i = 0; i < n && i < 4; i++) p[i] = m[i] ? 1 : 0;
}

VOCABULARY vf vf_table16(const float *table, vf bits) {
  const vm i = (vm)bits & (vm){15, 15, 15, 15};
  return (vf){table[i[0]], table[i[1]], table[i[2]], table[i[3]]};
}
// Integer lanes brought into the range of a normal float's exponent.
VOCABULARY vm vm_clamp(vm i) {
  const vm low = {-125, -125, -125, -125}, high = {127, 127, 127, 127};
  const vm raised = ((i < low) & low) | (~(i < low) & i);
  return ((raised > high) & high) | (~(raised > high) & raised);
}
// x * 2^floor(n) by three exact factors and at most one rounding: the first two stay clear of the denormals for |x| in [1, 4).
VOCABULARY vf vf_scale_by_power(vf x, vf n) {
  const vf bounded = vf_min(vf_max(n, vf_set1(-300.0f)), vf_set1(300.0f));
  vm i = __builtin_convertvector(bounded, vm);
  i += (vm)(__builtin_convertvector(i, vf) > bounded); // towards minus infinity
  const vm first = vm_clamp(i);
  const vm second = vm_clamp(i - first);
  const vm bounded_third = vm_clamp(i - first - second);
  const vf a = (vf)((first + 127) << 23), b = (vf)((second + 127) << 23), c = (vf)((bounded_third + 127) << 23);
  const vf scaled = x * a * b * c;
  return vf_select(vf_is_nan(n), n, scaled);
}

VOCABULARY vu vu_set1(uint32_t x) { return (vu){x, x, x, x}; }
VOCABULARY vu vu_lane_index(void) { return (vu){0, 1, 2, 3}; }
VOCABULARY void vu_store(uint32_t *p, vu x) { __builtin_memcpy(p, &x, sizeof x); }
VOCABULARY vu vu_add(vu a, vu b) { return a + b; }
VOCABULARY vu vu_xor(vu a, vu b) { return a ^ b; }
VOCABULARY vu vu_shift_right(vu x, unsigned bits) { return x >> bits; }
VOCABULARY vu vu_multiply_wide(vu a, vu b, vu *high) {
  typedef uint64_t wide __attribute__((vector_size(32)));
  const wide product = __builtin_convertvector(a, wide) * __builtin_convertvector(b, wide);
  *high = __builtin_convertvector(product >> 32, vu);
  return __builtin_convertvector(product, vu);
}
VOCABULARY vf vf_from_vu(vu x) { return __builtin_convertvector((vm)x, vf); }
VOCABULARY vf vf_table16_down(const float *table, vf bits) { return vf_table16(table, bits); }
VOCABULARY vf vf_scale_down(vm normal, vf x, vf n) { return vf_select(normal, vf_scale_by_power(x, n), vf_zero()); }

VOCABULARY float vf_reduce_add(vf x) { return (x[0] + x[2]) + (x[1] + x[3]); }
VOCABULARY float vf_reduce_max(vf x) {
  const float a = x[0] > x[1] ? x[0] : x[1], b = x[2] > x[3] ? x[2] : x[3];
  return a > b ? a : b;
}

VOCABULARY void vf_transpose(vf rows[HEED_LANES]) {
  const vf a = __builtin_shufflevector(rows[0], rows[1], 0, 4, 1, 5), b = __builtin_shufflevector(rows[0], rows[1], 2, 6, 3, 7);
  const vf c = __builtin_shufflevector(rows[2], rows[3], 0, 4, 1, 5), d = __builtin_shufflevector(rows[2], rows[3], 2, 6, 3, 7);
  rows[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
  rows[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
  rows[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
  rows[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

typedef double vd __attribute__((vector_size(16)));

VOCABULARY vd vd_zero(void) { return (vd){0, 0}; }
VOCABULARY vd vd_add(vd a, vd b) { return a + b; }
VOCABULARY vd vd_fma(vd a, vd b, vd c) { return a * b + c; }
VOCABULARY vd vd_load(const double *p) {
  vd x;
  __builtin_memcpy(&x, p, sizeof x);
  return x;
}
VOCABULARY void vd_store(double *p, vd x) { __builtin_memcpy(p, &x, sizeof x); }
VOCABULARY vd vd_low(vf x) { return (vd){(double)x[0], (double)x[1]}; }
VOCABULARY vd vd_high(vf x) { return (vd){(double)x[2], (double)x[3]}; }
VOCABULARY vf vf_round_double(vd low, vd high) { return (vf){(float)low[0], (float)low[1], (float)high[0], (float)high[1]}; }
VOCABULARY double vd_reduce_add(vd x) { return x[0] + x[1]; }

VOCABULARY vf vf_exponent(vf x) { return __builtin_convertvector((vm)x / (1 << 23) - 127, vf); }

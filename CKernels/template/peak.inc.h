// The peak rates of the machine with this vocabulary, against which every benchmark is measured.

// Independent chains of multiply-adds in registers: 12 cover a latency of 4 cycles at 2 a cycle (and 5 at 2 with room).
#define PEAK_CHAINS 12

static double peak_fma_f32(size_t rounds) {
  // The compiler may know none of the numbers: it leaves out a chain that begins at a fixed point (2 * 0.5 + 1), which made this 12/11.
  volatile float start = 0.123f, factor = 0.7654321f, term = 1.2345678f;
  vf chain[PEAK_CHAINS];
#pragma clang loop unroll(full)
  for (int i = 0; i < PEAK_CHAINS; i++) chain[i] = vf_set1(start + (float)i);
  const vf multiplier = vf_set1(factor), addend = vf_set1(term);
  for (size_t round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < PEAK_CHAINS; i++) chain[i] = vf_fma(chain[i], multiplier, addend);
  }
  vf sum = vf_zero();
#pragma clang loop unroll(full)
  for (int i = 0; i < PEAK_CHAINS; i++) sum = vf_add(sum, chain[i]);
  volatile float sink = vf_reduce_add(sum); // without a use it would never be computed
  (void)sink;
  return (double)rounds * (2.0 * PEAK_CHAINS * HEED_LANES);
}

// Reads `count` bytes (a multiple of 64 of them counts) once.
static double peak_read_memory(const void *bytes, size_t count) {
  enum { CHAINS = 8 };
  const float *p = bytes;
  const size_t step = CHAINS * HEED_LANES, steps = count / sizeof(float) / step;
  vf chain[CHAINS];
#pragma clang loop unroll(full)
  for (int i = 0; i < CHAINS; i++) chain[i] = vf_zero();
  for (size_t s = 0; s < steps; s++, p += step) {
#pragma clang loop unroll(full)
    for (int i = 0; i < CHAINS; i++) chain[i] = vf_add(chain[i], vf_load(p + i * HEED_LANES));
  }
  vf sum = vf_zero();
#pragma clang loop unroll(full)
  for (int i = 0; i < CHAINS; i++) sum = vf_add(sum, chain[i]);
  volatile float sink = vf_reduce_add(sum);
  (void)sink;
  return (double)(steps * step * sizeof(float));
}

#define PEAK_KERNELS .fma_f32 = peak_fma_f32, .read_memory = peak_read_memory

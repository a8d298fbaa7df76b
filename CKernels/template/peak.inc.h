// What the machine can do at most with this vocabulary: the yardsticks of every benchmark.

// Independent chains of multiply-adds in registers: 12 cover a latency of 4 cycles at 2 a cycle (and 5 at 2 with room).
#define PEAK_CHAINS 12

static double peak_fma_f32(size_t rounds) {
  vf chain[PEAK_CHAINS];
#pragma clang loop unroll(full)
  for (int i = 0; i < PEAK_CHAINS; i++) chain[i] = vf_set1((float)i);
  const vf half = vf_set1(0.5f), one = vf_set1(1.0f);
  for (size_t round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < PEAK_CHAINS; i++) chain[i] = vf_fma(chain[i], half, one);
  }
  vf sum = vf_zero();
#pragma clang loop unroll(full)
  for (int i = 0; i < PEAK_CHAINS; i++) sum = vf_add(sum, chain[i]);
  volatile float sink = vf_reduce_add(sum); // what is never used would never be computed
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

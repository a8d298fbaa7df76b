// Philox 4x32-10, one word after the other, and the numbers drawn from it in float64: the specification of random.h in code, and the oracle
// of the tests.

#include "heed/random.h"
#include "runtime/float_mode.h"

#include <math.h>

void heed_random_reference_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t output[4]) {
  if (!counter || !key || !output) return;
  uint32_t x[4] = {counter[0], counter[1], counter[2], counter[3]}, k[2] = {key[0], key[1]};
  for (int round = 0; round < 10; round++) {
    const uint64_t a = (uint64_t)0xD2511F53 * x[0], b = (uint64_t)0xCD9E8D57 * x[2];
    const uint32_t next[4] = {(uint32_t)(b >> 32) ^ x[1] ^ k[0], (uint32_t)b, (uint32_t)(a >> 32) ^ x[3] ^ k[1], (uint32_t)a};
    for (int i = 0; i < 4; i++) x[i] = next[i];
    k[0] += 0x9E3779B9;
    k[1] += 0xBB67AE85;
  }
  for (int i = 0; i < 4; i++) output[i] = x[i];
}

uint32_t heed_random_reference_word(uint64_t seed, uint64_t stream, uint64_t n) {
  const uint64_t c = 16 * (n / 64) + n % 16;
  const uint32_t counter[4] = {(uint32_t)c, (uint32_t)(c >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  uint32_t words[4];
  heed_random_reference_philox(counter, key, words);
  return words[n / 16 % 4];
}

double heed_random_reference_uniform(uint64_t seed, uint64_t stream, uint64_t n) {
  HEED_FLOAT_MODE();
  double result = (double)(heed_random_reference_word(seed, stream, n) >> 8) * 0x1p-24;
  HEED_FLOAT_COMPUTED(result);
  return result;
}

double heed_random_reference_normal(uint64_t seed, uint64_t stream, uint64_t n) {
  HEED_FLOAT_MODE();
  const double e = heed_random_reference_word(seed, stream, n & ~(uint64_t)16), o = heed_random_reference_word(seed, stream, n | 16);
  const double r = sqrt(-2 * log((e + 0.5) * 0x1p-32)), angle = 2 * 3.14159265358979323846 * o * 0x1p-32;
  double result = n & 16 ? r * sin(angle) : r * cos(angle);
  HEED_FLOAT_COMPUTED(result);
  return result;
}

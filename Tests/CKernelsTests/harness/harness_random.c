// Counter-based random numbers: the SplitMix64 finaliser of (seed, counter). See harness.h.

#include <math.h>

#include "harness.h"

static uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

Random random_stream(uint64_t stream) { return (Random){mix(test_seed ^ mix(stream)), 0}; }

uint64_t random_bits(Random *random) { return mix(random->seed + 0x9e3779b97f4a7c15u * random->counter++); }

uint64_t random_below(Random *random, uint64_t bound) { return (uint64_t)(((unsigned __int128)random_bits(random) * bound) >> 64); }

int64_t random_between(Random *random, int64_t low, int64_t high) {
  return low + (int64_t)random_below(random, (uint64_t)(high - low) + 1);
}

double random_uniform(Random *random) { return (double)(random_bits(random) >> 11) * 0x1p-53; }

double random_normal(Random *random) {
  const double radius = sqrt(-2.0 * log(1.0 - random_uniform(random)));
  return radius * cos(6.283185307179586 * random_uniform(random));
}

// Random numbers by counting: Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
//
// A seed and a stream name a sequence of 2^64 words of 32 bits. A word depends only on (seed, stream, its index n). So any part of a
// sequence can be drawn at any time, in any order, on any number of threads, with the same bits on every instruction set.
//
// Word n: let c = 16 (n / 64) + n % 16 and w = n / 16 % 4. Then
//   word(n) = philox(counter = (c mod 2^32, c / 2^32, stream mod 2^32, stream / 2^32), key = (seed mod 2^32, seed / 2^32))[w]
// So the 64 words that begin at a multiple of 64 come from 16 neighbouring counters: the first word of each counter, then the second word
// of each, and so on.
//
// The numbers that are drawn from the words, by index n:
//   bits       word(n)
//   uniform    u(n) = (word(n) >> 8) 2^-24, so in [0, 1);  low + (high - low) u(n), rounded after each step and kept below high
//   normal     Box and Muller (1958) on the words e and o of the same counter, e = word(n & ~16), o = word(n | 16):
//              r = sqrt(-2 ln((e + 1/2) 2^-32)),  z(n) = r cos(2 pi o 2^-32) if n & 16 is 0, else r sin(2 pi o 2^-32);  |z| < 6.77;
//              computed in float64 and rounded once (0.51 ulp);  mean + standard_deviation z(n), rounded after each step
//   keep(n)    u(n) >= p: true with probability 1 - p, p rounded up to a multiple of 2^-24; p = 0 keeps all, p = 1 none
//
// Dropout of attention weights: the weight of query i and key j in head h of sequence b is kept if keep(j) is true in the stream
// heed_random_row(b * heads + h, i). It does not depend on the number of keys, queries or sequences.
//
// Every function overwrites its output. Output i is drawn at index offset + i (mod 2^64).
//
// Errors: BadShape (the array's bytes overflow), BadArgument (a null pointer although count > 0; a bound, mean or standard_deviation that
// is not finite, low > high, standard_deviation < 0; p outside 0 ... 1 or NaN).

#ifndef HEED_RANDOM_H
#define HEED_RANDOM_H

#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

// The place in a sequence where a draw begins.
typedef struct HeedRandom {
  uint64_t seed, stream;
  uint64_t offset; // index of the first number; a multiple of HEED_RANDOM_BLOCK draws whole vectors
} HeedRandom;

#define HEED_RANDOM_BLOCK 64 // words that are computed together

// The stream of row `row` of matrix `matrix`; row < 2^32.
static inline uint64_t heed_random_row(uint64_t matrix, uint64_t row) { return matrix << 32 | row; }

HeedStatus heed_random_bits(const HeedRandom *random, size_t count, uint32_t *output);
HeedStatus heed_random_uniform(const HeedRandom *random, float low, float high, size_t count, float *output);
HeedStatus heed_random_normal(const HeedRandom *random, float mean, float standard_deviation, size_t count, float *output);

// Only the block function: 10 rounds over four words with a key of two words. Does nothing if a pointer is null.
void heed_random_reference_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t output[4]);
uint32_t heed_random_reference_word(uint64_t seed, uint64_t stream, uint64_t n);
double heed_random_reference_uniform(uint64_t seed, uint64_t stream, uint64_t n);
double heed_random_reference_normal(uint64_t seed, uint64_t stream, uint64_t n);

#ifdef __cplusplus
}
#endif

#endif

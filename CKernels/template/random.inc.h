// Philox 4x32-10 in lanes (mapping and promises: heed/random.h).

#ifndef HEED_RANDOM_INC_H
#define HEED_RANDOM_INC_H

#include "runtime/constants.h"

#define RANDOM_ROUNDS  10                               // of Philox 4x32-10
#define RANDOM_VECTORS (HEED_RANDOM_BLOCK / HEED_LANES) // of a block
#define RANDOM_PARTS   (16 / HEED_LANES)                // vectors of neighbouring counters of a block

// A seed's keys, one pair a round.
typedef struct RandomKeys {
  uint32_t a[RANDOM_ROUNDS], b[RANDOM_ROUNDS];
} RandomKeys;

INLINE_KERNEL RandomKeys random_keys(uint64_t seed) {
  RandomKeys keys;
  for (uint32_t i = 0; i < RANDOM_ROUNDS; i++) {
    keys.a[i] = (uint32_t)seed + i * 0x9E3779B9u;
    keys.b[i] = (uint32_t)(seed >> 32) + i * 0xBB67AE85u;
  }
  return keys;
}

// x[0 ... 3] <- philox(counter = x, key) in every lane.
INLINE_KERNEL void random_philox(const RandomKeys *keys, vu x[4]) {
  const vu m0 = vu_set1(0xD2511F53u), m1 = vu_set1(0xCD9E8D57u);
#pragma clang loop unroll(full)
  for (int i = 0; i < RANDOM_ROUNDS; i++) {
    vu high0, high1;
    const vu low0 = vu_multiply_wide(x[0], m0, &high0), low1 = vu_multiply_wide(x[2], m1, &high1);
    x[0] = vu_xor(vu_xor(high1, x[1]), vu_set1(keys->a[i]));
    x[2] = vu_xor(vu_xor(high0, x[3]), vu_set1(keys->b[i]));
    x[1] = low1;
    x[3] = low0;
  }
}

INLINE_KERNEL vf random_unit(vu word) { return vf_mul(vf_from_vu(vu_shift_right(word, 8)), vf_set1(0x1p-24f)); }

// Words 64 * block ... 64 * block + 63 of a stream, in order: block[v] lane l is the word v * lanes + l.
INLINE_KERNEL void random_block(const RandomKeys *keys, uint64_t stream, uint64_t block, vu words[RANDOM_VECTORS]) {
#pragma clang loop unroll(full)
  for (int part = 0; part < RANDOM_PARTS; part++) {
    const uint64_t c = 16 * block + (uint64_t)(part * HEED_LANES);
    vu x[4] = {vu_add(vu_set1((uint32_t)c), vu_lane_index()), vu_set1((uint32_t)(c >> 32)), vu_set1((uint32_t)stream),
               vu_set1((uint32_t)(stream >> 32))};
    random_philox(keys, x);
#pragma clang loop unroll(full)
    for (int w = 0; w < 4; w++) words[w * RANDOM_PARTS + part] = x[w];
  }
}

// u(n) of neighbouring streams in the lanes, for four indices: numbers[w] lane l is u(64 * block + 16 * w + counter) of stream + l,
// counter < 16. The lower 32 bits of the streams must not wrap.
INLINE_KERNEL void random_unit_rows(const RandomKeys *keys, uint64_t stream, uint64_t block, uint64_t counter, vf numbers[4]) {
  const uint64_t c = 16 * block + counter;
  vu x[4] = {vu_set1((uint32_t)c), vu_set1((uint32_t)(c >> 32)), vu_add(vu_set1((uint32_t)stream), vu_lane_index()),
             vu_set1((uint32_t)(stream >> 32))};
  random_philox(keys, x);
#pragma clang loop unroll(full)
  for (int w = 0; w < 4; w++) numbers[w] = random_unit(x[w]);
}

// The lanes to keep.
INLINE_KERNEL vm random_keep(vf unit, float p) { return vm_not(vf_less(unit, vf_set1(p))); }

// ---- Ranges: the body is run for the part of each block that the range covers; `words` are the block's, `inside` is the first wanted, `n`
// how many, `done` how many were before.
// ---------------------------------------------------------------------------------------------------

typedef struct RandomPart {
  uint64_t block;
  size_t inside, count, done;
} RandomPart;

INLINE_KERNEL RandomPart random_part(const HeedRandom *random, size_t done, size_t count) {
  const uint64_t n = random->offset + done;
  RandomPart part = {.block = n / HEED_RANDOM_BLOCK, .inside = n % HEED_RANDOM_BLOCK, .done = done};
  part.count = heed_size_min(HEED_RANDOM_BLOCK - part.inside, count - done);
  return part;
}

static void random_bits(const HeedRandom *random, size_t count, uint32_t *output) {
  const RandomKeys keys = random_keys(random->seed);
  for (size_t done = 0; done < count;) {
    const RandomPart part = random_part(random, done, count);
    vu words[RANDOM_VECTORS];
    random_block(&keys, random->stream, part.block, words);
    uint32_t values[HEED_RANDOM_BLOCK];
    for (int v = 0; v < RANDOM_VECTORS; v++) vu_store(values + v * HEED_LANES, words[v]);
    __builtin_memcpy(output + done, values + part.inside, part.count * sizeof *output);
    done += part.count;
  }
}

// u of a whole block.
INLINE_KERNEL void random_units(const RandomKeys *keys, uint64_t stream, uint64_t block, float units[HEED_RANDOM_BLOCK]) {
  vu words[RANDOM_VECTORS];
  random_block(keys, stream, block, words);
#pragma clang loop unroll(full)
  for (int v = 0; v < RANDOM_VECTORS; v++) vf_store(units + v * HEED_LANES, random_unit(words[v]));
}

static void random_uniform(const HeedRandom *random, float low, float high, size_t count, float *output) {
  const RandomKeys keys = random_keys(random->seed);
  const vf first = vf_set1(low), width = vf_set1(high - low), last = vf_set1(low < high ? nextafterf(high, low) : high);
  for (size_t done = 0; done < count;) {
    const RandomPart part = random_part(random, done, count);
    float units[HEED_RANDOM_BLOCK];
    random_units(&keys, random->stream, part.block, units);
    for (size_t i = 0; i < part.count; i += HEED_LANES) {
      const vf u = vf_load_n(units + part.inside + i, part.count - i);
      vf_store_n(output + done + i, vf_min(vf_add(first, vf_mul(width, u)), last), part.count - i);
    }
    done += part.count;
  }
}

static void random_dropout(const HeedRandom *random, float p, float factor, size_t count, const float *input, float *output) {
  const RandomKeys keys = random_keys(random->seed);
  const vf scale = vf_set1(factor);
  for (size_t done = 0; done < count;) {
    const RandomPart part = random_part(random, done, count);
    float units[HEED_RANDOM_BLOCK];
    random_units(&keys, random->stream, part.block, units);
    for (size_t i = 0; i < part.count; i += HEED_LANES) {
      const size_t n = part.count - i;
      const vm keep = random_keep(vf_load_n(units + part.inside + i, n), p);
      vf_store_n(output + done + i, vf_select(keep, vf_mul(vf_load_n(input + done + i, n), scale), vf_zero()), n);
    }
    done += part.count;
  }
}

// ---- Normal numbers: float64, each step rounded, so that every instruction set gives the same bits --------------------------------------

#define RANDOM_DOUBLES (HEED_LANES / 2) // as many as fill a vector
typedef double RandomDoubles __attribute__((vector_size(RANDOM_DOUBLES * 8)));
typedef int64_t RandomIntegers __attribute__((vector_size(RANDOM_DOUBLES * 8)));

// Both results of Box and Muller for two words. Doubles between 2^52 and 2^53 hold an integer in their lower bits: so words become
// doubles, and doubles are rounded, without conversions that some instruction sets lack.
INLINE_KERNEL void random_box_muller(const uint32_t *radius_words, const uint32_t *angle_words, RandomDoubles *cosine,
                                     RandomDoubles *sine) {
  const int64_t magic = 0x4330000000000000;
  RandomIntegers e, o;
  for (int i = 0; i < RANDOM_DOUBLES; i++) e[i] = (int64_t)radius_words[i], o[i] = (int64_t)angle_words[i];
  // (e + 1/2) 2^-32 = m 2^k, sqrt(1/2) <= m < sqrt(2);  ln m = 2 artanh s, s = (m - 1) / (m + 1)
  const RandomDoubles x = ((RandomDoubles)(e | magic) - 0x1p52 + 0.5) * 0x1p-32;
  const RandomIntegers shifted = (RandomIntegers)x - 0x3fe6a09e667f3bcd;
  const RandomIntegers mantissa = (shifted & 0xfffffffffffff) + 0x3fe6a09e667f3bcd;
  const RandomDoubles power = (RandomDoubles)(((shifted >> 52) + 1023) | magic) - (0x1p52 + 1023);
  const RandomDoubles m = (RandomDoubles)mantissa, s = (m - 1.0) / (m + 1.0), z = s * s;
  RandomDoubles l = z * (1.0 / 15) + 1.0 / 13;
  l = l * z + 1.0 / 11;
  l = l * z + 1.0 / 9;
  l = l * z + 1.0 / 7;
  l = l * z + 1.0 / 5;
  l = l * z + 1.0 / 3;
  const RandomDoubles logarithm = (s + s * z * l) * 2.0 + power * HEED_LN_2;
  const RandomDoubles radius = HEED_SQUARE_ROOTS(logarithm * -2.0);
  // o 2^-30 quarter turns = q + y, |y| <= 1/2; the sine and cosine of y quarter turns, then q whole ones
  const RandomDoubles turns = ((RandomDoubles)(o | magic) - 0x1p52) * 0x1p-30;
  const RandomDoubles rounded = turns + 0x1p52;
  const RandomIntegers q = (RandomIntegers)rounded;
  const RandomDoubles y = (turns - (rounded - 0x1p52)) * 0x1.921fb54442d18p+0, t = y * y;
  RandomDoubles b = t * (-1.0 / 39916800) + 1.0 / 362880;
  b = b * t - 1.0 / 5040;
  b = b * t + 1.0 / 120;
  b = b * t - 1.0 / 6;
  b = y + y * t * b;
  RandomDoubles a = t * (1.0 / 479001600) - 1.0 / 3628800;
  a = a * t + 1.0 / 40320;
  a = a * t - 1.0 / 720;
  a = a * t + 1.0 / 24;
  a = a * t - 0.5;
  a = a * t + 1.0;
  // By quarters: (a, b), (-b, a), (-a, -b), (b, -a).
  const RandomIntegers odd = -(q & 1), cosine_sign = ((q + 1) & 2) << 62, sine_sign = (q & 2) << 62;
  const RandomIntegers ia = (RandomIntegers)a, ib = (RandomIntegers)b;
  *cosine = radius * (RandomDoubles)(((ia & ~odd) | (ib & odd)) ^ cosine_sign);
  *sine = radius * (RandomDoubles)(((ib & ~odd) | (ia & odd)) ^ sine_sign);
}

static void random_normal(const HeedRandom *random, float mean, float standard_deviation, size_t count, float *output) {
  const RandomKeys keys = random_keys(random->seed);
  for (size_t done = 0; done < count;) {
    const RandomPart part = random_part(random, done, count);
    vu words[RANDOM_VECTORS];
    random_block(&keys, random->stream, part.block, words);
    uint32_t bits[HEED_RANDOM_BLOCK];
    float normals[HEED_RANDOM_BLOCK];
    for (int v = 0; v < RANDOM_VECTORS; v++) vu_store(bits + v * HEED_LANES, words[v]);
    for (int i = 0; i < HEED_RANDOM_BLOCK; i += i % 16 + RANDOM_DOUBLES == 16 ? 16 + RANDOM_DOUBLES : RANDOM_DOUBLES) {
      RandomDoubles cosine, sine;
      random_box_muller(bits + i, bits + i + 16, &cosine, &sine);
      for (int j = 0; j < RANDOM_DOUBLES; j++) normals[i + j] = (float)cosine[j], normals[i + 16 + j] = (float)sine[j];
    }
    for (size_t i = 0; i < part.count; i += HEED_LANES) {
      const vf z = vf_load_n(normals + part.inside + i, part.count - i);
      vf_store_n(output + done + i, vf_add(vf_mul(z, vf_set1(standard_deviation)), vf_set1(mean)), part.count - i);
    }
    done += part.count;
  }
}

#define RANDOM_KERNELS .bits = random_bits, .uniform = random_uniform, .normal = random_normal, .dropout = random_dropout

#endif

// Philox against the published vectors, the vector kernels against the scalar definition, and what is drawn from them.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "heed/random.h"

// kat_vectors of the authors' Random123.
TEST_ONCE(random_philox_has_the_published_words) {
  static const struct {
    uint32_t counter[4], key[2], words[4];
  } known[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t i = 0; i < 3; i++) {
    uint32_t words[4];
    heed_random_reference_philox(known[i].counter, known[i].key, words);
    CHECK(memcmp(words, known[i].words, sizeof words) == 0);
  }
  for (uint64_t w = 0; w < 4; w++) CHECK(heed_random_reference_word(0, 0, 16 * w) == known[0].words[w]);
}

#define MOST 40000

static const uint64_t starts[] = {0, 1, 5, 63, 64, 1000, ((uint64_t)1 << 34) - 70, ((uint64_t)1 << 38) - 7, ~(uint64_t)0 - 20000};

static HeedRandom draw_at(size_t i) {
  const HeedRandom random = {0x0123456789abcdef * (i + 1), i % 2 ? 0xfedcba9876543210 : 7, starts[i]};
  return random;
}

// Every kind, from any index, of any length, on any number of threads, at either end of a page: what its definition says of each index.
TEST(random_numbers_depend_on_seed_stream_and_index_alone) {
  static uint32_t words[MOST];
  static const size_t counts[] = {0, 1, 2, 15, 16, 17, 63, 64, 65, 130, MOST}, threads[] = {1, 2, 3, 5, 8};
  const float low = -1.5f, high = 2.25f, mean = 0.75f, standard_deviation = 3;
  for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
    const HeedRandom random = draw_at(i);
    for (size_t j = 0; j < MOST; j++) words[j] = heed_random_reference_word(random.seed, random.stream, random.offset + j);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
      const size_t count = counts[c];
      heed_thread_count_set(threads[(i + c) % 5]);
      const GuardSide side = (GuardSide)((i + c) % 2);
      Guarded bits = guarded_allocate(count * 4, side), uniform = guarded_allocate(count * 4, side),
              normal = guarded_allocate(count * 4, side);
      CHECK(heed_random_bits(&random, count, bits.data) == HeedStatusOk);
      CHECK(heed_random_uniform(&random, low, high, count, uniform.data) == HeedStatusOk);
      CHECK(heed_random_normal(&random, mean, standard_deviation, count, normal.data) == HeedStatusOk);
      size_t wrong[3] = {0};
      for (size_t j = 0; j < count; j++) {
        const float u = (float)(words[j] >> 8) * 0x1p-24f;
        wrong[0] += ((uint32_t *)bits.data)[j] != words[j];
        wrong[1] += ((float *)uniform.data)[j] != low + (high - low) * u;
        float z;
        const HeedRandom alone = {random.seed, random.stream, random.offset + j};
        if (j % 37 == 0 && heed_random_normal(&alone, mean, standard_deviation, 1, &z) == HeedStatusOk)
          wrong[2] += memcmp(&z, (float *)normal.data + j, sizeof z) != 0;
      }
      CHECK_MESSAGE(wrong[0] + wrong[1] + wrong[2] == 0, "start %zu, count %zu: wrong bits %zu, uniform %zu, normal %zu", i, count,
                    wrong[0], wrong[1], wrong[2]);
      guarded_free(&bits), guarded_free(&uniform), guarded_free(&normal);
    }
  }
  heed_thread_count_set(0);
}

TEST(random_normal_is_rounded_once) {
  static float z[MOST];
  double worst = 0;
  for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
    const HeedRandom random = draw_at(i);
    REQUIRE(heed_random_normal(&random, 0, 1, MOST, z) == HeedStatusOk);
    for (size_t j = 0; j < MOST; j++) {
      const double r = heed_random_reference_normal(random.seed, random.stream, random.offset + j);
      int exponent;
      frexp(fabs(r), &exponent);
      worst = fmax(worst, fabs((double)z[j] - r) / ldexp(1, exponent - 24));
    }
  }
  CHECK_MESSAGE(worst <= 0.51, "%.3f ulp", worst);
}

static uint64_t hash_bits(const float *x, size_t count) {
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, x + i, sizeof bits);
    hash = (hash ^ bits) * 0x100000001b3;
  }
  return hash;
}

// The first table's bits are everyone's.
TEST(random_normal_has_the_same_bits_on_every_instruction_set) {
  static float z[MOST];
  static uint64_t expected;
  const HeedRandom random = {99, 5, 3};
  REQUIRE(heed_random_normal(&random, 0.1f, 0.7f, MOST, z) == HeedStatusOk);
  const uint64_t hash = hash_bits(z, MOST);
  if (expected == 0) expected = hash;
  CHECK(hash == expected);
}

// Moments of 2^20 numbers, within 5 standard deviations; neighbours, streams and seeds without correlation.
TEST(random_numbers_have_their_moments) {
  enum { count = 1 << 20 };
  float *x = malloc(count * sizeof *x), *y = malloc(count * sizeof *y);
  const double n = count;
  for (int kind = 0; kind < 3; kind++) {
    const HeedRandom a = {test_seed, 1, 0}, b = {test_seed + (kind == 1), 1 + (uint64_t)(kind == 0), (uint64_t)(kind == 2)};
    REQUIRE(heed_random_normal(&a, 0, 1, count, x) == HeedStatusOk && heed_random_normal(&b, 0, 1, count, y) == HeedStatusOk);
    double mean = 0, square = 0, fourth = 0, product = 0;
    for (size_t i = 0; i < count; i++) {
      const double v = (double)x[i];
      mean += v, square += v * v, fourth += v * v * v * v, product += v * (double)y[i];
    }
    CHECK(fabs(mean / n) < 5 / sqrt(n));
    CHECK(fabs(square / n - 1) < 5 * sqrt(2 / n));
    CHECK(fabs(fourth / n - 3) < 5 * sqrt(96 / n));
    CHECK(fabs(product / n) < 5 / sqrt(n));
  }
  const HeedRandom random = {test_seed, 1, 0};
  REQUIRE(heed_random_uniform(&random, 0, 1, count, x) == HeedStatusOk);
  double mean = 0, square = 0;
  size_t buckets[64] = {0};
  for (size_t i = 0; i < count; i++) {
    CHECK(x[i] >= 0 && x[i] < 1);
    mean += (double)x[i], square += (double)x[i] * (double)x[i];
    buckets[(size_t)(x[i] * 64)]++;
  }
  CHECK(fabs(mean / n - 0.5) < 5 * sqrt(1 / 12.0 / n));
  CHECK(fabs(square / n - 1 / 3.0) < 5 * sqrt(4 / 45.0 / n));
  double chi = 0;
  for (size_t i = 0; i < 64; i++) chi += ((double)buckets[i] - n / 64) * ((double)buckets[i] - n / 64) / (n / 64);
  CHECK_MESSAGE(chi < 63 + 5 * sqrt(2 * 63.0), "chi squared %.1f", chi);
  free(x), free(y);
}

TEST(random_uniform_stays_below_its_end) {
  static float x[MOST];
  const HeedRandom random = {3, 0, 0};
  REQUIRE(heed_random_uniform(&random, 1, 1 + 0x1p-23f, MOST, x) == HeedStatusOk);
  for (size_t i = 0; i < MOST; i++) CHECK(x[i] == 1);
  REQUIRE(heed_random_uniform(&random, 2, 2, MOST, x) == HeedStatusOk);
  for (size_t i = 0; i < MOST; i++) CHECK(x[i] == 2);
}

TEST_ONCE(random_streams_of_rows_are_apart) {
  CHECK(heed_random_row(0, 5) == 5 && heed_random_row(1, 0) == (uint64_t)1 << 32 && heed_random_row(3, 9) != heed_random_row(9, 3));
}

TEST_ONCE(random_refuses_bad_arguments) {
  const HeedRandom random = {0};
  float x = 7;
  uint32_t bits = 7;
  CHECK(heed_random_bits(NULL, 1, &bits) == HeedStatusBadArgument && heed_random_bits(&random, 1, NULL) == HeedStatusBadArgument);
  CHECK(heed_random_bits(&random, SIZE_MAX / 2, &bits) == HeedStatusBadShape && heed_random_bits(&random, 0, NULL) == HeedStatusOk);
  CHECK(heed_random_uniform(&random, 1, 0, 1, &x) == HeedStatusBadArgument);
  CHECK(heed_random_uniform(&random, NAN, 1, 1, &x) == HeedStatusBadArgument);
  CHECK(heed_random_uniform(&random, -3e38f, 3e38f, 1, &x) == HeedStatusBadArgument);
  CHECK(heed_random_normal(&random, INFINITY, 1, 1, &x) == HeedStatusBadArgument);
  CHECK(heed_random_normal(&random, 0, -1, 1, &x) == HeedStatusBadArgument);
  CHECK(x == 7 && bits == 7);
}

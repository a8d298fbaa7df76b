// Every family of input, every arm, within the bounds against the float64 oracle.

#include <math.h>

#include "attention_support.h"

// Lengths on both sides of the tiles (64 keys; 8, 16 or 64 queries) and of a chunk of keys (1024).
static const size_t lengths[][2] = {{1, 1}, {5, 70}, {64, 64}, {65, 129}, {17, 1100}};
static const size_t dims[][2] = {{64, 64}, {40, 24}, {7, 3}};

TEST(attention_is_accurate_for_every_family) {
  for (int family = 0; family < FAMILY_COUNT; family++)
    for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
      const size_t *dim = dims[(l + (size_t)family) % 3];
      const Problem problem = {.B = 1,
                               .H = 2,
                               .G = 1,
                               .Nq = lengths[l][0],
                               .Nk = lengths[l][1],
                               .D = dim[0],
                               .E = dim[1],
                               .layout = (Layout)((l + 2 * (size_t)family) % LAYOUT_COUNT),
                               .family = (Family)family,
                               .stream = 100 + (uint64_t)family * 16 + l};
      check_problem(&problem);
    }
}

TEST(attention_is_accurate_for_every_family_under_masks) {
  for (int family = 0; family < FAMILY_COUNT; family++) {
    const unsigned masks = (unsigned)(1 + family % 15);
    const Problem problem = {.B = 2,
                             .H = 2,
                             .G = 2,
                             .Nq = 75,
                             .Nk = 150,
                             .D = 32,
                             .E = 48,
                             .layout = (Layout)(family % LAYOUT_COUNT),
                             .family = (Family)family,
                             .masks = masks,
                             .causal_offset = 40,
                             .stream = 400 + (uint64_t)family};
    check_problem(&problem);
  }
}

// Errors must not grow with the length: sums of a chunk begin at zero and chunks are merged.
TEST(attention_stays_accurate_over_long_rows) {
  static const Family families[] = {FamilyNormal, FamilyUniform, FamilyLogits88, FamilyRising, FamilyFalling};
  for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
    const Problem problem = {.B = 1,
                             .H = 1,
                             .G = 1,
                             .Nq = 9,
                             .Nk = test_exhaustive ? 100000 : 12345,
                             .D = 64,
                             .E = 64,
                             .family = families[f],
                             .stream = 500 + f};
    check_problem(&problem);
  }
}

// Uniform weights over a power of two of integers, and a row that sees one key alone: nothing has to be rounded.
TEST(attention_is_exact_where_nothing_is_rounded) {
  for (size_t Nk = 1; Nk <= 2048; Nk *= 2) {
    const Problem problem = {.B = 1, .H = 1, .G = 1, .Nq = 3, .Nk = Nk, .D = 16, .E = 20, .family = FamilyIntegers, .stream = 600 + Nk};
    Built built = build(&problem);
    for (size_t i = 0; i < 3; i++)
      for (size_t d = 0; d < 16; d++) *at(&built.query, 0, 0, i, d) = 0;
    FOR_EACH_ARM(arm, &built) {
      Result result = run_arm(arm, &built, false);
      for (size_t i = 0; i < 3; i++)
        for (size_t e = 0; e < 20; e++) {
          double sum = 0;
          for (size_t j = 0; j < Nk; j++) sum += (double)*at(&built.value, 0, 0, j, e);
          CHECK_MESSAGE((double)result.output[i * 20 + e] == sum / (double)Nk, "%s: %zu keys: %.9g, not %.9g", arm->name, Nk,
                        (double)result.output[i * 20 + e], sum / (double)Nk);
        }
      result_free(&result);
    }
    built_free(&built);
  }
}

TEST(attention_picks_one_value_exactly_where_one_score_towers) {
  const Problem problem = {.B = 1, .H = 1, .G = 1, .Nq = 40, .Nk = 200, .D = 8, .E = 11, .scale = 1, .stream = 650};
  Built built = build(&problem);
  for (size_t i = 0; i < 40; i++)
    for (size_t d = 0; d < 8; d++) *at(&built.query, 0, 0, i, d) = d == 0 ? 1 : 0;
  for (size_t j = 0; j < 200; j++) *at(&built.key, 0, 0, j, 0) = j == 131 ? 300 : -(float)(j % 7);
  FOR_EACH_ARM(arm, &built) {
    Result result = run_arm(arm, &built, false);
    for (size_t i = 0; i < 40; i++)
      for (size_t e = 0; e < 11; e++) CHECK(result.output[i * 11 + e] == *at(&built.value, 0, 0, 131, e));
    for (size_t i = 0; i < 40; i++) CHECK(result.log_sum_exp[i] == 300);
    result_free(&result);
  }
  built_free(&built);
}

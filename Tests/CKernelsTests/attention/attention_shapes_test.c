// Head dimensions, lengths, heads and groups: a covering set by default, the full cross with --exhaustive.

#include "attention_support.h"

static const size_t head_dims[] = {1, 2, 3, 7, 8, 16, 32, 40, 63, 64, 65, 72, 80, 96, 111, 128, 160, 192, 256};
static const size_t lengths[][2] = {{1, 1},   {1, 2},     {2, 1},     {3, 3},      {2, 63},      {63, 64}, {64, 65},
                                    {65, 63}, {7, 8},     {8, 9},     {15, 17},    {16, 15},     {17, 16}, {1, 239},
                                    {239, 1}, {113, 203}, {127, 513}, {129, 1025}, {1023, 1024}, {31, 128}};
static const size_t groups[][2] = {{1, 1}, {2, 1}, {3, 3}, {4, 2}, {6, 2}, {33, 11}, {32, 1}, {5, 5}};
static const unsigned mask_sets[] = {MaskNone,
                                     MaskCausal,
                                     MaskLengths,
                                     MaskCausal | MaskLengths,
                                     MaskBoolean,
                                     MaskAdditive,
                                     MaskBoolean | MaskAdditive | MaskCausal,
                                     MaskAdditive | MaskLowest};

#define COUNT(array) (sizeof array / sizeof array[0])

// Keeps a case near the cost of a small one: few heads where rows are many.
static void check(size_t d, size_t l, size_t g, uint64_t stream) {
  Problem problem = {.B = 1 + stream % 2,
                     .H = groups[g][0],
                     .G = groups[g][1],
                     .Nq = lengths[l][0],
                     .Nk = lengths[l][1],
                     .D = head_dims[d],
                     .E = head_dims[(d * 7 + l) % COUNT(head_dims)],
                     .layout = (Layout)(stream % LAYOUT_COUNT),
                     .family = stream % 3 ? FamilyNormal : FamilyUniform,
                     .masks = mask_sets[stream / 3 % COUNT(mask_sets)],
                     .stream = 1000 + stream};
  problem.causal_offset = (ptrdiff_t)problem.Nk - (ptrdiff_t)problem.Nq;
  if (!test_exhaustive && problem.H * problem.Nq * problem.Nk > 150000) {
    problem.B = 1;
    problem.G = problem.H > problem.G ? 1 : 2;
    problem.H = 2;
  }
  if (!test_exhaustive && problem.Nq * problem.Nk > 300000 && problem.D + problem.E > 200) problem.D = 65, problem.E = 72;
  check_problem(&problem);
}

// Every pair of (head dimension, lengths) would be 380 cases: each length meets three head dimensions, each head dimension three lengths or
// more, both in turn with every kind of group and mask.
TEST(attention_covers_head_dimensions_lengths_and_groups) {
  uint64_t stream = 0;
  if (test_exhaustive) {
    for (size_t d = 0; d < COUNT(head_dims); d++)
      for (size_t l = 0; l < COUNT(lengths); l++)
        for (size_t g = 0; g < COUNT(groups); g++) check(d, l, g, stream++);
    return;
  }
  for (size_t round = 0; round < 3; round++)
    for (size_t l = 0; l < COUNT(lengths); l++, stream++)
      check((l + round * 7) % COUNT(head_dims), l, (stream * 3 + round) % COUNT(groups), stream);
}

TEST(attention_covers_every_pair_of_head_dimensions_with_a_small_length) {
  for (size_t d = 0; d < COUNT(head_dims); d++)
    for (size_t e = d % 3; e < COUNT(head_dims); e += test_exhaustive ? 1 : 3) {
      const Problem problem = {.B = 1,
                               .H = 1,
                               .G = 1,
                               .Nq = 9,
                               .Nk = 67,
                               .D = head_dims[d],
                               .E = head_dims[e],
                               .layout = (Layout)((d + e) % LAYOUT_COUNT),
                               .stream = 3000 + d * 32 + e};
      check_problem(&problem);
    }
}

// An empty dimension: nothing to do, zeros, or uniform weights (D = 0: every score is 0).
TEST(attention_of_empty_dimensions) {
  for (int zero = 0; zero < 6; zero++) {
    Problem problem = {.B = 2, .H = 2, .G = 1, .Nq = 3, .Nk = 70, .D = 8, .E = 5, .stream = 4000 + (uint64_t)zero};
    size_t *const sizes[6] = {&problem.B, &problem.H, &problem.Nq, &problem.Nk, &problem.D, &problem.E};
    *sizes[zero] = 0;
    if (problem.H == 0) problem.G = 0;
    check_problem(&problem);
    if (problem.H == 0) continue;
    problem.masks = MaskCausal | MaskLengths | MaskBoolean | MaskAdditive;
    check_problem(&problem);
  }
}

TEST(attention_without_keys_gives_zeros) {
  const Problem problem = {.B = 1, .H = 2, .G = 2, .Nq = 70, .Nk = 0, .D = 8, .E = 5, .stream = 4100};
  Built built = build(&problem);
  FOR_EACH_ARM(arm, &built) {
    Result result = run_arm(arm, &built, false);
    for (size_t i = 0; i < result.outputs; i++) CHECK(result.output[i] == 0);
    for (size_t i = 0; i < result.rows; i++) CHECK(result.log_sum_exp[i] == -__builtin_inff());
    result_free(&result);
  }
  built_free(&built);
}

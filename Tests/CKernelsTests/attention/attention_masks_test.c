// Masks, alone and together, at the edges of tiles and beyond.

#include <limits.h>
#include <math.h>

#include "attention_support.h"

TEST(attention_masks_in_every_combination_and_layout) {
  for (unsigned masks = 0; masks < 32; masks++) {
    if ((masks & MaskLowest) && !(masks & MaskAdditive)) continue;
    for (int layout = (int)(masks % 3); layout < LAYOUT_COUNT; layout += test_exhaustive ? 1 : 3) {
      const Problem problem = {.B = 3,
                               .H = 2,
                               .G = 1,
                               .Nq = 37,
                               .Nk = 141,
                               .D = 24,
                               .E = 33,
                               .layout = (Layout)layout,
                               .masks = masks,
                               .causal_offset = 104,
                               .stream = 5000 + masks * 8 + (uint64_t)layout};
      check_problem(&problem);
    }
  }
}

TEST(attention_causal_offsets) {
  // clang-format off
  static const ptrdiff_t offsets[] = {0, 1, -1, 15, 63, 64, 65, -63, -64, -65, -99, -100, -101, 129, 130, 131, 1000, -1000,
                                      PTRDIFF_MAX, PTRDIFF_MAX - 1, PTRDIFF_MIN, PTRDIFF_MIN + 1, PTRDIFF_MAX / 2, PTRDIFF_MIN / 2};
  // clang-format on
  for (size_t o = 0; o < sizeof offsets / sizeof offsets[0]; o++) {
    const Problem problem = {.B = 1,
                             .H = 1,
                             .G = 1,
                             .Nq = 100,
                             .Nk = 131,
                             .D = 16,
                             .E = 16,
                             .masks = MaskCausal,
                             .causal_offset = offsets[o],
                             .stream = 5400 + o};
    check_problem(&problem);
  }
}

// A row that sees nothing is zeros with a log-sum-exp of minus infinity, in each way there is to see nothing.
TEST(attention_row_that_sees_nothing_is_zeros) {
  static const unsigned ways[] = {MaskCausal, MaskLengths, MaskBoolean, MaskAdditive};
  for (size_t w = 0; w < 4; w++) {
    const Problem problem = {
        .B = 2, .H = 1, .G = 1, .Nq = 70, .Nk = 90, .D = 8, .E = 9, .masks = ways[w], .causal_offset = -20, .stream = 5500 + w};
    Built built = build(&problem);
    FOR_EACH_ARM(arm, &built) {
      Result result = run_arm(arm, &built, arm->gives_weights);
      size_t blind = 0;
      for (size_t b = 0; b < 2; b++)
        for (size_t i = 0; i < 70; i++) {
          bool sees = false;
          for (size_t j = 0; j < 90; j++) sees |= row_sees(&built, b, 0, i, j);
          if (sees) continue;
          blind++;
          const size_t row = b * 70 + i;
          CHECK(result.log_sum_exp[row] == -INFINITY);
          for (size_t e = 0; e < 9; e++) CHECK(result.output[row * 9 + e] == 0 && !signbit(result.output[row * 9 + e]));
          for (size_t j = 0; arm->gives_weights && j < 90; j++) CHECK(result.weights[row * 90 + j] == 0);
        }
      CHECK(blind > 0);
      result_free(&result);
    }
    built_free(&built);
  }
}

// Whole tiles of keys hidden, at the beginning, between and at the end, for rows of their own.
TEST(attention_whole_key_tiles_hidden) {
  const Problem problem = {.B = 1, .H = 2, .G = 2, .Nq = 80, .Nk = 320, .D = 32, .E = 32, .masks = MaskBoolean, .stream = 5600};
  Built built = build(&problem);
  for (size_t h = 0; h < 2; h++)
    for (size_t i = 0; i < 80; i++)
      for (size_t j = 0; j < 320; j++) {
        const size_t tile = j / 64;
        const bool visible = h ? (i / 16 + tile) % 3 == 0 : tile == 1 + i / 40 * 2;
        built.boolean[((ptrdiff_t)h * 80 + (ptrdiff_t)i) * 320 + (ptrdiff_t)j] = visible ? 255 : 0;
      }
  check_accuracy(NULL, &built);
  built_free(&built);
}

// -3.4e38 is a number: a row of nothing else is uniform over what it sees.
TEST(attention_row_of_lowest_numbers_is_uniform) {
  const Problem problem = {.B = 1,
                           .H = 1,
                           .G = 1,
                           .Nq = 2,
                           .Nk = 128,
                           .D = 16,
                           .E = 4,
                           .family = FamilyIntegers,
                           .masks = MaskAdditive | MaskLowest,
                           .stream = 5700};
  Built built = build(&problem);
  for (size_t i = 0; i < 2; i++)
    for (size_t j = 0; j < 128; j++) *at(&built.additive, 0, 0, i, j) = i == 0 || j < 64 ? -0x1.fffffep127f : -INFINITY;
  FOR_EACH_ARM(arm, &built) {
    Result result = run_arm(arm, &built, false);
    for (size_t i = 0; i < 2; i++)
      for (size_t e = 0; e < 4; e++) {
        const size_t keys = i == 0 ? 128 : 64;
        double sum = 0;
        for (size_t j = 0; j < keys; j++) sum += (double)*at(&built.value, 0, 0, j, e);
        CHECK_MESSAGE((double)result.output[i * 4 + e] == sum / (double)keys, "%s: row %zu is %g, not %g", arm->name, i,
                      (double)result.output[i * 4 + e], sum / (double)keys);
      }
    result_free(&result);
  }
  built_free(&built);
}

// A mask that hides nothing changes no bit; two masks that say the same give the same bits.
TEST(attention_masks_that_agree_give_the_same_bits) {
  Problem problem = {.B = 2, .H = 2, .G = 1, .Nq = 67, .Nk = 133, .D = 40, .E = 24, .stream = 5800};
  Built plain = build(&problem);
  problem.masks = MaskCausal;
  problem.causal_offset = 66;
  Built causal = build(&problem);
  problem.masks = MaskBoolean;
  Built boolean = build(&problem), open = build(&problem);
  problem.masks = MaskAdditive;
  Built additive = build(&problem);
  for (size_t b = 0; b < 2; b++)
    for (size_t h = 0; h < 2; h++)
      for (size_t i = 0; i < 67; i++)
        for (size_t j = 0; j < 133; j++) {
          const bool sees = row_sees(&causal, b, h, i, j);
          const size_t index = ((b * 2 + h) * 67 + i) * 133 + j;
          boolean.boolean[index] = sees;
          open.boolean[index] = 1;
          *at(&additive.additive, b, h, i, j) = sees ? 0 : -INFINITY;
        }
  FOR_EACH_ARM(arm, &additive) {
    Result a = run_arm(arm, &plain, false), b = run_arm(arm, &open, false);
    check_same_bits(arm, &plain, &a, &b, "a boolean mask that hides nothing");
    result_free(&a);
    result_free(&b);
    a = run_arm(arm, &causal, false), b = run_arm(arm, &boolean, false);
    check_same_bits(arm, &causal, &a, &b, "causal as a boolean mask");
    result_free(&b);
    b = run_arm(arm, &additive, false);
    check_same_bits(arm, &causal, &a, &b, "causal as an additive mask");
    result_free(&a);
    result_free(&b);
  }
  built_free(&plain), built_free(&causal), built_free(&boolean), built_free(&open), built_free(&additive);
}

// A sliding window at the edges of lanes, tiles and chunks, alone and with other masks, for many queries and for few.
TEST(attention_sliding_windows) {
  static const size_t windows[] = {1, 2, 15, 16, 17, 63, 64, 65, 130, 1000, 1023, 1024, 1025, 3000, SIZE_MAX};
  static const size_t queries[] = {1, 5, 8, 70};
  static const unsigned others[] = {0, MaskLengths, MaskBoolean | MaskAdditive};
  for (size_t w = 0; w < sizeof windows / sizeof windows[0]; w++)
    for (size_t n = 0; n < sizeof queries / sizeof queries[0]; n++) {
      const size_t keys = windows[w] < 1000 ? 200 : 2300;
      if (keys > 200 && n == 3 && !test_exhaustive && w % 2) continue;
      const Problem problem = {.B = 2,
                               .H = 2,
                               .G = 1,
                               .Nq = queries[n],
                               .Nk = keys,
                               .D = 9,
                               .E = 17,
                               .layout = (Layout)((w + n) % LAYOUT_COUNT),
                               .masks = MaskCausal | others[(w + n) % 3],
                               .causal_offset = (ptrdiff_t)keys - (ptrdiff_t)queries[n] - (n == 1 ? 40 : 0),
                               .window = windows[w],
                               .stream = 5900 + 8 * w + n};
      check_problem(&problem);
    }
  // Rows whose window has passed the last key see nothing; a window that is not causal is refused.
  const Problem past = {
      .B = 1, .H = 1, .G = 1, .Nq = 90, .Nk = 64, .D = 8, .E = 8, .masks = MaskCausal, .causal_offset = 10, .window = 7, .stream = 5990};
  check_problem(&past);
  Built built = build(&past);
  built.shape.causal = false;
  FOR_EACH_ARM(arm, &built) {
    Result result = run_arm(arm, &built, false);
    CHECK(result.status == HeedStatusBadArgument);
    result_free(&result);
  }
  built_free(&built);
}

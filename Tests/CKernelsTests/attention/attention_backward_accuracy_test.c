// Every family of input, every arm, within the bounds against the float64 oracle.

#include "attention_backward_support.h"

// Lengths on both sides of the tiles (64 keys; 8, 24 or 64 queries).
static const size_t lengths[][2] = {{1, 1}, {5, 70}, {64, 64}, {65, 129}, {17, 300}, {130, 65}};
static const size_t dims[][2] = {{64, 64}, {40, 24}, {7, 3}};

TEST(attention_backward_is_accurate_for_every_family) {
  for (int family = 0; family < FAMILY_COUNT; family++)
    for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
      const size_t *dim = dims[(l + (size_t)family) % 3];
      const BackwardProblem problem = {.forward = {.B = 1,
                                                   .H = 2,
                                                   .G = 1,
                                                   .Nq = lengths[l][0],
                                                   .Nk = lengths[l][1],
                                                   .D = dim[0],
                                                   .E = dim[1],
                                                   .layout = (Layout)((l + 2 * (size_t)family) % LAYOUT_COUNT),
                                                   .family = (Family)family,
                                                   .stream = 5100 + (uint64_t)family * 16 + l},
                                       .d_output = (Layout)((l + (size_t)family) % LAYOUT_COUNT),
                                       .gradients = (Layout)((l * 3 + (size_t)family) % LAYOUT_COUNT),
                                       .additive_sums = (unsigned)(l * 5 + (size_t)family) % 16};
      check_backward(&problem);
    }
}

TEST(attention_backward_is_accurate_for_every_family_under_masks) {
  for (int family = 0; family < FAMILY_COUNT; family++) {
    const BackwardProblem problem = {.forward = {.B = 2,
                                                 .H = 2,
                                                 .G = 2,
                                                 .Nq = 75,
                                                 .Nk = 150,
                                                 .D = 32,
                                                 .E = 48,
                                                 .layout = (Layout)(family % LAYOUT_COUNT),
                                                 .family = (Family)family,
                                                 .masks = (unsigned)(1 + family % 15),
                                                 .causal_offset = 40,
                                                 .stream = 5400 + (uint64_t)family},
                                     .d_output = (Layout)(family % LAYOUT_COUNT),
                                     .gradients = (Layout)(family * 2 % LAYOUT_COUNT),
                                     .additive_sums = (unsigned)family % 16};
    check_backward(&problem);
  }
}

// Forward and backward draw the same weights, whatever the arm and its tiles: each arm meets the oracle of both passes.
TEST(attention_with_dropout_is_accurate) {
  static const unsigned masks[] = {MaskNone, MaskCausal, MaskLengths | MaskBoolean, MaskAdditive};
  static const float probabilities[] = {0.1f, 0.5f, 0.99f};
  for (size_t m = 0; m < 4; m++)
    for (size_t p = 0; p < 3; p++) {
      const BackwardProblem problem = {.forward = {.B = 2,
                                                   .H = 4,
                                                   .G = 2,
                                                   .Nq = 70 + 3 * m,
                                                   .Nk = 131,
                                                   .D = 24,
                                                   .E = 40,
                                                   .layout = (Layout)((m + p) % LAYOUT_COUNT),
                                                   .masks = masks[m],
                                                   .causal_offset = 20,
                                                   .dropout = probabilities[p],
                                                   .stream = 5700 + m * 4 + p},
                                       .additive_sums = SumBatch};
      check_problem(&problem.forward);
      check_backward(&problem);
    }
}

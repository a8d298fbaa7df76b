// Strides: the same numbers in any layout give the same bits, stride 0 is a broadcast, and what lies between the rows is never read.

#include <math.h>
#include <string.h>

#include "attention_support.h"

// Layouts that give every element a place of its own hold the same numbers.
TEST(attention_layouts_give_the_same_bits) {
  static const size_t dims[][2] = {{64, 64}, {20, 33}, {1, 1}, {80, 7}};
  for (size_t c = 0; c < 8; c++) {
    Problem problem = {.B = 2,
                       .H = 4,
                       .G = 2,
                       .Nq = c % 2 ? 66 : 5,
                       .Nk = 131,
                       .D = dims[c % 4][0],
                       .E = dims[c % 4][1],
                       .masks = c >= 4 ? MaskCausal | MaskBoolean | MaskAdditive : MaskNone,
                       .causal_offset = 65,
                       .stream = 7000 + c};
    Built contiguous = build(&problem);
    for (int layout = 1; layout < LAYOUT_COUNT; layout++) {
      if (layout == LayoutShared) continue;
      problem.layout = (Layout)layout;
      Built other = build(&problem);
      FOR_EACH_ARM(arm, &other) {
        Result a = run_arm(arm, &contiguous, arm->gives_weights), b = run_arm(arm, &other, arm->gives_weights);
        check_same_bits(arm, &other, &a, &b, "contiguous and this layout");
        result_free(&a);
        result_free(&b);
      }
      built_free(&other);
    }
    built_free(&contiguous);
  }
}

// Stride 0 in each dimension of each input in turn: the same bits as the copy it stands for.
TEST(attention_stride_zero_is_a_broadcast) {
  for (int which = 0; which < 4; which++)
    for (int dimension = 0; dimension < 4; dimension++) {
      Problem problem = {.B = 2, .H = 2, .G = 2, .Nq = 21, .Nk = 70, .D = 17, .E = 17, .stream = 7100 + (uint64_t)(which * 4 + dimension)};
      problem.masks = which == 3 ? MaskAdditive : MaskNone;
      Built copied = build(&problem), broadcast = build(&problem);
      Operand *const x[4] = {&copied.query, &copied.key, &copied.value, &copied.additive};
      const Operand *y = ((Operand *[4]){&broadcast.query, &broadcast.key, &broadcast.value, &broadcast.additive})[which];
      for (size_t b = 0; b < x[which]->size[0]; b++)
        for (size_t h = 0; h < x[which]->size[1]; h++)
          for (size_t i = 0; i < x[which]->size[2]; i++)
            for (size_t c = 0; c < x[which]->size[3]; c++)
              *at(x[which], b, h, i, c) =
                  *at(y, dimension == 0 ? 0 : b, dimension == 1 ? 0 : h, dimension == 2 ? 0 : i, dimension == 3 ? 0 : c);
      HeedAttentionStrides *strides = ((HeedAttentionStrides *[4]){&broadcast.shape.query, &broadcast.shape.key, &broadcast.shape.value,
                                                                   &broadcast.shape.additive})[which];
      *((ptrdiff_t *[4]){&strides->batch, &strides->head, &strides->row, &strides->column}[dimension]) = 0;
      FOR_EACH_ARM(arm, &broadcast) {
        Result a = run_arm(arm, &copied, false), b = run_arm(arm, &broadcast, false);
        check_same_bits(arm, &broadcast, &a, &b, "a copy and stride 0");
        result_free(&a);
        result_free(&b);
      }
      built_free(&copied);
      built_free(&broadcast);
    }
}

// Every operand from its own page on: offsets into a page change no bit, aligned or not.
TEST(attention_alignment_changes_nothing) {
  const Problem problem = {.B = 1, .H = 1, .G = 1, .Nq = 33, .Nk = 97, .D = 48, .E = 40, .stream = 7200};
  Built built = build(&problem);
  static float memory[3][97 * 48 + 64];
  float *const sources[3] = {built.query.base, built.key.base, built.value.base};
  const size_t counts[3] = {33 * 48, 97 * 48, 97 * 40};
  FOR_EACH_ARM(arm, &built) {
    Result expected = run_arm(arm, &built, false);
    for (size_t offset = 0; offset < 17; offset++) {
      Built moved = built;
      const void **const inputs[3] = {&moved.inputs.query, &moved.inputs.key, &moved.inputs.value};
      for (size_t i = 0; i < 3; i++) {
        poison_floats(memory[i], sizeof memory[i] / sizeof(float));
        memcpy(memory[i] + (offset + 5 * i) % 17, sources[i], counts[i] * sizeof(float));
        *inputs[i] = memory[i] + (offset + 5 * i) % 17;
      }
      Result result = run_arm(arm, &moved, false);
      check_same_bits(arm, &built, &expected, &result, "alignments");
      result_free(&result);
    }
    result_free(&expected);
  }
  built_free(&built);
}

// Both sides of guard pages for every layout, with shapes whose last vector is a tail in every dimension.
TEST(attention_reads_and_writes_nothing_outside) {
  static const size_t sizes[][4] = {{1, 1, 1, 1}, {3, 5, 7, 9}, {17, 65, 15, 31}, {64, 64, 64, 64}, {65, 63, 33, 1}, {2, 130, 1, 67}};
  uint64_t stream = 7300;
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
    for (int layout = 0; layout < LAYOUT_COUNT; layout++)
      for (int side = 0; side < 2; side++, stream++) {
        const Problem problem = {.B = 2,
                                 .H = 2,
                                 .G = 1,
                                 .Nq = sizes[s][0],
                                 .Nk = sizes[s][1],
                                 .D = sizes[s][2],
                                 .E = sizes[s][3],
                                 .layout = (Layout)layout,
                                 .masks = layout % 2 ? MaskBoolean | MaskAdditive | MaskLengths : MaskNone,
                                 .stream = stream};
        check_problem(&problem);
      }
}

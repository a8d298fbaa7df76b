// Products with so many rows that panels of B are staged once for all of them: the bits of a few of the rows alone, which are multiplied
// with their own copies or with B in place.

#include <stdlib.h>

#include "gemm_support.h"

static HeedStatus multiply(const HeedGemmShape *shape, const GemmProblem *p, const uint16_t *a, const uint16_t *b, size_t row) {
  const ptrdiff_t offset = (ptrdiff_t)row * p->a.row;
  float *c = p->c.first + (ptrdiff_t)row * p->c.row;
  if (shape->element == HeedElementFloat32) return heed_gemm(shape, NULL, p->a.first + offset, p->b.first, c);
  return heed_gemm(shape, NULL, a + offset, b, c);
}

static void check(GemmCase s, bool bf16, uint64_t stream) {
  const size_t count = s.batch * s.m * s.n;
  GemmProblem p = gemm_problem(s, stream);
  Guarded a_block = {0}, b_block = {0};
  const uint16_t *a = bf16 ? gemm_round_to_bf16(&p.a, stream, &a_block) : NULL,
                 *b = bf16 ? gemm_round_to_bf16(&p.b, stream, &b_block) : NULL;
  float *whole = calloc(count, sizeof *whole), *part = calloc(count, sizeof *part);
  HeedGemmShape shape = gemm_shape(&p);
  if (bf16) shape.element = HeedElementBfloat16;
  CHECK(multiply(&shape, &p, a, b, 0) == HeedStatusOk);
  gemm_take_result(&p, whole);
  static const size_t few = 29;
  const size_t firsts[] = {0, s.m / 2, s.m - few};
  shape.m = few;
  for (size_t i = 0; i < 3; i++) CHECK(multiply(&shape, &p, a, b, firsts[i]) == HeedStatusOk);
  gemm_take_result(&p, part);
  for (size_t batch = 0; batch < s.batch; batch++)
    for (size_t i = 0; i < 3; i++) {
      const size_t at = (batch * s.m + firsts[i]) * s.n;
      size_t first = 0;
      const size_t differing = differing_floats(whole + at, part + at, few * s.n, &first);
      CHECK_MESSAGE(differing == 0, "%zu floats differ (first: %zu) in rows from %zu on, %s: %s", differing, first, firsts[i],
                    bf16 ? "bf16" : "f32", gemm_describe(&s));
    }
  free(whole);
  free(part);
  guarded_free(&a_block);
  guarded_free(&b_block);
  gemm_problem_free(&p);
}

TEST(gemm_shared_panels_give_the_bits_of_rows_alone) {
  static const GemmLayout layouts[] = {GemmContiguous, GemmPadded, GemmTransposed, GemmSpread, GemmShared};
  for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
    for (int bf16 = 0; bf16 < 2; bf16++) {
      check((GemmCase){.batch = layouts[i] == GemmTransposed || layouts[i] == GemmShared ? 2 : 1,
                       .m = 800,
                       .n = 67,
                       .k = 701,
                       .a = i % 2 ? GemmTransposedPadded : GemmPadded,
                       .b = layouts[i],
                       .c = i % 2 ? GemmContiguous : GemmPadded,
                       .family = GemmNormal,
                       .alpha = 1},
            bf16, 600 + i);
    }
}

// More columns than are staged at a time.
TEST(gemm_shared_panels_in_slices_give_the_bits_of_rows_alone) {
  for (int bf16 = 0; bf16 < 2; bf16++)
    check(
        (GemmCase){
            .batch = 1, .m = 769, .n = 561, .k = 2501, .b = bf16 ? GemmTransposed : GemmContiguous, .family = GemmNormal, .alpha = 1},
        bf16, 610);
}

// The matrix product against the float64 reference: shapes, layouts and families of numbers, crossed pairwise by chance.

#include <math.h>
#include <stdlib.h>

#include "gemm_support.h"

// C <= 2 for K <= 256, <= 1 for K > 1024, in between between them; the worst of tens of thousands of elements reaches 2.15 at K = 10
// already. A multiplication by alpha, and by beta, is another rounding; without fused multiply-adds every term is rounded once more. Terms
// of one sign, added in order, err by a random walk of as many steps as a block of k has.
static double bound(const GemmCase *s) {
  if (s->family == GemmUniform)
    return 5.0 + (s->alpha != 1 ? 0.5 : 0) + (s->beta != 0 ? 1.0 : 0) + (heed_isa_current() == HeedISAGeneric ? 1.0 : 0);
  const double base = s->k <= 256 ? 2.0 : (s->k > 1024 ? 1.0 : 1.5);
  return base * (s->m * s->n > 10000 ? 1.15 : 1) + (s->alpha != 1 ? 0.5 : 0) + (s->beta != 0 ? 1.0 : 0) +
         (heed_isa_current() == HeedISAGeneric ? 1.0 : 0);
}

static void check(GemmCase s, uint64_t stream) {
  GemmProblem p = gemm_problem(s, stream);
  const double error = gemm_error(&p, NULL);
  const double limit = s.family == GemmIntegers ? 0 : bound(&s);
  // Denormal products carry an absolute error of 2^-150 a term, beside which eps * sum |a||b| is nothing.
  if (s.family == GemmDenormal)
    CHECK_MESSAGE(isfinite(error), "not finite: %s", gemm_describe(&s));
  else
    CHECK_MESSAGE(error <= limit, "C is %.3f, above %.1f: %s", error, limit, gemm_describe(&s));
  gemm_problem_free(&p);
}

TEST(gemm_agrees_with_the_oracle) {
  static const size_t sizes[] = {1, 2, 3, 5, 6, 7, 8, 15, 16, 17, 31, 33, 47, 48, 63, 64, 65, 80, 97, 127, 129};
  static const size_t depths[] = {0, 1, 2, 3, 7, 16, 63, 64, 65, 96, 127, 128, 129, 193, 256, 385, 500};
  static const float alphas[] = {1, 1, 1, -0.7f, 0}, betas[] = {0, 0, 1, -0.3f};
  const int cases = test_exhaustive ? 20000 : 600;
  for (int i = 0; i < cases && test_failures() < 10; i++) {
    Random r = random_stream(1000 + (uint64_t)i);
#define PICK(array) array[random_below(&r, sizeof(array) / sizeof *(array))]
    GemmCase s = {.batch = random_below(&r, 8) == 0 ? random_below(&r, 4) : 1, .m = PICK(sizes), .n = PICK(sizes), .k = PICK(depths)};
    s.a = (GemmLayout)random_below(&r, GEMM_LAYOUT_COUNT + 1);
    s.b = (GemmLayout)random_below(&r, GEMM_LAYOUT_COUNT + 1);
    s.c = (GemmLayout)random_below(&r, GEMM_LAYOUT_COUNT);
    s.family = (GemmFamily)random_below(&r, GEMM_FAMILY_COUNT);
    s.alpha = s.family == GemmIntegers ? 2 : PICK(alphas);
    s.beta = s.family == GemmIntegers ? (float)random_below(&r, 3) : PICK(betas);
    check(s, 1000 + (uint64_t)i);
  }
}

// Sizes at which the engine cuts C into tiles of 240 x 256 and copies operands.
TEST(gemm_agrees_with_the_oracle_across_tiles) {
  static const size_t shapes[][3] = {{241, 70, 64},  {260, 300, 200}, {95, 161, 193}, {96, 160, 192},  {97, 159, 400}, {250, 520, 33},
                                     {1, 600, 300},  {2, 600, 300},   {600, 1, 300},  {600, 3, 300},   {3, 1030, 20},  {1030, 15, 20},
                                     {300, 513, 10}, {490, 64, 5},    {64, 64, 1500}, {130, 130, 2000}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (int layout = 0; layout < 4; layout++)
      check((GemmCase){.batch = 1,
                       .m = shapes[i][0],
                       .n = shapes[i][1],
                       .k = shapes[i][2],
                       .a = layout & 1 ? GemmTransposed : GemmPadded,
                       .b = layout & 2 ? GemmTransposedPadded : GemmContiguous,
                       .c = layout == 3 ? GemmTransposed : GemmPadded,
                       .family = layout == 0 ? GemmIntegers : GemmNormal,
                       .alpha = 1,
                       .beta = layout == 2 ? 0.5f : 0},
            20000 + i * 4 + (uint64_t)layout);
}

// N <= 5 eps however long the sum is.
TEST(gemm_error_does_not_grow_with_depth) {
  const GemmCase s = {.batch = 1, .m = 4, .n = 16, .k = 65536, .b = GemmTransposed, .family = GemmUniform, .alpha = 1};
  GemmProblem p = gemm_problem(s, 7);
  const HeedGemmShape shape = gemm_shape(&p);
  static double reference[64];
  static float result[64];
  REQUIRE(heed_gemm_reference(&shape, p.a.first, p.b.first, reference) == HeedStatusOk);
  gemm_run(&p, result);
  const Errors errors = compare_rows(result, reference, 4, 16);
  CHECK_MESSAGE(errors.normwise <= 5 * EPSILON, "N is %.2f eps", errors.normwise / EPSILON);
  gemm_problem_free(&p);
}

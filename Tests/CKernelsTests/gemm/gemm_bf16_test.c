// The bfloat16 product: the bits of the rule on every table, whatever the layouts, tiles and threads; accuracy; NaN.

#include <math.h>
#include <stdlib.h>

#include "bf16_rule.h"
#include "gemm_support.h"

typedef struct Bf16Problem {
  GemmProblem values; // the same numbers in float32
  Guarded a_block, b_block;
  const uint16_t *a, *b;
} Bf16Problem;

static Bf16Problem bf16_problem(GemmCase s, uint64_t stream) {
  Bf16Problem p = {.values = gemm_problem(s, stream)};
  p.a = gemm_round_to_bf16(&p.values.a, stream, &p.a_block);
  p.b = gemm_round_to_bf16(&p.values.b, stream, &p.b_block);
  return p;
}

static void bf16_problem_free(Bf16Problem *p) {
  gemm_problem_free(&p->values);
  guarded_free(&p->a_block);
  guarded_free(&p->b_block);
}

static void bf16_run(Bf16Problem *p, float *result) {
  HeedGemmShape shape = gemm_shape(&p->values);
  shape.element = HeedElementBfloat16;
  const HeedStatus status = heed_gemm(&shape, NULL, p->a, p->b, p->values.c.first);
  CHECK_MESSAGE(status == HeedStatusOk, "%s: %s", heed_status_description(status), gemm_describe(&p->values.shape));
  gemm_take_result(&p->values, result);
}

// One element by the rule of gemm.h.
static float by_rule(const GemmProblem *p, size_t batch, size_t row, size_t column, float previous) {
  const GemmCase s = p->shape;
  const bool fused = bf16_rule_is_fused();
  float total = bf16_rule_product(s.k, gemm_at(&p->a, batch, row, 0), p->a.column, gemm_at(&p->b, batch, 0, column), p->b.row, fused);
  total *= s.alpha;
  // Only where the previous element counts; the fused multiply-add of tables that have none is two roundings.
  return s.beta == 0 ? total : (fused ? fmaf(s.beta, previous, total) : s.beta * previous + total);
}

static void expect_rule(GemmCase s, uint64_t stream) {
  Bf16Problem p = bf16_problem(s, stream);
  const size_t count = s.batch * s.m * s.n;
  float *expected = calloc(count + 1, sizeof *expected), *result = calloc(count + 1, sizeof *result);
  for (size_t b = 0; b < s.batch; b++)
    for (size_t i = 0; i < s.m; i++)
      for (size_t j = 0; j < s.n; j++)
        expected[(b * s.m + i) * s.n + j] = by_rule(&p.values, b, i, j, s.beta != 0 ? *gemm_at(&p.values.c, b, i, j) : 0);
  bf16_run(&p, result);
  size_t place = 0;
  const size_t differing = differing_floats(result, expected, count, &place);
  CHECK_MESSAGE(differing == 0, "%zu differ, the first at %zu: %a, not %a: %s", differing, place, (double)result[place],
                (double)expected[place], gemm_describe(&s));
  free(expected);
  free(result);
  bf16_problem_free(&p);
}

TEST(gemm_bf16_has_the_same_bits_on_every_table) {
  static const size_t sizes[] = {1, 2, 3, 6, 7, 16, 17, 31, 48, 63, 64, 65, 80, 129},
                      depths[] = {0, 1, 2, 3, 4, 5, 6, 7, 30, 31, 32, 33, 34, 35, 63, 64, 127, 128, 129, 255, 256, 257, 400, 545};
  const int cases = test_exhaustive ? 8000 : 300;
  for (int i = 0; i < cases && test_failures() < 10; i++) {
    Random r = random_stream(6000 + (uint64_t)i);
#define PICK(array) array[random_below(&r, sizeof(array) / sizeof *(array))]
    GemmCase s = {.batch = random_below(&r, 8) == 0 ? random_below(&r, 4) : 1, .m = PICK(sizes), .n = PICK(sizes), .k = PICK(depths)};
    s.a = (GemmLayout)random_below(&r, GEMM_LAYOUT_COUNT + 1);
    s.b = (GemmLayout)random_below(&r, GEMM_LAYOUT_COUNT + 1);
    s.c = (GemmLayout)random_below(&r, GEMM_LAYOUT_COUNT);
    s.family = (GemmFamily)random_below(&r, GemmDenormal);
    static const float alphas[] = {1, 1, -0.7f}, betas[] = {0, 0, -0.3f};
    s.alpha = PICK(alphas);
    s.beta = PICK(betas);
    expect_rule(s, 6000 + (uint64_t)i);
  }
}

TEST(gemm_bf16_has_the_same_bits_across_tiles) {
  static const size_t shapes[][3] = {{241, 70, 64}, {250, 300, 130}, {97, 161, 257}, {2, 600, 300}, {600, 1, 301}, {300, 513, 10}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (int layout = 0; layout < 4; layout++)
      expect_rule((GemmCase){.batch = 1,
                             .m = shapes[i][0],
                             .n = shapes[i][1],
                             .k = shapes[i][2],
                             .a = layout & 1 ? GemmTransposed : GemmPadded,
                             .b = layout & 2 ? GemmTransposedPadded : GemmContiguous,
                             .c = layout == 3 ? GemmTransposed : GemmPadded,
                             .family = GemmNormal,
                             .alpha = 1},
                  7000 + i * 4 + (uint64_t)layout);
}

TEST(gemm_bf16_does_not_depend_on_threads) {
  static const size_t threads[] = {1, 2, 3, 5, 8};
  for (size_t i = 0; i < 5; i++) {
    heed_thread_count_set(threads[i]);
    expect_rule((GemmCase){.batch = 2, .m = 131, .n = 203, .k = 410, .family = GemmNormal, .alpha = 1}, 70);
  }
  heed_thread_count_set(0);
}

// Against float64 of the same numbers: C <= 2 for normal ones, integers exactly.
TEST(gemm_bf16_is_accurate) {
  static const size_t depths[] = {1, 16, 64, 128, 256, 1025, 3000};
  for (size_t i = 0; i < sizeof depths / sizeof *depths; i++)
    for (int integers = 0; integers < 2; integers++) {
      const GemmCase s = {.batch = 1, .m = 37, .n = 50, .k = depths[i], .family = integers ? GemmIntegers : GemmNormal, .alpha = 1};
      Bf16Problem p = bf16_problem(s, 80 + i);
      float *result = calloc(s.m * s.n, sizeof *result);
      double *exact = calloc(s.m * s.n, sizeof *exact), *magnitude = calloc(s.m * s.n, sizeof *magnitude);
      const HeedGemmShape shape = gemm_shape(&p.values);
      CHECK(heed_gemm_reference(&shape, p.values.a.first, p.values.b.first, exact) == HeedStatusOk);
      for (size_t row = 0; row < s.m; row++)
        for (size_t column = 0; column < s.n; column++)
          for (size_t k = 0; k < s.k; k++)
            magnitude[row * s.n + column] += fabs((double)*gemm_at(&p.values.a, 0, row, k) * (double)*gemm_at(&p.values.b, 0, k, column));
      bf16_run(&p, result);
      const double error = compare_to_magnitude(result, exact, magnitude, s.m * s.n);
      CHECK_MESSAGE(error <= (integers ? 0 : 2), "C is %.3f: %s", error, gemm_describe(&s));
      free(result);
      free(exact);
      free(magnitude);
      bf16_problem_free(&p);
    }
}

TEST(gemm_bf16_nan_stays_in_its_row_and_column) {
  const GemmCase s = {.batch = 1, .m = 70, .n = 90, .k = 201, .family = GemmNormal, .alpha = 1};
  float *result = calloc(s.m * s.n, sizeof *result);
  static const size_t places[] = {0, 6, 63, 64, 69};
  for (size_t i = 0; i < 10; i++) {
    const size_t place = places[i / 2], k = i % 3 == 0 ? 200 : 127 + i % 3;
    Bf16Problem p = bf16_problem(s, 90);
    const bool in_b = i % 2;
    const ptrdiff_t at = in_b ? gemm_at(&p.values.b, 0, k, place) - p.values.b.first : gemm_at(&p.values.a, 0, place, k) - p.values.a.first;
    ((uint16_t *)(in_b ? p.b : p.a))[at] = 0x7fc0;
    bf16_run(&p, result);
    for (size_t row = 0; row < s.m; row++)
      for (size_t column = 0; column < s.n; column++) CHECK(isnan(result[row * s.n + column]) == ((in_b ? column : row) == place));
    bf16_problem_free(&p);
  }
  free(result);
}

// OpenBLAS as a variant: right wherever it takes a problem, refused where BLAS has no words for the strides, whatever thread calls.

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "gemm_support.h"

static bool has_openblas(void) { return heed_openblas_description() != NULL; }

static bool fits_blas(GemmLayout layout) { return layout != GemmSpread && layout != GemmReversed; }

TEST_ONCE(gemm_openblas_is_refused_where_it_is_not_there) {
  GemmProblem p = gemm_problem((GemmCase){.batch = 1, .m = 3, .n = 4, .k = 5, .alpha = 1}, 60);
  const HeedGemmShape shape = gemm_shape(&p);
  const HeedStatus status = heed_gemm_openblas(&shape, p.a.first, p.b.first, p.c.first);
  CHECK(status == (has_openblas() ? HeedStatusOk : HeedStatusNotSupported));
  if (!has_openblas()) CHECK(is_poison(p.c.block.data, p.c.count));
  HeedGemmShape bad = shape;
  bad.c_row = 3;
  CHECK(heed_gemm_openblas(&bad, p.a.first, p.b.first, p.c.first) == HeedStatusBadStride);
  CHECK(heed_gemm_openblas(&shape, NULL, p.b.first, p.c.first) == HeedStatusBadArgument);
  gemm_problem_free(&p);
}

TEST_ONCE(gemm_openblas_agrees_with_the_oracle) {
  if (!has_openblas()) return;
  static const size_t sizes[] = {1, 2, 3, 7, 16, 33, 64, 97, 129, 260}, depths[] = {0, 1, 2, 7, 64, 193, 300};
  static const float alphas[] = {1, 1, -0.7f, 0}, betas[] = {0, 0, 1, -0.3f};
  const int cases = test_exhaustive ? 5000 : 400;
  for (int i = 0; i < cases && test_failures() < 10; i++) {
    Random r = random_stream(5000 + (uint64_t)i);
#define PICK(array) array[random_below(&r, sizeof(array) / sizeof *(array))]
    GemmCase s = {.batch = 1 + random_below(&r, 2), .m = PICK(sizes), .n = PICK(sizes), .k = PICK(depths)};
    s.a = (GemmLayout)random_below(&r, GEMM_LAYOUT_COUNT + 1);
    s.b = (GemmLayout)random_below(&r, GEMM_LAYOUT_COUNT + 1);
    s.c = (GemmLayout)random_below(&r, GEMM_LAYOUT_COUNT);
    s.family = i % 3 == 0 ? GemmIntegers : GemmNormal;
    s.alpha = s.family == GemmIntegers ? 2 : PICK(alphas);
    s.beta = s.family == GemmIntegers ? (float)random_below(&r, 3) : PICK(betas);
    GemmProblem p = gemm_problem(s, 5000 + (uint64_t)i);
    const HeedGemmShape shape = gemm_shape(&p);
    if (fits_blas(s.a) && fits_blas(s.b) && fits_blas(s.c)) {
      const double error = gemm_error_of(heed_gemm_openblas, &p, NULL);
      CHECK_MESSAGE(error <= (s.family == GemmIntegers ? 0 : 8), "C is %.3f: %s", error, gemm_describe(&s));
    } else {
      // A single row or column needs no stride, so some are taken all the same; none is wrong, and what is refused is not written.
      const HeedStatus status = heed_gemm_openblas(&shape, p.a.first, p.b.first, p.c.first);
      CHECK(status == HeedStatusOk || status == HeedStatusNotSupported);
      if (s.m > 1 && s.n > 1 && s.k > 1 && s.alpha != 0) CHECK_MESSAGE(status == HeedStatusNotSupported, "taken: %s", gemm_describe(&s));
      if (status == HeedStatusNotSupported && s.beta == 0) CHECK(is_poison(p.c.block.data, p.c.count));
    }
    gemm_problem_free(&p);
  }
}

// C of 700 x 650 takes several tiles on several threads; a NaN there before and beta = 0.
TEST_ONCE(gemm_openblas_shares_tiles_out) {
  if (!has_openblas()) return;
  static const size_t threads[] = {1, 2, 5};
  float *expected = NULL;
  for (size_t i = 0; i < 3; i++) {
    heed_thread_count_set(threads[i]);
    const GemmCase s = {.batch = 1, .m = 700, .n = 650, .k = 90, .c = GemmTransposedPadded, .family = GemmIntegers, .alpha = 1};
    GemmProblem p = gemm_problem(s, 61);
    float *result = calloc(s.m * s.n, sizeof *result);
    CHECK(gemm_error_of(heed_gemm_openblas, &p, result) == 0);
    if (expected) CHECK(differing_floats(result, expected, s.m * s.n, NULL) == 0);
    if (expected)
      free(result);
    else
      expected = result;
    gemm_problem_free(&p);
  }
  heed_thread_count_set(0);
  free(expected);
}

static void *call_many_times(void *failures) {
  float a[40 * 30], b[30 * 50], c[40 * 50];
  for (size_t i = 0; i < 40 * 30; i++) a[i] = (float)(i % 7) - 3;
  for (size_t i = 0; i < 30 * 50; i++) b[i] = (float)(i % 5) - 2;
  const HeedGemmShape shape = {.batch = 1,
                               .m = 40,
                               .n = 50,
                               .k = 30,
                               .a_row = 30,
                               .a_column = 1,
                               .b_row = 50,
                               .b_column = 1,
                               .c_row = 50,
                               .c_column = 1,
                               .alpha = 1};
  double expected[40 * 50];
  heed_gemm_reference(&shape, a, b, expected);
  for (int round = 0; round < 300; round++) {
    if (heed_gemm_openblas(&shape, a, b, c) != HeedStatusOk) ++*(size_t *)failures;
    for (size_t i = 0; i < 40 * 50; i++) *(size_t *)failures += (double)c[i] != expected[i];
  }
  return NULL;
}

// OpenBLAS was once wrong under concurrent calls (its issues 1401, 2126 and 2164).
TEST_ONCE(gemm_openblas_may_be_called_from_many_threads) {
  if (!has_openblas()) return;
  pthread_t callers[8];
  size_t failures[8] = {0};
  for (int i = 0; i < 8; i++) REQUIRE(pthread_create(&callers[i], NULL, call_many_times, &failures[i]) == 0);
  for (int i = 0; i < 8; i++) pthread_join(callers[i], NULL);
  for (int i = 0; i < 8; i++) CHECK(failures[i] == 0);
}

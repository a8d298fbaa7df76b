// The bits of an element of C do not depend on the other rows and columns, the batch, the threads or the layout; NaN stays in its row or
// column; what must not be read is not read.

#include <math.h>
#include <stdlib.h>

#include "gemm_support.h"

static void expect_same(const float *a, const float *b, size_t count, const char *what, const GemmCase *s) {
  size_t first = 0;
  const size_t differing = differing_floats(a, b, count, &first);
  CHECK_MESSAGE(differing == 0, "%zu floats differ (first: %zu) for %s: %s", differing, first, what, gemm_describe(s));
}

static float *run_new(GemmCase s, uint64_t stream) {
  float *result = calloc(s.batch * s.m * s.n + 1, sizeof *result);
  GemmProblem p = gemm_problem(s, stream);
  gemm_run(&p, result);
  gemm_problem_free(&p);
  return result;
}

static const GemmCase whole = {.batch = 1, .m = 131, .n = 203, .k = 410, .family = GemmNormal, .alpha = 1};

TEST(gemm_bits_do_not_depend_on_threads) {
  static const size_t threads[] = {1, 2, 3, 5, 8};
  GemmCase s = whole;
  s.batch = 3;
  heed_thread_count_set(1);
  float *expected = run_new(s, 40);
  for (size_t i = 0; i < 5; i++) {
    CHECK(heed_thread_count_set(threads[i]) == HeedStatusOk);
    float *result = run_new(s, 40);
    expect_same(result, expected, s.batch * s.m * s.n, "threads", &s);
    free(result);
  }
  heed_thread_count_set(0);
  free(expected);
}

TEST(gemm_bits_do_not_depend_on_layout) {
  float *expected = run_new(whole, 41);
  for (int i = 0; i < GEMM_LAYOUT_COUNT * 3; i++) {
    GemmCase s = whole;
    const GemmLayout layout = (GemmLayout)(i % GEMM_LAYOUT_COUNT);
    if (i / GEMM_LAYOUT_COUNT == 0) s.a = layout;
    if (i / GEMM_LAYOUT_COUNT == 1) s.b = layout;
    if (i / GEMM_LAYOUT_COUNT == 2) s.c = layout;
    float *result = run_new(s, 41);
    expect_same(result, expected, s.m * s.n, "layout", &s);
    free(result);
  }
  free(expected);
}

// Any corner of C computed alone: rows alone, columns alone, every size of tail, roles swapped or not.
TEST(gemm_bits_do_not_depend_on_other_rows_and_columns) {
  float *expected = run_new(whole, 42);
  static const size_t sizes[] = {1, 2, 3, 4, 5, 6, 7, 16, 17, 64, 65, 96, 131};
  for (size_t i = 0; i < 13; i++)
    for (size_t j = 0; j < 13; j++) {
      GemmCase s = whole;
      s.m = sizes[i], s.n = sizes[j];
      if ((i + j) % 3 == 0) s.b = GemmTransposed;
      float *result = run_new(s, 42);
      for (size_t row = 0; row < s.m; row++) expect_same(result + row * s.n, expected + row * whole.n, s.n, "a corner", &s);
      free(result);
    }
  free(expected);
}

TEST(gemm_nan_and_infinity_stay_in_their_row_and_column) {
  GemmCase s = {.batch = 1, .m = 70, .n = 90, .k = 200, .family = GemmNormal, .alpha = 1};
  float *clean = run_new(s, 43), *result = calloc(s.m * s.n, sizeof *result);
  static const size_t places[] = {0, 6, 63, 64, 69};
  for (size_t i = 0; i < 5; i++)
    for (int in_b = 0; in_b < 2; in_b++) {
      const size_t place = places[i];
      GemmProblem p = gemm_problem(s, 43);
      if (in_b)
        *gemm_at(&p.b, 0, 191 + i % 2, place) = i % 2 ? INFINITY : NAN;
      else
        *gemm_at(&p.a, 0, place, 191 + i % 2) = i % 2 ? INFINITY : NAN;
      gemm_run(&p, result);
      for (size_t row = 0; row < s.m; row++)
        for (size_t column = 0; column < s.n; column++) {
          const float x = result[row * s.n + column];
          if ((in_b ? column : row) == place)
            CHECK(!isfinite(x));
          else
            CHECK(x == clean[row * s.n + column]);
        }
      gemm_problem_free(&p);
    }
  free(result);
  free(clean);
}

// beta = 0 overwrites NaN; k = 0 and alpha = 0 do not look at A and B, and both may then be null.
TEST(gemm_does_not_read_what_it_need_not) {
  for (int i = 0; i < 2; i++) {
    GemmCase s = {.batch = 2, .m = 9, .n = 70, .k = i ? 0 : 5, .alpha = i ? 1 : 0, .beta = 0};
    GemmProblem p = gemm_problem(s, 44);
    poison_floats(p.a.first, p.a.count);
    float result[2 * 9 * 70];
    gemm_run(&p, result);
    for (size_t j = 0; j < 2 * 9 * 70; j++) CHECK(result[j] == 0 && !signbit(result[j]));
    HeedGemmShape shape = gemm_shape(&p);
    CHECK(heed_gemm(&shape, NULL, NULL, NULL, p.c.first) == HeedStatusOk);
    gemm_problem_free(&p);
  }
}

TEST(gemm_refuses_bad_arguments_and_touches_nothing) {
  GemmCase s = {.batch = 2, .m = 3, .n = 4, .k = 5, .alpha = 1};
  GemmProblem p = gemm_problem(s, 45);
  const HeedGemmShape good = gemm_shape(&p);
  const float *a = p.a.first, *b = p.b.first;
  float *c = p.c.first;
  HeedGemmShape bad = good;
  CHECK(heed_gemm(NULL, NULL, a, b, c) == HeedStatusBadArgument);
  CHECK(heed_gemm(&good, NULL, NULL, b, c) == HeedStatusBadArgument);
  CHECK(heed_gemm(&good, NULL, a, NULL, c) == HeedStatusBadArgument);
  CHECK(heed_gemm(&good, NULL, a, b, NULL) == HeedStatusBadArgument);
  bad.alpha = NAN;
  CHECK(heed_gemm(&bad, NULL, a, b, c) == HeedStatusBadArgument);
  bad = good, bad.beta = INFINITY;
  CHECK(heed_gemm(&bad, NULL, a, b, c) == HeedStatusBadArgument);
  bad = good, bad.element = (HeedElement)HEED_ELEMENT_COUNT;
  CHECK(heed_gemm(&bad, NULL, a, b, c) == HeedStatusBadArgument);
  bad = good, bad.c_row = 0;
  CHECK(heed_gemm(&bad, NULL, a, b, c) == HeedStatusBadStride);
  bad = good, bad.c_row = 3; // rows of 4 overlap
  CHECK(heed_gemm(&bad, NULL, a, b, c) == HeedStatusBadStride);
  bad = good, bad.c_batch = -4;
  CHECK(heed_gemm(&bad, NULL, a, b, c) == HeedStatusBadStride);
  bad = good, bad.a_row = PTRDIFF_MAX;
  CHECK(heed_gemm(&bad, NULL, a, b, c) == HeedStatusBadStride);
  bad = good, bad.a_row = PTRDIFF_MIN;
  CHECK(heed_gemm(&bad, NULL, a, b, c) == HeedStatusBadStride);
  bad = good, bad.m = SIZE_MAX;
  CHECK(heed_gemm(&bad, NULL, a, b, c) == HeedStatusBadShape);
  bad = good, bad.k = SIZE_MAX / 4, bad.batch = 0;
  CHECK(heed_gemm(&bad, NULL, a, b, c) == HeedStatusBadShape);
  CHECK(is_poison(p.c.block.data, p.c.count));
  gemm_problem_free(&p);
}

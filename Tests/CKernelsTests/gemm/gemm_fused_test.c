// Bias and activation in the epilogue: the bits of the product, an addition and the activation one after the other.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gemm_support.h"

typedef enum BiasKind { BiasNone, BiasColumn, BiasRow, BiasMatrix, BiasBatch, BiasSpread, BiasBackwards, BIAS_COUNT } BiasKind;

typedef struct Bias {
  Guarded block;
  HeedGemmEpilogue epilogue;
} Bias;

static Bias make_bias(GemmCase s, BiasKind kind, HeedActivation activation, uint64_t stream) {
  const size_t m = s.m, n = s.n, most = 2 * s.batch * m * n + 1;
  ptrdiff_t batch = 0, row = 0, column = 0;
  if (kind == BiasColumn || kind == BiasBackwards) column = kind == BiasColumn ? 1 : -1;
  if (kind == BiasRow) row = 1;
  if (kind == BiasMatrix) row = (ptrdiff_t)n, column = 1;
  if (kind == BiasBatch) batch = (ptrdiff_t)n, column = 1;
  if (kind == BiasSpread) batch = (ptrdiff_t)(2 * m * n), row = 2, column = (ptrdiff_t)(2 * m);
  size_t count = 1 + (s.batch - 1) * (size_t)batch + (m - 1) * (size_t)row + (n - 1) * (size_t)(column < 0 ? -column : column);
  if (count > most) count = most;
  Bias b = {.block = guarded_allocate(count * sizeof(float), stream % 2 ? GuardBegin : GuardEnd)};
  float *values = b.block.data;
  Random r = random_stream(stream + 77);
  for (size_t i = 0; i < count; i++) values[i] = (float)random_normal(&r);
  b.epilogue = (HeedGemmEpilogue){kind == BiasNone ? NULL : (column < 0 ? values + count - 1 : values), batch, row, column, activation};
  return b;
}

TEST(gemm_fused_has_the_bits_of_the_steps) {
  static const size_t sizes[] = {1, 2, 3, 6, 7, 16, 17, 33, 64, 65, 97, 131}, depths[] = {0, 1, 5, 64, 65, 200};
  const int cases = test_exhaustive ? 8000 : 500;
  for (int i = 0; i < cases && test_failures() < 10; i++) {
    Random r = random_stream(8000 + (uint64_t)i);
#define PICK(array) array[random_below(&r, sizeof(array) / sizeof *(array))]
    GemmCase s = {.batch = 1 + random_below(&r, 3), .m = PICK(sizes), .n = PICK(sizes), .k = PICK(depths)};
    s.a = (GemmLayout)random_below(&r, GEMM_LAYOUT_COUNT + 1);
    s.b = (GemmLayout)random_below(&r, GEMM_LAYOUT_COUNT + 1);
    s.c = (GemmLayout)random_below(&r, GEMM_LAYOUT_COUNT);
    static const float alphas[] = {1, 1, -0.7f, 0}, betas[] = {0, 0, -0.3f};
    s.alpha = PICK(alphas);
    s.beta = PICK(betas);
    const uint64_t stream = 8000 + (uint64_t)i;
    const BiasKind kind = (BiasKind)random_below(&r, BIAS_COUNT);
    const HeedActivation activation = (HeedActivation)random_below(&r, HEED_ACTIVATION_COUNT);
    const size_t count = s.batch * s.m * s.n;
    float *expected = calloc(count, sizeof *expected), *result = calloc(count, sizeof *result);
    Bias bias = make_bias(s, kind, activation, stream);
    GemmProblem plain = gemm_problem(s, stream), fused = gemm_problem(s, stream);
    gemm_run(&plain, expected);
    const HeedGemmEpilogue *e = &bias.epilogue;
    for (size_t b = 0; b < s.batch && e->bias; b++)
      for (size_t row = 0; row < s.m; row++)
        for (size_t column = 0; column < s.n; column++)
          expected[(b * s.m + row) * s.n + column] +=
              e->bias[(ptrdiff_t)b * e->bias_batch + (ptrdiff_t)row * e->bias_row + (ptrdiff_t)column * e->bias_column];
    heed_activation_forward(activation, count, expected, expected);
    const HeedGemmShape shape = gemm_shape(&fused);
    CHECK(heed_gemm(&shape, e, fused.a.first, fused.b.first, fused.c.first) == HeedStatusOk);
    gemm_take_result(&fused, result);
    const size_t differing = differing_floats(result, expected, count, NULL);
    CHECK_MESSAGE(differing == 0, "%zu floats differ, bias %d, activation %d: %s", differing, (int)kind, (int)activation,
                  gemm_describe(&s));
    gemm_problem_free(&plain);
    gemm_problem_free(&fused);
    guarded_free(&bias.block);
    free(expected);
    free(result);
  }
}

TEST_ONCE(gemm_fused_refuses_bad_epilogues_and_touches_nothing) {
  GemmProblem p = gemm_problem((GemmCase){.batch = 2, .m = 3, .n = 4, .k = 5, .alpha = 1}, 62);
  const HeedGemmShape shape = gemm_shape(&p);
  const float bias[4] = {0};
  HeedGemmEpilogue e = {.activation = (HeedActivation)HEED_ACTIVATION_COUNT};
  CHECK(heed_gemm(&shape, &e, p.a.first, p.b.first, p.c.first) == HeedStatusBadArgument);
  e = (HeedGemmEpilogue){.bias = bias, .bias_column = PTRDIFF_MAX};
  CHECK(heed_gemm(&shape, &e, p.a.first, p.b.first, p.c.first) == HeedStatusBadStride);
  CHECK(is_poison(p.c.block.data, p.c.count));
  e.bias = NULL; // strides of no bias are not looked at
  CHECK(heed_gemm(&shape, &e, p.a.first, p.b.first, p.c.first) == HeedStatusOk);
  gemm_problem_free(&p);
}

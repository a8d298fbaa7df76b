// Packed weights: the layout that gemm.h states, and the bits of the product with an unpacked B, for one row and for many.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gemm_support.h"

typedef struct Packed {
  Guarded b_block, block;
  const void *b;
  HeedElement element;
} Packed;

// B of the problem packed at the edge of a protected page; in bfloat16 the problem's A and B are rounded.
static Packed pack(GemmProblem *p, HeedElement element, uint64_t stream) {
  const GemmCase s = p->shape;
  Packed packed = {.element = element, .b = p->b.first};
  if (element == HeedElementBfloat16) packed.b = gemm_round_to_bf16(&p->b, stream, &packed.b_block);
  const size_t bytes = heed_gemm_packed_size(s.k, s.n, element);
  packed.block = guarded_allocate(bytes, stream % 2 ? GuardBegin : GuardEnd);
  CHECK(heed_gemm_pack(s.k, s.n, element, packed.b, p->b.row, p->b.column, packed.block.data) == HeedStatusOk);
  return packed;
}

static void packed_free(Packed *packed) {
  guarded_free(&packed->b_block);
  guarded_free(&packed->block);
}

// Of each four terms the first and the third, then the second and the fourth; -0 where there is no term or column.
static void check_bf16_layout(const GemmProblem *p, size_t k, size_t n, const uint32_t *pairs) {
  for (size_t panel = 0; panel < n; panel += 64)
    for (size_t four = 0; four < k; four += 4)
      for (size_t term = four; term < four + 2; term++)
        for (size_t column = panel; column < panel + 64; column++) {
          const uint32_t pair = *pairs++, upper = pair & 0xffff0000, lower = pair << 16;
          const float minus_zero = -0.0f;
          const bool there[2] = {column < n && term < k, column < n && term + 2 < k};
          CHECK(memcmp(&upper, there[0] ? gemm_at(&p->b, 0, term, column) : &minus_zero, 4) == 0);
          CHECK(memcmp(&lower, there[1] ? gemm_at(&p->b, 0, term + 2, column) : &minus_zero, 4) == 0);
        }
}

TEST(gemm_pack_has_the_stated_layout) {
  static const size_t shapes[][2] = {{1, 1}, {3, 64}, {64, 65}, {7, 130}, {33, 200}, {38, 5}, {97, 64}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (int layout = 0; layout < GEMM_LAYOUT_COUNT; layout++) {
      const size_t k = shapes[i][0], n = shapes[i][1], panels = (n + 63) / 64;
      GemmProblem p = gemm_problem((GemmCase){.batch = 1, .m = 1, .n = n, .k = k, .b = (GemmLayout)layout, .alpha = 1}, 300 + i);
      Packed f32 = pack(&p, HeedElementFloat32, i);
      CHECK(heed_gemm_packed_size(k, n, HeedElementFloat32) == panels * k * 64 * 4);
      const float *floats = f32.block.data;
      for (size_t j = 0; j < panels * 64; j++)
        for (size_t row = 0; row < k; row++) CHECK(floats[(j / 64 * k + row) * 64 + j % 64] == (j < n ? *gemm_at(&p.b, 0, row, j) : 0));
      packed_free(&f32);
      Packed bf16 = pack(&p, HeedElementBfloat16, i);
      CHECK(heed_gemm_packed_size(k, n, HeedElementBfloat16) == panels * ((k + 3) / 4 * 2) * 64 * 4);
      check_bf16_layout(&p, k, n, bf16.block.data);
      packed_free(&bf16);
      gemm_problem_free(&p);
    }
}

static void compare(GemmCase s, HeedElement element, bool fused, uint64_t stream) {
  const bool bf16 = element == HeedElementBfloat16;
  const size_t count = s.batch * s.m * s.n;
  s.b = s.b == GemmShared ? GemmContiguous : s.b;
  // One B for the whole batch.
  GemmProblem p = gemm_problem(s, stream), q = gemm_problem(s, stream);
  p.b.batch = q.b.batch = 0;
  Packed packed = pack(&p, element, stream);
  Guarded a_block = {0};
  const void *a = bf16 ? (const void *)gemm_round_to_bf16(&p.a, stream, &a_block) : p.a.first;
  float *bias = calloc(s.n, sizeof *bias), *expected = calloc(count + 1, sizeof *expected), *result = calloc(count + 1, sizeof *result);
  for (size_t j = 0; j < s.n; j++) bias[j] = (float)j * 0.01f - 0.3f;
  const HeedGemmEpilogue e = {.bias = bias, .bias_column = 1, .activation = HeedActivationSilu}, *epilogue = fused ? &e : NULL;
  HeedGemmShape shape = gemm_shape(&p);
  shape.element = element;
  HeedGemmShape without_b = shape;
  without_b.b_batch = without_b.b_row = without_b.b_column = PTRDIFF_MAX; // not looked at
  CHECK(heed_gemm(&shape, epilogue, a, packed.b, p.c.first) == HeedStatusOk);
  CHECK(heed_gemm_packed(&without_b, epilogue, a, packed.block.data, q.c.first) == HeedStatusOk);
  gemm_take_result(&p, expected);
  gemm_take_result(&q, result);
  const size_t differing = differing_floats(result, expected, count, NULL);
  CHECK_MESSAGE(differing == 0, "%zu floats differ, %s: %s", differing, bf16 ? "bf16" : "f32", gemm_describe(&s));
  free(bias);
  free(expected);
  free(result);
  guarded_free(&a_block);
  packed_free(&packed);
  gemm_problem_free(&p);
  gemm_problem_free(&q);
}

TEST(gemm_packed_has_the_bits_of_unpacked) {
  static const size_t rows[] = {1, 1, 2, 3, 6, 7, 16, 17, 96, 97, 241}, columns[] = {1, 15, 16, 24, 63, 64, 65, 128, 200, 300},
                      depths[] = {0, 1, 2, 63, 64, 65, 127, 128, 129, 300};
  const int cases = test_exhaustive ? 8000 : 400;
  for (int i = 0; i < cases && test_failures() < 10; i++) {
    Random r = random_stream(9000 + (uint64_t)i);
#define PICK(array) array[random_below(&r, sizeof(array) / sizeof *(array))]
    GemmCase s = {.batch = 1 + (random_below(&r, 8) == 0), .m = PICK(rows), .n = PICK(columns), .k = PICK(depths)};
    s.a = (GemmLayout)random_below(&r, GEMM_LAYOUT_COUNT + 1);
    s.b = (GemmLayout)random_below(&r, GEMM_LAYOUT_COUNT);
    s.c = (GemmLayout)random_below(&r, GEMM_LAYOUT_COUNT);
    static const float betas[] = {0, 0, -0.3f};
    s.alpha = 1;
    s.beta = PICK(betas);
    compare(s, i % 2 ? HeedElementBfloat16 : HeedElementFloat32, i % 3 == 0, 9000 + (uint64_t)i);
  }
}

// Long enough that a stretch of panels is a tile, on several threads.
TEST(gemm_packed_single_row_does_not_depend_on_threads) {
  for (size_t threads = 1; threads <= 5; threads += 2)
    for (int element = 0; element < 2; element++) {
      heed_thread_count_set(threads);
      compare((GemmCase){.batch = 1, .m = 1, .n = 1000, .k = 1500, .alpha = 1}, (HeedElement)element, true, 400);
      compare((GemmCase){.batch = 1, .m = 9, .n = 700, .k = 900, .alpha = 1}, (HeedElement)element, false, 401);
    }
  heed_thread_count_set(0);
}

TEST_ONCE(gemm_packed_refuses_bad_arguments) {
  GemmProblem p = gemm_problem((GemmCase){.batch = 2, .m = 3, .n = 4, .k = 5, .alpha = 1}, 63);
  HeedGemmShape shape = gemm_shape(&p);
  Packed packed = pack(&p, HeedElementFloat32, 0);
  CHECK(heed_gemm_packed(&shape, NULL, p.a.first, NULL, p.c.first) == HeedStatusBadArgument);
  CHECK(heed_gemm_packed(NULL, NULL, p.a.first, packed.block.data, p.c.first) == HeedStatusBadArgument);
  shape.c_row = 3;
  CHECK(heed_gemm_packed(&shape, NULL, p.a.first, packed.block.data, p.c.first) == HeedStatusBadStride);
  CHECK(is_poison(p.c.block.data, p.c.count));
  CHECK(heed_gemm_packed_size(SIZE_MAX / 8, 65, HeedElementFloat32) == SIZE_MAX);
  CHECK(heed_gemm_packed_size(SIZE_MAX, SIZE_MAX, HeedElementBfloat16) == SIZE_MAX);
  CHECK(heed_gemm_packed_size(0, 65, HeedElementFloat32) == 0);
  float to[5 * 64];
  CHECK(heed_gemm_pack(SIZE_MAX / 8, 65, HeedElementFloat32, p.b.first, 1, 1, to) == HeedStatusBadShape);
  CHECK(heed_gemm_pack(5, 4, HeedElementFloat32, p.b.first, PTRDIFF_MAX, 1, to) == HeedStatusBadStride);
  CHECK(heed_gemm_pack(5, 4, HeedElementFloat32, NULL, 4, 1, to) == HeedStatusBadArgument);
  CHECK(heed_gemm_pack(5, 4, HeedElementFloat32, p.b.first, 4, 1, NULL) == HeedStatusBadArgument);
  CHECK(heed_gemm_pack(5, 4, (HeedElement)7, p.b.first, 4, 1, to) == HeedStatusBadArgument);
  packed_free(&packed);
  gemm_problem_free(&p);
}

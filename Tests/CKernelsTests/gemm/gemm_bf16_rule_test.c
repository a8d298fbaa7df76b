// The product of bfloat16 numbers against the scalar rule: the rule by cases made by hand, then random rows at the ends of the range.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bf16_rule.h"
#include "gemm_support.h"

// ---- The rule itself --------------------------------------------------------------------------------------------------------------------

static bool is(float x, float expected) { return memcmp(&x, &expected, sizeof x) == 0; }

TEST_ONCE(gemm_bf16_rule_flushes_what_is_tiny) {
  const float denormal = 0x1p-130f, least = 0x1p-126f;
  CHECK(is(bf16_rule_fma(denormal, 0x1p20f, 0), 0));          // an operand that is denormal counts as 0 ...
  CHECK(is(bf16_rule_fma(-denormal, 0x1p20f, -0.0f), -0.0f)); // ... of its sign
  CHECK(is(bf16_rule_fma(0, 0, denormal), 0));
  CHECK(is(bf16_rule_fma(1, least, 0), least));
  CHECK(is(bf16_rule_fma(0x1p-63f, 0x1p-64f, 0), 0)); // 2^-127
  CHECK(is(bf16_rule_fma(-0x1p-63f, 0x1p-64f, 0), -0.0f));
  CHECK(is(bf16_rule_add(0x1.8p-126f, -least), 0));
  CHECK(is(bf16_rule_add(-0x1.8p-126f, least), -0.0f));
  CHECK(is(bf16_rule_add(least, least), 0x1p-125f));
  CHECK(is(bf16_rule_add(denormal, denormal), 0));
  CHECK(is(bf16_rule_add(denormal, 1), 1));
}

// 2^-126 less part of a half of the last place that a number just below 2^-126 has where exponents have no lower end. That place is 2^-150.
TEST_ONCE(gemm_bf16_rule_is_exact_at_the_limit) {
  const float least = 0x1p-126f, step = 0x1p-75f;
  CHECK(is(bf16_rule_fma(-0.25f * step, step, least), least)); // rounds up to 2^-126
  CHECK(is(bf16_rule_fma(-0.5f * step, step, least), least));  // a tie, to even
  CHECK(is(bf16_rule_fma(-0.75f * step, step, least), 0));     // rounds down: tiny, though float's denormal numbers cannot show it
  CHECK(is(fmaf(-0.75f * step, step, least), least));
  CHECK(is(bf16_rule_fma(0.75f * step, step, -least), -0.0f));
  CHECK(is(bf16_rule_fma(-1.5f * step, step, least), 0));
}

TEST_ONCE(gemm_bf16_rule_sums_in_two_chains) {
  // Even terms 2^24, 1, -2^24 lose the 1; odd ones 1, 1 do not. By one chain the result would be another.
  const float a[] = {0x1p24f, 1, 1, 1, -0x1p24f}, ones[] = {1, 1, 1, 1, 1};
  CHECK(is(bf16_rule_product(5, a, 1, ones, 1, true), 2));
  CHECK(is(bf16_rule_product(5, a, 1, ones, 1, false), 2));
  // A block ends after 32 terms: the 1 of the next one is added to the total.
  float b[34] = {0}, c[34];
  for (size_t i = 0; i < 34; i++) c[i] = 1;
  b[0] = 0x1p24f, b[32] = 1, b[33] = 1;
  CHECK(is(bf16_rule_product(34, b, 1, c, 1, true), 0x1p24f + 2)); // 1 + 1, then the total
  b[32] = 1, b[33] = 0;
  CHECK(is(bf16_rule_product(34, b, 1, c, 1, true), 0x1p24f)); // 2^24 + 1, a tie
  CHECK(is(bf16_rule_product(0, b, 1, c, 1, true), 0));
  // Negative zeros: the sums begin at +0.
  const float minus[] = {-0.0f, -0.0f};
  CHECK(is(bf16_rule_product(2, minus, 1, c, 1, true), 0));
}

TEST_ONCE(gemm_bf16_rule_keeps_the_ends_of_the_range) {
  const float large = 0x1p100f, a[] = {large, 1, -large}, b[] = {large, 1, large};
  CHECK(isnan(bf16_rule_product(3, a, 1, b, 1, false)));     // inf - inf: the products themselves overflow
  CHECK(bf16_rule_product(3, a, 1, b, 1, true) == INFINITY); // the second product is not rounded before it is added
  CHECK(bf16_rule_product(2, a, 1, b, 1, true) == INFINITY);
  // Fused, a product beyond the largest float may come back before the sum is rounded; rounded first, it does not.
  CHECK(is(bf16_rule_fma(0x1p64f, 0x1p64f, -0x1.8p127f), 0x1p126f));
  CHECK(bf16_rule_multiply_add(0x1p64f, 0x1p64f, -0x1.8p127f) == INFINITY);
  CHECK(bf16_rule_agrees(NAN, -NAN) && !bf16_rule_agrees(NAN, 1) && !bf16_rule_agrees(0, -0.0f));
}

// ---- The kernels ------------------------------------------------------------------------------------------------------------------------

typedef enum RowKind {
  RowNormal,
  RowCancelling,
  RowTiny,     // products about 2^-126
  RowLimit,    // sums that end within some halves of the last place of 2^-126
  RowDenormal, // operands that are denormal, among large ones
  RowLarge,    // products about the largest float
  RowBits,     // any bits: NaN and infinities too
  RowSpecial,  // normal numbers, and zeros of both signs, infinities and NaN here and there
  ROW_KINDS
} RowKind;

static uint16_t half_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return (uint16_t)(bits >> 16); // cut
}

static float float_of(uint16_t x) {
  const uint32_t bits = (uint32_t)x << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint16_t number(Random *r, RowKind kind, bool is_a) {
  static const uint16_t specials[] = {0, 0x8000, 0x7f80, 0xff80, 0x7fc0, 0xffc1, 1, 0x807f, 0x80, 0x8080, 0x7f7f, 0xff7f};
  const double x = random_normal(r);
  switch (kind) {
  case RowTiny:
    return half_of((float)ldexp(x, -63));
  case RowLimit: {
    static const float terms[] = {0x1p-63f, 0x1p-75f, 0x1.8p-76f, 0x1p-76f, 0x1p-77f, 0};
    const float term = terms[random_below(r, 6)];
    return half_of(random_below(r, 2) && is_a ? -term : term);
  }
  case RowDenormal:
    return random_below(r, 2) ? (uint16_t)random_below(r, 0x80) : half_of((float)ldexp(x, is_a ? 10 : -10));
  case RowLarge:
    return half_of((float)ldexp(x, 63));
  case RowBits:
    return (uint16_t)random_bits(r);
  case RowSpecial:
    return random_below(r, 40) ? half_of((float)x) : specials[random_below(r, sizeof specials / sizeof *specials)];
  default:
    return half_of((float)x);
  }
}

// Lines of `k` numbers along the sum; neighbours of one parity cancel where the kind says so.
static void fill(Random *r, RowKind kind, bool is_a, size_t lines, size_t k, uint16_t *x) {
  for (size_t i = 0; i < lines; i++)
    for (size_t j = 0; j < k; j++, x++) {
      *x = number(r, kind, is_a);
      if (kind == RowCancelling && j % 4 >= 2) *x = is_a ? x[-2] ^ 0x8000 : (uint16_t)(x[-2] + random_below(r, 2));
    }
}

enum { LINES_MOST = 40, DEPTH_MOST = 200 };

// One product of lines by lines; returns how many elements were compared.
static size_t compare_product(uint64_t stream) {
  static uint16_t a[LINES_MOST * DEPTH_MOST], b[LINES_MOST * DEPTH_MOST], across[LINES_MOST * DEPTH_MOST];
  static float x[LINES_MOST * DEPTH_MOST], y[LINES_MOST * DEPTH_MOST], c[LINES_MOST * LINES_MOST];
  Random r = random_stream(stream);
  const RowKind kind = (RowKind)random_below(&r, ROW_KINDS);
  const size_t m = 1 + random_below(&r, random_below(&r, 4) ? 8 : LINES_MOST), n = 1 + random_below(&r, LINES_MOST),
               k = random_below(&r, DEPTH_MOST + 1);
  const bool rows = random_below(&r, 2), packed = random_below(&r, 3) == 0;
  fill(&r, kind, true, m, k, a), fill(&r, kind, false, n, k, b);
  for (size_t i = 0; i < m * k; i++) x[i] = float_of(a[i]);
  for (size_t i = 0; i < n * k; i++) y[i] = float_of(b[i]);
  for (size_t j = 0; j < n; j++)
    for (size_t i = 0; i < k; i++) across[i * n + j] = b[j * k + i];
  const uint16_t *right = rows ? across : b;
  const ptrdiff_t b_row = rows ? (ptrdiff_t)n : 1, b_column = rows ? 1 : (ptrdiff_t)k;
  HeedGemmShape shape = {.batch = 1,
                         .m = m,
                         .n = n,
                         .k = k,
                         .element = HeedElementBfloat16,
                         .a_row = (ptrdiff_t)k,
                         .a_column = 1,
                         .b_row = b_row,
                         .b_column = b_column,
                         .c_row = (ptrdiff_t)n,
                         .c_column = 1,
                         .alpha = 1};
  HeedStatus status;
  if (packed) {
    void *panels = malloc(heed_gemm_packed_size(k, n, HeedElementBfloat16) + 1);
    status = heed_gemm_pack(k, n, HeedElementBfloat16, right, b_row, b_column, panels);
    if (status == HeedStatusOk) status = heed_gemm_packed(&shape, NULL, a, panels, c);
    free(panels);
  } else {
    status = heed_gemm(&shape, NULL, a, right, c);
  }
  CHECK_MESSAGE(status == HeedStatusOk, "%s, stream %llu", heed_status_description(status), (unsigned long long)stream);
  const bool fused = bf16_rule_is_fused();
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      const float expected = bf16_rule_product(k, x + i * k, 1, y + j * k, 1, fused);
      CHECK_MESSAGE(bf16_rule_agrees(c[i * n + j], expected), "stream %llu, kind %d, %zu x %zu x %zu%s%s: element %zu %zu is %a, not %a",
                    (unsigned long long)stream, (int)kind, m, n, k, rows ? ", rows of B" : "", packed ? ", packed" : "", i, j,
                    (double)c[i * n + j], (double)expected);
    }
  return m * n;
}

TEST(gemm_bf16_gives_the_bits_of_the_rule) {
  const size_t wanted = test_exhaustive ? 1000000 : 20000;
  uint64_t stream = 40000;
  for (size_t compared = 0; compared < wanted && test_failures() < 10;) compared += compare_product(stream++);
}

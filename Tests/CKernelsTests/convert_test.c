// bfloat16: every one of its numbers there and back, rounding against an independent rule, NaN, and places in memory.

#include <math.h>
#include <string.h>

#include "harness.h"
#include "heed/convert.h"

static float number(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

TEST(convert_gives_back_every_bfloat16) {
  static uint16_t all[65536], back[65536];
  static float wide[65536];
  for (uint32_t i = 0; i < 65536; i++) all[i] = (uint16_t)i;
  CHECK(heed_convert_bf16_to_f32(65536, all, wide) == HeedStatusOk);
  CHECK(heed_convert_f32_to_bf16(65536, wide, back) == HeedStatusOk);
  for (uint32_t i = 0; i < 65536; i++) {
    const float exact = number(i << 16);
    CHECK(memcmp(&wide[i], &exact, 4) == 0);
    CHECK(back[i] == (isnan(exact) ? (i | 0x40) : i));
  }
}

// Between two neighbours: the nearer one, and in the middle the even one; the step above the largest counts as the next power of 2.
TEST(convert_rounds_to_nearest_even) {
  static const uint32_t lows[] = {0, 1, 0x1234, 0x7fff, 0x8000, 0x8001, 0xfedc, 0xffff};
  static float input[65536 * 8];
  static uint16_t output[65536 * 8];
  for (uint32_t i = 0; i < 65536 * 8; i++) input[i] = number((i / 8) << 16 | lows[i % 8]);
  CHECK(heed_convert_f32_to_bf16(65536 * 8, input, output) == HeedStatusOk);
  for (uint32_t i = 0; i < 65536 * 8 && test_failures() < 10; i++) {
    const uint32_t upper = i / 8, low = lows[i % 8];
    if (isnan(input[i])) {
      CHECK_MESSAGE(isnan(number((uint32_t)output[i] << 16)) && output[i] >> 15 == upper >> 15, "NaN %08x", upper << 16 | low);
      continue;
    }
    const uint32_t expected = low < 0x8000 ? upper : (low > 0x8000 ? upper + 1 : upper + (upper & 1));
    CHECK_MESSAGE(output[i] == expected, "%08x gives %04x, not %04x", upper << 16 | low, output[i], expected);
  }
}

TEST(convert_stays_within_its_arrays) {
  static const size_t counts[] = {0, 1, 2, 7, 15, 16, 17, 63, 65, 1000, 65536, 65537, 200000};
  for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
    for (int side = 0; side < 2; side++) {
      const size_t count = counts[c];
      heed_thread_count_set(1 + c % 3);
      Guarded wide = guarded_allocate(count * 4, (GuardSide)side), narrow = guarded_allocate(count * 2, (GuardSide)side);
      float *x = wide.data;
      uint16_t *y = narrow.data;
      for (size_t i = 0; i < count; i++) x[i] = (float)(i % 251);
      CHECK(heed_convert_f32_to_bf16(count, x, y) == HeedStatusOk);
      poison_floats(x, count);
      CHECK(heed_convert_bf16_to_f32(count, y, x) == HeedStatusOk);
      for (size_t i = 0; i < count; i++) CHECK(x[i] == (float)(i % 251));
      guarded_free(&wide);
      guarded_free(&narrow);
    }
  heed_thread_count_set(0);
  CHECK(heed_convert_f32_to_bf16(1, NULL, NULL) == HeedStatusBadArgument);
  CHECK(heed_convert_bf16_to_f32(1, NULL, NULL) == HeedStatusBadArgument);
}

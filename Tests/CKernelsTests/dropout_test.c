// Dropout against its definition: what is kept, what it is multiplied by, and that what is dropped has no effect.

#include <math.h>
#include <string.h>

#include "harness.h"
#include "heed/dropout.h"

#define MOST 40000

TEST(dropout_is_its_definition_on_any_threads_and_parts) {
  static float input[MOST], output[MOST], part[MOST];
  static double expected[MOST];
  static const float chances[] = {0, 0x1p-24f, 0.1f, 0.5f, 0.9f, 1};
  static const size_t threads[] = {1, 2, 3, 5, 8};
  Random r = random_stream(1);
  for (size_t i = 0; i < MOST; i++) input[i] = (float)random_normal(&r);
  for (size_t c = 0; c < sizeof chances / sizeof *chances; c++) {
    const float p = chances[c];
    const HeedRandom random = {test_seed, c, 1000 + 13 * c};
    REQUIRE(heed_dropout_reference_forward(&random, p, MOST, input, expected) == HeedStatusOk);
    for (size_t t = 0; t < 5; t++) {
      heed_thread_count_set(threads[t]);
      poison_floats(output, MOST);
      REQUIRE(heed_dropout_forward(&random, p, MOST, input, output) == HeedStatusOk);
      size_t wrong = 0, kept = 0;
      for (size_t i = 0; i < MOST; i++) {
        wrong += fabs((double)output[i] - expected[i]) > EPSILON * fabs(expected[i]) || signbit(output[i]) != signbit(expected[i]);
        kept += output[i] != 0;
      }
      CHECK_MESSAGE(wrong == 0, "%zu wrong for p = %g", wrong, (double)p);
      CHECK(fabs((double)kept - MOST * (1 - (double)p)) <= 5 * sqrt(MOST * (double)p * (1 - (double)p)) + 1);
    }
    for (size_t first = 0; first < MOST;) { // in parts, in place, at a page's end
      const size_t count = MOST - first < 3 * first + 1 ? MOST - first : 3 * first + 1;
      Guarded block = guarded_allocate(count * sizeof(float), (GuardSide)(first % 2));
      memcpy(block.data, input + first, count * sizeof(float));
      const HeedRandom at = {random.seed, random.stream, random.offset + first};
      CHECK(heed_dropout_forward(&at, p, count, block.data, block.data) == HeedStatusOk);
      memcpy(part + first, block.data, count * sizeof(float));
      guarded_free(&block);
      first += count;
    }
    CHECK(differing_floats(part, output, MOST, NULL) == 0);
  }
  heed_thread_count_set(0);
}

TEST(dropout_of_what_is_not_finite) {
  float input[300], output[300];
  for (int i = 0; i < 300; i++) input[i] = i % 3 == 0 ? NAN : (i % 3 == 1 ? INFINITY : -INFINITY);
  const HeedRandom random = {7, 0, 0};
  REQUIRE(heed_dropout_forward(&random, 0.5f, 300, input, output) == HeedStatusOk);
  for (int i = 0; i < 300; i++) {
    if (heed_random_reference_uniform(random.seed, random.stream, (uint64_t)i) < 0.5)
      CHECK(output[i] == 0 && !signbit(output[i]));
    else
      CHECK(isnan(input[i]) ? isnan(output[i]) : output[i] == input[i]);
  }
}

TEST_ONCE(dropout_refuses_bad_arguments) {
  const HeedRandom random = {0};
  float x = 7;
  CHECK(heed_dropout_forward(NULL, 0.5f, 1, &x, &x) == HeedStatusBadArgument);
  CHECK(heed_dropout_forward(&random, NAN, 1, &x, &x) == HeedStatusBadArgument);
  CHECK(heed_dropout_forward(&random, 2, 1, &x, &x) == HeedStatusBadArgument);
  CHECK(heed_dropout_forward(&random, 0.5f, 1, NULL, &x) == HeedStatusBadArgument);
  CHECK(heed_dropout_forward(&random, 0.5f, 1, &x, NULL) == HeedStatusBadArgument);
  CHECK(heed_dropout_forward(&random, 0.5f, SIZE_MAX / 2, &x, &x) == HeedStatusBadShape);
  CHECK(x == 7);
}

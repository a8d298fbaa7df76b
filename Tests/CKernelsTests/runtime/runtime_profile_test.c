// The time in entry points: what is counted, what is not, and that nothing is counted twice.

#include <string.h>

#include "harness.h"
#include "heed/heed.h"
#include "runtime/clock.h"
#include "runtime/threads/parallel.h"

#define ENTRIES 128

// What was counted of one entry point; zeros where it is not told of.
static HeedProfileEntry entry_named(const char *name) {
  HeedProfileEntry entries[ENTRIES];
  const size_t count = heed_profile_read(entries, ENTRIES);
  CHECK_MESSAGE(count <= ENTRIES, "%zu entry points", count);
  for (size_t i = 0; i < count && i < ENTRIES; i++)
    if (strcmp(entries[i].name, name) == 0) return entries[i];
  return (HeedProfileEntry){.name = name};
}

static void multiply(size_t size) {
  static float a[256 * 256], b[256 * 256], c[256 * 256];
  const ptrdiff_t row = (ptrdiff_t)size;
  const HeedGemmShape shape = {.batch = 1,
                               .m = size,
                               .n = size,
                               .k = size,
                               .a_row = row,
                               .a_column = 1,
                               .b_row = row,
                               .b_column = 1,
                               .c_row = row,
                               .c_column = 1,
                               .alpha = 1};
  CHECK(heed_gemm(&shape, NULL, a, b, c) == HeedStatusOk);
}

static void rectify_in_task(void *context, size_t task, size_t worker) {
  (void)context, (void)task, (void)worker;
  static const float x[16] = {1};
  float y[16];
  CHECK(heed_activation_forward(HeedActivationRelu, 16, x, y) == HeedStatusOk);
}

TEST_ONCE(profile_counts_calls_and_their_time) {
  multiply(64); // before counting
  heed_profile_start();
  const uint64_t begin = heed_nanoseconds();
  for (int i = 0; i < 20; i++) multiply(256);
  const uint64_t taken = heed_nanoseconds() - begin;
  heed_profile_stop();
  multiply(64); // behind it
  const HeedProfileEntry products = entry_named("heed_gemm");
  CHECK_MESSAGE(products.calls == 20, "%llu calls", (unsigned long long)products.calls);
  CHECK_MESSAGE(products.nanoseconds > 0 && products.nanoseconds <= taken, "%llu ns of %llu", (unsigned long long)products.nanoseconds,
                (unsigned long long)taken);
}

TEST_ONCE(profile_starts_anew) {
  heed_profile_start();
  multiply(64);
  heed_profile_start();
  multiply(64);
  multiply(64);
  heed_profile_stop();
  CHECK(entry_named("heed_gemm").calls == 2);
  heed_profile_start();
  heed_profile_stop();
  CHECK(heed_profile_read(NULL, 0) == 0);
}

TEST_ONCE(profile_counts_what_an_entry_point_asks_of_another_for_itself) {
  enum { TIME = 3, WIDTH = 4 };
  static const float x[TIME * WIDTH], weights[WIDTH * WIDTH];
  float output[TIME * WIDTH];
  const HeedRecurrentShape shape = {.cell = HeedRecurrentCellRnnTanh,
                                    .batch = 1,
                                    .time = TIME,
                                    .input = WIDTH,
                                    .hidden = WIDTH,
                                    .input_batch = TIME * WIDTH,
                                    .input_time = WIDTH,
                                    .output_batch = TIME * WIDTH,
                                    .output_time = WIDTH};
  const HeedRecurrentWeights w = {.w_ih = weights, .w_hh = weights};
  const HeedRecurrentInputs inputs = {.input = x};
  const HeedRecurrentOutputs outputs = {.output = output};
  heed_profile_start();
  CHECK(heed_recurrent_forward(&shape, &w, &inputs, &outputs) == HeedStatusOk); // its input's product is heed_gemm's
  heed_profile_stop();
  CHECK(entry_named("heed_recurrent_forward").calls == 1);
  CHECK(entry_named("heed_gemm").calls == 0);
}

TEST_ONCE(profile_leaves_out_what_tasks_ask_for) {
  heed_profile_start();
  heed_parallel_for(64, 2, rectify_in_task, NULL);
  heed_parallel_for(64, 1, rectify_in_task, NULL);
  heed_profile_stop();
  const uint64_t calls = entry_named("heed_activation_forward").calls;
  CHECK_MESSAGE(calls == 0, "%llu calls from tasks were counted", (unsigned long long)calls);
}

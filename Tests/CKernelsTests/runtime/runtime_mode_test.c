// The caller's floating-point mode: it decides no bit of any result, on no worker, and is the same afterwards.

#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "heed/heed.h"
#include "runtime/float_mode.h"
#include "runtime/threads/parallel.h"
#include "runtime_mode_support.h"
#include "runtime_support.h"

float mode_x[MODE_COUNT], mode_y[MODE_COUNT], mode_unit[MODE_COUNT];
uint16_t mode_x16[MODE_COUNT], mode_y16[MODE_COUNT];
int64_t mode_index[MODE_COUNT];
int32_t mode_index32[MODE_COUNT];
uint8_t mode_mask[MODE_COUNT];

#define RESULT_BYTES ((size_t)8 << 20)
static char results[RESULT_BYTES], expected[RESULT_BYTES];
static size_t results_used;

void *mode_results(size_t bytes) {
  void *room = results + results_used;
  results_used += (bytes + 63) / 64 * 64;
  if (results_used > RESULT_BYTES) abort();
  memset(room, 0, bytes);
  return room;
}

float *mode_copy(const float *from, size_t count) { return memcpy(mode_floats(count), from, count * sizeof(float)); }

static float drawn(Random *random) {
  const uint64_t kind = random_below(random, 32);
  const double size = kind == 0 ? 0x1p-130 : kind == 1 ? 0x1p-70 : 1.0;
  return (float)(size * random_normal(random));
}

static uint16_t upper_half(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return (uint16_t)(bits >> 16);
}

void mode_fill_inputs(void) {
  static bool filled;
  if (filled) return;
  Random random = random_stream(11);
  for (size_t i = 0; i < MODE_COUNT; i++) {
    mode_x[i] = drawn(&random), mode_y[i] = drawn(&random);
    mode_x16[i] = upper_half(mode_x[i]), mode_y16[i] = upper_half(mode_y[i]);
    const float unit = drawn(&random);
    mode_unit[i] = unit < 0 ? -unit / 8 : unit / 8;
    mode_index[i] = mode_index32[i] = (int32_t)random_below(&random, 32);
    mode_mask[i] = random_below(&random, 2) != 0;
  }
  filled = true;
}

// ---- Modes ------------------------------------------------------------------------------------------------------------------------------

typedef struct Mode {
  const char *name;
  uint32_t control;
} Mode;

#if defined(__SSE2__)
static const Mode modes[] = {
    {"as usual", 0x1f80},
    {"up", 0x5f80},
    {"down", 0x3f80},
    {"toward zero", 0x7f80},
    {"flush to zero", 0x9f80},
    {"denormals are zeros", 0x1fc0},
    {"both", 0x9fc0},
    {"all exceptions trap", 0x0000},
    {"all but inexact trap, up, both", 0xd040},
};
#elif defined(__aarch64__)
static const Mode modes[] = {
    {"as usual", 0},           {"up", 1u << 22}, {"down", 2u << 22}, {"toward zero", 3u << 22}, {"flush to zero", 1u << 24},
    {"default NaN", 1u << 25},
};
#else
static const Mode modes[] = {{"as usual", 0}};
#endif
#define MODES (sizeof modes / sizeof *modes)

// The calling thread is in the mode while the call runs; nothing here computes meanwhile.
static HeedStatus run_in(uint32_t control, const ModeCall *call, bool *kept) {
  results_used = 0;
  const uint32_t before = heed_float_control();
  heed_float_set(control, 0);
  const uint32_t set = heed_float_control(); // a processor may have no such mode
  const HeedStatus status = call->run();
  *kept = heed_float_control() == set;
  heed_float_set(before, 0);
  return status;
}

static void check_calls(const ModeCall *calls, size_t count, size_t most_threads) {
  mode_fill_inputs();
  for (size_t c = 0; c < count; c++) {
    const ModeCall *call = calls + c;
    bool kept;
    heed_thread_count_set(1);
    const HeedStatus wanted = run_in(HEED_FLOAT_DEFAULT, call, &kept);
    CHECK_MESSAGE(wanted == HeedStatusOk || wanted == HeedStatusNotSupported, "%s: status %d", call->name, (int)wanted);
    const size_t bytes = results_used;
    memcpy(expected, results, bytes);
    for (size_t m = 0; m < MODES; m++)
      for (size_t threads = 1; threads <= most_threads; threads++) {
        heed_thread_count_set(threads);
        const HeedStatus status = run_in(modes[m].control, call, &kept);
        CHECK_MESSAGE(status == wanted, "%s, %s, %zu threads: status %d", call->name, modes[m].name, threads, (int)status);
        CHECK_MESSAGE(kept, "%s, %s, %zu threads: another mode afterwards", call->name, modes[m].name, threads);
        CHECK_MESSAGE(results_used == bytes && memcmp(results, expected, bytes) == 0, "%s, %s, %zu threads: other bits", call->name,
                      modes[m].name, threads);
      }
  }
  heed_thread_count_set(0);
}

TEST(mode_decides_no_bit_of_elementwise_calls) { check_calls(mode_elementwise_calls, mode_elementwise_count, 3); }
TEST(mode_decides_no_bit_of_products) { check_calls(mode_product_calls, mode_product_count, 3); }
TEST_ONCE(mode_decides_no_bit_of_references) { check_calls(mode_reference_calls, mode_reference_count, 1); }

// ---- The first call of a process --------------------------------------------------------------------------------------------------------

// The engine's threads begin under the strangest mode; later calls are under the usual one.
TEST_ONCE(child_first_mode) {
  if (!is_child("first_mode")) return;
  mode_fill_inputs();
  bool kept;
  for (size_t threads = 3; threads >= 2; threads--) {
    heed_thread_count_set(threads);
    run_in(modes[MODES - 1].control, &mode_product_calls[0], &kept);
  }
  check_calls(mode_product_calls, mode_product_count, 3);
}

TEST_ONCE(mode_of_the_first_call_is_not_kept) {
  const ChildResult child = run_child("first_mode", NULL, NULL);
  CHECK_MESSAGE(child.status == 0, "status %d: %s%s", child.status, child.output, child.errors);
}

// ---- What tasks see ---------------------------------------------------------------------------------------------------------------------

typedef struct Seen {
  uint32_t control[64];
} Seen;

static void note_mode(void *context, size_t task, size_t worker) {
  (void)worker;
  ((Seen *)context)->control[task] = heed_float_control();
  sleep_microseconds(200); // others take tasks too
}

static void check_tasks(uint32_t wanted) {
  for (size_t threads = 1; threads <= 3; threads++) {
    Seen seen;
    memset(&seen, 0xff, sizeof seen);
    heed_parallel_for(64, threads, note_mode, &seen);
    for (size_t i = 0; i < 64; i++)
      CHECK_MESSAGE(seen.control[i] == wanted, "task %zu on %zu threads: %#x for %#x", i, threads, seen.control[i], wanted);
  }
}

TEST_ONCE(mode_of_tasks_is_that_of_their_call) {
  const uint32_t before = heed_float_control();
  heed_float_set(modes[1].control, 0);
  {
    HEED_FLOAT_MODE();
    check_tasks(HEED_FLOAT_DEFAULT);
  }
  CHECK(heed_float_control() == modes[1].control);
  {
    HEED_FLOAT_MODE_FLUSHING_DENORMALS();
    check_tasks(HEED_FLOAT_FLUSHING);
    { // an entry point that another one calls
      HEED_FLOAT_MODE();
      check_tasks(HEED_FLOAT_FLUSHING);
    }
    check_tasks(HEED_FLOAT_FLUSHING);
  }
  CHECK(heed_float_control() == modes[1].control);
  heed_float_set(before, 0);
}

// ---- Exception flags --------------------------------------------------------------------------------------------------------------------

#if defined(__SSE2__)
#define DIVISION_BY_ZERO 0x04u
#define OVERFLOW         0x08u
#define INEXACT          0x20u

// One element of many overflows, wherever it is: the caller sees the flag, and the one it had.
TEST(mode_keeps_flags_and_shows_those_of_every_worker) {
  const size_t count = MODE_COUNT;
  float *a = calloc(count, sizeof *a), *c = malloc(count * sizeof *c);
  REQUIRE(a && c);
  const HeedArithmeticShape line = {.axes = 1, .size = {count}, .output = {1}, .a = {1}, .b = {1}};
  const HeedArithmeticInputs operands = {.a = a, .b = a};
  for (size_t threads = 1; threads <= 3; threads++)
    for (size_t i = 0; i < 30; i++) {
      heed_thread_count_set(threads);
      const size_t place = (i * 2654435761u) % count;
      a[place] = 0x1p127f;
      heed_float_set(HEED_FLOAT_DEFAULT, DIVISION_BY_ZERO);
      const HeedStatus status = heed_arithmetic_forward(&line, HeedArithmeticAdd, &operands, c);
      const uint32_t flags = heed_float_flags();
      heed_float_set(HEED_FLOAT_DEFAULT, 0);
      CHECK(status == HeedStatusOk);
      CHECK_MESSAGE(flags == (DIVISION_BY_ZERO | OVERFLOW | INEXACT), "%zu threads, element %zu: flags %#x", threads, place, flags);
      a[place] = 0;
    }
  heed_thread_count_set(0);
  free(a), free(c);
}
#endif

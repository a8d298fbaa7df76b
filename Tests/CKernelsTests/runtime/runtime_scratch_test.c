// Scratch memory: nesting, alignment, growth that moves nothing, no allocation in steady state, ends of threads, absurd sizes.

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "harness.h"
#include "heed/runtime.h"
#include "runtime/scratch.h"

static uint64_t allocations(void) {
  HeedScratchStatistics statistics;
  heed_scratch_statistics(&statistics);
  return statistics.allocations;
}

static size_t held(void) {
  HeedScratchStatistics statistics;
  heed_scratch_statistics(&statistics);
  return statistics.held_bytes;
}

static size_t peak(void) {
  HeedScratchStatistics statistics;
  heed_scratch_statistics(&statistics);
  return statistics.peak_bytes;
}

TEST_ONCE(scratch_blocks_nest_and_keep_their_bytes) {
  enum { DEPTH = 200 };
  unsigned char *blocks[DEPTH];
  size_t sizes[DEPTH];
  Random random = random_stream(1);
  for (int round = 0; round < 20; round++) {
    for (int i = 0; i < DEPTH; i++) {
      sizes[i] = random_below(&random, i % 17 == 0 ? 3000000 : 5000);
      blocks[i] = heed_scratch_push(sizes[i]);
      REQUIRE(blocks[i]);
      CHECK((uintptr_t)blocks[i] % HEED_SCRATCH_ALIGNMENT == 0);
      memset(blocks[i], i, sizes[i]);
    }
    for (int i = DEPTH - 1; i >= 0; i--) {
      size_t wrong = 0;
      for (size_t k = 0; k < sizes[i]; k++) wrong += blocks[i][k] != (unsigned char)i;
      CHECK_MESSAGE(wrong == 0, "round %d: %zu bytes of block %d of %zu changed", round, wrong, i, sizes[i]);
      heed_scratch_pop(blocks[i]);
    }
  }
  heed_scratch_trim(0);
}

// A call that carves several blocks, some inside others, of sizes around every threshold.
static bool call(size_t scale) {
  void *a = heed_scratch_push(70000 * scale), *b = heed_scratch_push(1000);
  void *c = heed_scratch_push(900000 * scale);
  heed_scratch_pop(c);
  void *d = heed_scratch_push(1200000 * scale);
  heed_scratch_pop(d);
  heed_scratch_pop(b);
  heed_scratch_pop(a);
  return a && b && c && d;
}

TEST_ONCE(scratch_steady_state_allocates_nothing) {
  heed_scratch_trim(0);
  for (size_t scale = 1; scale <= 4; scale++) {
    CHECK(call(scale));
    const uint64_t before = allocations();
    for (int i = 0; i < 50; i++) CHECK(call(scale));
    CHECK_MESSAGE(allocations() == before, "scale %zu: %llu allocations in 50 calls", scale, (unsigned long long)(allocations() - before));
    for (int i = 0; i < 50; i++) CHECK(call(1));
    CHECK(allocations() == before);
  }
  heed_scratch_trim(0);
}

TEST_ONCE(scratch_statistics_count) {
  heed_scratch_trim(0);
  const size_t held_before = held();
  heed_scratch_reset_peak();
  const size_t carved_before = peak();
  void *a = heed_scratch_push(100000), *b = heed_scratch_push(50000);
  REQUIRE(a && b);
  CHECK(held() >= held_before + 150000);
  heed_scratch_pop(b);
  heed_scratch_pop(a);
  CHECK(peak() - carved_before >= 150000);
  CHECK_MESSAGE(peak() - carved_before < 151000, "150,000 bytes count as %zu", peak() - carved_before);
  heed_scratch_reset_peak();
  CHECK(peak() == carved_before);
  heed_scratch_trim(1 << 30);
  CHECK(held() > held_before);
  heed_scratch_trim(0);
  CHECK(held() == held_before);
}

TEST_ONCE(scratch_trim_spares_what_is_in_use) {
  char *a = heed_scratch_push(3000);
  REQUIRE(a);
  memset(a, 7, 3000);
  heed_scratch_trim(0);
  CHECK(a[0] == 7 && a[2999] == 7);
  char *b = heed_scratch_push(3000000);
  REQUIRE(b);
  heed_scratch_pop(b);
  heed_scratch_trim(0);
  CHECK(a[0] == 7 && a[2999] == 7);
  heed_scratch_pop(a);
  heed_scratch_trim(0);
}

TEST_ONCE(scratch_refuses_absurd_sizes) {
  const size_t sizes[] = {SIZE_MAX,     SIZE_MAX - 1,     SIZE_MAX - 63, SIZE_MAX - 64,
                          SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX / 4,  (size_t)1 << 60};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) CHECK(heed_scratch_push(sizes[i]) == NULL);
  void *none = heed_scratch_push(0), *other = heed_scratch_push(0);
  CHECK(none && other && none != other);
  heed_scratch_pop(other);
  heed_scratch_pop(none);
  heed_scratch_pop(NULL);
  CHECK(call(1));
  heed_scratch_trim(0);

  CHECK(heed_size_product(SIZE_MAX, 2) == SIZE_MAX);
  CHECK(heed_size_product(SIZE_MAX / 2 + 1, 2) == SIZE_MAX);
  CHECK(heed_size_product(SIZE_MAX, 0) == 0);
  CHECK(heed_size_product(6, 7) == 42);
  CHECK(heed_size_sum(SIZE_MAX, 1) == SIZE_MAX);
  CHECK(heed_size_sum(SIZE_MAX - 1, 1) == SIZE_MAX);
  CHECK(heed_size_sum(40, 2) == 42);
  CHECK(heed_divide_up(0, 16) == 0 && heed_divide_up(16, 16) == 1 && heed_divide_up(17, 16) == 2);
  CHECK(heed_divide_up(SIZE_MAX, 2) == SIZE_MAX / 2 + 1);
  CHECK(heed_round_up(0, 16) == 0 && heed_round_up(16, 16) == 16 && heed_round_up(17, 16) == 32);
  CHECK(heed_round_up(SIZE_MAX, 16) == SIZE_MAX);
}

static void *call_and_end(void *result) {
  for (int i = 0; i < 20; i++) *(bool *)result = *(bool *)result && call(1 + (size_t)i % 3);
  return NULL;
}

TEST_ONCE(scratch_returns_when_threads_end) {
  enum { THREADS = 16 };
  pthread_t threads[THREADS];
  bool worked[THREADS];
  heed_scratch_trim(0);
  const size_t before = held();
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < THREADS; i++) {
      worked[i] = true;
      REQUIRE(pthread_create(&threads[i], NULL, call_and_end, &worked[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
      pthread_join(threads[i], NULL);
      CHECK(worked[i]);
    }
  }
  // What is kept is large blocks, for any thread.
  heed_scratch_trim((1 << 20) - 1);
  CHECK_MESSAGE(held() == before, "%zu bytes were held before, %zu after", before, held());
}

enum { LARGE = 5 << 20 };

static void *large_call(void *worked) {
  void *block = heed_scratch_push(LARGE);
  *(bool *)worked = block != NULL;
  heed_scratch_pop(block);
  return NULL;
}

// The threads live at one time, as those of an executor that a task moves between.
static void *large_calls_in_turn(void *turns) {
  pthread_barrier_t *barrier = turns;
  bool worked = true;
  for (int round = 0; round < 3; round++) {
    pthread_barrier_wait(barrier);
    large_call(&worked);
    CHECK(worked);
    pthread_barrier_wait(barrier);
  }
  return NULL;
}

TEST_ONCE(scratch_of_a_task_that_moves_between_threads_is_held_once) {
  heed_scratch_trim(0);
  const size_t before = held();
  bool worked = false;
  large_call(&worked);
  CHECK(worked);
  const size_t once = held() - before;
  CHECK(once >= LARGE && once < 2 * LARGE);
  const uint64_t allocated = allocations();
  enum { THREADS = 4 };
  pthread_t threads[THREADS];
  pthread_barrier_t turns[THREADS];
  for (int i = 0; i < THREADS; i++) {
    REQUIRE(pthread_barrier_init(&turns[i], NULL, 2) == 0);
    REQUIRE(pthread_create(&threads[i], NULL, large_calls_in_turn, &turns[i]) == 0);
  }
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < THREADS; i++) {
      pthread_barrier_wait(&turns[i]);
      pthread_barrier_wait(&turns[i]);
    }
  }
  CHECK_MESSAGE(held() - before == once, "%zu bytes are held, %zu by one thread", held() - before, once);
  CHECK_MESSAGE(allocations() == allocated, "%llu allocations", (unsigned long long)(allocations() - allocated));
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&turns[i]);
  }
  heed_scratch_trim(0);
  CHECK(held() == before);
}

TEST_ONCE(scratch_on_the_shelf_gives_way_to_larger) {
  heed_scratch_trim(0);
  const size_t before = held();
  for (size_t size = LARGE; size <= 4 * LARGE; size += LARGE) {
    void *block = heed_scratch_push(size);
    REQUIRE(block);
    heed_scratch_pop(block);
    CHECK_MESSAGE(held() - before < size + LARGE, "%zu bytes are held for a call of %zu", held() - before, size);
  }
  heed_scratch_trim(0);
  CHECK(held() == before);
}

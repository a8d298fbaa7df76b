// What a parallel call costs, printed and not asserted: machines differ, and a busy one says nothing.

#include <stdio.h>

#include "runtime/clock.h"
#include "harness.h"
#include "runtime/threads/parallel.h"
#include "runtime_support.h"

static void empty_task(void *context, size_t task, size_t worker) { (void)context, (void)task, (void)worker; }

static void small_task(void *context, size_t task, size_t worker) {
  (void)context, (void)task, (void)worker;
  burn(1500);
}

static double nanoseconds_of_call(size_t count, size_t width, HeedTask task, size_t pause) {
  enum { CALLS = 200 };
  uint64_t best = UINT64_MAX, sum = 0;
  for (int i = 0; i < CALLS; i++) {
    if (pause) sleep_microseconds(pause);
    const uint64_t start = heed_nanoseconds();
    heed_parallel_for(count, width, task, NULL);
    const uint64_t taken = heed_nanoseconds() - start;
    sum += taken;
    if (taken < best) best = taken;
  }
  printf("  width %zu, %zu %s tasks, %s: best %llu ns, mean %llu ns\n", width, count, task == empty_task ? "empty" : "small",
         pause ? "workers asleep" : "workers spinning", (unsigned long long)best, (unsigned long long)(sum / CALLS));
  return (double)best;
}

TEST_ONCE(fork_cost) {
  for (size_t width = 1; width <= 2; width++) {
    nanoseconds_of_call(2, width, empty_task, 0);
    nanoseconds_of_call(16, width, small_task, 0);
    nanoseconds_of_call(2, width, empty_task, 5000);
    nanoseconds_of_call(16, width, small_task, 5000);
  }
}

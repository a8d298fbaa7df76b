// Prints what a parallel call costs: cmake --build .build/c --target heed_fork_cost && .build/c/Tests/CKernelsTests/heed_fork_cost

#include <stdio.h>
#include <time.h>

#include "runtime/clock.h"
#include "runtime/threads/parallel.h"

static void sleep_microseconds(size_t microseconds) {
  const struct timespec duration = {(time_t)(microseconds / 1000000), (long)(microseconds % 1000000) * 1000};
  nanosleep(&duration, NULL);
}

static void empty_task(void *context, size_t task, size_t worker) { (void)context, (void)task, (void)worker; }

static void small_task(void *context, size_t task, size_t worker) {
  (void)context, (void)task, (void)worker;
  volatile double sum = 0.0;
  for (int i = 0; i < 1500; i++) sum = sum + 1.0;
}

static void print_call(size_t count, size_t width, HeedTask task, size_t pause) {
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
}

int main(void) {
  for (size_t width = 1; width <= 2; width++) {
    print_call(2, width, empty_task, 0);
    print_call(16, width, small_task, 0);
    print_call(2, width, empty_task, 5000);
    print_call(16, width, small_task, 5000);
  }
  return 0;
}

// Parallel calls: every task once, workers that never share a number, the gate, many callers, other OpenMP regions, small stacks.

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "runtime/threads/parallel.h"
#include "runtime_support.h"

#define TASKS_MAX 5000

typedef struct Tally {
  size_t width;
  size_t work; // additions a task does, so that some last longer than others
  atomic_int runs[TASKS_MAX];
  atomic_int busy[HEED_THREADS_MAX];
  atomic_int shared_workers, bad_workers;
  atomic_int workers_seen[HEED_THREADS_MAX];
} Tally;

static void tally_task(void *context, size_t task, size_t worker) {
  Tally *tally = context;
  if (worker >= tally->width) {
    atomic_fetch_add(&tally->bad_workers, 1);
    return;
  }
  if (atomic_fetch_add(&tally->busy[worker], 1) != 0) atomic_fetch_add(&tally->shared_workers, 1);
  burn(tally->work * (task % 7));
  atomic_fetch_add(&tally->runs[task], 1);
  atomic_fetch_add(&tally->workers_seen[worker], 1);
  atomic_fetch_sub(&tally->busy[worker], 1);
}

typedef void (*Runner)(size_t count, size_t width, HeedTask task, void *context);

// Runs `count` tasks and says what went wrong, or null. Safe from any thread.
static const char *run_and_tally_by(Runner run, size_t count, size_t width, size_t work) {
  Tally *tally = calloc(1, sizeof *tally);
  if (!tally) return "no memory";
  tally->width = width < 1 ? 1 : width < count || count == 0 ? width : count;
  tally->work = work;
  run(count, width, tally_task, tally);
  const char *wrong = NULL;
  for (size_t i = 0; i < count; i++) {
    if (atomic_load(&tally->runs[i]) != 1) wrong = "a task did not run exactly once";
  }
  if (atomic_load(&tally->shared_workers)) wrong = "two tasks at one time had the same worker";
  if (atomic_load(&tally->bad_workers)) wrong = "a worker's number reached the width or the number of tasks";
  free(tally);
  return wrong;
}

static const char *run_and_tally(size_t count, size_t width, size_t work) {
  return run_and_tally_by(heed_parallel_for, count, width, work);
}

TEST_ONCE(parallel_runs_every_task_once) {
  const size_t widths[] = {0, 1, 2, 3, 5, 8, 64, 256, 1000}, counts[] = {0, 1, 2, 3, 7, 64, 1000, TASKS_MAX};
  for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
      const char *wrong = run_and_tally(counts[c], widths[w], counts[c] < 100 ? 3000 : 10);
      CHECK_MESSAGE(!wrong, "%s: %zu tasks, width %zu", wrong, counts[c], widths[w]);
    }
  }
}

TEST_ONCE(parallel_shares_run_every_task_once) {
  const size_t widths[] = {0, 1, 2, 3, 5, 8, 64, 65, 256, 1000}, counts[] = {0, 1, 2, 3, 7, 64, 1000, TASKS_MAX};
  for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++)
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
      const char *wrong = run_and_tally_by(heed_parallel_shares, counts[c], widths[w], counts[c] < 100 ? 3000 : 10);
      CHECK_MESSAGE(!wrong, "%s: %zu tasks, width %zu", wrong, counts[c], widths[w]);
    }
}

// Which task each worker ran last, and how often it went back.
typedef struct Order {
  size_t count, width;
  size_t last[8]; // as numbered from the beginning of the worker's own share
  int backwards[8];
} Order;

static void note_order(void *context, size_t task, size_t worker) {
  Order *order = context;
  const size_t own = worker * order->count / order->width, from_own = (task + order->count - own) % order->count;
  if (order->last[worker] != SIZE_MAX && from_own < order->last[worker]) order->backwards[worker]++;
  order->last[worker] = from_own;
  burn(200);
}

// From its own share on, round and round: a task that lies behind another was run by another worker, or not yet.
TEST_ONCE(parallel_shares_begin_with_their_own) {
  for (size_t width = 1; width <= 8; width++)
    for (int round = 0; round < 20; round++) {
      Order order = {.count = 120 * width, .width = width};
      for (size_t w = 0; w < 8; w++) order.last[w] = SIZE_MAX;
      heed_parallel_shares(order.count, width, note_order, &order);
      for (size_t w = 0; w < width; w++)
        CHECK_MESSAGE(order.backwards[w] == 0, "worker %zu of %zu went back %d times", w, width, order.backwards[w]);
    }
}

// Bursts and pauses of every length around the time after which the engine thread sleeps: a wake that is lost hangs, a job that is
// withdrawn while the engine comes shows as a task run twice.
TEST_ONCE(parallel_survives_sleeping_and_waking) {
  for (size_t i = 0; i < 400; i++) {
    const char *wrong = run_and_tally(2 + i % 9, 2 + i % 3, 50 * (i % 60));
    CHECK_MESSAGE(!wrong, "%s in round %zu", wrong, i);
    if (wrong) return;
    if (i % 4 == 0) sleep_microseconds(5 * (i % 300));
  }
}

static void slow_task(void *context, size_t task, size_t worker) {
  (void)task;
  atomic_fetch_or((atomic_uint *)context, 1u << worker);
  sleep_microseconds(2000);
}

TEST_ONCE(parallel_uses_as_many_workers_as_asked) {
  if (!has_threads()) return;
  const size_t widths[] = {2, 3, 5, 8};
  for (size_t w = 0; w < 4; w++) {
    atomic_uint seen = 0;
    for (int attempt = 0; attempt < 5 && atomic_load(&seen) != (1u << widths[w]) - 1; attempt++) {
      heed_parallel_for(widths[w] * 8, widths[w], slow_task, &seen);
    }
    CHECK_MESSAGE(atomic_load(&seen) == (1u << widths[w]) - 1, "width %zu: workers %#x", widths[w], atomic_load(&seen));
  }
}

// ---- Nested calls -----------------------------------------------------------------------------------------------------------------------

typedef struct Nested {
  atomic_size_t inner_runs, foreign;
  pthread_t threads[HEED_THREADS_MAX];
} Nested;

typedef struct NestedCall {
  Nested *nested;
  pthread_t outer;
} NestedCall;

static void inner_task(void *context, size_t task, size_t worker) {
  (void)task;
  NestedCall *call = context;
  if (worker != 0 || !pthread_equal(pthread_self(), call->outer)) atomic_fetch_add(&call->nested->foreign, 1);
  atomic_fetch_add(&call->nested->inner_runs, 1);
}

static void outer_task(void *context, size_t task, size_t worker) {
  (void)task;
  (void)worker;
  NestedCall call = {context, pthread_self()};
  heed_parallel_for(10, 4, inner_task, &call);
}

TEST_ONCE(parallel_call_inside_a_task_runs_inline) {
  Nested *nested = calloc(1, sizeof *nested);
  REQUIRE(nested);
  heed_parallel_for(100, 4, outer_task, nested);
  CHECK(atomic_load(&nested->inner_runs) == 1000);
  CHECK(atomic_load(&nested->foreign) == 0);
  free(nested);
}

// ---- Many callers -----------------------------------------------------------------------------------------------------------------------

static void *call_in_a_loop(void *result) {
  const char **wrong = result;
  for (size_t i = 0; i < 40 && !*wrong; i++) *wrong = run_and_tally(1 + i, 1 + i % 4, 200);
  return NULL;
}

TEST_ONCE(parallel_from_64_threads_at_once) {
  enum { CALLERS = 64 };
  pthread_t callers[CALLERS];
  const char *wrong[CALLERS] = {NULL};
  for (size_t i = 0; i < CALLERS; i++) REQUIRE(pthread_create(&callers[i], NULL, call_in_a_loop, &wrong[i]) == 0);
  for (size_t i = 0; i < CALLERS; i++) {
    pthread_join(callers[i], NULL);
    CHECK_MESSAGE(!wrong[i], "caller %zu: %s", i, wrong[i]);
  }
}

// Earlier tests asked for up to 256 workers, which stay: so this counts in a process of its own (see runtime_processes.c).
TEST_ONCE(child_thread_total) {
  if (!is_child("thread_total")) return;
  enum { CALLERS = 64 };
  pthread_t callers[CALLERS];
  const char *wrong[CALLERS] = {NULL};
  const size_t width = heed_thread_count();
  (void)width;
  for (size_t i = 0; i < CALLERS; i++) REQUIRE(pthread_create(&callers[i], NULL, call_in_a_loop, &wrong[i]) == 0);
  for (size_t i = 0; i < CALLERS; i++) pthread_join(callers[i], NULL);
  HeedMachine machine;
  heed_machine_describe(&machine);
  const size_t threads = count_threads();
  CHECK_MESSAGE(threads <= machine.usable + 8, "%zu threads are left, with %zu usable processors", threads, machine.usable);
}

TEST_ONCE(parallel_on_a_stack_of_512_kib) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 512 << 10);
  pthread_t caller;
  const char *wrong = NULL;
  REQUIRE(pthread_create(&caller, &attributes, call_in_a_loop, &wrong) == 0);
  pthread_join(caller, NULL);
  pthread_attr_destroy(&attributes);
  CHECK_MESSAGE(!wrong, "%s", wrong);
}

// ---- Inside another OpenMP region -------------------------------------------------------------------------------------------------------

// What `#pragma omp parallel` of a program built by GCC calls; libomp has it too. Weak: a build without OpenMP has none.
extern void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags) __attribute__((weak));

static void region_body(void *data) {
  const char *wrong = run_and_tally(200, 4, 100);
  if (wrong) atomic_store((const char *_Atomic *)data, wrong);
}

TEST_ONCE(parallel_inside_another_openmp_region) {
  if (!GOMP_parallel) return;
  for (int i = 0; i < 20; i++) {
    const char *_Atomic wrong = NULL;
    GOMP_parallel(region_body, &wrong, 4, 0);
    const char *message = atomic_load(&wrong);
    CHECK_MESSAGE(!message, "%s", message);
  }
}

// ---- Width and count --------------------------------------------------------------------------------------------------------------------

TEST_ONCE(parallel_width_follows_the_work) {
  CHECK(heed_thread_count_set(8) == HeedStatusOk);
  const size_t all = has_threads() ? 8 : 1;
  CHECK(heed_thread_count() == all);
  CHECK(heed_parallel_width(1000, 1e12) == all);
  CHECK(heed_parallel_width(3, 1e12) == (all < 3 ? all : 3));
  CHECK(heed_parallel_width(1000, 0.0) == 1);
  CHECK(heed_parallel_width(1000, 1000.0) == 1);
  CHECK(heed_parallel_width(1000, -1.0) == 1);
  CHECK(heed_parallel_width(1000, (double)__builtin_nan("")) == 1);
  CHECK(heed_parallel_width(1000, __builtin_inf()) == all);
  CHECK(heed_parallel_width(0, 1e12) == 1);
  CHECK(heed_thread_count_set(HEED_THREADS_MAX + 1) == HeedStatusBadArgument);
  CHECK(heed_thread_count() == all);
  CHECK(heed_thread_count_set(0) == HeedStatusOk);
  HeedMachine machine;
  heed_machine_describe(&machine);
  CHECK(heed_thread_count() >= 1 && heed_thread_count() <= machine.usable);
}

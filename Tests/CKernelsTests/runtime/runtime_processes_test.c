// What only a process of its own shows: fork, the environment, threads that are left, idle workers.

#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "heed/process_lock.h"
#include "heed/runtime.h"
#include "runtime/scratch.h"
#include "runtime/threads/parallel.h"
#include "runtime_support.h"

// ThreadSanitizer does not follow threads of a forked child.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN true
#endif
#endif
#if !defined(UNDER_TSAN)
#define UNDER_TSAN false
#endif

static void add_task(void *context, size_t task, size_t worker) {
  (void)worker;
  atomic_fetch_add((atomic_size_t *)context, task);
}

static bool computes(size_t width) {
  for (int i = 0; i < 20; i++) {
    atomic_size_t sum = 0;
    heed_parallel_for(1000, width, add_task, &sum);
    if (atomic_load(&sum) != 999 * 1000 / 2) return false;
  }
  return true;
}

// ---- fork -------------------------------------------------------------------------------------------------------------------------------

static void add_slowly(void *context, size_t task, size_t worker) {
  sleep_microseconds(1000);
  add_task(context, task, worker);
}

// The child's exit status: 0 where it computes, on several threads, with scratch and a count of it that are its own.
static int compute_in_child(void) {
  alarm(20); // a hang ends as a signal
  if (!computes(2)) return 1;
  if (!computes(5)) return 2;
  HeedScratchStatistics statistics;
  heed_scratch_reset_peak();
  heed_scratch_statistics(&statistics);
  if (statistics.peak_bytes != 0) return 3;
  void *block = heed_scratch_push(100000);
  if (!block) return 4;
  memset(block, 1, 100000);
  heed_scratch_pop(block);
  // The gate must be free, not only passed by.
  atomic_size_t sum = 0;
  heed_parallel_for(64, 4, add_slowly, &sum);
  return has_threads() && count_threads() < 2 ? 5 : 0;
}

static int fork_and_compute(void) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) _exit(compute_in_child());
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST_ONCE(fork_then_compute) {
  if (UNDER_TSAN) return;
  CHECK(computes(4));
  for (int i = 0; i < 5; i++) {
    const int status = fork_and_compute();
    CHECK_MESSAGE(status == 0, "the child ended with %d", status);
    CHECK(computes(3));
  }
}

static atomic_bool stop;

static void *keep_the_gate(void *unused) {
  (void)unused;
  void *block = heed_scratch_push(1 << 20); // in use at the time of the fork, by a thread that the child does not have
  while (!atomic_load(&stop)) {
    atomic_size_t sum = 0;
    heed_parallel_for(8, 4, add_slowly, &sum);
  }
  heed_scratch_pop(block);
  return NULL;
}

TEST_ONCE(fork_while_another_thread_holds_the_gate) {
  if (UNDER_TSAN) return;
  atomic_store(&stop, false);
  pthread_t holder;
  REQUIRE(pthread_create(&holder, NULL, keep_the_gate, NULL) == 0);
  sleep_microseconds(20000);
  for (int i = 0; i < 10; i++) {
    const int status = fork_and_compute();
    CHECK_MESSAGE(status == 0, "the child ended with %d", status);
    sleep_microseconds(500);
  }
  atomic_store(&stop, true);
  pthread_join(holder, NULL);
}

static void fork_in_task(void *context, size_t task, size_t worker) {
  if (task == 3 && worker == 0) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      _exit(computes(3) ? 0 : 1);
    }
    int status = -1;
    if (child > 0) waitpid(child, &status, 0);
    atomic_store((atomic_int *)context, status);
  } else {
    sleep_microseconds(200);
  }
}

TEST_ONCE(fork_from_inside_a_task) {
  if (UNDER_TSAN) return;
  atomic_int status = 0;
  for (int i = 0; i < 5; i++) heed_parallel_for(8, 2, fork_in_task, &status);
  CHECK_MESSAGE(atomic_load(&status) == 0, "the child's status is %#x", atomic_load(&status));
}

static void *keep_locks_busy(void *unused) {
  (void)unused;
  while (!atomic_load(&stop))
    for (int lock = 0; lock < HEED_PROCESS_LOCK_COUNT; lock++) {
      heed_process_lock((HeedProcessLock)lock);
      heed_process_unlock((HeedProcessLock)lock);
    }
  return NULL;
}

TEST_ONCE(fork_leaves_locks_of_the_process_free) {
  if (UNDER_TSAN) return;
  atomic_store(&stop, false);
  const uint64_t forks = heed_process_forks();
  pthread_t holders[2];
  for (int i = 0; i < 2; i++) REQUIRE(pthread_create(&holders[i], NULL, keep_locks_busy, NULL) == 0);
  for (int i = 0; i < 100; i++) {
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      for (int lock = 0; lock < HEED_PROCESS_LOCK_COUNT; lock++) {
        heed_process_lock((HeedProcessLock)lock);
        heed_process_unlock((HeedProcessLock)lock);
      }
      _exit(heed_process_forks() == forks + 1 && heed_process_first_thread() == (uintptr_t)pthread_self() ? 0 : 1);
    }
    int status = -1;
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
    CHECK_MESSAGE(status == 0, "the child's status is %#x", status);
  }
  CHECK(heed_process_forks() == forks);
  atomic_store(&stop, true);
  for (int i = 0; i < 2; i++) pthread_join(holders[i], NULL);
}

// ---- The environment --------------------------------------------------------------------------------------------------------------------

TEST_ONCE(child_thread_count) {
  if (!is_child("thread_count")) return;
  CHECK(computes(heed_thread_count()));
  CHECK(computes(4));
  sleep_microseconds(5000); // the engine thread has started libomp by now
  printf("threads=%zu;\n", heed_thread_count());
}

TEST_ONCE(odd_values_of_omp_num_threads) {
  HeedMachine machine;
  heed_machine_describe(&machine);
  const size_t all = has_threads() ? machine.usable : 1, pair = all < 2 ? all : 2;
  const struct {
    const char *text;
    size_t count;
  } cases[] = {{"0", all},       {"-1", pair},
               {"1000000", all}, {"abc", pair},
               {"", pair},       {"99999999999999999999", pair},
               {"1", 1},         {"4,2", all < 4 ? all : 4},
               {"1,2", 1},       {" 1 ", 1}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const ChildResult child = run_child("thread_count", "OMP_NUM_THREADS", cases[i].text);
    char expected[32];
    snprintf(expected, sizeof expected, "threads=%zu;", cases[i].count);
    CHECK_MESSAGE(child.status == 0, "OMP_NUM_THREADS='%s': status %d", cases[i].text, child.status);
    CHECK_MESSAGE(strstr(child.output, expected), "OMP_NUM_THREADS='%s': expected %s in: %s", cases[i].text, expected, child.output);
    CHECK_MESSAGE(child.errors[0] == '\0', "OMP_NUM_THREADS='%s': standard error: %s", cases[i].text, child.errors);
  }
}

// ---- Threads --------------------------------------------------------------------------------------------------------------------------

TEST_ONCE(few_threads_are_left) {
  const ChildResult child = run_child("thread_total", NULL, NULL);
  CHECK_MESSAGE(child.status == 0, "%s%s", child.output, child.errors);
}

TEST_ONCE(child_idle) {
  if (!is_child("idle")) return;
  CHECK(computes(2));
  CHECK(computes(4));
  sleep_microseconds(20000); // within milliseconds everything sleeps
  const double before = processor_seconds();
  sleep_microseconds(200000);
  const double taken = processor_seconds() - before;
  CHECK_MESSAGE(taken < 0.020, "idle workers took %.1f ms in 200 ms", 1e3 * taken);
}

TEST_ONCE(idle_workers_sleep) {
  const ChildResult child = run_child("idle", NULL, NULL);
  CHECK_MESSAGE(child.status == 0, "%s%s", child.output, child.errors);
}

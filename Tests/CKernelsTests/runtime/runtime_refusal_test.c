// Threads that the system refuses: fewer workers, the same results, and more workers once the system has threads again.

#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness.h"
#include "heed/runtime.h"
#include "runtime/threads/parallel.h"
#include "runtime/threads/thread_supply.h"
#include "runtime_support.h"

// Sanitizers have threads of their own, or want memory of their own.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define UNDER_SANITIZER true
#endif
#endif
#if !defined(UNDER_SANITIZER)
#define UNDER_SANITIZER false
#endif

#define TASKS 600
#define STACK ((size_t)1 << 20)

static void square_task(void *context, size_t task, size_t worker) {
  (void)worker;
  ((atomic_size_t *)context)[task] += task * task;
  burn(300);
}

static bool computes(size_t width) {
  static atomic_size_t squares[TASKS];
  for (int i = 0; i < 5; i++) {
    for (size_t t = 0; t < TASKS; t++) atomic_store(&squares[t], 0);
    heed_parallel_for(TASKS, width, square_task, squares);
    for (size_t t = 0; t < TASKS; t++)
      if (atomic_load(&squares[t]) != t * t) return false;
  }
  return true;
}

static bool set_limit(int resource, rlim_t value) {
  struct rlimit limit;
  if (getrlimit(resource, &limit) != 0) return false;
  limit.rlim_cur = value;
  return setrlimit(resource, &limit) == 0;
}

// Becomes a user that has this one process and may have `limit` threads. False where that is not allowed.
static bool become_limited(rlim_t limit) {
  const uid_t user = 100000 + (uid_t)getpid();
  return geteuid() == 0 && setgroups(0, NULL) == 0 && setresgid(user, user, user) == 0 && setresuid(user, user, user) == 0 &&
         set_limit(RLIMIT_NPROC, limit);
}

#define NOT_ALLOWED 77

// ---- The supply itself ------------------------------------------------------------------------------------------------------------------

TEST_ONCE(supply_counts_threads_that_live_together) {
  const size_t before = count_threads();
  CHECK(heed_thread_supply(0, STACK) == 0);
  CHECK(heed_thread_supply(1, STACK) == 1);
  CHECK(heed_thread_supply(20, STACK) == 20);
  CHECK_MESSAGE(count_threads() == before, "%zu threads for %zu", count_threads(), before);
}

TEST_ONCE(child_supply_under_limit) {
  if (!is_child("supply_under_limit")) return;
  if (!become_limited(5)) exit(NOT_ALLOWED);
  for (int i = 0; i < 20; i++) CHECK(heed_thread_supply(20, STACK) == 4); // what the one before had is free again
  CHECK(heed_thread_supply(3, STACK) == 3);
}

// ---- Parallel calls ---------------------------------------------------------------------------------------------------------------------

TEST_ONCE(child_refused_processes) {
  if (!is_child("refused_processes")) return;
  const size_t limit = (size_t)strtoul(getenv("HEED_TEST_LIMIT"), NULL, 10);
  if (!become_limited(limit)) exit(NOT_ALLOWED);
  const size_t widths[] = {3, 2, 4, 8, 3, 8};
  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
    CHECK_MESSAGE(computes(widths[i]), "width %zu", widths[i]);
    sleep_microseconds(30000); // the engine thread comes, and refusals age
  }
  CHECK_MESSAGE(count_threads() <= limit, "%zu threads", count_threads());
  // One thread in reserve.
  if (has_threads() && limit > 1 && limit < 8) CHECK_MESSAGE(count_threads() + 1 >= limit, "%zu threads", count_threads());
  if (!has_threads()) return;
  // More are allowed: they come.
  CHECK(set_limit(RLIMIT_NPROC, 200));
  for (int i = 0; i < 100 && count_threads() < 8; i++) {
    CHECK(computes(8));
    sleep_microseconds(10000);
  }
  CHECK_MESSAGE(count_threads() == 8, "%zu threads", count_threads());
}

TEST_ONCE(child_refused_memory) {
  if (!is_child("refused_memory")) return;
  CHECK(computes(2));
  sleep_microseconds(5000); // libomp is there
  FILE *file = fopen("/proc/self/statm", "r");
  unsigned long pages = 0;
  REQUIRE(file && fscanf(file, "%lu", &pages) == 1);
  fclose(file);
  // Room for two or three stacks of libomp's.
  REQUIRE(set_limit(RLIMIT_AS, pages * (unsigned long)sysconf(_SC_PAGESIZE) + ((rlim_t)14 << 20)));
  for (size_t width = 3; width <= 40; width++) CHECK_MESSAGE(computes(width), "width %zu", width);
  sleep_microseconds(120000);
  CHECK(computes(200));
  sleep_microseconds(120000);
  CHECK(computes(100));
}

static void check_child(const char *name, const char *limit) {
  const ChildResult child = run_child(name, "HEED_TEST_LIMIT", limit);
  if (child.status == NOT_ALLOWED) return;
  CHECK_MESSAGE(child.status == 0 && child.errors[0] == '\0', "%s, limit %s: status %d: %s%s", name, limit, child.status, child.output,
                child.errors);
}

TEST_ONCE(supply_follows_a_limit_on_processes) {
  if (!UNDER_SANITIZER) check_child("supply_under_limit", "5");
}

TEST_ONCE(refused_threads_are_done_without) {
  if (UNDER_SANITIZER) return;
  static const char *const limits[] = {"1", "2", "3", "4", "5", "7", "9"};
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) check_child("refused_processes", limits[i]);
}

TEST_ONCE(refused_memory_is_done_without) {
  if (!UNDER_SANITIZER) check_child("refused_memory", "-");
}

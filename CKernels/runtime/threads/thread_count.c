// Decides how many threads a call uses, from the number that was asked for, the number that the machine allows and the amount of work.

#include "runtime/threads/thread_count.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/threads/parallel.h"

// To hand tasks to a worker that spins and to wait for it costs about 0.8 us (Benchmarks/fork_cost.c: 76.4 us of tasks take
// 39.0 on two), in which a core does some 100,000 operations. With less than that for each of two workers, one is faster.
#define FLOPS_PER_WORKER 100000.0

static atomic_size_t requested;    // 0 where none was asked for
static atomic_size_t usable_cache; // 0 until it is known
#if defined(_OPENMP)
static atomic_size_t limit_cache; // 0 until it is known
#endif
static atomic_size_t default_cache; // 0 until it is known

size_t heed_usable_processors(void) {
  size_t usable = atomic_load_explicit(&usable_cache, memory_order_relaxed);
  if (usable == 0) {
    HeedMachine machine;
    heed_machine_describe(&machine);
    usable = machine.usable;
    atomic_store_explicit(&usable_cache, usable, memory_order_relaxed);
  }
  return usable;
}

size_t heed_thread_count_parse(const char *text) {
  if (!text) return 0;
  while (*text == ' ' || *text == '\t') text++;
  size_t count = 0;
  const char *digit = text;
  for (; *digit >= '0' && *digit <= '9'; digit++) {
    count = count * 10 + (size_t)(*digit - '0');
    if (count > HEED_THREADS_MAX) return 0;
  }
  if (digit == text) return 0;
  while (*digit == ' ' || *digit == '\t') digit++;
  return *digit == '\0' || *digit == ',' ? count : 0;
}

static size_t default_thread_count(void) {
  size_t count = atomic_load_explicit(&default_cache, memory_order_relaxed);
  if (count == 0) {
    const size_t usable = heed_usable_processors(), wanted = heed_thread_count_parse(getenv("OMP_NUM_THREADS"));
    count = wanted > 0 && wanted < usable ? wanted : usable;
    if (count > HEED_THREADS_MAX) count = HEED_THREADS_MAX;
    atomic_store_explicit(&default_cache, count, memory_order_relaxed);
  }
  return count;
}

bool heed_openmp_can_read(const char *text) {
  if (!text) return true;
  for (;; text++) {
    text += strspn(text, " \t");
    const size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9) return false;
    text += digits;
    text += strspn(text, " \t");
    if (*text != ',') return *text == '\0';
  }
}

size_t heed_width_limit(void) {
#if defined(_OPENMP)
  // The value when the library is first used is the one that libomp would find; 0 says that it was not yet read.
  size_t limit = atomic_load_explicit(&limit_cache, memory_order_relaxed);
  if (limit == 0) {
    limit = heed_openmp_can_read(getenv("OMP_NUM_THREADS")) ? HEED_THREADS_MAX : 2;
    atomic_store_explicit(&limit_cache, limit, memory_order_relaxed);
  }
  return limit;
#else
  return 1;
#endif
}

size_t heed_thread_count(void) {
  size_t count = atomic_load_explicit(&requested, memory_order_relaxed);
  if (count == 0) count = default_thread_count();
  const size_t limit = heed_width_limit();
  return count < limit ? count : limit;
}

HeedStatus heed_thread_count_set(size_t count) {
  if (count > HEED_THREADS_MAX) return HeedStatusBadArgument;
  atomic_store_explicit(&requested, count, memory_order_relaxed);
  return HeedStatusOk;
}

size_t heed_parallel_width(size_t count, double flops) {
  size_t width = heed_thread_count();
  if (width > count) width = count;
  const double worth = flops / FLOPS_PER_WORKER;
  if (!(worth >= 2.0)) return 1;
  if (worth < (double)width) width = (size_t)worth;
  return width > 1 ? width : 1;
}

// Counts the time in entry points. A site is listed at its first counted call and stays listed. Starting again sets all counts to zero.

#define _GNU_SOURCE
#include "runtime/profile.h"

#include "heed/runtime.h"
#include "runtime/clock.h"
#include "runtime/threads/parallel.h"

atomic_bool heed_profile_counts;

static _Atomic(HeedProfileSite *) sites;
static _Thread_local bool is_inside; // an entry point that is counted

static void list(HeedProfileSite *site) {
  if (atomic_exchange_explicit(&site->listed, true, memory_order_relaxed)) return;
  site->next = atomic_load_explicit(&sites, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit(&sites, &site->next, site, memory_order_release, memory_order_relaxed)) {
  }
}

HeedProfileSpan heed_profile_enter(HeedProfileSite *site) {
  // If an entry point calls another one, on this thread or in a task, the time counts only for the outer one.
  if (is_inside || heed_parallel_is_task()) return (HeedProfileSpan){.site = NULL};
  is_inside = true;
  list(site);
  return (HeedProfileSpan){site, heed_nanoseconds()};
}

void heed_profile_leave(HeedProfileSpan span) {
  atomic_fetch_add_explicit(&span.site->nanoseconds, heed_nanoseconds() - span.begin, memory_order_relaxed);
  atomic_fetch_add_explicit(&span.site->calls, 1, memory_order_relaxed);
  is_inside = false;
}

void heed_profile_start(void) {
  for (HeedProfileSite *site = atomic_load_explicit(&sites, memory_order_acquire); site; site = site->next) {
    atomic_store_explicit(&site->calls, 0, memory_order_relaxed);
    atomic_store_explicit(&site->nanoseconds, 0, memory_order_relaxed);
  }
  atomic_store_explicit(&heed_profile_counts, true, memory_order_relaxed);
}

void heed_profile_stop(void) { atomic_store_explicit(&heed_profile_counts, false, memory_order_relaxed); }

size_t heed_profile_read(HeedProfileEntry *entries, size_t capacity) {
  size_t count = 0;
  for (HeedProfileSite *site = atomic_load_explicit(&sites, memory_order_acquire); site; site = site->next) {
    const uint64_t calls = atomic_load_explicit(&site->calls, memory_order_relaxed);
    if (calls == 0) continue;
    if (entries && count < capacity) {
      entries[count] = (HeedProfileEntry){
          .name = site->name, .calls = calls, .nanoseconds = atomic_load_explicit(&site->nanoseconds, memory_order_relaxed)};
    }
    count++;
  }
  return count;
}

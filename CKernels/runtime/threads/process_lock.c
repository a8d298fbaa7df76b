// Mutexes that are all held while the process forks, so that nothing behind them is half done in the child.

#include "heed/process_lock.h"

#include <pthread.h>
#include <stdatomic.h>

#include "runtime/stay_loaded.h"

static pthread_mutex_t locks[HEED_PROCESS_LOCK_COUNT] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static _Atomic uint64_t forks;
static _Atomic uintptr_t first_thread;

static void before_fork(void) {
  for (size_t i = 0; i < HEED_PROCESS_LOCK_COUNT; i++) pthread_mutex_lock(&locks[i]);
}

static void after_fork_in_parent(void) {
  for (size_t i = HEED_PROCESS_LOCK_COUNT; i-- > 0;) pthread_mutex_unlock(&locks[i]);
}

static void after_fork_in_child(void) {
  atomic_store_explicit(&first_thread, (uintptr_t)pthread_self(), memory_order_relaxed);
  atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
  after_fork_in_parent();
}

static void register_handlers(void) {
  heed_stay_loaded();
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static void prepare(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, register_handlers);
}

void heed_process_lock(HeedProcessLock lock) {
  prepare();
  pthread_mutex_lock(&locks[lock]);
}

void heed_process_unlock(HeedProcessLock lock) { pthread_mutex_unlock(&locks[lock]); }

uint64_t heed_process_forks(void) {
  prepare();
  return atomic_load_explicit(&forks, memory_order_relaxed);
}

uintptr_t heed_process_first_thread(void) { return atomic_load_explicit(&first_thread, memory_order_relaxed); }

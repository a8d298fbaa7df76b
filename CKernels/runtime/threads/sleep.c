// Sleeping until a word changes. Linux has futexes; elsewhere one mutex and condition for the process does, since one thread of ours
// sleeps for work and one for its end.

#define _GNU_SOURCE
#include "runtime/threads/sleep.h"

#if defined(__linux__)

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

void heed_sleep_while(_Atomic uint32_t *word, uint32_t value) {
  const int saved = errno;
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
  errno = saved;
}

void heed_sleep_wake(_Atomic uint32_t *word) {
  const int saved = errno;
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
  errno = saved;
}

void heed_sleep_after_fork(void) {}

#else

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

void heed_sleep_while(_Atomic uint32_t *word, uint32_t value) {
  pthread_mutex_lock(&mutex);
  while (atomic_load_explicit(word, memory_order_acquire) == value) pthread_cond_wait(&changed, &mutex);
  pthread_mutex_unlock(&mutex);
}

// Taking the mutex makes sure that a sleeper which has seen the old value already waits.
void heed_sleep_wake(_Atomic uint32_t *word) {
  (void)word;
  pthread_mutex_lock(&mutex);
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}

void heed_sleep_after_fork(void) {
  pthread_mutex_init(&mutex, NULL);
  pthread_cond_init(&changed, NULL);
}

#endif

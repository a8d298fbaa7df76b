// Trial threads. libomp ends the process where a thread for its team is refused, so someone else must be refused first.

#define _GNU_SOURCE
#include "runtime/threads/thread_supply.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "heed/runtime.h"
#include "runtime/clock.h"

// Far longer than the system takes to clear a thread away; whoever waits in vain asks for too little, no more.
#define CLEARING_NANOSECONDS 100000000u

typedef struct Trial {
  pthread_mutex_t *until; // held as long as all are to live
  long number;            // the system's own
} Trial;

static void *live(void *context) {
  Trial *trial = context;
#if defined(__linux__)
  trial->number = syscall(SYS_gettid);
#endif
  pthread_mutex_lock(trial->until);
  pthread_mutex_unlock(trial->until);
  return NULL;
}

// A thread that was joined may still be counted for a moment.
static void wait_until_cleared(const Trial *trials, size_t count) {
#if defined(__linux__)
  const uint64_t start = heed_nanoseconds();
  const long process = (long)getpid();
  for (size_t i = 0; i < count; i++)
    while (syscall(SYS_tgkill, process, trials[i].number, 0) == 0 && heed_nanoseconds() - start < CLEARING_NANOSECONDS) sched_yield();
#else
  (void)trials, (void)count;
#endif
}

size_t heed_thread_supply(size_t wanted, size_t stack_bytes) {
  if (wanted > HEED_THREADS_MAX) wanted = HEED_THREADS_MAX;
  const int saved = errno;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return 0;
  pthread_mutex_t until = PTHREAD_MUTEX_INITIALIZER;
  pthread_t threads[HEED_THREADS_MAX];
  Trial trials[HEED_THREADS_MAX];
  size_t count = 0;
  if (pthread_attr_setstacksize(&attributes, stack_bytes) == 0) {
    pthread_mutex_lock(&until);
    for (; count < wanted; count++) {
      trials[count] = (Trial){.until = &until};
      if (pthread_create(&threads[count], &attributes, live, &trials[count]) != 0) break;
    }
    pthread_mutex_unlock(&until);
  }
  for (size_t i = 0; i < count; i++) pthread_join(threads[i], NULL);
  wait_until_cleared(trials, count);
  pthread_attr_destroy(&attributes);
  pthread_mutex_destroy(&until);
  errno = saved;
  return count;
}

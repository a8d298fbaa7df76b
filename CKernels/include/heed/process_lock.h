// Locks for state that a whole process shares in the layers above, e.g. a pool of memory. After fork() the locks are free in the child. The
// state that they guard is then as some thread of the parent left it between two critical sections.
//
// The locks are leaves: a thread that holds one must not call this library and must not fork.

#ifndef HEED_PROCESS_LOCK_H
#define HEED_PROCESS_LOCK_H

#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum HEED_CLOSED HeedProcessLock {
  HeedProcessLockMemory = 0, // pooled memory
  HeedProcessLockWork,       // work that waits for threads
} HeedProcessLock;

#define HEED_PROCESS_LOCK_COUNT 2

void heed_process_lock(HeedProcessLock lock);
void heed_process_unlock(HeedProcessLock lock);

// Returns the number of calls of fork() between the process that first used these locks and this one. If the number has changed, this is a
// child process, and the threads that the caller remembers are the parent's. Only the thread that called fork() continues in the child,
// with the same pthread_self().
uint64_t heed_process_forks(void);

// Returns that thread's pthread_self() as a number, or 0 in the first process.
uintptr_t heed_process_first_thread(void);

#ifdef __cplusplus
}
#endif

#endif

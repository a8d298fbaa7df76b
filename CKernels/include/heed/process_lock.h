// Locks for state that a whole process shares in the layers above, such as a pool of memory. After fork() the child finds them free and
// what they guard as some thread of the parent left it between two critical sections.
//
// They are leaves: who holds one calls nothing of this library and does not fork.

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

// How many calls of fork() lie between the process that first used these locks and this one: another number than before says that the
// threads that are remembered are the parent's, all but one: the thread that called fork() goes on in the child, with the same
// pthread_self().
uint64_t heed_process_forks(void);

// That thread's pthread_self() as a number, or 0 in the first process.
uintptr_t heed_process_first_thread(void);

#ifdef __cplusplus
}
#endif

#endif

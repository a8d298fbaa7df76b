// Private: numbers of threads.

#ifndef HEED_THREAD_COUNT_H
#define HEED_THREAD_COUNT_H

#include "heed_runtime.h"

// HeedMachine.usable, read once.
size_t heed_usable_processors(void);

// The number that a value of OMP_NUM_THREADS asks for at the outermost level ("4", " 4 ", "4,2"), or 0 where it is null, no number, or
// not from 1 to HEED_THREADS_MAX.
size_t heed_thread_count_parse(const char *text);

#endif

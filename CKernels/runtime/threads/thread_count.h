// Private: numbers of threads.

#ifndef HEED_THREAD_COUNT_H
#define HEED_THREAD_COUNT_H

#include "heed/runtime.h"

// HeedMachine.usable, read once.
size_t heed_usable_processors(void);

// Returns the number that a value of OMP_NUM_THREADS asks for at the outermost level ("4", " 4 ", "4,2"), or 0 if it is null, not a number,
// or not from 1 to HEED_THREADS_MAX.
size_t heed_thread_count_parse(const char *text);

// Returns whether libomp can read that value of OMP_NUM_THREADS: null, or decimal numbers with commas between them. libomp 14 aborts on an
// empty value and on overflow, and often on anything else ("abc", "-1"): it uses a value that it has not parsed. So with such a value in
// the environment it must never be started.
bool heed_openmp_can_read(const char *text);

// Returns the most workers that a call can have here: 1 without OpenMP, 2 (the caller and the engine thread) if libomp must not be started.
size_t heed_width_limit(void);

#endif

// Private: whether the system gives threads, asked before libomp needs them.

#ifndef HEED_THREAD_SUPPLY_H
#define HEED_THREAD_SUPPLY_H

#include <stddef.h>

// Starts `wanted` threads of such stacks that live at the same time, ends them, and returns how many could be started: a limit on processes
// (ulimit -u), on a control group's tasks or on memory refuses the others. When it returns, the system has their places back.
// At most HEED_THREADS_MAX.
size_t heed_thread_supply(size_t wanted, size_t stack_bytes);

#endif

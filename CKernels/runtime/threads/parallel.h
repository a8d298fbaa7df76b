// Private: how drivers use the cores. Every OpenMP pragma stands in parallel.c.

#ifndef HEED_PARALLEL_H
#define HEED_PARALLEL_H

#include "heed/runtime.h"

// Runs each of the tasks 0 ... count-1 once. `worker` is below the width that the caller planned with and below `count`; no two tasks that
// run at the same time have the same worker, so it indexes slices of scratch.
typedef void (*HeedTask)(void *context, size_t task, size_t worker);

// Returns the number of workers that a call with that many tasks and that much work may use: 1 if forking costs more than it saves. It
// depends only on the size, and is never above `count`, HEED_THREADS_MAX or heed_thread_count().
size_t heed_parallel_width(size_t count, double flops);

// Runs the tasks on up to `width` workers and returns when all are done. Tasks are handed out one by one, in order. A call that finds the
// gate taken (another thread's region, or one further out on this thread) runs them all on the calling thread as worker 0.
void heed_parallel_for(size_t count, size_t width, HeedTask task, void *context);

// The same for work that is limited by memory, where every task has a stretch of the same arrays. A worker begins with its own share of the
// tasks, in order, and then takes those that the others have left. Small pieces handed out one by one reach three quarters of the speed of
// a copy by halves (`heed bench pointwise --op relu`), and half of that speed if a core's data is still in its caches from before.
void heed_parallel_shares(size_t count, size_t width, HeedTask task, void *context);

// Returns whether the calling thread is running a task now, as a worker.
bool heed_parallel_is_task(void);

// Runs `width` slots of each of `steps` steps, a step only when every slot of the one before is done. A worker takes its own slot first, so
// that from step to step a slot finds its data in the same core's cache. Then it takes any slot that nobody has begun, so that no slot
// waits for a worker that has not come. A step costs a fraction of a microsecond if each worker has a processor. Width is at most
// HEED_STEP_WIDTH_MAX: more workers would lose to the waiting.
#define HEED_STEP_WIDTH_MAX 64
typedef void (*HeedStepTask)(void *context, size_t step, size_t slot, size_t worker);
void heed_parallel_steps(size_t steps, size_t width, HeedStepTask task, void *context);

#endif

// Private: how drivers use the cores. Every OpenMP pragma stands in parallel.c.

#ifndef HEED_PARALLEL_H
#define HEED_PARALLEL_H

#include "heed/runtime.h"

// Runs task 0 ... count-1 once each. `worker` is below the width that the caller planned with and below `count`; no two tasks that run at
// the same time have the same worker, so it indexes slices of scratch.
typedef void (*HeedTask)(void *context, size_t task, size_t worker);

// How many workers a call with that many tasks and that much work may use: 1 where forking costs more than it saves. Decided by size
// alone; never above `count`, HEED_THREADS_MAX or heed_thread_count().
size_t heed_parallel_width(size_t count, double flops);

// Runs the tasks on up to `width` workers and returns when all are done. Tasks are handed out one by one, in order. A call that finds the
// gate taken (another thread's region, or one further out on this thread) runs them all on the calling thread as worker 0.
void heed_parallel_for(size_t count, size_t width, HeedTask task, void *context);

// The same for work that memory limits, where every task has a stretch of the same arrays: a worker begins with its own share of the tasks,
// in order, then takes what the others have left. Small pieces handed out one by one reach three quarters of the speed of a copy by halves
// (`heed bench pointwise --op relu`), and half of it where what a core met before is still in its caches.
void heed_parallel_shares(size_t count, size_t width, HeedTask task, void *context);

// Whether the calling thread runs a task now, as a worker.
bool heed_parallel_is_task(void);

// Runs `width` slots of each of `steps` steps, a step only when every slot of the one before is done. A worker takes its own slot first, so
// that from step to step a slot finds its data in the same core's cache, then any that nobody has begun: none waits for a worker that has
// not come. A step costs a fraction of a microsecond where each worker has a processor.
// Width is at most HEED_STEP_WIDTH_MAX: more workers would lose to the waiting.
#define HEED_STEP_WIDTH_MAX 64
typedef void (*HeedStepTask)(void *context, size_t step, size_t slot, size_t worker);
void heed_parallel_steps(size_t steps, size_t width, HeedStepTask task, void *context);

#endif

// Private: the sizes of tasks. They depend only on the shape, so that no result depends on the number of threads.

#ifndef HEED_TASKS_H
#define HEED_TASKS_H

#include "runtime/sizes.h"
#include "runtime/threads/parallel.h"

// Elements of a task of work that goes element by element: 64 KiB of an operand. That takes some 5 us even where it only copies, against
// the 0.8 us that it costs to hand tasks to a worker and to wait for it (Benchmarks/fork_cost.c), and leaves tasks enough for many cores.
#define HEED_TASK_ELEMENTS 16384

// Tiles that could be larger are made smaller until there are this many, so that all cores end at about the same time.
#define HEED_TASKS_WANTED 8

// FLOPS_PER_ELEMENT and similar numbers count for heed_parallel_width: they are the time per element on one core, in units of one addition
// or multiplication at peak speed. An element that only moves through memory counts as HEED_COPY_FLOPS. If two operands are read and one
// result is written, at the speed of memory, it counts as HEED_STREAM_FLOPS.
#define HEED_COPY_FLOPS   4.0
#define HEED_STREAM_FLOPS 10.0

// The number of rows in a task; `columns` is above 0.
static inline size_t heed_task_rows(size_t columns) { return columns < HEED_TASK_ELEMENTS ? HEED_TASK_ELEMENTS / columns : 1; }

#endif

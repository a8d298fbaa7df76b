// Private: how large tasks are. It follows from the shape alone, so that no result depends on the number of threads.

#ifndef HEED_TASKS_H
#define HEED_TASKS_H

#include "runtime/sizes.h"
#include "runtime/threads/parallel.h"

// Elements of a task of work that goes element by element: 64 KiB of an operand. That takes some 5 us even where it only copies, against
// the 0.8 us that it costs to hand tasks to a worker and to wait for it (Benchmarks/fork_cost.c), and leaves tasks enough for many cores.
#define HEED_TASK_ELEMENTS 16384

// Where tiles could be larger, they are made smaller until there are so many, so that cores end together.
#define HEED_TASKS_WANTED 8

// What FLOPS_PER_ELEMENT and the like count for heed_parallel_width: the time of an element on one core, in units of one addition or
// multiplication of its peak. An element that only moves through memory counts as HEED_COPY_FLOPS; one of which two operands are read and
// one result is written, which the memory limits, as HEED_STREAM_FLOPS.
#define HEED_COPY_FLOPS   4.0
#define HEED_STREAM_FLOPS 10.0

// Rows of so many columns (above 0) that make up a task.
static inline size_t heed_task_rows(size_t columns) { return columns < HEED_TASK_ELEMENTS ? HEED_TASK_ELEMENTS / columns : 1; }

#endif

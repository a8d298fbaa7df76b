// Private: how drawing random numbers is cut into tasks.

#ifndef HEED_RANDOM_TASKS_H
#define HEED_RANDOM_TASKS_H

#include "runtime/threads/tasks.h"
#include "table/dispatch.h"

#define HEED_RANDOM_TASK HEED_TASK_ELEMENTS // a multiple of HEED_RANDOM_BLOCK

typedef struct HeedRandomTask {
  HeedRandom random; // that of the task's first number
  size_t first, count;
} HeedRandomTask;

static inline size_t heed_random_tasks(size_t count) { return heed_divide_up(count, HEED_RANDOM_TASK); }

static inline HeedRandomTask heed_random_task(const HeedRandom *random, size_t count, size_t task) {
  HeedRandomTask t = {.random = *random, .first = task * HEED_RANDOM_TASK};
  t.random.offset += t.first;
  t.count = heed_size_min(count - t.first, HEED_RANDOM_TASK);
  return t;
}

#endif

// Steps that wait for each other inside one parallel region. A fork per step would often cost more than the step.

#define _GNU_SOURCE
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "runtime/clock.h"
#include "runtime/sizes.h"
#include "runtime/threads/parallel.h"
#include "runtime/threads/thread_count.h"

// About 10 us: longer than the last slots of a step take, short where the worker that is waited for needs this processor.
#define SPINS    256
#define NO_SPINS 1

typedef struct Slot {
  alignas(HEED_CACHE_LINE) atomic_size_t step; // the first not yet begun
} Slot;

typedef struct Team {
  size_t steps, width, spins;
  HeedStepTask task;
  void *context;
  Slot slots[HEED_STEP_WIDTH_MAX];
  alignas(HEED_CACHE_LINE) atomic_size_t finished; // slots, of all steps
} Team;

static bool begin_slot(Team *team, size_t slot, size_t step) {
  size_t expected = step;
  return atomic_compare_exchange_strong_explicit(&team->slots[slot].step, &expected, step + 1, memory_order_relaxed, memory_order_relaxed);
}

static void wait_for(const Team *team, size_t finished) {
  for (size_t spins = 0; atomic_load_explicit(&team->finished, memory_order_acquire) < finished; spins++) {
    if (spins < team->spins)
      heed_pause();
    else
      sched_yield();
  }
}

// One member, which may be any worker. A member that comes late joins at the current step. What earlier steps wrote is seen by the
// acquiring load of `finished`, to which every slot adds with release.
static void join_team(void *context, size_t member, size_t worker) {
  (void)member;
  Team *team = context;
  size_t step = atomic_load_explicit(&team->finished, memory_order_acquire) / team->width;
  for (; step < team->steps; step++) {
    for (size_t i = 0; i < team->width; i++) {
      const size_t slot = (worker + i) % team->width;
      if (!begin_slot(team, slot, step)) continue;
      team->task(team->context, step, slot, worker);
      atomic_fetch_add_explicit(&team->finished, 1, memory_order_acq_rel);
    }
    wait_for(team, (step + 1) * team->width);
  }
}

void heed_parallel_steps(size_t steps, size_t width, HeedStepTask task, void *context) {
  if (width <= 1) {
    for (size_t step = 0; step < steps; step++) task(context, step, 0, 0);
    return;
  }
  Team team = {.steps = steps, .width = width, .task = task, .context = context};
  team.spins = width > heed_usable_processors() ? NO_SPINS : SPINS;
  heed_parallel_for(width, width, join_team, &team);
}

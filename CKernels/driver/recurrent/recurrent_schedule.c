// How the steps of a recurrent layer are shared out. See recurrent_plan.h. No result depends on it.

#include "driver/recurrent/recurrent_plan.h"
#include "runtime/sizes.h"

// By rows every worker reads all the weights at every step: up to this size they stay in its second-level cache.
#define BY_ROWS_BYTES ((size_t)384 << 10)
// Fewer rows than this use weights from the second-level cache too little to keep up with the multipliers.
#define BY_ROWS_LEAST 8
// Work of a step and worker that is worth a wait at its end.
#define STEP_FLOPS 100000.0

HeedRecurrentSchedule heed_recurrent_schedule(const HeedRecurrentPlan *p, const size_t panels[2], double flops, size_t weight_bytes) {
  HeedRecurrentSchedule s = {.plan = p, .panels = {panels[0], panels[1]}, .flops = flops, .weight_bytes = weight_bytes, .width = 1};
  const size_t rows = heed_recurrent_active(p, 0), threads = heed_parallel_width(HEED_THREADS_MAX, flops * (double)heed_recurrent_rows(p));
  if (threads == 1 || rows == 0) return s;
  if (weight_bytes <= BY_ROWS_BYTES && rows >= 2 * BY_ROWS_LEAST) {
    s.by_rows = true;
    s.width = heed_size_min(heed_divide_up(rows, BY_ROWS_LEAST), threads);
    return s;
  }
  // Of a step's phases, that with more panels.
  const size_t count = panels[1] > panels[0] ? panels[1] : panels[0], parts = count * heed_divide_up(rows, HEED_RECURRENT_GROUP),
               most = heed_size_min(threads, HEED_STEP_WIDTH_MAX);
  const double worth = flops * (double)rows / (double)p->layout.phases / STEP_FLOPS;
  s.width = heed_size_min(most, parts);
  if (worth < (double)s.width) s.width = worth < 2.0 ? 1 : (size_t)worth;
  return s;
}

typedef struct Run {
  const HeedRecurrentSchedule *schedule;
  size_t from, to, group; // rows of a task by rows
  bool backward;
  HeedRecurrentWork work;
  void *context;
} Run;

// The step and phase that is `index`-th in the order of processing.
static HeedRecurrentPart part_at(const Run *run, size_t index, size_t worker) {
  const size_t phases = run->schedule->plan->layout.phases, step = index / phases;
  return (HeedRecurrentPart){.step = run->backward ? run->to - 1 - step : run->from + step, .phase = index % phases, .worker = worker};
}

// By panels: a slot takes its share of panels x groups of rows, a panel's groups one after the other.
static void run_slot(void *context, size_t index, size_t slot, size_t worker) {
  const Run *run = context;
  HeedRecurrentPart part = part_at(run, index, worker);
  const size_t rows = heed_recurrent_active(run->schedule->plan, part.step), groups = heed_divide_up(rows, HEED_RECURRENT_GROUP);
  const size_t size = groups ? heed_divide_up(rows, groups) : 0, parts = run->schedule->panels[part.phase] * groups;
  const size_t width = run->schedule->width;
  for (size_t i = slot * parts / width; i < (slot + 1) * parts / width; i++) {
    part.panel = i / groups;
    part.first_row = i % groups * size;
    part.rows = heed_size_min(rows - part.first_row, size);
    run->work(run->context, &part);
  }
}

// By rows: all steps of some sequences.
static void run_rows(void *context, size_t task, size_t worker) {
  const Run *run = context;
  const HeedRecurrentPlan *plan = run->schedule->plan;
  const size_t first = task * run->group;
  for (size_t i = 0; i < (run->to - run->from) * plan->layout.phases; i++) {
    HeedRecurrentPart part = part_at(run, i, worker);
    const size_t rows = heed_recurrent_active(plan, part.step);
    if (rows <= first) continue;
    part.first_row = first;
    part.rows = heed_size_min(rows - first, run->group);
    for (part.panel = 0; part.panel < run->schedule->panels[part.phase]; part.panel++) run->work(run->context, &part);
  }
}

void heed_recurrent_run(const HeedRecurrentSchedule *s, size_t from, size_t to, bool backward, HeedRecurrentWork work, void *context) {
  const size_t rows = heed_recurrent_active(s->plan, from);
  Run run = {s, from, to, 0, backward, work, context};
  if (to <= from || rows == 0) return;
  if (!s->by_rows) {
    heed_parallel_steps((to - from) * s->plan->layout.phases, s->width, run_slot, &run);
    return;
  }
  const size_t share = heed_divide_up(rows, s->width);
  run.group = heed_size_min(share, HEED_RECURRENT_GROUP);
  heed_parallel_for(heed_divide_up(rows, run.group), s->width, run_rows, &run);
}

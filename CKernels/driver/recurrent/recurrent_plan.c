// The order of sequences and steps of a recurrent layer, and copies between it and the caller's arrays. See recurrent_plan.h.

#include "driver/recurrent/recurrent_plan.h"

#include <string.h>

#include "checks/recurrent_checks.h"
#include "runtime/threads/tasks.h"

size_t heed_recurrent_plan_size(const HeedRecurrentShape *s, size_t more) {
  const size_t words = heed_size_sum(heed_size_sum(s->time, 2), heed_size_product(s->batch, 2 + more));
  return heed_size_product(heed_size_sum(words, 16), sizeof(size_t));
}

void *heed_recurrent_plan(HeedRecurrentPlan *p, const HeedRecurrentShape *s, void *memory) {
  *p = (HeedRecurrentPlan){.kernels = heed_kernels(), .shape = *s, .layout = heed_recurrent_layout(s->cell, s->hidden, s->projection)};
  p->offset = memory;
  p->order = p->offset + s->time + 2;
  p->length = p->order + s->batch;
  // A counting sort by length, stable. First offset[l] = sequences of length l, then those longer than l: where they begin.
  memset(p->offset, 0, (s->time + 2) * sizeof *p->offset);
  for (size_t b = 0; b < s->batch; b++) {
    const size_t length = heed_recurrent_length(s, b);
    p->offset[length]++;
    if (length > p->steps) p->steps = length;
  }
  size_t longer = 0;
  for (size_t l = s->time + 1; l-- > 0;) {
    const size_t count = p->offset[l];
    p->offset[l] = longer;
    longer += count;
  }
  for (size_t b = 0; b < s->batch; b++) {
    const size_t length = heed_recurrent_length(s, b), row = p->offset[length]++;
    p->order[row] = b;
    p->length[row] = length;
  }
  // Now offset[l] = the number of sequences of at least l steps: those that take part in step l - 1.
  p->offset[0] = 0;
  for (size_t l = 1; l <= s->time; l++) p->offset[l] += p->offset[l - 1];
  return p->length + s->batch;
}

ptrdiff_t heed_recurrent_first(const HeedRecurrentPlan *p, ptrdiff_t batch, ptrdiff_t time, ptrdiff_t *first) {
  for (size_t r = 0; r < p->shape.batch; r++) {
    const ptrdiff_t start = p->shape.reverse && p->length[r] > 0 ? (ptrdiff_t)p->length[r] - 1 : 0;
    first[r] = (ptrdiff_t)p->order[r] * batch + start * time;
  }
  return p->shape.reverse ? -time : time;
}

bool heed_recurrent_rows_lie_evenly(const HeedRecurrentPlan *p, size_t from, ptrdiff_t batch, ptrdiff_t time, ptrdiff_t *first,
                                    ptrdiff_t *row) {
  const HeedRecurrentShape *s = &p->shape;
  if (s->batch == 1) {
    *first = (ptrdiff_t)(s->reverse ? p->steps - 1 - from : from) * time;
    *row = s->reverse ? -time : time;
    return true;
  }
  *first = (ptrdiff_t)from * time;
  *row = batch;
  return !s->lengths && !s->reverse && time == (ptrdiff_t)s->batch * batch;
}

// ---- Copies -----------------------------------------------------------------------------------------------------------------------------

typedef struct Copy {
  const HeedRecurrentPlan *plan;
  size_t from, columns;
  float *array, *packed;
  ptrdiff_t batch, time;
  bool gathers;
} Copy;

static void copy_step(void *context, size_t task, size_t worker) {
  (void)worker;
  const Copy *c = context;
  const HeedRecurrentPlan *p = c->plan;
  const size_t s = c->from + task;
  float *packed = c->packed + (p->offset[s] - p->offset[c->from]) * c->columns;
  for (size_t r = 0; r < heed_recurrent_active(p, s); r++, packed += c->columns) {
    const size_t t = p->shape.reverse ? p->length[r] - 1 - s : s;
    float *row = c->array + (ptrdiff_t)p->order[r] * c->batch + (ptrdiff_t)t * c->time;
    memcpy(c->gathers ? packed : row, c->gathers ? row : packed, c->columns * sizeof(float));
  }
}

static void copy(const Copy *c, size_t to) {
  const size_t steps = to - c->from, rows = c->plan->offset[to] - c->plan->offset[c->from];
  if (rows == 0 || c->columns == 0) return;
  Copy call = *c;
  heed_parallel_for(steps, heed_parallel_width(steps, HEED_COPY_FLOPS * (double)rows * (double)c->columns), copy_step, &call);
}

void heed_recurrent_gather(const HeedRecurrentPlan *p, size_t from, size_t to, size_t columns, const float *source, ptrdiff_t batch,
                           ptrdiff_t time, float *packed) {
  copy(&(Copy){p, from, columns, (float *)(uintptr_t)source, packed, batch, time, true}, to);
}

void heed_recurrent_scatter(const HeedRecurrentPlan *p, size_t columns, const float *packed, float *target, ptrdiff_t batch,
                            ptrdiff_t time) {
  copy(&(Copy){p, 0, columns, target, (float *)(uintptr_t)packed, batch, time, false}, p->steps);
}

void heed_recurrent_clear_padding(const HeedRecurrentPlan *p, size_t columns, float *target, ptrdiff_t batch, ptrdiff_t time) {
  for (size_t r = 0; r < p->shape.batch; r++)
    for (size_t t = p->length[r]; t < p->shape.time; t++)
      memset(target + (ptrdiff_t)p->order[r] * batch + (ptrdiff_t)t * time, 0, columns * sizeof(float));
}

void heed_recurrent_take_state(const HeedRecurrentPlan *p, const float *states, size_t columns, float *packed, size_t stride) {
  for (size_t r = 0; r < p->shape.batch; r++) {
    if (states)
      memcpy(packed + r * stride, states + p->order[r] * columns, columns * sizeof(float));
    else
      memset(packed + r * stride, 0, columns * sizeof(float));
  }
}

void heed_recurrent_give_state(const HeedRecurrentPlan *p, const float *packed, size_t columns, size_t first, float *states) {
  for (size_t r = first; r < p->shape.batch; r++) memcpy(states + p->order[r] * columns, packed + r * columns, columns * sizeof(float));
}

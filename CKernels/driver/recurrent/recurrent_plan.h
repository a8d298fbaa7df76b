// Private: the order in which a recurrent layer visits its sequences and steps, and how it shares them out.
//
// Sequences are taken longest first, so that those that have not ended are the first rows of every step; rows of all steps follow each
// other without gaps (a "packed sequence"): step s has rows offset[s] ... offset[s + 1] - 1.

#ifndef HEED_RECURRENT_PLAN_H
#define HEED_RECURRENT_PLAN_H

#include "checks/recurrent_layout.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

#define HEED_RECURRENT_GROUP 48 // rows that share a block of weights in the first-level cache: their sums take 12 KiB of it

typedef struct HeedRecurrentPlan {
  const HeedKernels *kernels;
  HeedRecurrentShape shape;
  HeedRecurrentLayout layout;
  size_t steps;   // of the longest sequence
  size_t *offset; // [T + 2]
  size_t *order;  // [B] which sequence a row is
  size_t *length; // [B] of a row
} HeedRecurrentPlan;

// Bytes of memory for the plan's arrays and for `more` arrays [B] of offsets.
size_t heed_recurrent_plan_size(const HeedRecurrentShape *shape, size_t more);
// Returns the end of the part of `memory` that it took.
void *heed_recurrent_plan(HeedRecurrentPlan *plan, const HeedRecurrentShape *shape, void *memory);

// The rows of a step; 0 from the last step on.
static inline size_t heed_recurrent_active(const HeedRecurrentPlan *p, size_t s) {
  return s < p->steps ? p->offset[s + 1] - p->offset[s] : 0;
}
// Weights that a step multiplies a state with.
static inline double heed_recurrent_step_weights(const HeedRecurrentPlan *p) {
  const double hidden = (double)p->shape.hidden, state = (double)p->layout.state;
  return (double)p->layout.gates * hidden * state + (double)p->shape.projection * hidden;
}
static inline size_t heed_recurrent_rows(const HeedRecurrentPlan *p) { return p->offset[p->steps]; }

// first[r] <- the offset of row r's step 0 in an array [B, T, ...] with these strides. Returns the offset from one step to the next.
ptrdiff_t heed_recurrent_first(const HeedRecurrentPlan *plan, ptrdiff_t batch, ptrdiff_t time, ptrdiff_t *first);

// Whether the packed rows from step `from` on are at an even distance `row` in an array [B, T, ...] with these strides, the first at
// `first`: those of a single sequence do, and those of a whole batch at each step may.
bool heed_recurrent_rows_lie_evenly(const HeedRecurrentPlan *plan, size_t from, ptrdiff_t batch, ptrdiff_t time, ptrdiff_t *first,
                                    ptrdiff_t *row);

// Rows offset[from] ... offset[to] - 1 of `packed` [rows, columns] from, or to, a strided array [B, T, columns].
void heed_recurrent_gather(const HeedRecurrentPlan *plan, size_t from, size_t to, size_t columns, const float *source, ptrdiff_t batch,
                           ptrdiff_t time, float *packed);
void heed_recurrent_scatter(const HeedRecurrentPlan *plan, size_t columns, const float *packed, float *target, ptrdiff_t batch,
                            ptrdiff_t time);
// Zeros past each sequence's end.
void heed_recurrent_clear_padding(const HeedRecurrentPlan *plan, size_t columns, float *target, ptrdiff_t batch, ptrdiff_t time);

// packed[r] <- states[order[r]], zeros where `states` is null; [B, columns] both, packed rows `stride` apart.
void heed_recurrent_take_state(const HeedRecurrentPlan *plan, const float *states, size_t columns, float *packed, size_t stride);
// states[order[r]] <- packed[r], from row `first` on.
void heed_recurrent_give_state(const HeedRecurrentPlan *plan, const float *packed, size_t columns, size_t first, float *states);

// One phase of steps: its work is cut into panels of units x groups of rows.
typedef struct HeedRecurrentPart {
  size_t step, phase;
  size_t panel, first_row, rows;
  size_t worker;
} HeedRecurrentPart;
typedef void (*HeedRecurrentWork)(void *context, const HeedRecurrentPart *part);

// Calls `work` for all parts of steps from ... to - 1 in order, or of to - 1 ... from with `backward`. `panels[phase]`, `flops` of a row
// and step. Where the weights are small and rows many, workers take rows and never wait; else they take panels and wait at every phase.
typedef struct HeedRecurrentSchedule {
  const HeedRecurrentPlan *plan;
  size_t panels[2];
  double flops;
  size_t weight_bytes;
  size_t width; // workers: scratch is theirs
  bool by_rows;
} HeedRecurrentSchedule;
HeedRecurrentSchedule heed_recurrent_schedule(const HeedRecurrentPlan *plan, const size_t panels[2], double flops, size_t weight_bytes);
void heed_recurrent_run(const HeedRecurrentSchedule *schedule, size_t from, size_t to, bool backward, HeedRecurrentWork work,
                        void *context);

#endif

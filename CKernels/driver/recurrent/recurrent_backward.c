// Recurrent layers backward. First the steps, last to first: the gradient of h_t and the gradients of the gates' arguments, kept for all
// steps. Then products over all steps give the gradients of weights and input (recurrent_gradients.c).

#include "driver/recurrent/recurrent_backward.h"

#include <string.h>

#include "checks/array_checks.h"
#include "checks/recurrent_checks.h"
#include "heed/gemm.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"

// The rows of w_hh that a phase multiplies with, and where in a row of d_gates their gradients stand, in H.
typedef struct Back {
  size_t first_gate, gates, column;
} Back;

static Back back_of(HeedRecurrentCell cell, size_t phase) {
  switch (cell) {
  case HeedRecurrentCellLstm:
    return (Back){0, 4, 0};
  case HeedRecurrentCellGruResetAfter:
    return (Back){0, 3, 1};
  case HeedRecurrentCellGruResetBefore:
    return phase == 0 ? (Back){0, 2, 0} : (Back){2, 1, 2};
  default:
    return (Back){0, 1, 0};
  }
}

static float *d_gates_at(const HeedRecurrentBackwardCall *c, size_t s) { return c->d_gates + c->plan.offset[s] * c->d_gates_row; }

static float *d_state_at(const HeedRecurrentBackwardCall *c, size_t s) { return c->d_state + c->plan.offset[s] * c->plan.layout.state; }

// Units that come out of a phase: dh, or what a projection takes back to the cell.
static size_t outputs_of(const HeedRecurrentPlan *p, size_t phase) { return phase == 0 ? p->layout.state : p->shape.hidden; }

// sums <- d_gates of step s times w_hh, or dh times w_hr, for rows from `first` on, of which `rows` are there.
static void multiply(const HeedRecurrentBackwardCall *c, const HeedRecurrentPart *part, size_t s, size_t rows, float *sums,
                     const HeedRecurrentBackward *then) {
  if (rows == 0) return;
  const size_t H = c->plan.shape.hidden, state = c->plan.layout.state;
  const bool projects = c->plan.shape.projection && part->phase == 1;
  const Back back = back_of(c->plan.shape.cell, projects ? 0 : part->phase);
  const size_t depth = projects ? state : back.gates * H, row = projects ? state : c->d_gates_row;
  const HeedRecurrentProduct product = {
      .rows = rows,
      .depth = depth,
      .width = HEED_GEMM_NR,
      .a = projects ? d_state_at(c, s) + part->first_row * row : d_gates_at(c, s) + part->first_row * row + back.column * H,
      .a_row = (ptrdiff_t)row,
      .panel = c->packed[part->phase] + part->panel * depth * HEED_GEMM_NR,
      .sums = sums,
      .then = then,
  };
  c->plan.kernels->recurrent.product(&product);
}

// With a projection the first phase makes dh of it and the second takes that back to the cell.
static void project_part(const HeedRecurrentBackwardCall *c, const HeedRecurrentPart *part, HeedRecurrentBackward *cell) {
  const HeedRecurrentPlan *p = &c->plan;
  const size_t state = p->layout.state, unit = part->panel * HEED_GEMM_NR, first = part->first_row;
  if (part->phase == 1) {
    cell->product_rows = part->rows;
    cell->d_output = NULL, cell->d_h = NULL;
    return;
  }
  cell->hidden = state;
  cell->carry = c->carry + first * state + unit;
  cell->reserve_columns = 0, cell->previous_cell = NULL;
  cell->d_gates = d_state_at(c, part->step) + first * state + unit;
  cell->d_gates_row = (ptrdiff_t)state, cell->d_gates_columns = 1;
}

static void backward_part(void *context, const HeedRecurrentPart *part) {
  const HeedRecurrentBackwardCall *c = context;
  const HeedRecurrentPlan *p = &c->plan;
  const size_t H = p->shape.hidden, unit = part->panel * HEED_GEMM_NR, first = part->first_row, s = part->step;
  // The first phase takes the results of the later step, the second phase those of the first.
  const size_t source = part->phase == 0 ? s + 1 : s, active = heed_recurrent_active(p, source);
  const size_t left = active > first ? active - first : 0, product_rows = heed_size_min(left, part->rows);
  float *sums = c->sums + part->worker * (HEED_RECURRENT_GROUP * HEED_GEMM_NR);
  const bool lstm = p->shape.cell == HeedRecurrentCellLstm, gru = heed_recurrent_is_gru(p->shape.cell);
  const float *previous_cell = s > 0 ? c->reserve + p->offset[s - 1] * c->reserve_row + 4 * H : c->first_cell;
  const size_t previous_row = s > 0 ? c->reserve_row : H;
  HeedRecurrentBackward cell = {
      .rows = part->rows,
      .units = heed_size_min(outputs_of(p, part->phase) - unit, HEED_GEMM_NR),
      .hidden = H,
      .sums = sums,
      .sums_row = HEED_GEMM_NR,
      .product_rows = product_rows,
      .carry = c->carry + first * H + unit,
      .d_c = c->cell + first * H + unit,
      .reserve = c->reserve + (p->offset[s] + first) * c->reserve_row + unit,
      .reserve_row = (ptrdiff_t)c->reserve_row,
      .reserve_columns = lstm || gru ? 5 : 1,
      .previous_cell = lstm ? previous_cell + first * previous_row + unit : NULL,
      .previous_cell_row = (ptrdiff_t)previous_row,
      .d_gates = d_gates_at(c, s) + first * c->d_gates_row + unit,
      .d_gates_row = (ptrdiff_t)c->d_gates_row,
      .d_gates_columns = p->layout.d_gates,
      .d_output = c->d_outputs->d_output ? c->d_outputs->d_output + unit : NULL,
      .d_output_first = c->output_first + first,
      .d_output_offset = (ptrdiff_t)s * c->output_step,
      .d_h = c->gradients->d_h ? c->gradients->d_h + unit : NULL,
      .d_h_first = c->d_h_first + first,
      .d_h_offset = (ptrdiff_t)s * c->d_h_step,
      .carries = gru,
  };
  const bool projects = p->shape.projection > 0;
  if (projects) project_part(c, part, &cell);
  multiply(c, part, source, cell.product_rows, sums, &cell);
  // The table has the phases of a projection in the order of the forward pass.
  p->kernels->recurrent.backward[p->shape.cell][projects ? 1 - part->phase : part->phase](&cell);
}

// The gradient of h_0 from step 0's d_gates, for the rows of one group and the units of one panel. Sequences without a step: the gradient
// of h_n.
static void first_state(void *context, size_t task, size_t worker) {
  const HeedRecurrentBackwardCall *c = context;
  const HeedRecurrentPlan *p = &c->plan;
  const size_t state = p->layout.state, panels = c->schedule.panels[0], first = task / panels * HEED_RECURRENT_GROUP;
  const size_t unit = task % panels * HEED_GEMM_NR, left = p->shape.batch - first, active = heed_recurrent_active(p, 0);
  const HeedRecurrentPart part = {.panel = task % panels, .first_row = first};
  const size_t rows = heed_size_min(left, HEED_RECURRENT_GROUP), begun = active > first ? active - first : 0;
  float *sums = c->sums + worker * (HEED_RECURRENT_GROUP * HEED_GEMM_NR);
  const HeedRecurrentBackward cell = {
      .rows = rows,
      .units = heed_size_min(state - unit, HEED_GEMM_NR),
      .hidden = state,
      .sums = sums,
      .sums_row = HEED_GEMM_NR,
      .product_rows = heed_size_min(begun, rows),
      .carry = c->carry + first * state + unit,
      .d_h_0 = c->gradients->d_h_0 + unit,
      .order = p->order + first,
      .carries = heed_recurrent_is_gru(p->shape.cell),
  };
  multiply(c, &part, 0, cell.product_rows, sums, NULL);
  p->kernels->recurrent.backward_end(&cell);
}

// The weights of a phase: how many rows and columns.
static void matrix_of(const HeedRecurrentPlan *p, size_t phase, size_t *rows, size_t *columns) {
  const bool projects = p->shape.projection && phase == 1;
  *rows = projects ? p->layout.state : back_of(p->shape.cell, phase).gates * p->shape.hidden;
  *columns = outputs_of(p, phase);
}

static size_t packed_floats(const HeedRecurrentPlan *p, size_t phase) {
  size_t rows, columns;
  matrix_of(p, phase, &rows, &columns);
  return heed_gemm_packed_size(rows, columns, HeedElementFloat32) / sizeof(float);
}

static HeedStatus pack_state(HeedRecurrentBackwardCall *c, float *memory) {
  const HeedRecurrentPlan *p = &c->plan;
  for (size_t i = 0; i < p->layout.phases; i++) {
    size_t rows, columns;
    matrix_of(p, i, &rows, &columns);
    const bool projects = p->shape.projection && i == 1;
    const float *from =
        projects ? c->weights->w_hr : c->weights->w_hh + back_of(p->shape.cell, i).first_gate * p->shape.hidden * p->layout.state;
    const HeedStatus status = heed_gemm_pack(rows, columns, HeedElementFloat32, from, (ptrdiff_t)columns, 1, memory);
    if (status != HeedStatusOk) return status;
    c->packed[i] = memory;
    memory += packed_floats(p, i);
  }
  return HeedStatusOk;
}

static void run_steps(HeedRecurrentBackwardCall *c) {
  const HeedRecurrentPlan *p = &c->plan;
  const size_t H = p->shape.hidden, state = p->layout.state;
  const bool lstm = p->shape.cell == HeedRecurrentCellLstm;
  heed_recurrent_take_state(p, c->d_outputs->d_h_n, state, c->carry, state);
  heed_recurrent_take_state(p, lstm ? c->d_outputs->d_c_n : NULL, H, c->cell, H);
  heed_recurrent_take_state(p, lstm ? c->inputs->c_0 : NULL, H, c->first_cell, H);
  heed_recurrent_run(&c->schedule, 0, p->steps, true, backward_part, c);
  if (c->gradients->d_h_0) {
    const size_t groups = heed_divide_up(p->shape.batch, HEED_RECURRENT_GROUP), tasks = groups * c->schedule.panels[0];
    const size_t width = heed_parallel_width(tasks, c->schedule.flops * (double)p->shape.batch);
    heed_parallel_for(tasks, heed_size_min(width, c->schedule.width), first_state, c);
  }
  if (c->gradients->d_h) heed_recurrent_clear_padding(p, state, c->gradients->d_h, p->shape.output_batch, p->shape.output_time);
  if (lstm && c->gradients->d_c_0) heed_recurrent_give_state(p, c->cell, H, 0, c->gradients->d_c_0);
}

static void schedule(HeedRecurrentBackwardCall *c) {
  const HeedRecurrentPlan *p = &c->plan;
  const size_t panels[2] = {heed_divide_up(outputs_of(p, 0), HEED_GEMM_NR), heed_divide_up(outputs_of(p, 1), HEED_GEMM_NR)};
  const double weights = heed_recurrent_step_weights(p);
  c->schedule = heed_recurrent_schedule(&c->plan, panels, 2.0 * weights, (size_t)(weights * sizeof(float)));
}

static HeedStatus run(HeedRecurrentBackwardCall *c) {
  const HeedRecurrentShape *s = &c->plan.shape;
  schedule(c);
  const size_t rows = heed_recurrent_rows(&c->plan), H = s->hidden, state = heed_round_up(heed_size_product(s->batch, H), 16);
  const size_t d_gates = heed_round_up(heed_size_product(rows, c->d_gates_row), 16),
               gathered = heed_round_up(heed_size_product(rows, s->input), 16);
  const size_t sums = c->schedule.width * HEED_RECURRENT_GROUP * HEED_GEMM_NR;
  size_t packed = 0;
  for (size_t i = 0; i < c->plan.layout.phases; i++) packed = heed_size_sum(packed, packed_floats(&c->plan, i));
  const size_t d_state = s->projection ? heed_round_up(heed_size_product(rows, c->plan.layout.state), 16) : 0;
  const size_t collected = heed_round_up(heed_recurrent_gradients_floats(&c->plan), 16);
  size_t floats = heed_size_sum(heed_size_sum(d_gates, gathered), heed_size_sum(heed_size_sum(sums, packed), collected));
  floats = heed_size_sum(heed_size_sum(floats, d_state), heed_size_product(3, state));
  float *memory = heed_scratch_push(heed_size_product(floats, sizeof(float)));
  if (!memory) return HeedStatusOutOfMemory;
  float *at = memory;
  c->d_gates = at, at += d_gates;
  c->gathered = at, at += gathered;
  c->d_state = at, at += d_state;
  c->collected = at, at += collected;
  c->sums = at, at += sums;
  c->carry = at, at += state;
  c->cell = at, at += state;
  c->first_cell = at, at += state;
  HeedStatus status = rows > 0 ? pack_state(c, at) : HeedStatusOk;
  if (status == HeedStatusOk) {
    run_steps(c);
    status = heed_recurrent_gradients(c);
  }
  heed_scratch_pop(memory);
  return status;
}

static HeedStatus check(const HeedRecurrentShape *s, const HeedRecurrentWeights *weights, const HeedRecurrentInputs *inputs,
                        const float *reserve, const HeedRecurrentOutputGradients *d_outputs, const HeedRecurrentGradients *gradients) {
  if (!d_outputs || !gradients) return HeedStatusBadArgument;
  HeedStatus status = heed_recurrent_check(s, weights, inputs, true);
  if (status != HeedStatusOk) return status;
  const size_t state = heed_recurrent_state_size(s);
  if (d_outputs->d_output) status = heed_recurrent_check_sequence(s, state, d_outputs->d_output_batch, d_outputs->d_output_time, false);
  if (status == HeedStatusOk && gradients->d_h) status = heed_recurrent_check_sequence(s, state, s->output_batch, s->output_time, true);
  if (status == HeedStatusOk && gradients->d_input)
    status = heed_recurrent_check_sequence(s, s->input, s->input_batch, s->input_time, true);
  if (status != HeedStatusOk || s->batch == 0 || s->hidden == 0 || s->time == 0) return status;
  if (!reserve || !weights->w_hh || (!weights->w_hr && s->projection)) return HeedStatusBadArgument;
  return gradients->d_input && s->input > 0 && !weights->w_ih ? HeedStatusBadArgument : HeedStatusOk;
}

// Without a unit nothing comes back.
static void clear_input(const HeedRecurrentShape *s, float *gradient) {
  if (!gradient || s->input == 0) return;
  for (size_t b = 0; b < s->batch; b++)
    for (size_t t = 0; t < s->time; t++)
      memset(gradient + (ptrdiff_t)b * s->input_batch + (ptrdiff_t)t * s->input_time, 0, s->input * sizeof(float));
}

HeedStatus heed_recurrent_backward(const HeedRecurrentShape *shape, const HeedRecurrentWeights *weights, const HeedRecurrentInputs *inputs,
                                   const float *reserve, const HeedRecurrentOutputGradients *d_outputs,
                                   const HeedRecurrentGradients *gradients) {
  HEED_ENTRY_FLUSHING_DENORMALS();
  HeedStatus status = check(shape, weights, inputs, reserve, d_outputs, gradients);
  if (status != HeedStatusOk) return status;
  if (shape->hidden == 0) {
    clear_input(shape, gradients->d_input);
    return HeedStatusOk;
  }
  void *memory = heed_scratch_push(heed_recurrent_plan_size(shape, 2));
  if (!memory) return HeedStatusOutOfMemory;
  HeedRecurrentBackwardCall c = {.weights = weights, .inputs = inputs, .reserve = reserve, .d_outputs = d_outputs, .gradients = gradients};
  c.output_first = heed_recurrent_plan(&c.plan, shape, memory);
  c.output_step = heed_recurrent_first(&c.plan, d_outputs->d_output_batch, d_outputs->d_output_time, c.output_first);
  c.d_h_first = c.output_first + shape->batch;
  c.d_h_step = heed_recurrent_first(&c.plan, shape->output_batch, shape->output_time, c.d_h_first);
  c.reserve_row = c.plan.layout.reserve_row;
  c.d_gates_row = c.plan.layout.d_gates * shape->hidden;
  status = run(&c);
  heed_scratch_pop(memory);
  return status;
}

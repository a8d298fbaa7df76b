// Recurrent layers forward. Steps are taken a stretch at a time: the stretch's inputs are gathered, one matrix product gives a_t of all its
// steps, which stay in the second-level cache (or go to the reserve, where a reserve is kept), then the steps follow each other.

#include <string.h>

#include "checks/recurrent_checks.h"
#include "driver/recurrent/recurrent_pack.h"
#include "driver/recurrent/recurrent_plan.h"
#include "heed/gemm.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"

// Rows of a stretch: enough for the product to run at full speed.
#define STRETCH_ROWS 256
// Fewer rows than this in all do not pay for packing the input's weights.
#define PACK_ROWS 16

typedef struct Forward {
  HeedRecurrentPlan plan;
  HeedRecurrentSchedule schedule;
  const HeedRecurrentWeights *weights;
  const HeedRecurrentInputs *inputs;
  const HeedRecurrentOutputs *outputs;
  const void *packed_input; // or null: w_ih as it is
  const float *packed_state[2];
  float *bias;                      // [(G + 1) * H]
  float *states[2], *cell, *factor; // [B, H]; states take turns where no reserve is kept; factor: what the second phase multiplies
  float *rows, *gathered;           // of a stretch: [rows, G * H], [rows, I]
  size_t stretch;                   // the stretch's first step
  ptrdiff_t *output_first, output_step;
  float *sums;
} Forward;

// a_t of the rows of step s, and the stride of its rows.
static float *gates_at(const Forward *f, size_t s, size_t *row) {
  const bool keep = f->outputs->reserve != NULL;
  *row = keep ? f->plan.layout.reserve_row : f->plan.layout.gates * f->plan.shape.hidden;
  return keep ? f->outputs->reserve + f->plan.offset[s] * *row : f->rows + (f->plan.offset[s] - f->plan.offset[f->stretch]) * *row;
}

// h before step s.
static float *state_at(const Forward *f, size_t s, size_t *row) {
  const bool keep = f->outputs->reserve != NULL;
  *row = keep ? f->plan.layout.reserve_row : f->plan.layout.state;
  return keep ? f->outputs->reserve + f->plan.offset[s] * *row + *row - f->plan.layout.state : f->states[s % 2];
}

static void forward_part(void *context, const HeedRecurrentPart *part) {
  const Forward *f = context;
  const HeedRecurrentPlan *p = &f->plan;
  const HeedRecurrentPhase *phase = &p->layout.phase[part->phase];
  const size_t H = p->shape.hidden, unit = part->panel * phase->units, first = part->first_row, s = part->step;
  const size_t width = heed_recurrent_panel_width(phase);
  const bool keep = f->outputs->reserve != NULL;
  size_t gates_row, state_row, next_row;
  float *gates = gates_at(f, s, &gates_row), *state = state_at(f, s, &state_row), *next = state_at(f, s + 1, &next_row);
  const bool projects = p->shape.projection > 0, is_second = part->phase == 1;
  float *factor = keep ? gates + (projects ? HEED_RECURRENT_PROJECT_COLUMN : HEED_RECURRENT_RESET_COLUMN) * H : f->factor;
  const size_t factor_row = keep ? gates_row : H;
  float *sums = f->sums + part->worker * (HEED_RECURRENT_GROUP * HEED_GEMM_NR);
  const HeedRecurrentProduct product = {
      .rows = part->rows,
      .depth = phase->depth,
      .width = width,
      .a = is_second ? factor + first * factor_row : state + first * state_row,
      .a_row = (ptrdiff_t)(is_second ? factor_row : state_row),
      .panel = f->packed_state[part->phase] + part->panel * width * phase->depth,
      .sums = sums,
  };
  p->kernels->recurrent.product(&product);
  const size_t next_rows = heed_recurrent_active(p, s + 1);
  // A cell with a projection behind it hands what it made to that.
  const bool hands_on = projects && !is_second;
  HeedRecurrentForward cell = {
      .rows = part->rows,
      .units = heed_size_min(phase->outputs - unit, phase->units),
      .hidden = phase->outputs,
      .sums = sums,
      .sums_row = width,
      .sums_gate = phase->units,
      .gates = gates + first * gates_row + unit,
      .gates_row = (ptrdiff_t)gates_row,
      .keep = keep,
      .bias = f->bias + unit,
      .cell = f->cell + first * H + unit,
      .state = state + first * state_row + unit,
      .state_row = (ptrdiff_t)state_row,
      .reset = factor + first * factor_row + unit,
      .reset_row = (ptrdiff_t)factor_row,
      .next = next + first * next_row + unit,
      .next_row = (ptrdiff_t)next_row,
      .next_rows = next_rows > first ? next_rows - first : 0,
      .last = f->outputs->h_n ? f->outputs->h_n + unit : NULL,
      .order = p->order + first,
      .output = f->outputs->output ? f->outputs->output + unit : NULL,
      .output_first = f->output_first + first,
      .output_offset = (ptrdiff_t)s * f->output_step,
  };
  if (hands_on) {
    cell.next = cell.reset, cell.next_row = cell.reset_row, cell.next_rows = part->rows;
    cell.output = NULL;
  }
  p->kernels->recurrent.forward[p->shape.cell][part->phase](&cell);
}

// a_t <- w_ih x_t + bias for steps from ... to - 1.
static HeedStatus multiply_inputs(const Forward *f, size_t from, size_t to) {
  const HeedRecurrentShape *s = &f->plan.shape;
  const size_t rows = f->plan.offset[to] - f->plan.offset[from];
  size_t c_row;
  float *c = gates_at(f, from, &c_row);
  ptrdiff_t first, x_row;
  const float *x = f->gathered;
  if (heed_recurrent_rows_lie_evenly(&f->plan, from, s->input_batch, s->input_time, &first, &x_row)) {
    x = f->inputs->input ? f->inputs->input + first : NULL;
  } else {
    heed_recurrent_gather(&f->plan, from, to, s->input, f->inputs->input, s->input_batch, s->input_time, f->gathered);
    x_row = (ptrdiff_t)s->input;
  }
  const HeedGemmShape shape = {.batch = 1,
                               .m = rows,
                               .n = f->plan.layout.gates * s->hidden,
                               .k = s->input,
                               .a_row = x_row,
                               .a_column = 1,
                               .b_row = 1,
                               .b_column = (ptrdiff_t)s->input,
                               .c_row = (ptrdiff_t)c_row,
                               .c_column = 1,
                               .alpha = 1};
  return f->packed_input ? heed_gemm_packed(&shape, NULL, x, f->packed_input, c) : heed_gemm(&shape, NULL, x, f->weights->w_ih, c);
}

// b_ih + b_hh, but that u_n of a GRU has its own, behind the others. They are added where the gates are made: a product with a bias takes
// longer.
static void add_biases(const Forward *f) {
  const size_t H = f->plan.shape.hidden, count = f->plan.layout.gates * H;
  const bool gru = heed_recurrent_is_gru(f->plan.shape.cell);
  const size_t shared = gru ? 2 * H : count;
  for (size_t j = 0; j < count; j++) {
    const float b_ih = f->weights->b_ih ? f->weights->b_ih[j] : 0.0f, b_hh = f->weights->b_hh ? f->weights->b_hh[j] : 0.0f;
    f->bias[j] = j < shared ? b_ih + b_hh : b_ih;
    if (j >= shared) f->bias[j + H] = b_hh;
  }
}

// The first step from which on a stretch that begins at `from` has enough rows.
static size_t stretch_end(const HeedRecurrentPlan *p, size_t from) {
  size_t to = from + 1;
  while (to < p->steps && p->offset[to] - p->offset[from] < STRETCH_ROWS) to++;
  return to;
}

static HeedStatus run_steps(Forward *f) {
  const HeedRecurrentPlan *p = &f->plan;
  const bool lstm = p->shape.cell == HeedRecurrentCellLstm;
  size_t state_row;
  float *state = state_at(f, 0, &state_row);
  if (heed_recurrent_active(p, 0) > 0) {
    // A reserve has one row per sequence with at least one step.
    HeedRecurrentPlan begun = *p;
    begun.shape.batch = heed_recurrent_active(p, 0);
    heed_recurrent_take_state(&begun, f->inputs->h_0, p->layout.state, state, state_row);
  }
  heed_recurrent_take_state(p, lstm ? f->inputs->c_0 : NULL, p->shape.hidden, f->cell, p->shape.hidden);
  add_biases(f);
  for (size_t from = 0, to; from < p->steps; from = to) {
    to = stretch_end(p, from);
    f->stretch = from;
    const HeedStatus status = multiply_inputs(f, from, to);
    if (status != HeedStatusOk) return status;
    heed_recurrent_run(&f->schedule, from, to, false, forward_part, f);
  }
  return HeedStatusOk;
}

// Writes the elements that no step writes: padding, and the states of sequences without a step.
static void finish(const Forward *f) {
  const HeedRecurrentPlan *p = &f->plan;
  const HeedRecurrentShape *s = &p->shape;
  const size_t state = p->layout.state;
  if (f->outputs->output) heed_recurrent_clear_padding(p, state, f->outputs->output, s->output_batch, s->output_time);
  for (size_t r = heed_recurrent_active(p, 0); f->outputs->h_n && r < s->batch; r++) {
    float *h_n = f->outputs->h_n + p->order[r] * state;
    if (f->inputs->h_0)
      memcpy(h_n, f->inputs->h_0 + p->order[r] * state, state * sizeof(float));
    else
      memset(h_n, 0, state * sizeof(float));
  }
  if (f->outputs->c_n && s->cell == HeedRecurrentCellLstm) heed_recurrent_give_state(p, f->cell, s->hidden, 0, f->outputs->c_n);
}

// The places of all parts in one block of scratch, in floats from its beginning. Each part is a multiple of 16 floats.
typedef struct Sizes {
  size_t plan, bias, state, rows, gathered, sums, packed_input, packed_state;
} Sizes;

static Sizes sizes_of(const Forward *f) {
  const HeedRecurrentShape *s = &f->plan.shape;
  const size_t gates = f->plan.layout.gates * s->hidden, rows = heed_recurrent_rows(&f->plan);
  const size_t stretch = heed_size_min(rows, STRETCH_ROWS + s->batch);
  const bool packs_input = !f->weights->packed && rows > PACK_ROWS;
  return (Sizes){
      .bias = heed_round_up(gates + s->hidden, 16),
      .state = heed_round_up(s->batch * s->hidden, 16),
      .rows = f->outputs->reserve ? 0 : heed_round_up(stretch * gates, 16),
      .gathered = heed_round_up(stretch * s->input, 16),
      .sums = f->schedule.width * HEED_RECURRENT_GROUP * HEED_GEMM_NR,
      .packed_input = packs_input ? heed_gemm_packed_size(s->input, gates, HeedElementFloat32) / sizeof(float) : 0,
      .packed_state = f->weights->packed || rows == 0 ? 0 : heed_recurrent_state_floats(&f->plan.layout),
  };
}

static HeedStatus pack_weights(Forward *f, const Sizes *sizes, float *memory) {
  const HeedRecurrentShape *s = &f->plan.shape;
  const size_t gates = f->plan.layout.gates * s->hidden;
  const float *state = memory + sizes->packed_input;
  if (f->weights->packed) {
    f->packed_input = f->weights->packed;
    state = (const float *)(const void *)((const char *)f->weights->packed + heed_gemm_packed_size(s->input, gates, HeedElementFloat32));
  } else {
    if (sizes->packed_input) {
      f->packed_input = memory;
      const HeedStatus status = heed_gemm_pack(s->input, gates, HeedElementFloat32, f->weights->w_ih, 1, (ptrdiff_t)s->input, memory);
      if (status != HeedStatusOk) return status;
    }
    // Without a step no weight is read.
    if (sizes->packed_state) heed_recurrent_pack_state(s, f->weights, memory + sizes->packed_input);
  }
  f->packed_state[0] = state;
  f->packed_state[1] = state + heed_recurrent_phase_floats(&f->plan.layout.phase[0]);
  return HeedStatusOk;
}

static void schedule(Forward *f) {
  const HeedRecurrentPlan *p = &f->plan;
  size_t panels[2] = {0, 0};
  for (size_t i = 0; i < p->layout.phases; i++) panels[i] = heed_recurrent_panel_count(&p->layout.phase[i]);
  const double weights = heed_recurrent_step_weights(p);
  f->schedule = heed_recurrent_schedule(p, panels, 2.0 * weights, (size_t)(weights * sizeof(float)));
}

static HeedStatus run(Forward *f) {
  schedule(f);
  const Sizes z = sizes_of(f);
  size_t floats = heed_size_sum(z.bias, heed_size_product(4, z.state));
  floats = heed_size_sum(heed_size_sum(floats, z.rows), heed_size_sum(z.gathered, z.sums));
  floats = heed_size_sum(heed_size_sum(floats, z.packed_input), z.packed_state);
  float *memory = heed_scratch_push(heed_size_product(floats, sizeof(float)));
  if (!memory) return HeedStatusOutOfMemory;
  float *at = memory;
  const HeedStatus packed = pack_weights(f, &z, at);
  at += z.packed_input + z.packed_state;
  f->bias = at, at += z.bias;
  f->states[0] = at, at += z.state;
  f->states[1] = at, at += z.state;
  f->cell = at, at += z.state;
  f->factor = at, at += z.state;
  f->rows = at, at += z.rows;
  f->gathered = at, at += z.gathered;
  f->sums = at;
  const HeedStatus status = packed == HeedStatusOk ? run_steps(f) : packed;
  if (status == HeedStatusOk) finish(f);
  heed_scratch_pop(memory);
  return status;
}

HeedStatus heed_recurrent_forward(const HeedRecurrentShape *shape, const HeedRecurrentWeights *weights, const HeedRecurrentInputs *inputs,
                                  const HeedRecurrentOutputs *outputs) {
  HEED_ENTRY_FLUSHING_DENORMALS();
  HeedStatus status = heed_recurrent_check(shape, weights, inputs, true);
  if (status != HeedStatusOk) return status;
  if (!outputs) return HeedStatusBadArgument;
  if (outputs->output)
    status = heed_recurrent_check_sequence(shape, heed_recurrent_state_size(shape), shape->output_batch, shape->output_time, true);
  if (status != HeedStatusOk || shape->batch == 0 || shape->hidden == 0) return status;
  void *memory = heed_scratch_push(heed_recurrent_plan_size(shape, 1));
  if (!memory) return HeedStatusOutOfMemory;
  Forward f = {.weights = weights, .inputs = inputs, .outputs = outputs};
  f.output_first = heed_recurrent_plan(&f.plan, shape, memory);
  f.output_step = heed_recurrent_first(&f.plan, shape->output_batch, shape->output_time, f.output_first);
  status = run(&f);
  heed_scratch_pop(memory);
  return status;
}

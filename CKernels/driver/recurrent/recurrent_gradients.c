// Gradients of a recurrent layer's weights, biases and input: products over the packed rows of all steps, so that data past a sequence's
// end takes no part.

#include <string.h>

#include "checks/recurrent_checks.h"
#include "driver/recurrent/recurrent_backward.h"
#include "heed/gemm.h"
#include "runtime/sizes.h"

// Gates whose gradients are side by side: rows of the weights, columns of d_gates, and the factor they were multiplied with (a column of
// the reserve, for the state's weights), all in H.
typedef struct Block {
  size_t row, column, gates, factor;
} Block;

typedef struct Blocks {
  size_t count;
  Block block[2];
} Blocks;

// A GRU's gradients n r z u hold all that the input's weights need side by side, only that n, their last gate, comes first.
static bool is_turned(HeedRecurrentCell cell) { return cell == HeedRecurrentCellGruResetAfter; }

static Blocks input_blocks(const HeedRecurrentLayout *layout, HeedRecurrentCell cell) {
  if (is_turned(cell)) return (Blocks){2, {{2, 0, 1, 0}, {0, 1, 2, 0}}};
  return (Blocks){1, {{0, 0, layout->gates, 0}}};
}

static Blocks state_blocks(const HeedRecurrentLayout *layout, HeedRecurrentCell cell) {
  const size_t state = layout->reserve;
  if (cell == HeedRecurrentCellGruResetAfter) return (Blocks){1, {{0, 1, 3, state}}};
  if (cell == HeedRecurrentCellGruResetBefore) return (Blocks){2, {{0, 0, 2, state}, {2, 2, 1, state - 1}}};
  return (Blocks){1, {{0, 0, layout->gates, state}}};
}

size_t heed_recurrent_gradients_floats(const HeedRecurrentPlan *p) {
  const size_t d_gates = p->layout.d_gates * p->shape.hidden;
  const size_t turned = is_turned(p->shape.cell) ? heed_size_product(p->layout.gates * p->shape.hidden, p->shape.input) : 0;
  return turned > d_gates ? turned : d_gates;
}

// gradient <- (+) d_gates^T factor, over all packed rows, for some columns of d_gates.
static HeedStatus multiply_weights(const HeedRecurrentBackwardCall *c, size_t column, size_t gates, const float *factor,
                                   ptrdiff_t factor_row, size_t columns, bool accumulate, float *gradient) {
  const size_t H = c->plan.shape.hidden;
  const HeedGemmShape shape = {.batch = 1,
                               .m = gates * H,
                               .n = columns,
                               .k = heed_recurrent_rows(&c->plan),
                               .a_row = 1,
                               .a_column = (ptrdiff_t)c->d_gates_row,
                               .b_row = factor_row,
                               .b_column = 1,
                               .c_row = (ptrdiff_t)columns,
                               .c_column = 1,
                               .alpha = 1,
                               .beta = accumulate ? 1 : 0};
  return heed_gemm(&shape, NULL, c->d_gates + column * H, factor, gradient);
}

// d_w_hr <- (+) dh^T (o * tanh(c)), over all packed rows.
static HeedStatus project_weights(const HeedRecurrentBackwardCall *c) {
  const size_t H = c->plan.shape.hidden, state = c->plan.layout.state;
  const HeedGemmShape shape = {.batch = 1,
                               .m = state,
                               .n = H,
                               .k = heed_recurrent_rows(&c->plan),
                               .a_row = 1,
                               .a_column = (ptrdiff_t)state,
                               .b_row = (ptrdiff_t)c->reserve_row,
                               .b_column = 1,
                               .c_row = (ptrdiff_t)H,
                               .c_column = 1,
                               .alpha = 1,
                               .beta = c->plan.shape.accumulate ? 1 : 0};
  const float *factor = c->reserve ? c->reserve + HEED_RECURRENT_PROJECT_COLUMN * H : NULL;
  return heed_gemm(&shape, NULL, c->d_state, factor, c->gradients->d_w_hr);
}

// gradient <- (+) rows of `width` floats per unit, laid out as d_gates.
static void hand_out(const HeedRecurrentBackwardCall *c, const Blocks *blocks, const float *rows, size_t width, float *gradient) {
  const size_t unit = c->plan.shape.hidden * width;
  for (size_t i = 0; i < blocks->count; i++) {
    const Block *block = &blocks->block[i];
    const float *from = rows + block->column * unit;
    float *to = gradient + block->row * unit;
    for (size_t j = 0; j < block->gates * unit; j++) to[j] = c->plan.shape.accumulate ? to[j] + from[j] : from[j];
  }
}

// The sums of d_gates: a product with ones.
static HeedStatus sum_d_gates(const HeedRecurrentBackwardCall *c) {
  static const float one = 1.0f;
  const HeedGemmShape shape = {.batch = 1,
                               .m = 1,
                               .n = c->d_gates_row,
                               .k = heed_recurrent_rows(&c->plan),
                               .b_row = (ptrdiff_t)c->d_gates_row,
                               .b_column = 1,
                               .c_row = (ptrdiff_t)c->d_gates_row,
                               .c_column = 1,
                               .alpha = 1};
  return heed_gemm(&shape, NULL, &one, c->d_gates, c->collected);
}

static HeedStatus input_weights(const HeedRecurrentBackwardCall *c, const Blocks *blocks) {
  const HeedRecurrentPlan *p = &c->plan;
  const HeedRecurrentShape *s = &p->shape;
  ptrdiff_t first, row;
  const float *x = c->gathered;
  if (s->input == 0) return HeedStatusOk;
  if (heed_recurrent_rows_lie_evenly(p, 0, s->input_batch, s->input_time, &first, &row)) {
    x = c->inputs->input ? c->inputs->input + first : NULL;
  } else {
    heed_recurrent_gather(p, 0, p->steps, s->input, c->inputs->input, s->input_batch, s->input_time, c->gathered);
    row = (ptrdiff_t)s->input;
  }
  if (!is_turned(s->cell)) return multiply_weights(c, 0, p->layout.gates, x, row, s->input, s->accumulate, c->gradients->d_w_ih);
  const HeedStatus status = multiply_weights(c, 0, p->layout.gates, x, row, s->input, false, c->collected);
  if (status == HeedStatusOk) hand_out(c, blocks, c->collected, s->input, c->gradients->d_w_ih);
  return status;
}

// w_ih with its rows in the order of d_gates.
static const float *weights_as_gates(const HeedRecurrentBackwardCall *c, const Blocks *blocks) {
  const HeedRecurrentShape *s = &c->plan.shape;
  const size_t unit = s->hidden * s->input;
  if (!is_turned(s->cell) || !c->weights->w_ih) return c->weights->w_ih;
  for (size_t i = 0; i < blocks->count; i++) {
    const Block *block = &blocks->block[i];
    memcpy(c->collected + block->column * unit, c->weights->w_ih + block->row * unit, block->gates * unit * sizeof(float));
  }
  return c->collected;
}

// dX <- d_gates w_ih
static HeedStatus d_input(const HeedRecurrentBackwardCall *c, const Blocks *blocks) {
  const HeedRecurrentPlan *p = &c->plan;
  const HeedRecurrentShape *s = &p->shape;
  float *target = c->gradients->d_input;
  if (s->input == 0) return HeedStatusOk;
  ptrdiff_t first, row;
  const bool evenly = heed_recurrent_rows_lie_evenly(p, 0, s->input_batch, s->input_time, &first, &row);
  const HeedGemmShape shape = {.batch = 1,
                               .m = heed_recurrent_rows(p),
                               .n = s->input,
                               .k = p->layout.gates * s->hidden,
                               .a_row = (ptrdiff_t)c->d_gates_row,
                               .a_column = 1,
                               .b_row = (ptrdiff_t)s->input,
                               .b_column = 1,
                               .c_row = evenly ? row : (ptrdiff_t)s->input,
                               .c_column = 1,
                               .alpha = 1};
  const HeedStatus status = heed_gemm(&shape, NULL, c->d_gates, weights_as_gates(c, blocks), evenly ? target + first : c->gathered);
  if (status != HeedStatusOk) return status;
  if (!evenly) heed_recurrent_scatter(p, s->input, c->gathered, target, s->input_batch, s->input_time);
  heed_recurrent_clear_padding(p, s->input, target, s->input_batch, s->input_time);
  return HeedStatusOk;
}

HeedStatus heed_recurrent_gradients(const HeedRecurrentBackwardCall *c) {
  const HeedRecurrentGradients *g = c->gradients;
  const Blocks inputs = input_blocks(&c->plan.layout, c->plan.shape.cell), states = state_blocks(&c->plan.layout, c->plan.shape.cell);
  const size_t H = c->plan.shape.hidden, state = c->plan.layout.state;
  HeedStatus status = HeedStatusOk;
  if (g->d_w_ih) status = input_weights(c, &inputs);
  for (size_t i = 0; g->d_w_hh && i < states.count && status == HeedStatusOk; i++) {
    const Block *block = &states.block[i];
    const float *factor = c->reserve ? c->reserve + block->factor * H : NULL;
    status = multiply_weights(c, block->column, block->gates, factor, (ptrdiff_t)c->reserve_row, state, c->plan.shape.accumulate,
                              g->d_w_hh + block->row * H * state);
  }
  if (g->d_w_hr && c->plan.shape.projection && status == HeedStatusOk) status = project_weights(c);
  if ((g->d_b_ih || g->d_b_hh) && status == HeedStatusOk) {
    status = sum_d_gates(c);
    if (g->d_b_ih && status == HeedStatusOk) hand_out(c, &inputs, c->collected, 1, g->d_b_ih);
    if (g->d_b_hh && status == HeedStatusOk) hand_out(c, &states, c->collected, 1, g->d_b_hh);
  }
  if (g->d_input && status == HeedStatusOk) status = d_input(c, &inputs);
  return status;
}

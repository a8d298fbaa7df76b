// Gradients of a recurrent layer's weights, biases and input: products over the packed rows of all steps, so that what lies past a sequence's
// end takes no part. Gates that are not side by side in a row of slopes make a product each.

#include "gemm.h"
#include "recurrent_backward.h"
#include "recurrent_checks.h"

// Gates whose gradients stand side by side: rows of the weights, columns of the slopes, what they were multiplied with (a column of the
// reserve, for the state's weights), all in H.
typedef struct Block {
  size_t row, column, gates, factor;
} Block;

typedef struct Blocks {
  size_t count;
  Block block[2];
} Blocks;

static Blocks input_blocks(const HeedRecurrentLayout *layout, HeedRecurrentCell cell) {
  if (cell == HeedRecurrentCellGru) return (Blocks){2, {{0, 1, 2, 0}, {2, 0, 1, 0}}};
  return (Blocks){1, {{0, 0, layout->gates, 0}}};
}

static Blocks state_blocks(const HeedRecurrentLayout *layout, HeedRecurrentCell cell) {
  const size_t state = layout->reserve - 1;
  if (cell == HeedRecurrentCellGru) return (Blocks){1, {{0, 1, 3, state}}};
  if (cell == HeedRecurrentCellGruResetBefore) return (Blocks){2, {{0, 0, 2, state}, {2, 2, 1, state - 1}}};
  return (Blocks){1, {{0, 0, layout->gates, state}}};
}

// gradient[row ... ] <- (+) slopes^T factor, over all packed rows.
static HeedStatus multiply_weights(const HeedRecurrentBackwardCall *c, const Block *block, const float *factor, ptrdiff_t factor_row,
                                   size_t columns, float *gradient) {
  const size_t H = c->plan.shape.hidden;
  const HeedGemmShape shape = {.batch = 1,
                               .m = block->gates * H,
                               .n = columns,
                               .k = heed_recurrent_rows(&c->plan),
                               .a_row = 1,
                               .a_column = (ptrdiff_t)c->slopes_row,
                               .b_row = factor_row,
                               .b_column = 1,
                               .c_row = (ptrdiff_t)columns,
                               .c_column = 1,
                               .alpha = 1,
                               .beta = c->gradients->accumulate ? 1 : 0};
  return heed_gemm_engine(&shape, c->slopes + block->column * H, factor, gradient + block->row * H * columns);
}

// gradient <- (+) the sum of the slopes: a product with ones.
static HeedStatus sum_bias(const HeedRecurrentBackwardCall *c, const Block *block, float *gradient) {
  static const float one = 1.0f;
  const size_t H = c->plan.shape.hidden;
  const HeedGemmShape shape = {.batch = 1,
                               .m = 1,
                               .n = block->gates * H,
                               .k = heed_recurrent_rows(&c->plan),
                               .b_row = (ptrdiff_t)c->slopes_row,
                               .b_column = 1,
                               .c_row = (ptrdiff_t)(block->gates * H),
                               .c_column = 1,
                               .alpha = 1,
                               .beta = c->gradients->accumulate ? 1 : 0};
  return heed_gemm_engine(&shape, &one, c->slopes + block->column * H, gradient + block->row * H);
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
  for (size_t i = 0; i < blocks->count; i++) {
    const HeedStatus status = multiply_weights(c, &blocks->block[i], x, row, s->input, c->gradients->w_ih);
    if (status != HeedStatusOk) return status;
  }
  return HeedStatusOk;
}

// dX <- slopes w_ih
static HeedStatus input_gradient(const HeedRecurrentBackwardCall *c, const Blocks *blocks) {
  const HeedRecurrentPlan *p = &c->plan;
  const HeedRecurrentShape *s = &p->shape;
  float *target = c->gradients->input;
  if (s->input == 0) return HeedStatusOk;
  ptrdiff_t first, row;
  const bool evenly = heed_recurrent_rows_lie_evenly(p, 0, s->input_batch, s->input_time, &first, &row);
  for (size_t i = 0; i < blocks->count; i++) {
    const Block *block = &blocks->block[i];
    const HeedGemmShape shape = {.batch = 1,
                                 .m = heed_recurrent_rows(p),
                                 .n = s->input,
                                 .k = block->gates * s->hidden,
                                 .a_row = (ptrdiff_t)c->slopes_row,
                                 .a_column = 1,
                                 .b_row = (ptrdiff_t)s->input,
                                 .b_column = 1,
                                 .c_row = evenly ? row : (ptrdiff_t)s->input,
                                 .c_column = 1,
                                 .alpha = 1,
                                 .beta = i > 0 ? 1 : 0};
    const HeedStatus status = heed_gemm_engine(&shape, c->slopes + block->column * s->hidden,
                                               c->weights->w_ih ? c->weights->w_ih + block->row * s->hidden * s->input : NULL,
                                               evenly ? target + first : c->gathered);
    if (status != HeedStatusOk) return status;
  }
  if (!evenly) heed_recurrent_scatter(p, s->input, c->gathered, target, s->input_batch, s->input_time);
  heed_recurrent_clear_padding(p, s->input, target, s->input_batch, s->input_time);
  return HeedStatusOk;
}

HeedStatus heed_recurrent_gradients(const HeedRecurrentBackwardCall *c) {
  const HeedRecurrentGradients *g = c->gradients;
  const Blocks inputs = input_blocks(&c->plan.layout, c->plan.shape.cell), states = state_blocks(&c->plan.layout, c->plan.shape.cell);
  const size_t H = c->plan.shape.hidden;
  HeedStatus status = HeedStatusOk;
  if (g->w_ih) status = input_weights(c, &inputs);
  for (size_t i = 0; g->w_hh && i < states.count && status == HeedStatusOk; i++) {
    const float *factor = c->reserve ? c->reserve + states.block[i].factor * H : NULL;
    status = multiply_weights(c, &states.block[i], factor, (ptrdiff_t)c->reserve_row, H, g->w_hh);
  }
  for (size_t i = 0; g->b_ih && i < inputs.count && status == HeedStatusOk; i++) status = sum_bias(c, &inputs.block[i], g->b_ih);
  for (size_t i = 0; g->b_hh && i < states.count && status == HeedStatusOk; i++) status = sum_bias(c, &states.block[i], g->b_hh);
  if (g->input && status == HeedStatusOk) status = input_gradient(c, &inputs);
  return status;
}

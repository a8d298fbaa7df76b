// The GRU's cells: gates r z n, reset after the product or before it.

#include "template/recurrent/recurrent.inc.h"

// h_t = (1 - z) n + z h_(t-1)
INLINE_KERNEL void gru_put(const HeedRecurrentForward *f, size_t r, size_t j, size_t n, vf update, vf value, vf state) {
  recurrent_put(f, r, j, n, vf_fma(update, state, vf_mul(recurrent_rest(update), value)));
}

static void gru_forward(const HeedRecurrentForward *f) {
  for (size_t r = 0; r < f->rows; r++)
    for (size_t j = 0; j < f->units; j += HEED_LANES) {
      const size_t n = f->units - j;
      const vf reset = math_sigmoid(recurrent_argument(f, r, 0, j, n));
      const vf update = math_sigmoid(recurrent_argument(f, r, 1, j, n));
      const vf u = vf_add(recurrent_sum(f, r, 2, j), vf_load_n(f->bias + 3 * f->hidden + j, n));
      const vf value = math_tanh(vf_fma(reset, u, recurrent_input(f, r, 2, j, n)));
      if (f->keep) {
        vf_store_n(recurrent_gate(f, r, 0, j), reset, n);
        vf_store_n(recurrent_gate(f, r, 1, j), update, n);
        vf_store_n(recurrent_gate(f, r, 2, j), value, n);
        vf_store_n(recurrent_gate(f, r, 3, j), u, n);
      }
      gru_put(f, r, j, n, update, value, vf_load_n(f->state + (ptrdiff_t)r * f->state_row + j, n));
    }
}

// Phase 1: r and z, and the state that the second product takes.
static void gru_before_forward_gates(const HeedRecurrentForward *f) {
  for (size_t r = 0; r < f->rows; r++)
    for (size_t j = 0; j < f->units; j += HEED_LANES) {
      const size_t n = f->units - j;
      const vf reset = math_sigmoid(recurrent_argument(f, r, 0, j, n));
      const vf update = math_sigmoid(recurrent_argument(f, r, 1, j, n));
      const vf state = vf_load_n(f->state + (ptrdiff_t)r * f->state_row + j, n);
      if (f->keep) vf_store_n(recurrent_gate(f, r, 0, j), reset, n);
      vf_store_n(recurrent_gate(f, r, 1, j), update, n);
      vf_store_n(f->reset + (ptrdiff_t)r * f->reset_row + j, vf_mul(reset, state), n);
    }
}

static void gru_before_forward_state(const HeedRecurrentForward *f) {
  for (size_t r = 0; r < f->rows; r++)
    for (size_t j = 0; j < f->units; j += HEED_LANES) {
      const size_t n = f->units - j;
      const vf u = vf_add(recurrent_sum(f, r, 0, j), vf_load_n(f->bias + 3 * f->hidden + j, n));
      const vf value = math_tanh(vf_add(recurrent_input(f, r, 2, j, n), u));
      if (f->keep) vf_store_n(recurrent_gate(f, r, 2, j), value, n);
      gru_put(f, r, j, n, vf_load_n(recurrent_gate(f, r, 1, j), n), value, vf_load_n(f->state + (ptrdiff_t)r * f->state_row + j, n));
    }
}

// The gradients of n's and z's arguments from dh. The part of dh that passes to h_(t-1) through z stays in `carry`.
INLINE_KERNEL vf gru_backward_value(const HeedRecurrentBackward *b, size_t r, size_t j, size_t n, vf previous, vf *dz) {
  const vf update = recurrent_saved(b, r, 1, j, n), value = recurrent_saved(b, r, 2, j, n), dh = recurrent_d_h(b, r, j, n);
  *dz = vf_mul(vf_mul(dh, vf_sub(previous, value)), recurrent_sigmoid_derivative(update));
  vf_store_n(b->carry + r * b->hidden + j, vf_mul(dh, update), n);
  return vf_mul(vf_mul(dh, recurrent_rest(update)), recurrent_rest_of_square(value));
}

// n = tanh(a + r u); d_gates n r z u
static void gru_backward(const HeedRecurrentBackward *b) {
  for (size_t r = 0; r < b->rows; r++)
    for (size_t j = 0; j < b->units; j += HEED_LANES) {
      const size_t n = b->units - j;
      const vf reset = recurrent_saved(b, r, 0, j, n), u = recurrent_saved(b, r, 3, j, n), previous = recurrent_saved(b, r, 4, j, n);
      vf dz;
      const vf da = gru_backward_value(b, r, j, n, previous, &dz);
      recurrent_put_d_gate(b, r, 0, j, n, da);
      recurrent_put_d_gate(b, r, 1, j, n, vf_mul(vf_mul(da, u), recurrent_sigmoid_derivative(reset)));
      recurrent_put_d_gate(b, r, 2, j, n, dz);
      recurrent_put_d_gate(b, r, 3, j, n, vf_mul(da, reset));
    }
}

// Slopes r z n, of which the first phase gives z and n ...
static void gru_before_backward_value(const HeedRecurrentBackward *b) {
  for (size_t r = 0; r < b->rows; r++)
    for (size_t j = 0; j < b->units; j += HEED_LANES) {
      const size_t n = b->units - j;
      vf dz;
      const vf da = gru_backward_value(b, r, j, n, recurrent_saved(b, r, 4, j, n), &dz);
      recurrent_put_d_gate(b, r, 2, j, n, da);
      recurrent_put_d_gate(b, r, 1, j, n, dz);
    }
}

// ... and the second, from d(r h_(t-1)), r.
static void gru_before_backward_reset(const HeedRecurrentBackward *b) {
  for (size_t r = 0; r < b->rows; r++)
    for (size_t j = 0; j < b->units; j += HEED_LANES) {
      const size_t n = b->units - j;
      const vf reset = recurrent_saved(b, r, 0, j, n), previous = recurrent_saved(b, r, 4, j, n),
               d = vf_load(b->sums + r * b->sums_row + j);
      float *carry = b->carry + r * b->hidden + j;
      recurrent_put_d_gate(b, r, 0, j, n, vf_mul(vf_mul(d, previous), recurrent_sigmoid_derivative(reset)));
      vf_store_n(carry, vf_fma(d, reset, vf_load_n(carry, n)), n);
    }
}

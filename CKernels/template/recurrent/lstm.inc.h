// The LSTM's cell: gates i f g o.

#include "template/recurrent/recurrent.inc.h"

static void lstm_forward(const HeedRecurrentForward *f) {
  for (size_t r = 0; r < f->rows; r++)
    for (size_t j = 0; j < f->units; j += HEED_LANES) {
      const size_t n = f->units - j;
      const vf input = math_sigmoid(recurrent_argument(f, r, 0, j, n));
      const vf forget = math_sigmoid(recurrent_argument(f, r, 1, j, n));
      const vf value = math_tanh(recurrent_argument(f, r, 2, j, n));
      const vf output = math_sigmoid(recurrent_argument(f, r, 3, j, n));
      float *cell = f->cell + r * f->hidden + j;
      // c <- f c + i g
      const vf c = vf_fma(forget, vf_load_n(cell, n), vf_mul(input, value));
      vf_store_n(cell, c, n);
      if (f->keep) {
        vf_store_n(recurrent_gate(f, r, 0, j), input, n);
        vf_store_n(recurrent_gate(f, r, 1, j), forget, n);
        vf_store_n(recurrent_gate(f, r, 2, j), value, n);
        vf_store_n(recurrent_gate(f, r, 3, j), output, n);
        vf_store_n(recurrent_gate(f, r, 4, j), c, n);
      }
      // h <- o tanh(c)
      recurrent_put(f, r, j, n, vf_mul(output, math_tanh(c)));
    }
}

// The projection: h <- w_hr (o tanh(c)), which is the sum.
static void lstm_forward_projection(const HeedRecurrentForward *f) {
  for (size_t r = 0; r < f->rows; r++)
    for (size_t j = 0; j < f->units; j += HEED_LANES) recurrent_put(f, r, j, f->units - j, recurrent_sum(f, r, 0, j));
}

// dh of the projected state, kept for all rows: the projection's product takes it back to the cell, and its weights' gradient needs it.
static void lstm_backward_projection(const HeedRecurrentBackward *b) {
  for (size_t r = 0; r < b->rows; r++)
    for (size_t j = 0; j < b->units; j += HEED_LANES) {
      const size_t n = b->units - j;
      recurrent_put_d_gate(b, r, 0, j, n, recurrent_d_h(b, r, j, n));
    }
}

static void lstm_backward(const HeedRecurrentBackward *b) {
  for (size_t r = 0; r < b->rows; r++)
    for (size_t j = 0; j < b->units; j += HEED_LANES) {
      const size_t n = b->units - j;
      const vf input = recurrent_saved(b, r, 0, j, n), forget = recurrent_saved(b, r, 1, j, n), value = recurrent_saved(b, r, 2, j, n),
               output = recurrent_saved(b, r, 3, j, n), y = math_tanh(recurrent_saved(b, r, 4, j, n));
      const vf previous = vf_load_n(b->previous_cell + (ptrdiff_t)r * b->previous_cell_row + j, n);
      const vf dh = recurrent_d_h(b, r, j, n);
      float *cell = b->d_c + r * b->hidden + j;
      // h = o tanh(c): do <- dh tanh(c), dc <- dc + dh o (1 - tanh(c)^2)
      recurrent_put_d_gate(b, r, 3, j, n, vf_mul(vf_mul(dh, y), recurrent_sigmoid_derivative(output)));
      const vf dc = vf_fma(vf_mul(dh, output), recurrent_rest_of_square(y), vf_load_n(cell, n));
      // c = f c_(t-1) + i g
      recurrent_put_d_gate(b, r, 0, j, n, vf_mul(vf_mul(dc, value), recurrent_sigmoid_derivative(input)));
      recurrent_put_d_gate(b, r, 1, j, n, vf_mul(vf_mul(dc, previous), recurrent_sigmoid_derivative(forget)));
      recurrent_put_d_gate(b, r, 2, j, n, vf_mul(vf_mul(dc, input), recurrent_rest_of_square(value)));
      vf_store_n(cell, vf_mul(dc, forget), n);
    }
}

// The plain recurrent cells, and the table of all cells.

#include "template/recurrent/gru.inc.h"
#include "template/recurrent/lstm.inc.h"

// The reserve holds the derivative, not y: from a y that was rounded to 1 the backward pass would find 0 or a derivative with few digits.
INLINE_KERNEL void rnn_forward(const HeedRecurrentForward *f, const HeedActivation activation) {
  for (size_t r = 0; r < f->rows; r++)
    for (size_t j = 0; j < f->units; j += HEED_LANES) {
      const size_t n = f->units - j;
      const vf x = recurrent_argument(f, r, 0, j, n);
      vf derivative, y;
      if (activation == HeedActivationTanh)
        y = tanh_and_derivative(x, &derivative);
      else
        y = derivative = activate(activation, x); // relu: 0 says that the derivative is 0
      if (f->keep && activation == HeedActivationSigmoid) derivative = sigmoid_derivative(x);
      if (f->keep) vf_store_n(recurrent_gate(f, r, 0, j), derivative, n);
      recurrent_put(f, r, j, n, y);
    }
}

INLINE_KERNEL void rnn_backward(const HeedRecurrentBackward *b, const HeedActivation activation) {
  for (size_t r = 0; r < b->rows; r++)
    for (size_t j = 0; j < b->units; j += HEED_LANES) {
      const size_t n = b->units - j;
      const vf derivative = recurrent_saved(b, r, 0, j, n), dh = recurrent_d_h(b, r, j, n);
      const bool is_relu = activation == HeedActivationRelu;
      recurrent_put_d_gate(b, r, 0, j, n, is_relu ? vf_select(vf_equal(derivative, vf_zero()), vf_zero(), dh) : vf_mul(dh, derivative));
    }
}

static void rnn_tanh_forward(const HeedRecurrentForward *f) { rnn_forward(f, HeedActivationTanh); }
static void rnn_relu_forward(const HeedRecurrentForward *f) { rnn_forward(f, HeedActivationRelu); }
static void rnn_sigmoid_forward(const HeedRecurrentForward *f) { rnn_forward(f, HeedActivationSigmoid); }
static void rnn_tanh_backward(const HeedRecurrentBackward *b) { rnn_backward(b, HeedActivationTanh); }
static void rnn_relu_backward(const HeedRecurrentBackward *b) { rnn_backward(b, HeedActivationRelu); }
static void rnn_sigmoid_backward(const HeedRecurrentBackward *b) { rnn_backward(b, HeedActivationSigmoid); }

#define RECURRENT_KERNELS                                                                                                                  \
  .product = recurrent_product, .forward = {{rnn_tanh_forward, NULL},    {rnn_relu_forward, NULL},                                         \
                                            {rnn_sigmoid_forward, NULL}, {lstm_forward, lstm_forward_projection},                          \
                                            {gru_forward, NULL},         {gru_before_forward_gates, gru_before_forward_state}},            \
  .backward = {{rnn_tanh_backward, NULL},    {rnn_relu_backward, NULL},                                                                    \
               {rnn_sigmoid_backward, NULL}, {lstm_backward, lstm_backward_projection},                                                    \
               {gru_backward, NULL},         {gru_before_backward_value, gru_before_backward_reset}},                                      \
  .backward_end = recurrent_backward_end

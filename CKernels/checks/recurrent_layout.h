// Private: how recurrent layers lay out packed weights, the reserve and gradients of gates.
//
// Packed weights of the state are panels: the gates of a few units side by side, [k][gates of the phase][units] for all k < depth, the last
// panel filled up with zeros, so that one product gives all that a cell needs. A reset before the product makes two phases of a step, and
// so does a projection after the cell.

#ifndef HEED_RECURRENT_LAYOUT_H
#define HEED_RECURRENT_LAYOUT_H

#include "heed/recurrent.h"

typedef struct HeedRecurrentPhase {
  size_t first_gate, gates; // whose product with the state it takes
  size_t units;             // in a panel
  size_t outputs, depth;    // units of each gate in all, and what is summed over
} HeedRecurrentPhase;

typedef struct HeedRecurrentLayout {
  size_t gates;  // rows of weights, in H
  size_t phases; // of a step, forward and backward
  HeedRecurrentPhase phase[2];
  size_t state;       // units of h: H, or P
  size_t reserve;     // columns of a row of the reserve before the previous state, in H
  size_t reserve_row; // floats of it, with the previous state
  size_t d_gates;     // columns of a row of gradients of the gates, in H
} HeedRecurrentLayout;

// The column of the reserve that the second phase multiplies: r * h of a GRU, o * tanh(c) of an LSTM with a projection.
#define HEED_RECURRENT_RESET_COLUMN   3
#define HEED_RECURRENT_PROJECT_COLUMN 5

// For sizes that were checked.
static inline HeedRecurrentLayout heed_recurrent_layout(HeedRecurrentCell cell, size_t hidden, size_t projection) {
  const size_t H = hidden, state = projection ? projection : hidden;
  HeedRecurrentLayout x = {.state = state};
  switch (cell) {
  case HeedRecurrentCellLstm: // reserve i f g o c (o * tanh(c)) h, d_gates i f g o
    x.gates = 4, x.phases = projection ? 2 : 1, x.reserve = projection ? 6 : 5, x.d_gates = 4;
    x.phase[0] = (HeedRecurrentPhase){0, 4, 16, H, state};
    x.phase[1] = (HeedRecurrentPhase){0, 1, 64, state, H};
    break;
  case HeedRecurrentCellGruResetAfter: // reserve r z n u_n h, d_gates n r z u_n: each product finds its own three side by side
    x.gates = 3, x.phases = 1, x.reserve = 4, x.d_gates = 4;
    x.phase[0] = (HeedRecurrentPhase){0, 3, 16, H, H};
    break;
  case HeedRecurrentCellGruResetBefore: // reserve r z n r*h h, d_gates r z n
    x.gates = 3, x.phases = 2, x.reserve = 4, x.d_gates = 3;
    x.phase[0] = (HeedRecurrentPhase){0, 2, 32, H, H};
    x.phase[1] = (HeedRecurrentPhase){2, 1, 64, H, H};
    break;
  default: // reserve derivative (relu: y), h; d_gates of the one gate
    x.gates = 1, x.phases = 1, x.reserve = 1, x.d_gates = 1;
    x.phase[0] = (HeedRecurrentPhase){0, 1, 64, H, H};
  }
  x.reserve_row = x.reserve * H + state;
  return x;
}

#endif

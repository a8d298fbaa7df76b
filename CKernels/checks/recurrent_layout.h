// Private: how recurrent layers lay out packed weights, the reserve and gradients of gates.
//
// Packed recurrent weights of the forward pass are panels: the gates of a few units side by side, [k][gates of the phase][units] for all k
// < H, the last panel filled up with zeros, so that one product gives all that a cell needs. A reset before the product makes two phases of
// a step.

#ifndef HEED_RECURRENT_LAYOUT_H
#define HEED_RECURRENT_LAYOUT_H

#include "heed/recurrent.h"

typedef struct HeedRecurrentPhase {
  size_t first_gate, gates; // whose product with the state it takes
  size_t units;             // in a panel
} HeedRecurrentPhase;

typedef struct HeedRecurrentLayout {
  size_t gates;  // rows of weights, in H
  size_t phases; // of a step, forward and backward
  HeedRecurrentPhase phase[2];
  size_t reserve; // columns of a row of the reserve, in H; the last is the previous state
  size_t d_gates; // columns of a row of gradients of the gates, in H
} HeedRecurrentLayout;

static inline HeedRecurrentLayout heed_recurrent_layout(HeedRecurrentCell cell) {
  switch (cell) {
  case HeedRecurrentCellLstm: // reserve i f g o c h, d_gates i f g o
    return (HeedRecurrentLayout){4, 1, {{0, 4, 16}}, 6, 4};
  case HeedRecurrentCellGruResetAfter: // reserve r z n u_n h, d_gates n r z u_n: each product finds its own three side by side
    return (HeedRecurrentLayout){3, 1, {{0, 3, 16}}, 5, 4};
  case HeedRecurrentCellGruResetBefore: // reserve r z n r*h h, d_gates r z n
    return (HeedRecurrentLayout){3, 2, {{0, 2, 32}, {2, 1, 64}}, 5, 3};
  default: // reserve derivative (relu: y), h; d_gates of the one gate
    return (HeedRecurrentLayout){1, 1, {{0, 1, 64}}, 2, 1};
  }
}

#endif

// Private: packed weights of recurrent layers (layout: recurrent_layout.h).

#ifndef HEED_RECURRENT_PACK_H
#define HEED_RECURRENT_PACK_H

#include "checks/recurrent_layout.h"
#include "runtime/sizes.h"

static inline size_t heed_recurrent_panel_count(const HeedRecurrentPhase *phase, size_t hidden) {
  return heed_divide_up(hidden, phase->units);
}
static inline size_t heed_recurrent_panel_width(const HeedRecurrentPhase *phase) { return phase->gates * phase->units; }

// Floats of a phase's panels; of all of them.
static inline size_t heed_recurrent_phase_floats(const HeedRecurrentPhase *phase, size_t hidden) {
  return heed_recurrent_panel_count(phase, hidden) * heed_recurrent_panel_width(phase) * hidden;
}
size_t heed_recurrent_state_floats(HeedRecurrentCell cell, size_t hidden);

// Packs w_hh for the forward pass.
void heed_recurrent_pack_state(HeedRecurrentCell cell, size_t hidden, const float *w_hh, float *packed);

#endif

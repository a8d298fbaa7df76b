// Private: packed weights of recurrent layers (layout: recurrent_layout.h).

#ifndef HEED_RECURRENT_PACK_H
#define HEED_RECURRENT_PACK_H

#include "checks/recurrent_layout.h"
#include "runtime/sizes.h"

static inline size_t heed_recurrent_panel_count(const HeedRecurrentPhase *phase) { return heed_divide_up(phase->outputs, phase->units); }
static inline size_t heed_recurrent_panel_width(const HeedRecurrentPhase *phase) { return phase->gates * phase->units; }

// Floats of a phase's panels; of all of them.
static inline size_t heed_recurrent_phase_floats(const HeedRecurrentPhase *phase) {
  return heed_recurrent_panel_count(phase) * heed_recurrent_panel_width(phase) * phase->depth;
}
size_t heed_recurrent_state_floats(const HeedRecurrentLayout *layout);

// Packs w_hh, and w_hr of a projection, for the forward pass.
void heed_recurrent_pack_state(const HeedRecurrentShape *shape, const HeedRecurrentWeights *weights, float *packed);

#endif

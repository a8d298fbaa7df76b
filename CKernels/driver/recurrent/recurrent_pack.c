// Packing the weights of recurrent layers: those of the input as the matrix product takes them, behind them those of the state.

#include "driver/recurrent/recurrent_pack.h"

#include <string.h>

#include "checks/array_checks.h"
#include "heed/gemm.h"
#include "runtime/profile.h"
#include "runtime/sizes.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

typedef struct Call {
  const HeedKernels *kernels;
  const HeedRecurrentPhase *phase;
  size_t hidden;
  const float *w_hh;
  float *packed;
} Call;

static void pack_panel(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *c = context;
  const size_t units = c->phase->units, width = heed_recurrent_panel_width(c->phase), first = task * units;
  const size_t count = heed_size_min(c->hidden - first, units);
  float *panel = c->packed + task * width * c->hidden;
  if (count < units) memset(panel, 0, width * c->hidden * sizeof(float));
  for (size_t g = 0; g < c->phase->gates; g++) {
    const float *rows = c->w_hh + ((c->phase->first_gate + g) * c->hidden + first) * c->hidden;
    c->kernels->matrix.copy(rows, 1, (ptrdiff_t)c->hidden, c->hidden, count, panel + g * units, (ptrdiff_t)width, 1);
  }
}

size_t heed_recurrent_state_floats(HeedRecurrentCell cell, size_t hidden) {
  const HeedRecurrentLayout layout = heed_recurrent_layout(cell);
  size_t floats = 0;
  for (size_t i = 0; i < layout.phases; i++) floats += heed_recurrent_phase_floats(&layout.phase[i], hidden);
  return floats;
}

void heed_recurrent_pack_state(HeedRecurrentCell cell, size_t hidden, const float *w_hh, float *packed) {
  const HeedRecurrentLayout layout = heed_recurrent_layout(cell);
  for (size_t i = 0; i < layout.phases; i++) {
    Call call = {heed_kernels(), &layout.phase[i], hidden, w_hh, packed};
    const size_t panels = heed_recurrent_panel_count(&layout.phase[i], hidden);
    const double work = 10.0 * (double)heed_recurrent_phase_floats(&layout.phase[i], hidden);
    heed_parallel_for(panels, heed_parallel_width(panels, work), pack_panel, &call);
    packed += heed_recurrent_phase_floats(&layout.phase[i], hidden);
  }
}

// Whether the sizes, rounded up to panels, fit.
static bool fits(HeedRecurrentCell cell, size_t input, size_t hidden) {
  const size_t padded = heed_size_sum(hidden, HEED_GEMM_NR), deep = heed_size_sum(heed_size_sum(input, hidden), 1);
  const size_t rows = heed_size_product(heed_recurrent_gates(cell) + 1, padded);
  return heed_size_product(heed_size_product(rows, deep), sizeof(float)) <= PTRDIFF_MAX;
}

size_t heed_recurrent_packed_size(HeedRecurrentCell cell, size_t input, size_t hidden) {
  if ((unsigned)cell >= HEED_RECURRENT_CELL_COUNT || !fits(cell, input, hidden)) return SIZE_MAX;
  return heed_gemm_packed_size(input, heed_recurrent_gates(cell) * hidden, HeedElementFloat32) +
         heed_recurrent_state_floats(cell, hidden) * sizeof(float);
}

HeedStatus heed_recurrent_pack(HeedRecurrentCell cell, size_t input, size_t hidden, const float *w_ih, const float *w_hh, void *packed) {
  HEED_ENTRY();
  if ((unsigned)cell >= HEED_RECURRENT_CELL_COUNT) return HeedStatusBadArgument;
  if (!fits(cell, input, hidden)) return HeedStatusBadShape;
  if (hidden == 0) return HeedStatusOk;
  if (!w_hh || (!w_ih && input > 0) || !packed) return HeedStatusBadArgument;
  const size_t rows = heed_recurrent_gates(cell) * hidden;
  const HeedStatus status = heed_gemm_pack(input, rows, HeedElementFloat32, w_ih, 1, (ptrdiff_t)input, packed);
  if (status != HeedStatusOk) return status;
  float *state = (float *)(void *)((char *)packed + heed_gemm_packed_size(input, rows, HeedElementFloat32));
  heed_recurrent_pack_state(cell, hidden, w_hh, state);
  return HeedStatusOk;
}

// Packing the weights of recurrent layers: those of the input as the matrix product takes them, behind them those of the state.

#include "driver/recurrent/recurrent_pack.h"

#include <string.h>

#include "checks/array_checks.h"
#include "checks/recurrent_checks.h"
#include "heed/gemm.h"
#include "runtime/profile.h"
#include "runtime/sizes.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

typedef struct Call {
  const HeedKernels *kernels;
  const HeedRecurrentPhase *phase;
  const float *weights; // [gates * outputs, depth], from the first gate on
  float *packed;
} Call;

static void pack_panel(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *c = context;
  const size_t units = c->phase->units, width = heed_recurrent_panel_width(c->phase), first = task * units;
  const size_t outputs = c->phase->outputs, depth = c->phase->depth, count = heed_size_min(outputs - first, units);
  float *panel = c->packed + task * width * depth;
  if (count < units) memset(panel, 0, width * depth * sizeof(float));
  for (size_t g = 0; g < c->phase->gates; g++) {
    const float *rows = c->weights + (g * outputs + first) * depth;
    c->kernels->matrix.copy(rows, 1, (ptrdiff_t)depth, depth, count, panel + g * units, (ptrdiff_t)width, 1);
  }
}

size_t heed_recurrent_state_floats(const HeedRecurrentLayout *layout) {
  size_t floats = 0;
  for (size_t i = 0; i < layout->phases; i++) floats += heed_recurrent_phase_floats(&layout->phase[i]);
  return floats;
}

void heed_recurrent_pack_state(const HeedRecurrentShape *s, const HeedRecurrentWeights *weights, float *packed) {
  const HeedRecurrentLayout layout = heed_recurrent_layout(s->cell, s->hidden, s->projection);
  for (size_t i = 0; i < layout.phases; i++) {
    const HeedRecurrentPhase *phase = &layout.phase[i];
    const bool projects = s->projection && i == 1;
    const float *from = projects ? weights->w_hr : weights->w_hh + phase->first_gate * s->hidden * layout.state;
    Call call = {heed_kernels(), phase, from, packed};
    const size_t panels = heed_recurrent_panel_count(phase);
    const double work = 10.0 * (double)heed_recurrent_phase_floats(phase);
    heed_parallel_for(panels, heed_parallel_width(panels, work), pack_panel, &call);
    packed += heed_recurrent_phase_floats(phase);
  }
}

// Whether the sizes, rounded up to panels, fit.
static bool fits(const HeedRecurrentShape *s) {
  const size_t padded = heed_size_sum(s->hidden, HEED_GEMM_NR + 16), deep = heed_size_sum(heed_size_sum(s->input, s->hidden), 1);
  const size_t rows = heed_size_product(heed_recurrent_gates(s->cell) + 2, padded);
  return heed_size_product(heed_size_product(rows, deep), sizeof(float)) <= PTRDIFF_MAX;
}

size_t heed_recurrent_packed_size(const HeedRecurrentShape *s) {
  if (!s || heed_recurrent_check_cell(s->cell, s->hidden, s->projection) != HeedStatusOk || !fits(s)) return SIZE_MAX;
  const HeedRecurrentLayout layout = heed_recurrent_layout(s->cell, s->hidden, s->projection);
  return heed_gemm_packed_size(s->input, layout.gates * s->hidden, HeedElementFloat32) +
         heed_recurrent_state_floats(&layout) * sizeof(float);
}

HeedStatus heed_recurrent_pack(const HeedRecurrentShape *s, const HeedRecurrentWeights *weights, void *packed) {
  HEED_ENTRY();
  if (!s || !weights) return HeedStatusBadArgument;
  const HeedStatus cell = heed_recurrent_check_cell(s->cell, s->hidden, s->projection);
  if (cell != HeedStatusOk) return cell;
  if (!fits(s)) return HeedStatusBadShape;
  if (s->hidden == 0) return HeedStatusOk;
  if (!weights->w_hh || (!weights->w_ih && s->input > 0) || (!weights->w_hr && s->projection) || !packed) return HeedStatusBadArgument;
  const size_t rows = heed_recurrent_gates(s->cell) * s->hidden;
  const HeedStatus status = heed_gemm_pack(s->input, rows, HeedElementFloat32, weights->w_ih, 1, (ptrdiff_t)s->input, packed);
  if (status != HeedStatusOk) return status;
  float *state = (float *)(void *)((char *)packed + heed_gemm_packed_size(s->input, rows, HeedElementFloat32));
  heed_recurrent_pack_state(s, weights, state);
  return HeedStatusOk;
}

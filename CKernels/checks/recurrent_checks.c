// The argument checks of recurrent layers, and the sizes of the arrays that callers hold.

#include "checks/recurrent_checks.h"

#include "checks/array_checks.h"
#include "checks/recurrent_layout.h"
#include "heed/gemm.h"
#include "runtime/sizes.h"

bool heed_recurrent_is_gru(HeedRecurrentCell cell) {
  return cell == HeedRecurrentCellGruResetAfter || cell == HeedRecurrentCellGruResetBefore;
}

size_t heed_recurrent_gates(HeedRecurrentCell cell) {
  if ((unsigned)cell >= HEED_RECURRENT_CELL_COUNT) return 0;
  return cell == HeedRecurrentCellLstm ? 4 : heed_recurrent_is_gru(cell) ? 3 : 1;
}

HeedStatus heed_recurrent_check_cell(HeedRecurrentCell cell, size_t hidden, size_t projection) {
  if ((unsigned)cell >= HEED_RECURRENT_CELL_COUNT || (projection && cell != HeedRecurrentCellLstm)) return HeedStatusBadArgument;
  return projection && projection >= hidden ? HeedStatusBadShape : HeedStatusOk;
}

size_t heed_recurrent_reserve_size(const HeedRecurrentShape *s) {
  if (!s || heed_recurrent_check_cell(s->cell, s->hidden, s->projection) != HeedStatusOk) return SIZE_MAX;
  // Columns by the layout of a single unit, so that the product is looked at.
  const size_t columns = heed_recurrent_layout(s->cell, 1, s->projection).reserve;
  const size_t row = heed_size_sum(heed_size_product(columns, s->hidden), heed_recurrent_state_size(s));
  return heed_size_product(heed_size_product(heed_size_product(s->batch, s->time), row), sizeof(float));
}

HeedStatus heed_recurrent_check_sequence(const HeedRecurrentShape *s, size_t columns, ptrdiff_t batch, ptrdiff_t time, bool written) {
  const HeedArray x = {3, {s->batch, s->time, columns}, {batch, time, 1}};
  return heed_array_check(&x, written);
}

HeedStatus heed_recurrent_check(const HeedRecurrentShape *s, const HeedRecurrentWeights *weights, const HeedRecurrentInputs *inputs,
                                bool packed_suffices) {
  if (!s || !weights || !inputs) return HeedStatusBadArgument;
  const HeedStatus cell = heed_recurrent_check_cell(s->cell, s->hidden, s->projection);
  if (cell != HeedStatusOk) return cell;
  // The largest arrays: the reserve, the weights, packed ones. Empty dimensions count as one, so that no product of some of them overflows.
  const size_t wide = s->input > s->hidden ? s->input : s->hidden;
  const HeedArray all = {3, {s->batch, s->time, heed_size_product(8, wide)}, {0}}, matrix = {2, {heed_size_product(8, wide), wide}, {0}};
  if (!heed_array_sizes_fit(&all) || !heed_array_sizes_fit(&matrix)) return HeedStatusBadShape;
  const HeedStatus status = heed_recurrent_check_sequence(s, s->input, s->input_batch, s->input_time, false);
  if (status != HeedStatusOk) return status;
  for (size_t b = 0; s->lengths && b < s->batch; b++)
    if (s->lengths[b] < 0 || (uint64_t)s->lengths[b] > s->time) return HeedStatusBadArgument;
  if (s->batch == 0 || s->hidden == 0) return HeedStatusOk;
  if (s->time == 0 || (packed_suffices && weights->packed)) {
    // No weight is read.
  } else if (!weights->w_hh || (!weights->w_ih && s->input > 0) || (!weights->w_hr && s->projection)) {
    return HeedStatusBadArgument;
  }
  return s->time > 0 && s->input > 0 && !inputs->input ? HeedStatusBadArgument : HeedStatusOk;
}

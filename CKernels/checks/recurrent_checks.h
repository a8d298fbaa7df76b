// Private: the argument checks of recurrent layers.

#ifndef HEED_RECURRENT_CHECKS_H
#define HEED_RECURRENT_CHECKS_H

#include "heed/recurrent.h"

bool heed_recurrent_is_gru(HeedRecurrentCell cell);

// The length of sequence b.
static inline size_t heed_recurrent_length(const HeedRecurrentShape *s, size_t b) { return s->lengths ? (size_t)s->lengths[b] : s->time; }

// Whether there is such a cell with such a projection: Ok, BadArgument or BadShape.
HeedStatus heed_recurrent_check_cell(HeedRecurrentCell cell, size_t hidden, size_t projection);

// Units of h.
static inline size_t heed_recurrent_state_size(const HeedRecurrentShape *s) { return s->projection ? s->projection : s->hidden; }

// The errors of recurrent.h for the arguments that both passes and the reference share: cell, sizes, lengths, strides of the input,
// pointers of weights and inputs. With `packed_suffices` weights may be missing where packed ones are there.
HeedStatus heed_recurrent_check(const HeedRecurrentShape *shape, const HeedRecurrentWeights *weights, const HeedRecurrentInputs *inputs,
                                bool packed_suffices);

// An array [B, T, columns] that is read, or written, with these strides.
HeedStatus heed_recurrent_check_sequence(const HeedRecurrentShape *shape, size_t columns, ptrdiff_t batch, ptrdiff_t time, bool written);

#endif

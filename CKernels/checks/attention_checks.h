// Private: the argument checks of every attention entry point.

#ifndef HEED_ATTENTION_CHECKS_H
#define HEED_ATTENTION_CHECKS_H

#include "checks/array_checks.h"
#include "heed/attention.h"

static inline HeedArray heed_attention_array(size_t batch, size_t heads, size_t rows, size_t columns, HeedAttentionStrides s) {
  return (HeedArray){4, {batch, heads, rows, columns}, {s.batch, s.head, s.row, s.column}};
}

// The errors that attention.h lists, in its order (BadShape, BadStride, BadArgument), for the forward pass of any variant; `HeedStatusOk`
// means that every offset an operand's strides can make fits in ptrdiff_t, also in bytes. Reads nothing but the three structs and
// key_lengths. Whether the variant gives weights is for the variant to say.
HeedStatus heed_attention_check(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs, const HeedAttentionOutputs *outputs,
                                bool takes_bfloat16);

// The checks of the shape and the inputs, for functions that take only float32.
HeedStatus heed_attention_check_inputs(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs);

#endif

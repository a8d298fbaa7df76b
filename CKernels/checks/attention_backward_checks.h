// Private: the argument checks of every backward pass of attention.

#ifndef HEED_ATTENTION_BACKWARD_CHECKS_H
#define HEED_ATTENTION_BACKWARD_CHECKS_H

#include "heed/attention.h"

// The errors that attention.h lists; `HeedStatusOk` means that every offset of a given operand fits in ptrdiff_t, also in bytes.
HeedStatus heed_attention_backward_check(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs,
                                         const HeedAttentionGradients *gradients);

// The part that concerns the shape and the inputs, without O and L.
HeedStatus heed_attention_backward_check_inputs(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs);

// Whether dA has elements of its own, of that many bytes, but where a stride of 0 sums over its dimension; sizes have been checked.
bool heed_attention_d_additive_fits(const HeedAttentionBackwardShape *shape, size_t element_bytes);

#endif

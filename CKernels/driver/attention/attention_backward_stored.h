// Private: code shared by the variants that store P and dS of a whole batch element.

#ifndef HEED_ATTENTION_BACKWARD_STORED_H
#define HEED_ATTENTION_BACKWARD_STORED_H

#include "heed/attention.h"

// dA from dS [H, Nq, Nk] of batch element b, added to the sums of the elements before if dA is summed over the batch. Does nothing where
// `additive` is null.
void heed_attention_backward_add_scores(const HeedAttentionBackwardShape *shape, size_t b, const float *scores, float *additive);

#endif

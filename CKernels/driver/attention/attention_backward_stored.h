// Private: what the arms share that store P and dS of a whole batch element.

#ifndef HEED_ATTENTION_BACKWARD_STORED_H
#define HEED_ATTENTION_BACKWARD_STORED_H

#include "heed/attention.h"

// dA from dS [H, Nq, Nk] of batch element b, added to what the elements before have left where dA is summed over the batch. Nothing where
// `additive` is null.
void heed_attention_backward_add_scores(const HeedAttentionBackwardShape *shape, size_t b, const float *scores, float *additive);

#endif

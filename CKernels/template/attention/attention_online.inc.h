// Online softmax: code shared by all paths of attention, so that their bits agree.
//
// Order of summation: tiles of KEY_TILE keys from zero, online within a chunk of KEY_CHUNK keys, chunks merged from left to right. Skipping
// a tile that a row does not see does not change the row's bits, because its share would be m' = m, alpha = 1 and + 0.
//
// Hidden scores become P = -0: it adds nothing. If a tile that is partly hidden holds a value that is not finite, the careful product is
// taken, and the sign says which weights it leaves out (0 * NaN would be NaN). A row's maximum begins at the lowest finite number. That
// matters only if a row saw nothing or only minus infinity: then its sum is 0.

#ifndef HEED_ATTENTION_ONLINE_INC_H
#define HEED_ATTENTION_ONLINE_INC_H

#include "runtime/constants.h"
#include "template/math/exp.inc.h"

#define KEY_BLOCK HEED_CACHE_BLOCK // keys beside each other in a cache, and whose scores decode sums at a time
#define KEY_TILE  64               // S^T of a tile of queries, 16 KiB, stays in the first-level cache
#define KEY_CHUNK HEED_CACHE_CHUNK

// Scores in base 2 that are computed again (attention_refine.inc.h): from this magnitude on an error of some ulp is one of 1e-5 in the
// weight, and weights that are this power of 2 below the largest do not matter.
#define REFINE_LARGE 16.0f
#define REFINE_NEAR  32.0f

// 2^x for x <= 0. Denormal results become 0, so that minus infinity is no special case.
INLINE_KERNEL vf weight_of(vf x) { return exp2_t16_p3(-126.0f, x); }

// The factor that turns a product of a query and a key into a score in base 2.
INLINE_KERNEL double refine_factor(float scale) { return (double)scale * HEED_LOG2_E; }
INLINE_KERNEL float scale_in_base_2(float scale) { return (float)refine_factor(scale); }

// A row's maximum in base 2 is a sum of two floats, `rest` being what rounding took from `max` where scores are large
// (attention_refine.inc.h) and 0 elsewhere. Of two maxima the one with the larger `max` is taken, of two that tie the first.

// The weight that a maximum has beside a larger one.
INLINE_KERNEL vf weight_of_maximum(vf max, vf rest, vf larger, vf larger_rest) {
  return weight_of(vf_add(vf_sub(max, larger), vf_sub(rest, larger_rest)));
}

// log(sum of e^score) from a maximum in base 2 and a sum relative to it.
INLINE_KERNEL float log_sum_exp_of(float max, float rest, float sum) {
  return sum == 0.0f ? -INFINITY : (float)(((double)max + (double)rest + log2((double)sum)) * HEED_LN_2);
}

#endif

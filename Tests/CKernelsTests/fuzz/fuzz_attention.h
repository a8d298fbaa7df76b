// A random problem of attention, for the forward pass, the backward pass and the cache.

#ifndef HEED_FUZZ_ATTENTION_H
#define HEED_FUZZ_ATTENTION_H

#include "fuzz_support.h"

typedef struct FuzzAttention {
  HeedAttentionShape shape;
  HeedAttentionInputs inputs;
  FuzzArray query, key, value, lengths, boolean, additive;
  bool hidden; // keys past a length and their values are NaN
  HeedStatus expected;
} FuzzAttention;

// A problem and, one time in four, something wrong with its shape or inputs. `rows`: columns of keys and values lie side by side.
void fuzz_attention_build(FuzzAttention *x, bool masks, bool rows);
void fuzz_attention_spoil(FuzzAttention *x);

HeedAttentionStrides fuzz_strides(const FuzzArray *x);

// What errors of a row of O are relative to, but for the scores' own: sum_j P |V|, by the reference. Contiguous [B, H, Nq, E].
bool fuzz_attention_reference(const FuzzAttention *x, FuzzArray *output, FuzzArray *log_sum_exp, FuzzArray *magnitude, double *largest);

#endif

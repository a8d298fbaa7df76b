// What the sweeps over floats share.

#ifndef HEED_ACTIVATION_TEST_SUPPORT_H
#define HEED_ACTIVATION_TEST_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

#include "heed/activation.h"

// The largest errors of a sweep and where they were met.
typedef struct SweepWorst {
  double excess; // in units of what is allowed: 1 is just allowed
  double ulp;    // in units in the last place of the exact value, where that is no smaller than the smallest normal number
  float excess_input, ulp_input, d_output;
} SweepWorst;

#define SWEEP_BLOCK 8192

// Checks a block of at most SWEEP_BLOCK inputs, and makes `worst` worse if they are. `block` numbers it: what is random in it is of that
// stream.
typedef void (*SweepCheck)(HeedActivation activation, const float *input, size_t count, uint64_t block, SweepWorst *worst);

// Every 4093rd float and, always, the limits of the format and of the approximations. With --exhaustive all 2^32 with the best table of the
// machine and every 13th with the others: float64 takes most of the time, whatever the table. On as many threads as the engine has.
SweepWorst activation_sweep(HeedActivation activation, SweepCheck check);

#endif

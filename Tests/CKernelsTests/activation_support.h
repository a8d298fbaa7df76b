// What the sweeps over floats share.

#ifndef HEED_ACTIVATION_TEST_SUPPORT_H
#define HEED_ACTIVATION_TEST_SUPPORT_H

#include "harness.h"
#include "heed_runtime.h"

// A sweep takes every 4093rd float; an exhaustive one all 2^32 with the best table of the machine and every 13th with the others: float64
// takes most of the time, whatever the table.
static inline uint64_t activation_sweep_step(void) {
  if (!test_exhaustive) return 4093;
  for (int isa = (int)heed_isa_current() + 1; isa < HEED_ISA_COUNT; isa++)
    if (heed_isa_available((HeedISA)isa)) return 13;
  return 1;
}

#endif

// Private: the table kernels that measure peaks: each does `rounds` rounds of work and returns how much that was.

#ifndef HEED_KERNELS_PEAK_H
#define HEED_KERNELS_PEAK_H

#include "heed/runtime.h"

typedef struct HeedPeakKernels {
  double (*fma_f32)(size_t rounds);                       // floating point operations
  double (*dot_bf16)(size_t rounds);                      // floating point operations; null where there is no such instruction
  double (*read_memory)(const void *bytes, size_t count); // bytes
} HeedPeakKernels;

#endif

// Private: which instruction sets the processor can run.

#ifndef HEED_CPU_H
#define HEED_CPU_H

#include "heed/runtime.h"

#define HEED_CPU_AVX2        1u // AVX2, FMA, F16C, and an operating system that saves their registers
#define HEED_CPU_AVX512      2u // the same and F, BW, DQ, VL
#define HEED_CPU_AVX512_BF16 4u // the same and its products of bfloat16

unsigned heed_cpu_features(void);

#endif

// The table for AVX2 with FMA.

#if defined(__x86_64__)

#include <math.h>

#include "table/kernels.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "simd/avx2.h"
#include "template/templates.inc.h"
#pragma clang attribute pop

const HeedKernels heed_kernels_avx2 = {.isa = HeedISAAvx2, HEED_TEMPLATE_FIELDS, HEED_TEMPLATE_BF16_FIELDS};

#endif

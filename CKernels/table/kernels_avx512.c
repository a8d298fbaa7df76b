// The table for AVX-512 F, BW, DQ, VL.

#if defined(__x86_64__)

#include <math.h>

#include "table/kernels.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#include "simd/avx512.h"
#include "template/templates.inc.h"
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16"))), apply_to = function)
#include "simd/avx512bf16.h"
#include "template/templates_dot.inc.h"
#pragma clang attribute pop

const HeedKernels heed_kernels_avx512 = {.isa = HeedISAAvx512, HEED_TEMPLATE_FIELDS, HEED_TEMPLATE_BF16_FIELDS};
const HeedKernels heed_kernels_avx512bf16 = {.isa = HeedISAAvx512bf16, HEED_TEMPLATE_FIELDS, HEED_TEMPLATE_DOT_FIELDS};

#endif

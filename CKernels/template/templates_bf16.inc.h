// The kernels that need bfloat16 instructions.

#include "peak_bf16.inc.h"

#define HEED_TEMPLATE_BF16_FIELDS .peak_dot_bf16 = peak_dot_bf16

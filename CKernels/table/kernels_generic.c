// The table that every machine can run.

#include <math.h>

#include "table/kernels.h"

#include "simd/generic.h"
#include "template/templates.inc.h"

const HeedKernels heed_kernels_generic = {.isa = HeedISAGeneric, HEED_TEMPLATE_FIELDS, HEED_TEMPLATE_BF16_FIELDS};

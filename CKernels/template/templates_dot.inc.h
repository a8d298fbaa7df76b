// The kernels that need the bfloat16 dot product, in place of HEED_TEMPLATE_BF16_FIELDS.

#include "template/attention/attention_tiled_dot.inc.h"
#include "template/gemm/gemm_dot.inc.h"
#include "template/peak_bf16.inc.h"

#define HEED_TEMPLATE_DOT_FIELDS                                                                                                           \
  .peak.dot_bf16 = peak_dot_bf16, .attention.tiled_bf16 = {attention_tiled_dot_scratch, attention_tiled_dot_forward},                      \
  .gemm.bf16 = {gemm_dot_tile_scratch, gemm_dot_tile, gemm_dot_staged_size, gemm_dot_stage}

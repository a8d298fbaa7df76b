// Every kernel, for the vocabulary that was included before. A table/kernels_*.c includes this once and fills its table with the fields
// below.

#include <math.h>

#include "template/gemm/block_product.inc.h"
#include "template/gemm/pack.inc.h"

#include "template/activation.inc.h"
#include "template/matrix.inc.h"

#include "template/arithmetic.inc.h"
#include "template/arithmetic_reduce.inc.h"
#include "template/attention/attention_backward.inc.h"
#include "template/attention/attention_decode.inc.h"
#include "template/attention/attention_materialized.inc.h"
#include "template/attention/attention_tiled_forward.inc.h"
#include "template/convert.inc.h"
#include "template/convolution/convolution.inc.h"
#include "template/embedding.inc.h"
#include "template/gemm/gemm.inc.h"
#include "template/gemm/gemm_bf16.inc.h"
#include "template/loss.inc.h"
#include "template/norm.inc.h"
#include "template/optimizer.inc.h"
#include "template/peak.inc.h"
#include "template/position.inc.h"
#include "template/random.inc.h"
#include "template/recurrent/rnn.inc.h"
#include "template/scored_attention.inc.h"
#include "template/softmax.inc.h"
#include "template/softmax_backward.inc.h"
#include "template/sparse.inc.h"

#define HEED_FAMILY_FIELD(member, Name, NAME) , .member = {NAME##_KERNELS}
#define HEED_TEMPLATE_FIELDS                  .lanes = HEED_LANES HEED_FOR_EACH_FAMILY(HEED_FAMILY_FIELD)

// bfloat16 by conversion, for tables without its dot product.
#define HEED_TEMPLATE_BF16_FIELDS                                                                                                          \
  .attention.tiled_bf16 = {attention_tiled_bf16_scratch, attention_tiled_bf16_forward},                                                    \
  .gemm.bf16 = {gemm_bf16_tile_scratch, gemm_bf16_tile, gemm_bf16_staged_size, gemm_bf16_stage}

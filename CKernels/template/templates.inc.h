// Every kernel, for the vocabulary that was included before. A table/kernels_*.c includes this once and fills its table with the fields below.

#include <math.h>

#include "template/gemm/block_product.inc.h"
#include "template/gemm/pack.inc.h"

#include "template/activation.inc.h"
#include "template/copy.inc.h"

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

#define HEED_BASE_FIELDS                                                                                                                   \
  .lanes = HEED_LANES, .peak_fma_f32 = peak_fma_f32, .peak_read_memory = peak_read_memory, .attention_query_tile = QUERY_TILE,             \
  .attention_tiled = {attention_tiled_scratch, attention_tiled_forward}, .attention_decode_forward = attention_decode_forward,             \
  .attention_decode_merge = attention_decode_merge, .gemm_mr = GEMM_MR, .gemm_nr = GEMM_NR,                                                \
  .gemm = {gemm_tile_scratch, gemm_tile, gemm_staged_size, gemm_stage}, .convert_f32_to_bf16 = convert_f32_to_bf16,                        \
  .convert_bf16_to_f32 = convert_bf16_to_f32, .softmax_row = softmax_row, .copy_strided = copy_strided, .is_finite = is_finite,            \
  .weighted_sum_seen = weighted_sum_seen

// clang-format off
// A family added to the table adds a line here, its sub-table (table/kernels_FAMILY.h) filled at the end of its template.
// Every line but the last ends with a backslash.
#define HEED_TEMPLATE_FIELDS HEED_BASE_FIELDS \
  , .activation = {ACTIVATION_KERNELS} \
  , .arithmetic = {ARITHMETIC_KERNELS} \
  , .attention_backward = {ATTENTION_BACKWARD_KERNELS} \
  , .convolution = {CONVOLUTION_KERNELS} \
  , .embedding = {EMBEDDING_KERNELS} \
  , .loss = {LOSS_KERNELS} \
  , .norm = {NORM_KERNELS} \
  , .optimizer = {OPTIMIZER_KERNELS} \
  , .position = {POSITION_KERNELS} \
  , .random = {RANDOM_KERNELS} \
  , .recurrent = {RECURRENT_KERNELS} \
  , .scored_attention = {SCORED_ATTENTION_KERNELS} \
  , .softmax_backward = {SOFTMAX_BACKWARD_KERNELS} \
  , .sparse = {SPARSE_KERNELS}

// clang-format on

// bfloat16 by conversion, for tables without its dot product.
#define HEED_TEMPLATE_BF16_FIELDS                                                                                                          \
  .attention_tiled_bf16 = {attention_tiled_bf16_scratch, attention_tiled_bf16_forward},                                                    \
  .gemm_bf16 = {gemm_bf16_tile_scratch, gemm_bf16_tile, gemm_bf16_staged_size, gemm_bf16_stage}

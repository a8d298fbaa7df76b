// Private: the table of kernels, one per instruction set, filled by kernels_*.c from template/.
//
// Table kernels are serial, trust their arguments and allocate nothing: drivers check, carve scratch and parallelise.

#ifndef HEED_KERNELS_H
#define HEED_KERNELS_H

#include "table/kernels_activation.h"
#include "table/kernels_arithmetic.h"
#include "table/kernels_attention.h"
#include "table/kernels_attention_backward.h"
#include "table/kernels_convolution.h"
#include "table/kernels_embedding.h"
#include "table/kernels_gemm.h"
#include "table/kernels_loss.h"
#include "table/kernels_matrix.h"
#include "table/kernels_norm.h"
#include "table/kernels_optimizer.h"
#include "table/kernels_peak.h"
#include "table/kernels_position.h"
#include "table/kernels_random.h"
#include "table/kernels_recurrent.h"
#include "table/kernels_scored_attention.h"
#include "table/kernels_softmax.h"
#include "table/kernels_sparse.h"

// X(member, Name, NAME): the families. Each one's part of the table is a HeedNameKernels, filled from NAME_KERNELS at the end of the
// family's template.
// clang-format off
#define HEED_FOR_EACH_FAMILY(X)                                                                                                            \
  X(activation, Activation, ACTIVATION)                                                                                                    \
  X(arithmetic, Arithmetic, ARITHMETIC)                                                                                                    \
  X(attention, Attention, ATTENTION)                                                                                                       \
  X(attention_backward, AttentionBackward, ATTENTION_BACKWARD)                                                                             \
  X(convert, Convert, CONVERT)                                                                                                             \
  X(convolution, Convolution, CONVOLUTION)                                                                                                 \
  X(embedding, Embedding, EMBEDDING)                                                                                                       \
  X(gemm, Gemm, GEMM)                                                                                                                      \
  X(loss, Loss, LOSS)                                                                                                                      \
  X(matrix, Matrix, MATRIX)                                                                                                                \
  X(norm, Norm, NORM)                                                                                                                      \
  X(optimizer, Optimizer, OPTIMIZER)                                                                                                       \
  X(peak, Peak, PEAK)                                                                                                                      \
  X(position, Position, POSITION)                                                                                                          \
  X(random, Random, RANDOM)                                                                                                                \
  X(recurrent, Recurrent, RECURRENT)                                                                                                       \
  X(scored_attention, ScoredAttention, SCORED_ATTENTION)                                                                                   \
  X(softmax, Softmax, SOFTMAX)                                                                                                             \
  X(softmax_backward, SoftmaxBackward, SOFTMAX_BACKWARD)                                                                                   \
  X(sparse, Sparse, SPARSE)
// clang-format on

typedef struct HeedKernels {
  HeedISA isa;
  size_t lanes; // float32 values in a vector
#define HEED_FAMILY_MEMBER(member, Name, NAME) Heed##Name##Kernels member;
  HEED_FOR_EACH_FAMILY(HEED_FAMILY_MEMBER)
} HeedKernels;

extern const HeedKernels heed_kernels_generic;
#if defined(__x86_64__)
extern const HeedKernels heed_kernels_avx2;
extern const HeedKernels heed_kernels_avx512;
extern const HeedKernels heed_kernels_avx512bf16;
#endif

#endif

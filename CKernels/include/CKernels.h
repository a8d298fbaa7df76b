// Heed's kernels. One header a family; each header is its family's specification.

#ifndef HEED_CKERNELS_H
#define HEED_CKERNELS_H

#include "activation.h"
#include "arithmetic.h"
#include "attention.h"
#include "attention_backward.h"
#include "convert.h"
#include "convolution.h"
#include "dropout.h"
#include "embedding.h"
#include "gemm.h"
#include "heed_runtime.h"
#include "key_value_cache.h"
#include "loss.h"
#include "norm.h"
#include "optimizer.h"
#include "pooling.h"
#include "position.h"
#include "process_lock.h"
#include "random.h"
#include "recurrent.h"
#include "scored_attention.h"
#include "softmax.h"
#include "softmax_backward.h"
#include "sparse.h"

#endif

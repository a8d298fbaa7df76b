// Heed's kernels. One header per family; each is its family's specification.

#ifndef HEED_HEED_H
#define HEED_HEED_H

#include "heed/activation.h"
#include "heed/arithmetic.h"
#include "heed/attention.h"
#include "heed/convert.h"
#include "heed/convolution.h"
#include "heed/crf.h"
#include "heed/dropout.h"
#include "heed/embedding.h"
#include "heed/gemm.h"
#include "heed/key_value_cache.h"
#include "heed/loss.h"
#include "heed/norm.h"
#include "heed/optimizer.h"
#include "heed/pooling.h"
#include "heed/position.h"
#include "heed/process_lock.h"
#include "heed/random.h"
#include "heed/recurrent.h"
#include "heed/runtime.h"
#include "heed/scored_attention.h"
#include "heed/softmax.h"
#include "heed/sparse.h"

#endif

// Every entry point of sparse matrices and embeddings refuses what its header says, and writes nothing.

#include "arguments_support.h"
#include "heed/heed.h"

#define IN        inputs_f
#define OUT       outputs_f[0]
#define REF       outputs_d[0]
#define HUGE_SIZE ((size_t)1 << 61)
#define FAR       (PTRDIFF_MAX / 2)

static const int32_t offsets[] = {0, 1, 2, 3}, falling[] = {0, 2, 1, 3}, late[] = {1, 1, 2, 3}, columns[] = {0, 1, 2}, beyond[] = {0, 3, 2},
                     below[] = {0, -1, 2};
static const HeedSparse sparse = {.rows = 3, .columns = 3, .entries = 3, .offsets = offsets, .column = columns};
static const HeedSparseShape width = {.width = 2, .x_row = 2, .x_column = 1, .y_row = 2, .y_column = 1};

TEST_ONCE(arguments_of_sparse) {
  static HeedSparse spoilt[8];
  static const HeedStatus expected[8] = {HeedStatusBadArgument, HeedStatusBadArgument, HeedStatusBadArgument, HeedStatusBadArgument,
                                         HeedStatusBadIndex,    HeedStatusBadIndex,    HeedStatusBadShape,    HeedStatusBadArgument};
  for (int i = 0; i < 8; i++) spoilt[i] = sparse;
  spoilt[0].offsets = NULL, spoilt[1].column = NULL, spoilt[2].offsets = falling, spoilt[3].offsets = late, spoilt[4].column = beyond;
  spoilt[5].column = below, spoilt[6].rows = SIZE_MAX, spoilt[7].entries = 2;
  for (int i = 0; i < 9; i++) {
    const HeedSparse *a = i < 8 ? &spoilt[i] : NULL;
    const HeedStatus status = i < 8 ? expected[i] : HeedStatusBadArgument;
    GIVES_STATUS(status, heed_sparse_check(a));
    GIVES_STATUS(status, heed_sparse_reference_forward(a, &width, IN, REF));
    GIVES_STATUS(status, heed_sparse_forward(a, &width, IN, OUT));
    GIVES_STATUS(status, heed_sparse_transpose(a, outputs_32[0], outputs_32[1], OUT, NULL));
    GIVES_STATUS(status, heed_sparse_normalize(a, outputs_32[0], outputs_32[1], OUT));
  }
  static HeedSparseShape wide[3];
  for (int i = 0; i < 3; i++) wide[i] = width;
  wide[0].width = HUGE_SIZE, wide[1].x_row = FAR, wide[2].y_row = FAR;
  for (int i = 0; i < 3; i++) {
    const HeedStatus status = i == 0 ? HeedStatusBadShape : HeedStatusBadStride;
    GIVES_STATUS(i == 2 ? HeedStatusOk : status, heed_sparse_reference_forward(&sparse, &wide[i], IN, REF));
    GIVES_STATUS(status, heed_sparse_forward(&sparse, &wide[i], IN, OUT));
  }
  GIVES(BadArgument, heed_sparse_reference_forward(&sparse, NULL, IN, REF));
  GIVES(BadArgument, heed_sparse_reference_forward(&sparse, &width, NULL, REF));
  GIVES(BadArgument, heed_sparse_reference_forward(&sparse, &width, IN, NULL));
  GIVES(BadArgument, heed_sparse_forward(&sparse, NULL, IN, OUT));
  GIVES(BadArgument, heed_sparse_forward(&sparse, &width, NULL, OUT));
  GIVES(BadArgument, heed_sparse_forward(&sparse, &width, IN, NULL));
  GIVES(BadStride, heed_sparse_forward(&sparse, WITH(width, y_row = 0), IN, OUT));
  GIVES(BadArgument, heed_sparse_transpose(&sparse, NULL, outputs_32[1], OUT, NULL));
  GIVES(BadArgument, heed_sparse_transpose(&sparse, outputs_32[0], NULL, OUT, NULL));
  GIVES(BadArgument, heed_sparse_normalize(&sparse, NULL, outputs_32[1], OUT));
  GIVES(BadArgument, heed_sparse_normalize(&sparse, outputs_32[0], NULL, OUT));
  GIVES(BadArgument, heed_sparse_normalize(&sparse, outputs_32[0], outputs_32[1], NULL));
  GIVES(BadShape, heed_sparse_normalize(WITH(sparse, columns = 4), outputs_32[0], outputs_32[1], OUT));
  GIVES(BadArgument, heed_sparse_normalize_dense(3, NULL, 3, 1, outputs_32[0], outputs_32[1], OUT));
  GIVES(BadArgument, heed_sparse_normalize_dense(3, IN, 3, 1, NULL, outputs_32[1], OUT));
  GIVES(BadStride, heed_sparse_normalize_dense(3, IN, FAR, 1, outputs_32[0], outputs_32[1], OUT));
  GIVES(BadShape, heed_sparse_normalize_dense(SIZE_MAX, IN, 0, 0, outputs_32[0], outputs_32[1], OUT));
  GIVES_NUMBER(SIZE_MAX, heed_sparse_normalized_capacity(SIZE_MAX, 1));
  GIVES_NUMBER(SIZE_MAX, heed_sparse_count_dense(3, NULL, 3, 1));
  GIVES_NUMBER(SIZE_MAX, heed_sparse_count_dense(3, IN, FAR, 1));
  GIVES_NUMBER(SIZE_MAX, heed_sparse_count_dense(SIZE_MAX, IN, 0, 0));
  GIVES_NUMBER(0, heed_sparse_count_dense(0, NULL, 3, 1));
}

static const HeedEmbeddingShape embedding = {
    .tokens = 3, .vocabulary = 4, .columns = 5, .id_element = HeedEmbeddingIndexInt64, .id_step = 1, .table_row = 5, .output_row = 5};

TEST_ONCE(arguments_of_embedding) {
  static const int64_t high[] = {0, 4, 0}, low[] = {0, -1, 0};
  static HeedEmbeddingShape spoilt[6];
  static const HeedStatus expected[6] = {HeedStatusBadShape,  HeedStatusBadShape,    HeedStatusBadStride,
                                         HeedStatusBadStride, HeedStatusBadArgument, HeedStatusBadArgument};
  for (int i = 0; i < 6; i++) spoilt[i] = embedding;
  spoilt[0].vocabulary = HUGE_SIZE, spoilt[1].tokens = HUGE_SIZE, spoilt[2].output_row = FAR, spoilt[3].id_step = FAR;
  spoilt[4].id_element = (HeedEmbeddingIndex)2, spoilt[5].id_element = (HeedEmbeddingIndex)-1;
  for (int i = 0; i < 9; i++) {
    const HeedEmbeddingShape *s = i < 6 ? &spoilt[i] : i == 6 ? NULL : &embedding;
    const HeedStatus status = i < 6 ? expected[i] : i == 6 ? HeedStatusBadArgument : HeedStatusBadIndex;
    const int64_t *ids = i == 7 ? high : i == 8 ? low : zeros_64;
    GIVES_STATUS(status, heed_embedding_forward(s, IN, ids, OUT));
    GIVES_STATUS(status, heed_embedding_dense_backward(s, ids, IN, OUT));
    GIVES_STATUS(status, heed_embedding_touched_backward(s, ids, IN, outputs_64[0], OUT, (size_t *)outputs_64[1]));
    GIVES_STATUS(status, heed_embedding_reference_backward(s, ids, IN, REF));
  }
  GIVES(BadStride, heed_embedding_forward(WITH(embedding, output_row = 4), IN, zeros_64, OUT));
  GIVES(BadStride, heed_embedding_dense_backward(WITH(embedding, table_row = 4), zeros_64, IN, OUT));
  GIVES(BadArgument, heed_embedding_forward(&embedding, NULL, zeros_64, OUT));
  GIVES(BadArgument, heed_embedding_forward(&embedding, IN, NULL, OUT));
  GIVES(BadArgument, heed_embedding_forward(&embedding, IN, zeros_64, NULL));
  GIVES(BadArgument, heed_embedding_dense_backward(&embedding, NULL, IN, OUT));
  GIVES(BadArgument, heed_embedding_dense_backward(&embedding, zeros_64, NULL, OUT));
  GIVES(BadArgument, heed_embedding_dense_backward(&embedding, zeros_64, IN, NULL));
  GIVES(BadArgument, heed_embedding_touched_backward(&embedding, zeros_64, IN, NULL, OUT, (size_t *)outputs_64[1]));
  GIVES(BadArgument, heed_embedding_touched_backward(&embedding, zeros_64, IN, outputs_64[0], NULL, (size_t *)outputs_64[1]));
  GIVES(BadArgument, heed_embedding_touched_backward(&embedding, zeros_64, IN, outputs_64[0], OUT, NULL));
  GIVES(BadArgument, heed_embedding_reference_backward(&embedding, NULL, IN, REF));
  GIVES(BadArgument, heed_embedding_reference_backward(&embedding, zeros_64, NULL, REF));
  GIVES(BadArgument, heed_embedding_reference_backward(&embedding, zeros_64, IN, NULL));
}

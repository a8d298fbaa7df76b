// An index that is refused is named: the array, its value, its place there and the range.

#include <pthread.h>
#include <string.h>

#include "arguments_support.h"
#include "heed/arithmetic.h"
#include "heed/embedding.h"
#include "heed/loss.h"
#include "heed/pooling.h"
#include "heed/sparse.h"

#define IN  inputs_f
#define OUT outputs_f[0]
#define REF outputs_d[0]

// The call refuses this index.
#define REFUSES(name, number, at, most, call)                                                                                              \
  do {                                                                                                                                     \
    GIVES(BadIndex, call);                                                                                                                 \
    const HeedBadIndex bad = heed_status_bad_index();                                                                                      \
    CHECK_MESSAGE(bad.array != NULL && strcmp(bad.array, name) == 0 && bad.value == (number) && bad.place == (at) && bad.range == (most),  \
                  #call ": %s[%zu] is %lld, below %zu", bad.array ? bad.array : "(null)", bad.place, (long long)bad.value, bad.range);     \
  } while (0)

TEST_ONCE(indices_of_tables_are_named) {
  static const int64_t ids[] = {0, 3, 4, -1};
  static const int32_t short_ids[] = {0, 9, 3, 9, -7, 9}; // every second
  const HeedEmbeddingShape shape = {
      .tokens = 4, .vocabulary = 4, .columns = 5, .id_element = HeedEmbeddingIndexInt64, .id_step = 1, .table_row = 5, .output_row = 5};
  const HeedEmbeddingShape steps = {
      .tokens = 3, .vocabulary = 4, .columns = 5, .id_element = HeedEmbeddingIndexInt32, .id_step = 2, .table_row = 5, .output_row = 5};
  REFUSES("ids", 4, 2, 4, heed_embedding_forward(&shape, IN, ids, OUT));
  REFUSES("ids", 4, 2, 4, heed_embedding_dense_backward(&shape, ids, IN, OUT));
  REFUSES("ids", -7, 2, 4, heed_embedding_touched_backward(&steps, short_ids, IN, outputs_32[0], OUT, (size_t *)outputs_64[1]));
  REFUSES("ids", -7, 2, 4, heed_embedding_reference_backward(&steps, short_ids, IN, REF));
  static const int32_t offsets[] = {0, 2, 3}, columns[] = {0, 2, 3};
  static const HeedSparse sparse = {2, 3, 3, offsets, columns, NULL};
  REFUSES("column", 3, 2, 3, heed_sparse_check(&sparse));
}

TEST_ONCE(indices_of_losses_are_named) {
  static const int64_t targets[] = {2, -100, 3}, centers[] = {0, 4}, contexts[] = {0, -1}, negatives[] = {0, 1, 2, 5},
                       below[] = {1, INT64_MIN};
  HeedLossCrossEntropyShape shape = {.rows = 3, .classes = 3, .logits_row = 3, .d_logits_row = 3, .probabilities_row = 3};
  const HeedLossCrossEntropyInputs inputs = {.logits = IN, .targets = targets};
  const HeedLossCrossEntropyOutputs outputs = {outputs_f[0], outputs_f[1]};
  REFUSES("targets", -100, 1, 3, heed_loss_cross_entropy(&shape, &inputs, &outputs));
  shape.ignores = true, shape.ignore_index = -100;
  REFUSES("targets", 3, 2, 3, heed_loss_cross_entropy(&shape, &inputs, &outputs));
  REFUSES("targets", 3, 2, 3, heed_loss_reference_cross_entropy(&shape, &inputs, REF, outputs_d[1]));
  const HeedLossNegativeSamplingShape sampling = {.pairs = 2,
                                                  .negatives = 2,
                                                  .dim = 3,
                                                  .center_rows = 4,
                                                  .context_rows = 5,
                                                  .center_row = 3,
                                                  .context_row = 3,
                                                  .d_center_row = 3,
                                                  .d_context_row = 3};
  const HeedLossNegativeSamplingOutputs loss = {.loss = outputs_f[0]};
  HeedLossNegativeSamplingInputs pairs = {IN, IN, centers, zeros_64, zeros_64, NULL};
  REFUSES("centers", 4, 1, 4, heed_loss_negative_sampling(&sampling, &pairs, &loss));
  pairs.centers = zeros_64, pairs.contexts = contexts;
  REFUSES("contexts", -1, 1, 5, heed_loss_negative_sampling(&sampling, &pairs, &loss));
  pairs.contexts = zeros_64, pairs.negatives = negatives;
  REFUSES("negatives", 5, 3, 5, heed_loss_negative_sampling(&sampling, &pairs, &loss));
  pairs.negatives = zeros_64, pairs.centers = below;
  REFUSES("centers", INT64_MIN, 1, 4, heed_loss_negative_sampling(&sampling, &pairs, &loss));
}

// Where an index is shared along an axis, its place counts that axis once.
TEST_ONCE(indices_of_a_gather_are_named) {
  static const int32_t rows[] = {0, 3}, all[] = {0, 1, 2, 0, 1, 2, 0, 1, 2, -1, 0, 0};
  HeedArithmeticGather selection = {.outer = 2,
                                    .extent = 3,
                                    .count = 2,
                                    .inner = 3,
                                    .array_outer = 9,
                                    .array_axis = 3,
                                    .array_inner = 1,
                                    .taken_outer = 6,
                                    .taken_axis = 3,
                                    .taken_inner = 1,
                                    .index_axis = 1};
  REFUSES("index", 3, 1, 3, heed_arithmetic_gather(&selection, IN, rows, OUT));
  REFUSES("index", 3, 1, 3, heed_arithmetic_scatter_add(&selection, IN, rows, OUT));
  HeedArithmeticGather elements = selection;
  elements.index_outer = 6, elements.index_axis = 3, elements.index_inner = 1;
  REFUSES("index", -1, 9, 3, heed_arithmetic_gather(&elements, IN, all, OUT));
  elements.extent = 0, elements.array_outer = 0;
  REFUSES("index", 0, 0, 0, heed_arithmetic_gather(&elements, IN, all, OUT));
}

TEST_ONCE(indices_of_pooling_are_named) {
  static int32_t index[8];
  memset(index, 0, sizeof index);
  index[6] = 16;
  const HeedPoolingShape shape = {.batch = 1,
                                  .channels = 2,
                                  .height = 4,
                                  .width = 4,
                                  .kernel_height = 2,
                                  .kernel_width = 2,
                                  .stride_height = 2,
                                  .stride_width = 2,
                                  .dilation_height = 1,
                                  .dilation_width = 1,
                                  .input = {32, 16, 4, 1},
                                  .output = {8, 4, 2, 1},
                                  .d_input = {32, 16, 4, 1}};
  REFUSES("index", 16, 6, 16, heed_pooling_max_backward(&shape, IN, index, OUT));
}

static void *look(void *found) {
  *(HeedBadIndex *)found = heed_status_bad_index();
  return NULL;
}

// What is refused belongs to the thread, and stays until its next.
TEST_ONCE(a_refused_index_belongs_to_its_thread) {
  static const int32_t ids[] = {7}, good[] = {1};
  const HeedEmbeddingShape shape = {.tokens = 1, .vocabulary = 4, .columns = 5, .id_step = 1, .table_row = 5, .output_row = 5};
  REFUSES("ids", 7, 0, 4, heed_embedding_forward(&shape, IN, ids, OUT));
  CHECK(heed_embedding_forward(&shape, IN, good, OUT) == HeedStatusOk && heed_status_bad_index().value == 7);
  HeedBadIndex other = {"something", 1, 1, 1};
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, look, &other) == 0 && pthread_join(thread, NULL) == 0);
  CHECK(other.array == NULL && other.value == 0 && other.place == 0 && other.range == 0);
}

#include "driver/attention/attention_backward_stored.h"

#include "checks/attention_visibility.h"

void heed_attention_backward_add_scores(const HeedAttentionBackwardShape *shape, size_t b, const float *scores, float *additive) {
  const HeedAttentionShape *s = &shape->forward;
  const HeedAttentionStrides strides = shape->d_additive;
  if (!additive) return;
  for (int adds = b == 0 || strides.batch != 0 ? 0 : 1; adds < 2; adds++) // the first time round: zeros
    for (size_t h = 0; h < s->heads; h++)
      for (size_t i = 0; i < s->query_length; i++) {
        float *row = additive + heed_attention_row_offset(strides, b, h, i);
        const float *from = scores + (h * s->query_length + i) * s->key_length;
        for (size_t j = 0; j < s->key_length; j++) {
          float *target = row + (ptrdiff_t)j * strides.column;
          *target = adds ? *target + from[j] : 0.0f;
        }
      }
}

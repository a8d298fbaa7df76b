// The argument checks of every backward pass of attention. Letters as in attention.h.

#include "checks/attention_backward_checks.h"

#include "checks/attention_checks.h"

HeedStatus heed_attention_backward_check_inputs(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs) {
  if (!shape || !inputs) return HeedStatusBadArgument;
  const HeedAttentionShape *s = &shape->forward;
  const HeedStatus status = heed_attention_check_inputs(s, &inputs->forward);
  if (status != HeedStatusOk) return status;
  const HeedArray d_output = heed_attention_array(s->batch, s->heads, s->query_length, s->value_dim, shape->d_output);
  if (!heed_array_sizes_fit(&d_output)) return HeedStatusBadShape;
  if (!heed_array_distances_fit(&d_output, sizeof(float))) return HeedStatusBadStride;
  return heed_array_has(&d_output, inputs->d_output) ? HeedStatusOk : HeedStatusBadArgument;
}

// Whether a gradient that is wanted has elements of its own.
static bool is_writable(const float *gradient, const HeedArray *x) { return !gradient || heed_array_is_writable(x, sizeof(float)); }

bool heed_attention_d_additive_fits(const HeedAttentionBackwardShape *shape, size_t element_bytes) {
  const HeedAttentionShape *s = &shape->forward;
  HeedArray x = heed_attention_array(s->batch, s->heads, s->query_length, s->key_length, shape->d_additive);
  if (heed_array_is_empty(&x)) return true;
  for (int i = 0; i < 4; i++)
    if (x.stride[i] == 0) x.size[i] = 1;
  return heed_array_is_writable(&x, element_bytes);
}

HeedStatus heed_attention_backward_check(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs,
                                         const HeedAttentionGradients *gradients) {
  if (!gradients) return HeedStatusBadArgument;
  const HeedStatus status = heed_attention_backward_check_inputs(shape, inputs);
  if (status != HeedStatusOk) return status;
  const HeedAttentionShape *s = &shape->forward;
  const HeedArray output = heed_attention_array(s->batch, s->heads, s->query_length, s->value_dim, s->output);
  const HeedArray query = heed_attention_array(s->batch, s->heads, s->query_length, s->head_dim, shape->d_query);
  const HeedArray key = heed_attention_array(s->batch, s->key_value_heads, s->key_length, s->head_dim, shape->d_key);
  const HeedArray value = heed_attention_array(s->batch, s->key_value_heads, s->key_length, s->value_dim, shape->d_value);
  const bool strides = heed_array_distances_fit(&output, sizeof(float)) && is_writable(gradients->d_query, &query) &&
                       is_writable(gradients->d_key, &key) && is_writable(gradients->d_value, &value) &&
                       (!gradients->d_additive || heed_attention_d_additive_fits(shape, sizeof(float)));
  if (!strides) return HeedStatusBadStride;
  const bool rows = s->batch > 0 && s->heads > 0 && s->query_length > 0;
  return !heed_array_has(&output, inputs->output) || (!inputs->log_sum_exp && rows) ? HeedStatusBadArgument : HeedStatusOk;
}

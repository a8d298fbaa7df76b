// The argument checks of every backward pass of attention. Letters as in attention.h.

#include "checks/attention_backward_checks.h"

#include "checks/attention_checks.h"
#include "checks/attention_extent.h"

HeedStatus heed_attention_backward_check_inputs(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs) {
  if (!shape || !inputs) return HeedStatusBadArgument;
  const HeedAttentionShape *s = &shape->forward;
  const HeedStatus status = heed_attention_check_inputs(s, &inputs->forward);
  if (status != HeedStatusOk) return status;
  const HeedExtent cotangent = {{s->batch, s->heads, s->query_length, s->value_dim}, shape->output_gradient};
  if (!heed_extent_product_fits(&cotangent)) return HeedStatusBadShape;
  if (!heed_extent_distances_fit(&cotangent, sizeof(float))) return HeedStatusBadStride;
  return !inputs->output_gradient && !heed_extent_is_empty(&cotangent) ? HeedStatusBadArgument : HeedStatusOk;
}

// Whether a gradient that is wanted has elements of its own.
static bool is_writable(const float *gradient, const HeedExtent *x) {
  return !gradient || (heed_extent_distances_fit(x, sizeof(float)) && heed_extent_strides_nest(x));
}

bool heed_attention_additive_gradient_fits(const HeedAttentionBackwardShape *shape, size_t element_bytes) {
  const HeedAttentionShape *s = &shape->forward;
  HeedExtent x = {{s->batch, s->heads, s->query_length, s->key_length}, shape->additive_gradient};
  if (heed_extent_is_empty(&x)) return true;
  const ptrdiff_t stride[4] = {x.strides.batch, x.strides.head, x.strides.row, x.strides.column};
  for (int i = 0; i < 4; i++)
    if (stride[i] == 0) x.size[i] = 1;
  return heed_extent_distances_fit(&x, element_bytes) && heed_extent_strides_nest(&x);
}

HeedStatus heed_attention_backward_check(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs,
                                         const HeedAttentionGradients *gradients) {
  if (!gradients) return HeedStatusBadArgument;
  const HeedStatus status = heed_attention_backward_check_inputs(shape, inputs);
  if (status != HeedStatusOk) return status;
  const HeedAttentionShape *s = &shape->forward;
  const HeedExtent output = {{s->batch, s->heads, s->query_length, s->value_dim}, s->output};
  const HeedExtent query = {{s->batch, s->heads, s->query_length, s->head_dim}, shape->query_gradient};
  const HeedExtent key = {{s->batch, s->key_value_heads, s->key_length, s->head_dim}, shape->key_gradient};
  const HeedExtent value = {{s->batch, s->key_value_heads, s->key_length, s->value_dim}, shape->value_gradient};
  const bool strides = heed_extent_distances_fit(&output, sizeof(float)) && is_writable(gradients->query, &query) &&
                       is_writable(gradients->key, &key) && is_writable(gradients->value, &value) &&
                       (!gradients->additive || heed_attention_additive_gradient_fits(shape, sizeof(float)));
  if (!strides) return HeedStatusBadStride;
  const bool rows = s->batch > 0 && s->heads > 0 && s->query_length > 0;
  return (!inputs->output && !heed_extent_is_empty(&output)) || (!inputs->log_sum_exp && rows) ? HeedStatusBadArgument : HeedStatusOk;
}

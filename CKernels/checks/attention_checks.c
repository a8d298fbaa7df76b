// The argument checks of every attention entry point. Letters as in attention.h.

#include "checks/attention_checks.h"

#include <math.h>

#include "checks/element.h"

// The operands of a call.
typedef struct Operands {
  HeedArray query, key, value, output, boolean, additive;
} Operands;

static Operands operands_of(const HeedAttentionShape *s) {
  return (Operands){
      .query = heed_attention_array(s->batch, s->heads, s->query_length, s->head_dim, s->query),
      .key = heed_attention_array(s->batch, s->key_value_heads, s->key_length, s->head_dim, s->key),
      .value = heed_attention_array(s->batch, s->key_value_heads, s->key_length, s->value_dim, s->value),
      .output = heed_attention_array(s->batch, s->heads, s->query_length, s->value_dim, s->output),
      .boolean = heed_attention_array(s->batch, s->heads, s->query_length, s->key_length, s->boolean),
      .additive = heed_attention_array(s->batch, s->heads, s->query_length, s->key_length, s->additive),
  };
}

static HeedStatus check_shape(const HeedAttentionShape *shape, const Operands *x) {
  if (shape->heads > 0 && (shape->key_value_heads == 0 || shape->heads % shape->key_value_heads != 0)) return HeedStatusBadShape;
  const bool fits = heed_array_sizes_fit(&x->query) && heed_array_sizes_fit(&x->key) && heed_array_sizes_fit(&x->value) &&
                    heed_array_sizes_fit(&x->output) && heed_array_sizes_fit(&x->boolean);
  return fits ? HeedStatusOk : HeedStatusBadShape;
}

static HeedStatus check_input_strides(const HeedAttentionInputs *inputs, const Operands *x) {
  const bool fit = heed_array_distances_fit(&x->query, sizeof(float)) && heed_array_distances_fit(&x->key, sizeof(float)) &&
                   heed_array_distances_fit(&x->value, sizeof(float)) &&
                   (!inputs->boolean || heed_array_distances_fit(&x->boolean, sizeof(uint8_t))) &&
                   (!inputs->additive || heed_array_distances_fit(&x->additive, sizeof(float)));
  return fit ? HeedStatusOk : HeedStatusBadStride;
}

static HeedStatus check_input_data(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs, const Operands *x,
                                   bool takes_bfloat16) {
  if (!heed_element_exists(shape->element)) return HeedStatusBadArgument;
  if (shape->element == HeedElementBfloat16 && !takes_bfloat16) return HeedStatusBadArgument;
  if (!heed_array_has(&x->query, inputs->query)) return HeedStatusBadArgument;
  if (!heed_array_has(&x->key, inputs->key)) return HeedStatusBadArgument;
  if (!heed_array_has(&x->value, inputs->value)) return HeedStatusBadArgument;
  if (!isfinite(shape->scale) || (shape->window > 0 && !shape->causal)) return HeedStatusBadArgument;
  if (!(shape->dropout.probability >= 0 && shape->dropout.probability < 1)) return HeedStatusBadArgument;
  if (inputs->key_lengths) {
    for (size_t b = 0; b < shape->batch; b++) {
      if (inputs->key_lengths[b] < 0 || (uint64_t)inputs->key_lengths[b] > shape->key_length) return HeedStatusBadArgument;
    }
  }
  return HeedStatusOk;
}

HeedStatus heed_attention_check_inputs(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs) {
  if (!shape || !inputs) return HeedStatusBadArgument;
  const Operands operands = operands_of(shape);
  HeedStatus status = check_shape(shape, &operands);
  if (status == HeedStatusOk) status = check_input_strides(inputs, &operands);
  if (status == HeedStatusOk) status = check_input_data(shape, inputs, &operands, false);
  return status;
}

HeedStatus heed_attention_check(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs, const HeedAttentionOutputs *outputs,
                                bool takes_bfloat16) {
  if (!shape || !inputs || !outputs) return HeedStatusBadArgument;
  const Operands operands = operands_of(shape);
  HeedStatus status = check_shape(shape, &operands);
  if (status == HeedStatusOk) status = check_input_strides(inputs, &operands);
  if (status != HeedStatusOk) return status;
  if (!heed_array_is_writable(&operands.output, sizeof(float))) return HeedStatusBadStride;
  if (!heed_array_has(&operands.output, outputs->output)) return HeedStatusBadArgument;
  return check_input_data(shape, inputs, &operands, takes_bfloat16);
}

HeedAttentionStrides heed_attention_strides_contiguous(size_t heads, size_t rows, size_t columns) {
  // Unsigned, so that sizes which overflow wrap around here and are refused by the checks.
  return (HeedAttentionStrides){
      .batch = (ptrdiff_t)(heads * rows * columns), .head = (ptrdiff_t)(rows * columns), .row = (ptrdiff_t)columns, .column = 1};
}

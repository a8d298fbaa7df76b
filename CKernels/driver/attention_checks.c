// The argument checks of every attention entry point. Letters as in attention.h.

#include "attention_checks.h"

#include <math.h>

// The sizes of one operand.
typedef struct Extent {
  size_t size[4];
  HeedStrides strides;
} Extent;

static bool is_empty(const Extent *x) { return !x->size[0] || !x->size[1] || !x->size[2] || !x->size[3]; }

// Whether an array of these sizes, 8 bytes an element (the float64 reference has the same shapes), is no larger than an object may be.
// A size of 0 counts as 1: scratch is carved from partial products, and an array that overflows beside a 0 is a mistake anyway.
static bool product_fits(const Extent *x) {
  size_t product = sizeof(double);
  for (int i = 0; i < 4; i++) {
    if (x->size[i] > 1 && __builtin_mul_overflow(product, x->size[i], &product)) return false;
  }
  return product <= (size_t)PTRDIFF_MAX;
}

static void magnitudes(const HeedStrides *strides, size_t magnitude[4]) {
  const ptrdiff_t stride[4] = {strides->batch, strides->head, strides->row, strides->column};
  for (int i = 0; i < 4; i++) magnitude[i] = stride[i] < 0 ? (size_t)0 - (size_t)stride[i] : (size_t)stride[i];
}

// Whether every element's distance from the first fits in ptrdiff_t, counted in bytes.
static bool distances_fit(const Extent *x, size_t element_bytes) {
  if (is_empty(x)) return true;
  size_t magnitude[4], total = 0;
  magnitudes(&x->strides, magnitude);
  for (int i = 0; i < 4; i++) {
    size_t reach;
    if (__builtin_mul_overflow(magnitude[i], x->size[i] - 1, &reach) || __builtin_add_overflow(total, reach, &total)) return false;
  }
  return total <= (size_t)PTRDIFF_MAX / element_bytes;
}

// Whether the strides nest: taken from the smallest to the largest, each steps over all that the smaller ones span. Then no two elements
// share an address. (Strides that interleave without sharing one, such as 2 and 3 for sizes 2 and 2, are refused with those that share.)
static bool strides_nest(const Extent *x) {
  if (is_empty(x)) return true;
  size_t magnitude[4];
  magnitudes(&x->strides, magnitude);
  bool taken[4] = {false, false, false, false};
  size_t span = 0; // from the first to the last element of the dimensions taken so far; distances_fit has ruled out overflow
  for (int round = 0; round < 4; round++) {
    int smallest = -1;
    for (int i = 0; i < 4; i++) {
      if (taken[i] || x->size[i] == 1) continue;
      if (smallest < 0 || magnitude[i] < magnitude[smallest]) smallest = i;
    }
    if (smallest < 0) return true;
    if (magnitude[smallest] <= span) return false;
    span += magnitude[smallest] * (x->size[smallest] - 1);
    taken[smallest] = true;
  }
  return true;
}

// The operands of a call.
typedef struct Operands {
  Extent query, key, value, output, scores;
} Operands;

static Operands operands_of(const HeedAttentionShape *s) {
  return (Operands){
      .query = {{s->batch, s->heads, s->query_length, s->head_dim}, s->query},
      .key = {{s->batch, s->key_value_heads, s->key_length, s->head_dim}, s->key},
      .value = {{s->batch, s->key_value_heads, s->key_length, s->value_dim}, s->value},
      .output = {{s->batch, s->heads, s->query_length, s->value_dim}, s->output},
      .scores = {{s->batch, s->heads, s->query_length, s->key_length}, {0, 0, 0, 0}},
  };
}

static HeedStatus check_shape(const HeedAttentionShape *shape, const Operands *x) {
  if (shape->heads > 0 && (shape->key_value_heads == 0 || shape->heads % shape->key_value_heads != 0)) return HeedStatusBadShape;
  const bool fits =
      product_fits(&x->query) && product_fits(&x->key) && product_fits(&x->value) && product_fits(&x->output) && product_fits(&x->scores);
  return fits ? HeedStatusOk : HeedStatusBadShape;
}

static HeedStatus check_input_strides(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs, const Operands *x) {
  Extent boolean = x->scores, additive = x->scores;
  boolean.strides = shape->boolean;
  additive.strides = shape->additive;
  const bool fit = distances_fit(&x->query, sizeof(float)) && distances_fit(&x->key, sizeof(float)) &&
                   distances_fit(&x->value, sizeof(float)) && (!inputs->boolean || distances_fit(&boolean, sizeof(uint8_t))) &&
                   (!inputs->additive || distances_fit(&additive, sizeof(float)));
  return fit ? HeedStatusOk : HeedStatusBadStride;
}

static HeedStatus check_input_data(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs, const Operands *x) {
  if (!inputs->query && !is_empty(&x->query)) return HeedStatusBadArgument;
  if (!inputs->key && !is_empty(&x->key)) return HeedStatusBadArgument;
  if (!inputs->value && !is_empty(&x->value)) return HeedStatusBadArgument;
  if (!isfinite(shape->scale) || (shape->window > 0 && !shape->causal)) return HeedStatusBadArgument;
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
  if (status == HeedStatusOk) status = check_input_strides(shape, inputs, &operands);
  if (status == HeedStatusOk) status = check_input_data(shape, inputs, &operands);
  return status;
}

HeedStatus heed_attention_check(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs, const HeedAttentionOutputs *outputs) {
  if (!shape || !inputs || !outputs) return HeedStatusBadArgument;
  const Operands operands = operands_of(shape);
  HeedStatus status = check_shape(shape, &operands);
  if (status == HeedStatusOk) status = check_input_strides(shape, inputs, &operands);
  if (status != HeedStatusOk) return status;
  if (!distances_fit(&operands.output, sizeof(float)) || !strides_nest(&operands.output)) return HeedStatusBadStride;
  if (!outputs->output && !is_empty(&operands.output)) return HeedStatusBadArgument;
  return check_input_data(shape, inputs, &operands);
}

HeedStrides heed_strides_contiguous(size_t heads, size_t rows, size_t columns) {
  // Unsigned, so that sizes which overflow wrap around here and are refused by the checks.
  return (HeedStrides){
      .batch = (ptrdiff_t)(heads * rows * columns), .head = (ptrdiff_t)(rows * columns), .row = (ptrdiff_t)columns, .column = 1};
}

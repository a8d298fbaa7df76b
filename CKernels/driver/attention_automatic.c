// Attention forward by the rule of `automatic`: which path is fastest for a shape. Both sum in the same order and give the same bits.

#include "attention.h"

// Queries up to which keys in the lanes (decode) beat queries in the lanes (tiled), which compute a whole vector of queries however few
// there are. Measured by `heed bench attention --grid`.
#define DECODE_QUERIES 8

HeedStatus heed_attention_automatic_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                            const HeedAttentionOutputs *outputs) {
  const bool decodes = shape && inputs && outputs && shape->query_length <= DECODE_QUERIES && !inputs->boolean && !inputs->additive &&
                       !outputs->weights && (shape->key.column == 1 || shape->head_dim <= 1) &&
                       (shape->value.column == 1 || shape->value_dim <= 1);
  return decodes ? heed_attention_decode_forward(shape, inputs, outputs) : heed_attention_tiled_forward(shape, inputs, outputs);
}

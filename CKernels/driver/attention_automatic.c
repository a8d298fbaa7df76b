// Attention forward by the rule of `automatic`: which path is fastest for a shape. Both sum in the same order and give the same bits.

#include "attention_checks.h"
#include "attention_keys.h"

// Queries up to which keys in the lanes (decode) beat queries in the lanes (tiled), which compute a whole vector of queries however few
// there are. Measured by `heed bench attention --grid`.
#define DECODE_QUERIES 8

bool heed_attention_decodes(const HeedAttentionCall *call) {
  const HeedAttentionShape *s = call->shape;
  if (s->query_length > DECODE_QUERIES || s->dropout.probability > 0 || call->inputs->boolean || call->inputs->additive) return false;
  if (call->cache) return true;
  return !call->bf16 && (s->key.column == 1 || s->head_dim <= 1) && (s->value.column == 1 || s->value_dim <= 1);
}

HeedStatus heed_attention_automatic_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                            const HeedAttentionOutputs *outputs) {
  const HeedStatus status = heed_attention_check(shape, inputs, outputs);
  if (status != HeedStatusOk) return status;
  if (outputs->weights) return HeedStatusNotSupported;
  const HeedAttentionCall call = {shape, inputs, outputs, NULL, false};
  return heed_attention_decodes(&call) ? heed_attention_run_decode(&call) : heed_attention_run_tiled(&call);
}

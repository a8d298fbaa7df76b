// Attention forward by the rule of `automatic`: which path is fastest for a shape. Both sum in the same order and give the same bits.

#include "checks/attention_checks.h"
#include "driver/attention/attention_keys.h"
#include "runtime/profile.h"

// Queries up to which keys in the lanes (decode) beat queries in the lanes (tiled), which compute a whole vector of queries however few
// there are. Measured by `heed bench attention --grid`.
#define DECODE_QUERIES 8

// Whether decode takes the call, and is the faster of the two: a few queries, masks that are bounds.
static bool decodes(const HeedAttentionCall *call) {
  const HeedAttentionShape *s = call->shape;
  if (s->query_length > DECODE_QUERIES || s->dropout.probability > 0 || call->inputs->boolean || call->inputs->additive) return false;
  if (call->cache) return true;
  return (s->key.column == 1 || s->head_dim <= 1) && (s->value.column == 1 || s->value_dim <= 1);
}

HeedStatus heed_attention_run(const HeedAttentionCall *call) {
  return decodes(call) ? heed_attention_run_decode(call) : heed_attention_run_tiled(call);
}

HeedStatus heed_attention_automatic_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                            const HeedAttentionOutputs *outputs) {
  HEED_ENTRY_FLUSHING_DENORMALS_IF(shape && shape->element == HeedElementBfloat16);
  const HeedStatus status = heed_attention_check(shape, inputs, outputs, true);
  if (status != HeedStatusOk) return status;
  if (outputs->weights || (shape->element == HeedElementBfloat16 && shape->dropout.probability > 0)) return HeedStatusNotSupported;
  return heed_attention_run(&(HeedAttentionCall){shape, inputs, outputs, NULL});
}

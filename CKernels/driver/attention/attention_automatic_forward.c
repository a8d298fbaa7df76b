// Attention forward by the rule of `automatic`: which path is fastest for a shape. Both sum in the same order and give the same bits.

#include "checks/attention_checks.h"
#include "driver/attention/attention_keys.h"
#include "runtime/profile.h"

// Queries up to which keys in the lanes (decode) beat queries in the lanes (tiled), which compute a whole vector of queries however few
// there are. Measured by `heed bench attention --grid`.
#define DECODE_QUERIES 8

bool heed_attention_decodes(const HeedAttentionCall *call) {
  const HeedAttentionShape *s = call->shape;
  if (s->query_length > DECODE_QUERIES || s->dropout.probability > 0 || call->inputs->boolean || call->inputs->additive) return false;
  if (call->cache) return true;
  return (s->key.column == 1 || s->head_dim <= 1) && (s->value.column == 1 || s->value_dim <= 1);
}

static HeedStatus check_and_run(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs, const HeedAttentionOutputs *outputs,
                                bool bf16) {
  const HeedStatus status = heed_attention_check(shape, inputs, outputs);
  if (status != HeedStatusOk) return status;
  if (outputs->weights || (bf16 && shape->dropout.probability > 0)) return HeedStatusNotSupported;
  const HeedAttentionCall call = {shape, inputs, outputs, NULL, bf16};
  return heed_attention_decodes(&call) ? heed_attention_run_decode(&call) : heed_attention_run_tiled(&call);
}

HeedStatus heed_attention_automatic_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                            const HeedAttentionOutputs *outputs) {
  HEED_ENTRY();
  return check_and_run(shape, inputs, outputs, false);
}

HeedStatus heed_attention_automatic_bf16_forward(const HeedAttentionShape *shape, const HeedAttentionBf16Inputs *inputs,
                                                 const HeedAttentionOutputs *outputs) {
  HEED_ENTRY();
  if (!inputs) return HeedStatusBadArgument;
  const HeedAttentionInputs common = heed_attention_inputs_of_bf16(inputs);
  return check_and_run(shape, &common, outputs, true);
}

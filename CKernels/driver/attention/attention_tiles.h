// Private: the description of one tile of queries, which every tiled pass hands to its kernels.

#ifndef HEED_ATTENTION_TILES_H
#define HEED_ATTENTION_TILES_H

#include "checks/attention_visibility.h"
#include "checks/element.h"
#include "runtime/sizes.h"
#include "table/kernels.h"

// All members of a tile that follow from shape and inputs, for operands in rows: the queries `first` ... of head `head`, at most `most` of
// them. No output, no scratch.
static inline HeedAttentionTile heed_attention_tile(const HeedAttentionShape *s, const HeedAttentionInputs *in, size_t batch, size_t head,
                                                    size_t first, size_t most) {
  const size_t left = s->query_length - first, group = heed_attention_group(s, head);
  const bool scored = s->key_length > 0 && s->head_dim > 0, summed = s->key_length > 0 && s->value_dim > 0; // an empty array may be null
  return (HeedAttentionTile){
      .queries = heed_size_min(left, most),
      .keys = in->key_lengths ? (size_t)in->key_lengths[batch] : s->key_length,
      .head_dim = s->head_dim,
      .value_dim = s->value_dim,
      .query =
          s->head_dim > 0 ? heed_element_at(in->query, heed_attention_row_offset(s->query, batch, head, first), s->element) : in->query,
      .key = scored ? heed_element_at(in->key, heed_attention_row_offset(s->key, batch, group, 0), s->element) : in->key,
      .value = summed ? heed_element_at(in->value, heed_attention_row_offset(s->value, batch, group, 0), s->element) : in->value,
      .query_row = s->query.row,
      .query_column = s->query.column,
      .key_row = scored ? s->key.row : 0,
      .key_column = s->key.column,
      .value_row = summed ? s->value.row : 0,
      .value_column = s->value.column,
      .visible_first = heed_attention_visible_below(s, first),
      .window = heed_attention_window(s),
      .boolean = in->boolean ? in->boolean + heed_attention_row_offset(s->boolean, batch, head, first) : NULL,
      .additive = in->additive ? in->additive + heed_attention_row_offset(s->additive, batch, head, first) : NULL,
      .boolean_row = s->boolean.row,
      .boolean_column = s->boolean.column,
      .additive_row = s->additive.row,
      .additive_column = s->additive.column,
      .scale = s->scale,
      .dropout = s->dropout.probability,
      .dropout_seed = s->dropout.seed,
      .dropout_stream = heed_random_row(s->dropout.offset + batch * s->heads + head, first),
  };
}

#endif

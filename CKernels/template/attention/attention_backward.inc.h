// Attention backward: one pair of tiles, with the steps before and after it (letters: heed/attention.h).
//
//   S^T <- K Q^T,  P^T <- 2^(S^T - log2 e L),  dS^T <- P^T * (V dO^T - delta)
//   dV <- dV + P dO,  dK <- dK + dS Q,  dQ^T <- dQ^T + K^T dS^T
//
// A pair that an edge of the mask crosses is taken by vectors of queries, each as far as its last row sees.

#include "template/attention/attention_backward_products.inc.h"

// The elementwise part of one pair of tiles.
typedef struct BackwardStage {
  const HeedAttentionBackwardQueries *queries;
  const HeedAttentionBackwardKeys *keys;
  const BackwardArrays *arrays;
  const float *bias; // or null
  bool takes_scores; // dS is wanted
} BackwardStage;

// P^T and dS^T of the first `count` keys for `vectors` vectors of queries from `lane` on.
INLINE_KERNEL void backward_stage(const int vectors, const bool masked, const bool drops, const BackwardStage *x, size_t lane,
                                  size_t count) {
  const HeedAttentionBackwardQueries *q = x->queries;
  const HeedAttentionTile *tile = q->tile;
  const size_t dim = tile->head_dim;
  const TileOperands operands = {.key = x->keys->key,
                                 .key_row = (ptrdiff_t)dim,
                                 .key_column = 1,
                                 .scale = scale_in_base_2(tile->scale),
                                 .key_block = (ptrdiff_t)(KEY_BLOCK * dim)};
  float *scores = x->arrays->scores + lane;
  vf max[HEED_BLOCK_VECTORS]; // not needed
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) max[v] = vf_zero();
  score_tile(vectors, false, &operands, count, dim, q->query_lanes + lane, scores, max);
  const float *bias = x->bias ? x->bias + lane : NULL;
  if (masked) mask_tile(vectors, tile, x->keys->first_key, count, lane, bias, scores, max);
  vf shift[HEED_BLOCK_VECTORS]; // what is to be subtracted from the scores before the statistics' second part
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) { // rows with a large maximum
    const vf first = shift[v] = vf_load(q->statistics + lane + QUERY_TILE + v * HEED_LANES);
    const size_t at = (size_t)(v * HEED_LANES);
    if (!__builtin_expect(vm_any(refine_lanes(first, first)), false)) continue;
    vf top = vf_set1(HEED_LOWEST);
    for (size_t j = 0; j < count; j++) top = vf_max(vf_load(scores + j * QUERY_TILE + at), top);
    const vm lanes = refine_lanes(top, first);
    if (!vm_any(lanes)) continue;
    float rest[KEY_TILE * HEED_LANES] __attribute__((aligned(64)));
    refine_scores(tile->scale, dim, q->query_lanes + lane + at, &operands, count, lanes, first, bias ? bias + at : NULL, scores + at, rest);
    refine_subtract(count, lanes, first, vf_zero(), rest, scores + at);
    shift[v] = vf_select(lanes, vf_zero(), first);
  }
  backward_weigh(vectors, masked, count, q->statistics + lane, shift, scores);
  float *multipliers = drops ? x->arrays->multipliers + lane : NULL;
  if (drops) {
    drop_tile(vectors, tile, x->keys->first_key, lane, multipliers);
    multiply_weights(vectors, count, scores, multipliers, x->arrays->weights + lane);
  }
  if (x->takes_scores)
    backward_d_scores_tile(vectors, masked, drops, count, x->keys->value, tile->value_dim, q->d_output_lanes + lane, q->statistics + lane,
                           scores, multipliers, x->arrays->d_scores + lane);
}

typedef void (*BackwardStageKernel)(const BackwardStage *, size_t, size_t);
typedef void (*BackwardQueryKernel)(const float *, size_t, size_t, const float *, float *);

// The other steps of a pair, besides the products.
typedef enum BackwardKind { BackwardPlain, BackwardMasked, BackwardDropped } BackwardKind;

#define BACKWARD_STAGE(vectors, kind)                                                                                                      \
  static __attribute__((noinline)) void backward_stage_##vectors##_##kind(const BackwardStage *x, size_t lane, size_t count) {             \
    backward_stage(vectors, kind != BackwardPlain, kind == BackwardDropped, x, lane, count);                                               \
  }
#define BACKWARD_VECTORS(vectors)                                                                                                          \
  BACKWARD_STAGE(vectors, BackwardPlain)                                                                                                   \
  BACKWARD_STAGE(vectors, BackwardMasked)                                                                                                  \
  BACKWARD_STAGE(vectors, BackwardDropped)                                                                                                 \
  static __attribute__((noinline)) void backward_query_tile_##vectors(const float *key, size_t head_dim, size_t keys,                      \
                                                                      const float *d_scores, float *sum_lanes) {                           \
    backward_query_tile(vectors, key, head_dim, keys, d_scores, sum_lanes);                                                                \
  }
#define BACKWARD_STAGES(vectors)                                                                                                           \
  {backward_stage_##vectors##_BackwardPlain, backward_stage_##vectors##_BackwardMasked, backward_stage_##vectors##_BackwardDropped},
#define BACKWARD_QUERY_TILE(vectors) backward_query_tile_##vectors,
HEED_FOR_EACH_VECTORS(BACKWARD_VECTORS)
static const BackwardStageKernel backward_stages[][3] = {HEED_FOR_EACH_VECTORS(BACKWARD_STAGES)};
static const BackwardQueryKernel backward_query_tiles[] = {HEED_FOR_EACH_VECTORS(BACKWARD_QUERY_TILE)};

// P^T and dS^T of the pair. Reports whether anything in it may be hidden.
static bool backward_scores(const BackwardStage *x, BackwardRange *range) {
  const HeedAttentionTile *tile = x->queries->tile;
  const size_t groups = HEED_VECTORS(tile->queries), keys = x->keys->count;
  const ptrdiff_t first = (ptrdiff_t)x->keys->first_key;
  const bool careful = x->bias != NULL || x->queries->sees_nothing, dropped = tile->dropout > 0;
  range->queries = tile->queries;
  if (visible_keys(tile, 0) >= first + (ptrdiff_t)keys && first_key(tile, tile->queries - 1) <= first) {
    backward_stages[groups - 1][dropped ? BackwardDropped : (careful ? BackwardMasked : BackwardPlain)](x, 0, keys);
    for (size_t g = 0; g < groups; g++) range->counts[g] = keys;
    return careful;
  }
  for (size_t g = 0; g < groups; g++) {
    const size_t lane = g * HEED_LANES, last = lane + HEED_LANES < tile->queries ? lane + HEED_LANES - 1 : tile->queries - 1;
    const ptrdiff_t seen = visible_keys(tile, last) - first, all = visible_keys(tile, lane) - first;
    range->counts[g] = 0;
    if (seen <= 0 || first_key(tile, lane) >= first + (ptrdiff_t)keys) continue;
    const size_t blocks = heed_round_up((size_t)seen, BLOCK_ROWS_MOST);
    const size_t count = heed_size_min(blocks, keys);
    range->counts[g] = count;
    const bool masked = careful || all < (ptrdiff_t)count || first_key(tile, last) > first;
    backward_stages[0][dropped ? BackwardDropped : (masked ? BackwardMasked : BackwardPlain)](x, lane, count);
  }
  return true;
}

// dQ^T <- dQ^T + K^T dS^T.
static void backward_queries(const BackwardStage *x, const BackwardRange *range, bool masked, float *query_sum) {
  const size_t dim = x->queries->tile->head_dim, groups = HEED_VECTORS(range->queries);
  const float *key = x->keys->key, *d_scores = x->arrays->d_scores;
  bool whole = true;
  for (size_t g = 0; g < groups; g++) whole = whole && range->counts[g] == x->keys->count;
  const bool careful = masked && !x->keys->key_finite;
  if (whole && !careful) {
    backward_query_tiles[groups - 1](key, dim, x->keys->count, d_scores, query_sum);
    return;
  }
  for (size_t g = 0; g < groups; g++) {
    const size_t lane = g * HEED_LANES, count = range->counts[g];
    if (careful)
      backward_query_careful(key, dim, count, d_scores + lane, x->arrays->scores + lane, HEED_LANES, query_sum + lane);
    else if (count > 0)
      backward_query_tiles[0](key, dim, count, d_scores + lane, query_sum + lane);
  }
}

INLINE_KERNEL void backward_keys(const BackwardStage *x, const BackwardRange *range, const BackwardPiece *piece, bool careful,
                                 const float *factors, const float *rows, size_t width, BackwardKeySums sums) {
  if (careful)
    backward_key_careful(range, piece, x->keys->count, factors, x->arrays->scores, rows, width, sums);
  else
    backward_key_tile(range, piece, x->keys->count, factors, rows, width, sums);
}

INLINE_KERNEL void backward_add_part(size_t count, const float *part, float *sum) {
  for (size_t i = 0; sum && i < count; i += HEED_LANES) vf_store(sum + i, vf_add(vf_load(sum + i), vf_load(part + i)));
}

static void backward_close_group(const HeedAttentionBackwardKeys *keys, size_t head_dim, size_t value_dim) {
  if (*keys->open == HEED_ATTENTION_NO_QUERY_GROUP) return;
  *keys->open = HEED_ATTENTION_NO_QUERY_GROUP;
  backward_add_part(keys->count * HEED_PADDED(head_dim), keys->key_part, keys->key_sum);
  backward_add_part(keys->count * HEED_PADDED(value_dim), keys->value_part, keys->value_sum);
}

// The piece of the tile that begins at `begin`; what is open of another group is closed.
INLINE_KERNEL BackwardPiece backward_piece(const BackwardStage *x, size_t begin, size_t queries) {
  const HeedAttentionBackwardQueries *q = x->queries;
  const size_t position = q->first_query + begin, group = position / HEED_ATTENTION_QUERY_GROUP;
  const size_t left = (group + 1) * HEED_ATTENTION_QUERY_GROUP - position, end = heed_size_min(begin + left, queries);
  if (*x->keys->open != group) backward_close_group(x->keys, q->tile->head_dim, q->tile->value_dim);
  const bool opens = *x->keys->open != group, closes = end == begin + left || q->first_query + end == q->query_length;
  *x->keys->open = closes ? HEED_ATTENTION_NO_QUERY_GROUP : group;
  return (BackwardPiece){begin, end, opens, closes};
}

static void backward_pair(const HeedAttentionBackwardQueries *queries, const HeedAttentionBackwardKeys *keys,
                          const HeedAttentionBackwardSums *sums) {
  const HeedAttentionTile *tile = queries->tile;
  const size_t room = KEY_TILE * QUERY_TILE;
  BackwardArrays arrays = {.scores = sums->scratch, .weights = sums->scratch};
  arrays.d_scores = arrays.scores + room;
  arrays.bias = arrays.d_scores + room;
  if (tile->dropout > 0) arrays.weights = arrays.bias + room, arrays.multipliers = arrays.weights + room;
  const TileMask mask = gather_bias(tile, keys->first_key, keys->count, arrays.bias);
  if (mask == TileMaskAll) return;
  const BackwardStage stage = {queries, keys, &arrays, mask == TileMaskSome ? arrays.bias : NULL,
                               sums->query_sum || sums->additive_sum || keys->key_sum};
  BackwardRange range;
  const bool masked = backward_scores(&stage, &range);
  for (size_t begin = 0; (keys->value_sum || keys->key_sum) && begin < range.queries;) {
    const BackwardPiece piece = backward_piece(&stage, begin, range.queries);
    if (keys->value_sum)
      backward_keys(&stage, &range, &piece, masked && !queries->d_output_finite, arrays.weights, queries->d_output_rows,
                    HEED_PADDED(tile->value_dim), (BackwardKeySums){keys->value_sum, keys->value_part});
    if (keys->key_sum)
      backward_keys(&stage, &range, &piece, masked && !queries->query_finite, arrays.d_scores, queries->query_rows,
                    HEED_PADDED(tile->head_dim), (BackwardKeySums){keys->key_sum, keys->key_part});
    begin = piece.end;
  }
  if (sums->query_sum) backward_queries(&stage, &range, masked, sums->query_sum);
  if (!sums->additive_sum) return;
  for (size_t lane = 0; lane < range.queries; lane += HEED_LANES) {
    const vm there = vm_first(range.queries - lane);
    const size_t at = (queries->first_query + lane) % HEED_ATTENTION_QUERY_GROUP;
    for (size_t j = 0; j < range.counts[lane / HEED_LANES]; j++) {
      float *to = sums->additive_sum + j * HEED_ATTENTION_QUERY_GROUP + at;
      const vf term = vf_select(there, vf_load(arrays.d_scores + j * QUERY_TILE + lane), vf_zero());
      vf_store(to, vf_add(vf_load(to), term));
    }
  }
}

#include "template/attention/attention_backward_rows.inc.h"

#define ATTENTION_BACKWARD_KERNELS                                                                                                         \
  .statistics_scratch = backward_statistics_scratch, .statistics = backward_statistics, .pack_queries = backward_pack_queries,             \
  .pack_keys = backward_pack_keys, .pair_scratch = BACKWARD_ARRAYS * KEY_TILE * QUERY_TILE, .pair = backward_pair,                         \
  .close_group = backward_close_group, .finish_queries = backward_finish_queries, .finish_keys = backward_finish_keys,                     \
  .resume_keys = backward_resume_keys, .weigh_row = backward_weigh_row, .score_row = backward_score_row

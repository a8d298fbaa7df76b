// Attention forward, one tile of queries of one head (letters: heed/attention.h).
//
// Queries stand in the lanes. Of the operands only Q is packed, transposed; scale and log2 e go on the scores (in Q they would round every
// term of them). Every element of K and V is broadcast from its place in memory. So the maximum, the sum and the rescaling of a row are
// vertical, and both products are the same block:
//
//   S^T <- K Q^T      64 keys x 64 queries, in base 2
//   m'  <- max(m, rows of S^T);  P^T <- 2^(S^T - m');  alpha <- 2^(m - m')
//   l   <- l * alpha + sum of the tile's P^T
//   O^T <- O^T * alpha + V^T P^T, the tile's product summed on its own from zero: a carried accumulator has twice the error

// In bfloat16 Q, K and V are bfloat16, scores and sums float32, P is rounded to bfloat16 for the second product, and both products sum by
// the rule of heed/gemm.h. Here operands are converted; attention_tiled_dot.inc.h uses the dot product instruction.

#include "template/attention/attention_tile.inc.h"

typedef void (*AttendTile)(const HeedAttentionTile *, const TileScratch *, const TileOperands *, size_t, size_t, size_t, const float *);

// One kernel a number of vectors, so that a few queries do not pay for a full tile; [vectors - 1][masked].
#define ATTEND(name, vectors, masked, kernel)                                                                                              \
  static __attribute__((noinline)) void name##_##vectors##_##masked(const HeedAttentionTile *tile, const TileScratch *s,                   \
                                                                    const TileOperands *x, size_t first, size_t keys, size_t lane,         \
                                                                    const float *bias) {                                                   \
    kernel(vectors, masked, tile, s, x, first, keys, lane, bias);                                                                          \
  }
#define ATTEND_BOTH(vectors, name, kernel) ATTEND(name, vectors, false, kernel) ATTEND(name, vectors, true, kernel)
#define ATTEND_NAMES(vectors, name)        {name##_##vectors##_false, name##_##vectors##_true},
#define ATTEND_ALL(name, kernel)                                                                                                           \
  HEED_FOR_EACH_VECTORS(ATTEND_BOTH, name, kernel)                                                                                         \
  static const AttendTile name[][2] = {HEED_FOR_EACH_VECTORS(ATTEND_NAMES, name)};

INLINE_KERNEL void attend_tile_f32(const int vectors, const bool masked, const HeedAttentionTile *tile, const TileScratch *s,
                                   const TileOperands *x, size_t first, size_t keys, size_t lane, const float *bias) {
  attend_tile(vectors, masked, false, tile, s, x, first, keys, lane, bias);
}
INLINE_KERNEL void attend_tile_bf16(const int vectors, const bool masked, const HeedAttentionTile *tile, const TileScratch *s,
                                    const TileOperands *x, size_t first, size_t keys, size_t lane, const float *bias) {
  attend_tile(vectors, masked, true, tile, s, x, first, keys, lane, bias);
}
ATTEND_ALL(attend_f32, attend_tile_f32)
ATTEND_ALL(attend_bf16, attend_tile_bf16)

// Where the products find one tile of keys and values.
typedef TileOperands (*TileSource)(const HeedAttentionTile *tile, const TileScratch *s, size_t first, size_t keys);

static TileOperands operands_f32(const HeedAttentionTile *tile, const TileScratch *s, size_t first, size_t keys) {
  (void)s, (void)keys;
  return (TileOperands){.key = (const float *)tile->key + (ptrdiff_t)first * tile->key_row,
                        .value = (const float *)tile->value + (ptrdiff_t)first * tile->value_row,
                        .key_row = tile->key_row,
                        .key_column = tile->key_column,
                        .value_row = tile->value_row,
                        .value_column = tile->value_column,
                        .scale = scale_in_base_2(tile->scale),
                        .key_block = KEY_BLOCK * tile->key_row};
}

// Where a cache's chunk holds the tile that begins at key `first`, in rows.
INLINE_KERNEL size_t cached_row(const HeedAttentionTile *tile, size_t first) { return tile->cached_row + first % KEY_CHUNK; }

static TileOperands operands_cached_f32(const HeedAttentionTile *tile, const TileScratch *s, size_t first, size_t keys) {
  (void)s, (void)keys;
  const size_t chunk = first / KEY_CHUNK, row = cached_row(tile, first);
  return (TileOperands){.key = (const float *)tile->key_chunks[chunk] + row * tile->head_dim,
                        .value = (const float *)tile->value_chunks[chunk] + row * tile->value_dim,
                        .key_row = 1,
                        .key_column = KEY_BLOCK,
                        .value_row = (ptrdiff_t)tile->value_dim,
                        .value_column = 1,
                        .scale = scale_in_base_2(tile->scale),
                        .key_block = (ptrdiff_t)(KEY_BLOCK * tile->head_dim)};
}

static TileOperands operands_converted(const HeedAttentionTile *tile, const TileScratch *s) {
  return (TileOperands){.key = s->key,
                        .value = s->value,
                        .key_row = (ptrdiff_t)tile->head_dim,
                        .key_column = 1,
                        .value_row = (ptrdiff_t)tile->value_dim,
                        .value_column = 1,
                        .scale = scale_in_base_2(tile->scale),
                        .key_block = (ptrdiff_t)(KEY_BLOCK * tile->head_dim)};
}

static TileOperands operands_bf16(const HeedAttentionTile *tile, const TileScratch *s, size_t first, size_t keys) {
  convert_rows_bf16((const uint16_t *)tile->key + (ptrdiff_t)first * tile->key_row, tile->key_row, tile->key_column, keys, tile->head_dim,
                    s->key);
  convert_rows_bf16((const uint16_t *)tile->value + (ptrdiff_t)first * tile->value_row, tile->value_row, tile->value_column, keys,
                    tile->value_dim, s->value);
  return operands_converted(tile, s);
}

static TileOperands operands_cached_bf16(const HeedAttentionTile *tile, const TileScratch *s, size_t first, size_t keys) {
  const size_t chunk = first / KEY_CHUNK, row = cached_row(tile, first), dim = tile->head_dim;
  const uint16_t *key = (const uint16_t *)tile->key_chunks[chunk] + row * dim;
  const uint16_t *value = (const uint16_t *)tile->value_chunks[chunk] + row * tile->value_dim;
  // The block's layout is kept: one row of 16 D numbers is converted.
  const size_t blocks = heed_divide_up(keys, KEY_BLOCK);
  convert_rows_bf16(key, (ptrdiff_t)(KEY_BLOCK * dim), 1, blocks, KEY_BLOCK * dim, s->key);
  convert_rows_bf16(value, (ptrdiff_t)tile->value_dim, 1, keys, tile->value_dim, s->value);
  TileOperands x = operands_converted(tile, s);
  x.key_row = 1, x.key_column = KEY_BLOCK;
  return x;
}

// The tiles of one chunk.
static void attend_chunk(const HeedAttentionTile *tile, const TileScratch *s, size_t begin, size_t end, TileSource source,
                         const AttendTile attend[][2]) {
  const size_t groups = HEED_VECTORS(tile->queries);
  for (size_t i = 0; i < QUERY_TILE; i++) s->chunk_rows.max[i] = HEED_LOWEST, s->chunk_rows.rest[i] = s->chunk_rows.sum[i] = 0.0f;
  for (size_t i = 0; i < QUERY_TILE * tile->value_dim; i++) s->chunk[i] = 0.0f;
  const size_t unseen = (size_t)first_key(tile, 0) / KEY_TILE * KEY_TILE; // tiles before the window of every row
  for (size_t first = begin > unseen ? begin : unseen; first < end; first += KEY_TILE) {
    const size_t keys = heed_size_min(end - first, KEY_TILE);
    const TileMask mask = gather_bias(tile, first, keys, s->bias);
    if (mask == TileMaskAll) continue;
    const float *bias = mask == TileMaskSome ? s->bias : NULL;
    const TileOperands x = source(tile, s, first, keys);
    if (visible_keys(tile, 0) >= (ptrdiff_t)(first + keys) && first_key(tile, tile->queries - 1) <= (ptrdiff_t)first) {
      attend[groups - 1][bias != NULL](tile, s, &x, first, keys, 0, bias);
      continue;
    }
    // The edge of the visible keys crosses this tile: each vector of queries goes as far as its last row sees.
    for (size_t group = 0; group < groups; group++) {
      const size_t lane = group * HEED_LANES, last = lane + HEED_LANES < tile->queries ? lane + HEED_LANES - 1 : tile->queries - 1;
      const ptrdiff_t seen = visible_keys(tile, last) - (ptrdiff_t)first, all = visible_keys(tile, lane) - (ptrdiff_t)first;
      const bool enters = first_key(tile, last) > (ptrdiff_t)first; // the window begins here for some row
      if (seen <= 0 || first_key(tile, lane) >= (ptrdiff_t)(first + keys)) continue;
      const size_t count = heed_size_min((size_t)seen, keys);
      attend[0][bias != NULL || all < (ptrdiff_t)count || enters](tile, s, &x, first, count, lane, bias);
    }
  }
}

// total <- total and chunk, by their maxima and sums.
static void merge_chunk(const TileScratch *s, size_t value_dim) {
  for (size_t lane = 0; lane < QUERY_TILE; lane += HEED_LANES) {
    const RowStatistics total = row_statistics_at(s->total_rows, lane), part = row_statistics_at(s->chunk_rows, lane);
    const vf before = vf_load(total.max), before_rest = vf_load(total.rest), chunk = vf_load(part.max), chunk_rest = vf_load(part.rest);
    const vf now = vf_max(before, chunk), now_rest = vf_select(vf_less(before, chunk), chunk_rest, before_rest);
    const vf a = weight_of_maximum(before, before_rest, now, now_rest), b = weight_of_maximum(chunk, chunk_rest, now, now_rest);
    vf_store(total.max, now);
    vf_store(total.rest, now_rest);
    vf_store(total.sum, vf_fma(vf_load(total.sum), a, vf_mul(vf_load(part.sum), b)));
    for (size_t e = 0; e < value_dim; e++) {
      float *o = s->total + e * QUERY_TILE + lane;
      vf_store(o, vf_fma(vf_load(o), a, vf_mul(vf_load(s->chunk + e * QUERY_TILE + lane), b)));
    }
  }
}

// All chunks from the packed queries on, and the output.
static void attend_all(const HeedAttentionTile *tile, TileScratch *s, TileSource source, const AttendTile attend[][2]) {
  const size_t seen = (size_t)visible_keys(tile, tile->queries - 1);
  const size_t earliest = (size_t)first_key(tile, 0) / KEY_CHUNK * KEY_CHUNK, start = earliest < seen ? earliest : 0;
  attend_chunk(tile, s, start, start + heed_size_min(seen - start, KEY_CHUNK), source, attend);
  if (seen - start > KEY_CHUNK) { // the first chunk is the total so far
    float *const chunk = s->chunk;
    const RowStatistics chunk_rows = s->chunk_rows;
    s->chunk = s->total, s->chunk_rows = s->total_rows;
    s->total = chunk, s->total_rows = chunk_rows;
    for (size_t begin = start + KEY_CHUNK; begin < seen; begin += KEY_CHUNK) {
      attend_chunk(tile, s, begin, begin + heed_size_min(seen - begin, KEY_CHUNK), source, attend);
      merge_chunk(s, tile->value_dim);
    }
    s->chunk = s->total, s->chunk_rows = s->total_rows;
  }
  const RowStatistics rows = s->chunk_rows;
  float inverse[QUERY_TILE];
  for (size_t i = 0; i < QUERY_TILE; i++) inverse[i] = rows.sum[i] == 0.0f ? 0.0f : 1.0f / rows.sum[i];
  unpack_transposed(s->chunk, QUERY_TILE, inverse, tile->queries, tile->value_dim, tile->output, tile->output_row, tile->output_column);
  if (tile->log_sum_exp)
    for (size_t i = 0; i < tile->queries; i++) tile->log_sum_exp[i] = log_sum_exp_of(rows.max[i], rows.rest[i], rows.sum[i]);
}

// Floats of scratch, converted K and V (bfloat16) included where `converts`.
INLINE_KERNEL size_t tile_scratch_floats(size_t head_dim, size_t value_dim, bool converts) {
  const size_t rows = QUERY_TILE * (head_dim + 3 * KEY_TILE + 2 * value_dim + 6);
  return rows + (converts ? KEY_TILE * (head_dim + value_dim) : 0);
}

INLINE_KERNEL TileScratch carve_tile_scratch(const HeedAttentionTile *tile, bool converts) {
  TileScratch s = {0};
  float *next = tile->scratch;
  s.query = next, next += QUERY_TILE * tile->head_dim;
  s.scores = next, next += QUERY_TILE * KEY_TILE;
  s.bias = next, next += QUERY_TILE * KEY_TILE;
  s.chunk = next, next += QUERY_TILE * tile->value_dim;
  s.total = next, next += QUERY_TILE * tile->value_dim;
  s.chunk_rows = (RowStatistics){next, next + QUERY_TILE, next + 2 * QUERY_TILE}, next += 3 * QUERY_TILE;
  s.total_rows = (RowStatistics){next, next + QUERY_TILE, next + 2 * QUERY_TILE}, next += 3 * QUERY_TILE;
  s.multipliers = next, next += QUERY_TILE * KEY_TILE;
  if (converts) s.key = next, next += KEY_TILE * tile->head_dim, s.value = next;
  return s;
}

static size_t attention_tiled_scratch(size_t head_dim, size_t value_dim) { return tile_scratch_floats(head_dim, value_dim, false); }

static void attention_tiled_forward(const HeedAttentionTile *tile) {
  TileScratch s = carve_tile_scratch(tile, false);
  pack_transposed((const float *)tile->query, tile->query_row, tile->query_column, tile->queries, tile->head_dim, 1.0f, s.query, QUERY_TILE,
                  QUERY_TILE);
  attend_all(tile, &s, tile->key_chunks ? operands_cached_f32 : operands_f32, attend_f32);
}

static size_t attention_tiled_bf16_scratch(size_t head_dim, size_t value_dim) { return tile_scratch_floats(head_dim, value_dim, true); }

// Q in bfloat16 stays as it is; scale and log2 e go into the scores.
static void attention_tiled_bf16_forward(const HeedAttentionTile *tile) {
  TileScratch s = carve_tile_scratch(tile, true);
  convert_rows_bf16((const uint16_t *)tile->query, tile->query_row, tile->query_column, tile->queries, tile->head_dim, s.key);
  pack_transposed(s.key, (ptrdiff_t)tile->head_dim, 1, tile->queries, tile->head_dim, 1.0f, s.query, QUERY_TILE, QUERY_TILE);
  attend_all(tile, &s, tile->key_chunks ? operands_cached_bf16 : operands_bf16, attend_bf16);
}

#define ATTENTION_KERNELS                                                                                                                  \
  .query_tile = QUERY_TILE, .tiled = {attention_tiled_scratch, attention_tiled_forward}, .decode_forward = attention_decode_forward,       \
  .decode_merge = attention_decode_merge, .weighted_sum_seen = weighted_sum_seen

// The steps of attention backward by rows: the numbers of each row that P and dS need, packing, and storing the sums.

#include "template/math/exp.inc.h"

typedef struct BackwardStatisticsScratch {
  float *query, *d_output, *output; // Q^T, dO^T, O^T
  float *scores, *bias;             // [KEY_TILE][QUERY_TILE]
  RowStatistics rows;
  double *delta, *total; // [QUERY_TILE]: delta times the sum, and the sum in float64
} BackwardStatisticsScratch;

// Whether a row's maximum, sum and delta are taken from its scores again: where L is too large for float32, where it is so far from the
// logarithm of the number of keys that few of them may have all the weight, and where there are only a few keys.
#define BACKWARD_CONCENTRATED 3.0f
#define BACKWARD_FEW          8
INLINE_KERNEL bool backward_takes_again(const HeedAttentionTile *tile, size_t row, float log_sum_exp) {
  const ptrdiff_t keys = visible_keys(tile, row) - first_key(tile, row);
  if (!(fabsf(log_sum_exp) < INFINITY)) return false;
  if (keys > 1 && keys <= BACKWARD_FEW) return true;
  return fabsf(log_sum_exp) > HEED_ATTENTION_LARGE || fabsf(log_sum_exp - logf((float)(keys > 1 ? keys : 1))) > BACKWARD_CONCENTRATED;
}

static size_t backward_statistics_scratch(size_t head_dim, size_t value_dim) {
  return QUERY_TILE * (head_dim + 2 * value_dim + 2 * KEY_TILE + 7);
}

// delta <- delta * alpha + sum over a tile's keys of P * (V dO^T), total <- total * alpha + sum of P, in float64. Of a row that sees next
// to nothing but one key, dP - delta is all but 0 there: from O, which has been rounded, it would have no digits left. The products are
// those of the pairs, bit for bit.
static void backward_online_delta(const HeedAttentionTile *tile, const BackwardStatisticsScratch *s, size_t first, size_t keys,
                                  const vf alpha[HEED_BLOCK_VECTORS]) {
  vd low[HEED_BLOCK_VECTORS], high[HEED_BLOCK_VECTORS], total_low[HEED_BLOCK_VECTORS], total_high[HEED_BLOCK_VECTORS];
  for (int v = 0; v < HEED_BLOCK_VECTORS; v++) {
    const double *delta = s->delta + v * HEED_LANES, *total = s->total + v * HEED_LANES;
    const vd alpha_low = vd_low(alpha[v]), alpha_high = vd_high(alpha[v]);
    low[v] = vd_fma(vd_load(delta), alpha_low, vd_zero());
    high[v] = vd_fma(vd_load(delta + HEED_LANES / 2), alpha_high, vd_zero());
    total_low[v] = vd_fma(vd_load(total), alpha_low, vd_zero());
    total_high[v] = vd_fma(vd_load(total + HEED_LANES / 2), alpha_high, vd_zero());
  }
  const float *value = (const float *)tile->value + (ptrdiff_t)first * tile->value_row;
  for (size_t j = 0; j < keys; j++, value += tile->value_row) {
    vf sum[BLOCK_ROWS_MOST][HEED_BLOCK_VECTORS];
    block_product(1, HEED_BLOCK_VECTORS, value, tile->value_row, tile->value_column, s->d_output, QUERY_TILE, tile->value_dim, sum);
#pragma clang loop unroll(full)
    for (int v = 0; v < HEED_BLOCK_VECTORS; v++) {
      const vf weight = vf_load(s->scores + j * QUERY_TILE + v * HEED_LANES);
      const vf seen = vf_select(backward_hidden(weight), vf_zero(), sum[0][v]);
      low[v] = vd_fma(vd_low(weight), vd_low(seen), low[v]);
      high[v] = vd_fma(vd_high(weight), vd_high(seen), high[v]);
      total_low[v] = vd_add(total_low[v], vd_low(weight));
      total_high[v] = vd_add(total_high[v], vd_high(weight));
    }
  }
  for (int v = 0; v < HEED_BLOCK_VECTORS; v++) {
    vd_store(s->delta + v * HEED_LANES, low[v]);
    vd_store(s->delta + v * HEED_LANES + HEED_LANES / 2, high[v]);
    vd_store(s->total + v * HEED_LANES, total_low[v]);
    vd_store(s->total + v * HEED_LANES + HEED_LANES / 2, total_high[v]);
  }
}

// Maximum and sum of every row in base 2, and delta where there is no dropout, online over the tiles of keys up to `end`.
static void backward_online(const HeedAttentionTile *tile, const BackwardStatisticsScratch *s, size_t end) {
  pack_transposed((const float *)tile->query, tile->query_row, tile->query_column, tile->queries, tile->head_dim, 1.0f, s->query,
                  QUERY_TILE, QUERY_TILE);
  for (size_t i = 0; i < QUERY_TILE; i++) {
    s->rows.max[i] = HEED_LOWEST, s->rows.rest[i] = s->rows.sum[i] = 0.0f;
    s->delta[i] = s->total[i] = 0.0;
  }
  for (size_t first = (size_t)first_key(tile, 0) / KEY_TILE * KEY_TILE; first < end; first += KEY_TILE) {
    const size_t keys = heed_size_min(end - first, KEY_TILE);
    const TileMask mask = gather_bias(tile, first, keys, s->bias);
    if (mask == TileMaskAll) continue;
    const TileOperands x = {.key = (const float *)tile->key + (ptrdiff_t)first * tile->key_row,
                            .key_row = tile->key_row,
                            .key_column = tile->key_column,
                            .scale = scale_in_base_2(tile->scale),
                            .key_block = KEY_BLOCK * tile->key_row};
    vf max[HEED_BLOCK_VECTORS], alpha[HEED_BLOCK_VECTORS];
    for (int v = 0; v < HEED_BLOCK_VECTORS; v++) max[v] = vf_set1(HEED_LOWEST);
    score_tile(HEED_BLOCK_VECTORS, false, &x, keys, tile->head_dim, s->query, s->scores, max);
    const float *bias = mask == TileMaskSome ? s->bias : NULL;
    mask_tile(HEED_BLOCK_VECTORS, tile, first, keys, 0, bias, s->scores, max);
    TileTop top = tile_top(HEED_BLOCK_VECTORS, max, s->rows);
    refine_tile(HEED_BLOCK_VECTORS, tile->scale, tile->head_dim, s->query, &x, keys, bias, s->rows, s->scores, &top);
    weigh_tile(HEED_BLOCK_VECTORS, true, false, keys, s->scores, s->rows, &top, alpha);
    if (!(tile->dropout > 0)) backward_online_delta(tile, s, first, keys, alpha);
  }
}

static void backward_statistics(const HeedAttentionBackwardQueries *q, float *scratch) {
  const HeedAttentionTile *tile = q->tile;
  BackwardStatisticsScratch s = {.query = scratch};
  s.d_output = s.query + QUERY_TILE * tile->head_dim;
  s.output = s.d_output + QUERY_TILE * tile->value_dim;
  s.scores = s.output + QUERY_TILE * tile->value_dim;
  s.bias = s.scores + QUERY_TILE * KEY_TILE;
  float *rows = s.bias + QUERY_TILE * KEY_TILE;
  s.rows = (RowStatistics){rows, rows + QUERY_TILE, rows + 2 * QUERY_TILE};
  s.delta = (double *)(void *)(rows + 3 * QUERY_TILE);
  s.total = s.delta + QUERY_TILE;
  pack_transposed(q->d_output, q->d_output_row, q->d_output_column, tile->queries, tile->value_dim, 1.0f, s.d_output, QUERY_TILE,
                  QUERY_TILE);
  pack_transposed(q->output, q->output_row, q->output_column, tile->queries, tile->value_dim, 1.0f, s.output, QUERY_TILE, QUERY_TILE);
  // delta in the order of dP: where one weight is 1, its difference from dP is exactly 0.
  for (size_t lane = 0; lane < QUERY_TILE; lane += HEED_LANES) {
    vf sum = vf_zero();
    for (size_t e = 0; e < tile->value_dim; e++)
      sum = vf_accumulate(vf_load(s.output + e * QUERY_TILE + lane), vf_load(s.d_output + e * QUERY_TILE + lane), sum);
    vf_store(q->statistics + lane, sum);
  }
  size_t end = 0; // of the keys that the rows to be computed again see
  for (size_t i = 0; i < tile->queries; i++)
    if (backward_takes_again(tile, i, q->log_sum_exp[i])) end = (size_t)visible_keys(tile, i);
  if (end > 0) backward_online(tile, &s, end);
  for (size_t i = 0; i < QUERY_TILE; i++) {
    float *first = q->statistics + QUERY_TILE + i, *second = first + QUERY_TILE;
    const float l = i < tile->queries ? q->log_sum_exp[i] : -INFINITY;
    const double in_base_2 = (double)l * HEED_LOG2_E;
    q->statistics[3 * QUERY_TILE + i] = 0.0f;
    if (l == -INFINITY) {
      *first = INFINITY, *second = 0.0f;
    } else if (backward_takes_again(tile, i, l)) {
      *first = s.rows.max[i], *second = (float)(log2((double)s.rows.sum[i]) + (double)s.rows.rest[i]);
      if (tile->dropout > 0) continue;
      const double delta = s.delta[i] / s.total[i];
      q->statistics[i] = (float)delta;
      q->statistics[3 * QUERY_TILE + i] = isfinite(delta) ? (float)(delta - (double)q->statistics[i]) : 0.0f;
    } else {
      *first = (float)in_base_2, *second = isfinite(l) ? (float)(in_base_2 - (double)*first) : 0.0f;
    }
  }
}

// A contiguous copy whose rows are filled up with zeros to whole vectors.
static bool backward_pack_rows(const float *source, ptrdiff_t source_row, ptrdiff_t source_column, size_t rows, size_t columns,
                               size_t width, float *target) {
  vf seen = vf_zero(); // x * 0 is 0 for finite x, else NaN, which stays
  // An empty array may be null: no address is formed from it.
  for (size_t row = 0; columns > 0 && row < rows; row++, source += source_row, target += width)
    for (size_t column = 0; column < columns; column += HEED_LANES) {
      const size_t n = heed_size_min(columns - column, HEED_LANES), kept = width - column;
      vf x;
      if (source_column == 1) {
        x = vf_load_n(source + column, n);
      } else {
        float lanes[HEED_LANES] = {0};
        for (size_t i = 0; i < n; i++) lanes[i] = source[(ptrdiff_t)(column + i) * source_column];
        x = vf_load(lanes);
      }
      vf_store_n(target + column, x, kept);
      seen = vf_fma(x, vf_zero(), seen);
    }
  return !vm_any(vf_is_nan(seen));
}

static bool backward_pack_keys(const float *source, ptrdiff_t source_row, ptrdiff_t source_column, size_t rows, size_t columns,
                               float *target) {
  return backward_pack_rows(source, source_row, source_column, rows, columns, columns, target);
}

static void backward_pack_queries(HeedAttentionBackwardQueries *q) {
  const HeedAttentionTile *tile = q->tile;
  const size_t query_width = HEED_PADDED(tile->head_dim), d_output_width = HEED_PADDED(tile->value_dim);
  q->query_finite = backward_pack_rows((const float *)tile->query, tile->query_row, tile->query_column, tile->queries, tile->head_dim,
                                       query_width, q->query_rows);
  q->d_output_finite = backward_pack_rows(q->d_output, q->d_output_row, q->d_output_column, tile->queries, tile->value_dim, d_output_width,
                                          q->d_output_rows);
  pack_transposed(q->query_rows, (ptrdiff_t)query_width, 1, tile->queries, tile->head_dim, 1.0f, q->query_lanes, QUERY_TILE, QUERY_TILE);
  pack_transposed(q->d_output_rows, (ptrdiff_t)d_output_width, 1, tile->queries, tile->value_dim, 1.0f, q->d_output_lanes, QUERY_TILE,
                  QUERY_TILE);
  q->sees_nothing = false;
  for (size_t i = 0; i < tile->queries; i++) q->sees_nothing = q->sees_nothing || q->statistics[QUERY_TILE + i] == INFINITY;
}

static void backward_finish_queries(const float *query_sum, float factor, size_t rows, size_t columns, float *target, ptrdiff_t target_row,
                                    ptrdiff_t target_column) {
  float factors[QUERY_TILE];
  for (size_t i = 0; i < QUERY_TILE; i++) factors[i] = factor;
  unpack_transposed(query_sum, QUERY_TILE, factors, rows, columns, target, target_row, target_column);
}

static void backward_finish_keys(const float *sum, float factor, size_t rows, size_t columns, float *target, ptrdiff_t target_row,
                                 ptrdiff_t target_column) {
  const size_t width = HEED_PADDED(columns);
  for (size_t row = 0; row < rows; row++, sum += width, target += target_row)
    for (size_t column = 0; column < columns; column += HEED_LANES) {
      const vf x = vf_add(vf_mul(vf_load(sum + column), vf_set1(factor)), vf_zero()); // no zero is negative
      const size_t n = heed_size_min(columns - column, HEED_LANES);
      float lanes[HEED_LANES];
      if (target_column == 1) {
        vf_store_n(target + column, x, n);
        continue;
      }
      vf_store(lanes, x);
      for (size_t i = 0; i < n; i++) target[(ptrdiff_t)(column + i) * target_column] = lanes[i];
    }
}

static void backward_resume_keys(const float *source, ptrdiff_t source_row, ptrdiff_t source_column, size_t rows, size_t columns,
                                 float *sum) {
  backward_pack_rows(source, source_row, source_column, rows, columns, HEED_PADDED(columns), sum);
}

// ---- Rows of the materialised arm, keys in the lanes ------------------------------------------------------------------------------------

static void backward_weigh_row(size_t count, const float *scores, const uint8_t *seen, float log_sum_exp, float *weights) {
  const vf shift = vf_set1(log_sum_exp);
  for (size_t j = 0; j < count; j += HEED_LANES) {
    const size_t n = heed_size_min(count - j, HEED_LANES);
    vf weight = exp_rr2_t16_p3(vf_sub(vf_load_n(scores + j, n), shift));
    if (seen) weight = vf_select(vm_from_bytes_n(seen + j, n), weight, vf_zero());
    vf_store_n(weights + j, weight, n);
  }
}

static void backward_score_row(size_t count, float *weights, const float *d_weights, const uint8_t *seen, float delta, float *scores) {
  const vf shift = vf_set1(delta), least = vf_set1(HEED_ATTENTION_LEAST_WEIGHT);
  for (size_t j = 0; j < count; j += HEED_LANES) {
    const size_t n = heed_size_min(count - j, HEED_LANES);
    const vf weight = vf_load_n(weights + j, n), taken = vf_select(vf_less(weight, least), vf_zero(), weight);
    vf score = vf_mul(taken, vf_sub(vf_load_n(d_weights + j, n), shift));
    if (seen) score = vf_select(vm_from_bytes_n(seen + j, n), score, vf_zero());
    vf_store_n(weights + j, taken, n);
    vf_store_n(scores + j, score, n);
  }
}

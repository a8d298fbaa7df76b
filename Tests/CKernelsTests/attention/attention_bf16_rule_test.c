// Attention in bfloat16 against the scalar rule for products (heed/gemm.h), for every path that takes it.
//
// Softmax has its own error, so the problems are such that it has none. Scores: each row sees one key, whose weight is 1, and L is the
// score. Values: the scores in base 2 are integers, and the weights powers of 2.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bf16_rule.h"
#include "harness.h"
#include "heed/key_value_cache.h"
#include "runtime/constants.h"

enum { TILE = 64, KEYS_MOST = 300, ROWS_MOST = 90, DIM_MOST = 140 };

typedef struct RuleProblem {
  HeedAttentionShape shape;
  float *query, *key, *value; // bfloat16 numbers
  uint16_t *query_half, *key_half, *value_half;
  float *output, *log_sum_exp;
} RuleProblem;

typedef enum NumberKind { NumberNormal, NumberCancelling, NumberTiny, NumberDenormal, NUMBER_KINDS } NumberKind;

static void *halves_of(const float *x, size_t count) {
  uint16_t *halves = malloc(count * sizeof *halves + 1);
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, x + i, sizeof bits);
    halves[i] = (uint16_t)(bits >> 16);
  }
  return halves;
}

static float cut(double x) {
  const float value = (float)x;
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  bits &= 0xffff0000;
  float half;
  memcpy(&half, &bits, sizeof half);
  return half;
}

// A number along a sum, `before` being the one two places before it.
static float number(Random *r, NumberKind kind, bool second, size_t place, const float *before) {
  const double x = random_normal(r);
  switch (kind) {
  case NumberCancelling:
    return place % 4 < 2 ? cut(x) : second ? *before : -cut((double)*before * (1 + random_uniform(r) / 100));
  case NumberTiny:
    return cut(ldexp(x, second ? -66 : -60));
  case NumberDenormal:
    return random_below(r, 2) ? cut(x) : cut(ldexp(x, -130));
  default:
    return cut(x);
  }
}

static RuleProblem make(size_t rows, size_t keys, size_t head_dim, size_t value_dim) {
  RuleProblem p = {.query = calloc(rows * head_dim + 1, sizeof(float)),
                   .key = calloc(keys * head_dim + 1, sizeof(float)),
                   .value = calloc(keys * value_dim + 1, sizeof(float)),
                   .output = calloc(rows * value_dim + 1, sizeof(float)),
                   .log_sum_exp = calloc(rows + 1, sizeof(float))};
  p.shape = (HeedAttentionShape){.batch = 1,
                                 .heads = 1,
                                 .key_value_heads = 1,
                                 .query_length = rows,
                                 .key_length = keys,
                                 .head_dim = head_dim,
                                 .value_dim = value_dim,
                                 .query = heed_attention_strides_contiguous(1, rows, head_dim),
                                 .key = heed_attention_strides_contiguous(1, keys, head_dim),
                                 .value = heed_attention_strides_contiguous(1, keys, value_dim),
                                 .output = heed_attention_strides_contiguous(1, rows, value_dim),
                                 .scale = (float)HEED_LN_2, // 1 in base 2
                                 .causal = true};
  return p;
}

static void settle(RuleProblem *p) {
  const HeedAttentionShape *s = &p->shape;
  p->query_half = halves_of(p->query, s->query_length * s->head_dim);
  p->key_half = halves_of(p->key, s->key_length * s->head_dim);
  p->value_half = halves_of(p->value, s->key_length * s->value_dim);
}

static void destroy(RuleProblem *p) {
  free(p->query), free(p->key), free(p->value), free(p->output), free(p->log_sum_exp);
  free(p->query_half), free(p->key_half), free(p->value_half);
}

static HeedStatus run_rows(RuleProblem *p, HeedAttentionForward forward) {
  HeedAttentionShape shape = p->shape;
  shape.element = HeedElementBfloat16;
  const HeedAttentionInputs inputs = {.query = p->query_half, .key = p->key_half, .value = p->value_half};
  return forward(&shape, &inputs, &(HeedAttentionOutputs){p->output, p->log_sum_exp, NULL});
}
static HeedStatus run_tiled(RuleProblem *p) { return run_rows(p, heed_attention_tiled_forward); }
static HeedStatus run_decode(RuleProblem *p) { return run_rows(p, heed_attention_decode_forward); }

// K transposed, which tables with a dot product convert.
static HeedStatus run_transposed(RuleProblem *p) {
  const size_t keys = p->shape.key_length, dim = p->shape.head_dim;
  uint16_t *key = malloc(keys * dim * sizeof *key + 1);
  for (size_t j = 0; j < keys; j++)
    for (size_t d = 0; d < dim; d++) key[d * keys + j] = p->key_half[j * dim + d];
  HeedAttentionShape shape = p->shape;
  shape.element = HeedElementBfloat16;
  shape.key.row = 1, shape.key.column = (ptrdiff_t)keys;
  const HeedAttentionInputs inputs = {.query = p->query_half, .key = key, .value = p->value_half};
  const HeedStatus status = heed_attention_tiled_forward(&shape, &inputs, &(HeedAttentionOutputs){p->output, p->log_sum_exp, NULL});
  free(key);
  return status;
}

static HeedStatus run_cached(RuleProblem *p) {
  const HeedAttentionShape *s = &p->shape;
  HeedKeyValueCache cache = {
      .batch = 1, .key_value_heads = 1, .head_dim = s->head_dim, .value_dim = s->value_dim, .element = HeedElementBfloat16, .chunks = 1};
  void *keys = malloc(heed_key_value_cache_key_bytes(&cache)), *values = malloc(heed_key_value_cache_value_bytes(&cache));
  memset(keys, 0xff, heed_key_value_cache_key_bytes(&cache)); // NaN
  memset(values, 0xff, heed_key_value_cache_value_bytes(&cache));
  cache.keys = &keys, cache.values = &values;
  HeedStatus status = heed_key_value_cache_write(&cache, 0, s->key_length, p->key, s->key, p->value, s->value);
  const HeedAttentionInputs inputs = {.query = p->query};
  if (status == HeedStatusOk)
    status = heed_attention_cached_forward(s, &cache, &inputs, &(HeedAttentionOutputs){p->output, p->log_sum_exp, NULL});
  free(keys), free(values);
  return status;
}

static const struct {
  const char *name;
  HeedStatus (*run)(RuleProblem *p);
} paths[] = {{"tiled", run_tiled}, {"decode", run_decode}, {"transposed keys", run_transposed}, {"cached", run_cached}};
#define PATHS (sizeof paths / sizeof *paths)

// Whether the row sees the key: the masks of these problems once more.
static bool sees(const HeedAttentionShape *s, size_t row, size_t key) {
  const ptrdiff_t last = (ptrdiff_t)row + s->causal_offset;
  return (ptrdiff_t)key <= last && (s->window == 0 || (ptrdiff_t)key > last - (ptrdiff_t)s->window);
}

static float multiply(float a, float b) { return bf16_rule_fma(a, b, -0.0f); }
static float multiply_add(float a, float b, float c) {
  return bf16_rule_is_fused() ? bf16_rule_fma(a, b, c) : bf16_rule_multiply_add(a, b, c);
}

TEST(attention_bf16_scores_have_the_bits_of_the_rule) {
  CHECK((float)((double)(float)HEED_LN_2 * HEED_LOG2_E) == 1.0f);
  for (uint64_t i = 0; i < (test_exhaustive ? 1500 : 60) && test_failures() < 10; i++) {
    Random r = random_stream(41000 + i);
    const NumberKind kind = (NumberKind)random_below(&r, NUMBER_KINDS);
    const size_t rows = 1 + random_below(&r, random_below(&r, 2) ? 6 : ROWS_MOST), keys = 1 + random_below(&r, KEYS_MOST / 2),
                 dim = 1 + random_below(&r, DIM_MOST);
    RuleProblem p = make(rows, keys, dim, 3);
    p.shape.window = 1; // row i sees key i + offset
    p.shape.causal_offset = (ptrdiff_t)random_below(&r, keys) - (ptrdiff_t)random_below(&r, 4);
    for (size_t at = 0; at < rows * dim; at++) p.query[at] = number(&r, kind, false, at % dim, at < 2 ? NULL : p.query + at - 2);
    for (size_t at = 0; at < keys * dim; at++) p.key[at] = number(&r, kind, true, at % dim, at < 2 ? NULL : p.key + at - 2);
    for (size_t at = 0; at < keys * 3; at++) p.value[at] = cut(random_normal(&r));
    settle(&p);
    for (size_t path = 0; path < PATHS; path++) {
      poison_floats(p.output, rows * 3), poison_floats(p.log_sum_exp, rows);
      CHECK(paths[path].run(&p) == HeedStatusOk);
      for (size_t row = 0; row < rows; row++) {
        const ptrdiff_t seen = (ptrdiff_t)row + p.shape.causal_offset;
        const bool any = seen >= 0 && seen < (ptrdiff_t)keys;
        float expected = -INFINITY;
        if (any) {
          const float score = bf16_rule_product(dim, p.query + row * dim, 1, p.key + (size_t)seen * dim, 1, bf16_rule_is_fused());
          expected = multiply((float)((double)multiply(score, 1) * HEED_LN_2), 1);
        }
        const float own = p.log_sum_exp[row];
        CHECK_MESSAGE(own == expected, "%s: case %d, kind %d, row %zu of %zu, keys %zu, D %zu, offset %td: L is %a, not %a",
                      paths[path].name, (int)i, (int)kind, row, rows, keys, dim, p.shape.causal_offset, (double)own, (double)expected);
        for (size_t e = 0; e < 3; e++) CHECK(bf16_rule_agrees(p.output[row * 3 + e], any ? p.value[(size_t)seen * 3 + e] : 0));
      }
    }
    destroy(&p);
  }
}

// One number of the output, where key j has the score -steps[j] in base 2.
static float expected_output(const RuleProblem *p, const unsigned *steps, size_t row, size_t e) {
  const HeedAttentionShape *s = &p->shape;
  float output = 0, sum = 0, max = -INFINITY;
  for (size_t first = 0; first < s->key_length; first += TILE) {
    const size_t keys = s->key_length - first < TILE ? s->key_length - first : TILE;
    float top = max, weights[TILE] = {0}, values[TILE] = {0}, tile_sum = 0;
    for (size_t j = 0; j < keys; j++)
      if (sees(s, row, first + j)) top = fmaxf(top, -(float)steps[first + j]);
    if (top == -INFINITY) continue;
    for (size_t j = 0; j < keys; j++) {
      if (!sees(s, row, first + j)) continue;
      weights[j] = exp2f(-(float)steps[first + j] - top);
      values[j] = p->value[(first + j) * s->value_dim + e];
      tile_sum += weights[j];
    }
    const float alpha = exp2f(max - top);
    output = multiply_add(output, alpha, bf16_rule_product(keys, values, 1, weights, 1, bf16_rule_is_fused()));
    sum = multiply_add(sum, alpha, tile_sum);
    max = top;
  }
  return sum == 0 ? 0 : bf16_rule_add(multiply(output, 1 / sum), 0);
}

TEST(attention_bf16_values_have_the_bits_of_the_rule) {
  for (uint64_t i = 0; i < (test_exhaustive ? 1500 : 60) && test_failures() < 10; i++) {
    Random r = random_stream(42000 + i);
    const NumberKind kind = (NumberKind)random_below(&r, NUMBER_KINDS);
    const size_t rows = 1 + random_below(&r, random_below(&r, 2) ? 6 : ROWS_MOST), keys = 1 + random_below(&r, KEYS_MOST),
                 dim = 1 + random_below(&r, 40);
    const bool nan = random_below(&r, 3) == 0;
    RuleProblem p = make(rows, keys, 1, dim);
    p.shape.window = random_below(&r, 2) ? 1 + random_below(&r, keys) : 0;
    p.shape.causal_offset = (ptrdiff_t)random_below(&r, keys) - (ptrdiff_t)random_below(&r, 4);
    unsigned steps[KEYS_MOST];
    for (size_t j = 0; j < keys; j++) steps[j] = (unsigned)random_below(&r, 12), p.key[j] = -(float)steps[j];
    for (size_t row = 0; row < rows; row++) p.query[row] = 1;
    for (size_t e = 0; e < dim; e++)
      for (size_t j = 0; j < keys; j++)
        p.value[j * dim + e] = number(&r, kind, true, j, j >= 2 ? &p.value[(j - 2) * dim + e] : NULL) * (kind == NumberTiny ? 0x1p-50f : 1);
    for (size_t at = 0; at < keys * dim; at++) p.value[at] = cut((double)p.value[at]);
    if (nan) p.value[random_below(&r, keys * dim)] = NAN;
    settle(&p);
    for (size_t path = 0; path < PATHS; path++) {
      poison_floats(p.output, rows * dim);
      CHECK(paths[path].run(&p) == HeedStatusOk);
      for (size_t row = 0; row < rows; row++)
        for (size_t e = 0; e < dim; e++) {
          const float own = p.output[row * dim + e], expected = expected_output(&p, steps, row, e);
          CHECK_MESSAGE(bf16_rule_agrees(own, expected),
                        "%s: case %d, kind %d, row %zu of %zu, keys %zu, offset %td, window %zu, column %zu of %zu: %a, not %a",
                        paths[path].name, (int)i, (int)kind, row, rows, keys, p.shape.causal_offset, p.shape.window, e, dim, (double)own,
                        (double)expected);
        }
    }
    destroy(&p);
  }
}

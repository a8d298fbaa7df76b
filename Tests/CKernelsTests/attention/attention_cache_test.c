// Attention over a cache of keys and values, and in bfloat16: the bits of the tiled arm on the same numbers in rows.
//
// Chunks end at a protected page and are NaN wherever nothing was written, so positions past the end prove that they are not looked at.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "heed/key_value_cache.h"

#define CHUNKS 4

typedef struct CacheProblem {
  HeedAttentionShape shape;
  float *query, *key, *value, *output, *expected, *log_sum_exp, *expected_log_sum_exp;
  int64_t lengths[3];
  void *keys[CHUNKS], *values[CHUNKS];
  Guarded blocks[2 * CHUNKS];
  HeedKeyValueCache cache;
  HeedAttentionInputs inputs;
} CacheProblem;

static float *normals(Random *random, size_t count) {
  float *x = malloc((count ? count : 1) * sizeof(float));
  for (size_t i = 0; i < count; i++) x[i] = (float)(1.5 * random_normal(random));
  return x;
}

static uint16_t to_bf16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static float from_bf16(uint16_t x) {
  const uint32_t bits = (uint32_t)x << 16;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

static size_t query_count(const HeedAttentionShape *s) { return s->batch * s->heads * s->query_length * s->head_dim; }
static size_t key_count(const HeedAttentionShape *s) { return s->batch * s->key_value_heads * s->key_length * s->head_dim; }
static size_t value_count(const HeedAttentionShape *s) { return s->batch * s->key_value_heads * s->key_length * s->value_dim; }
static size_t output_rows(const HeedAttentionShape *s) { return s->batch * s->heads * s->query_length; }

static CacheProblem make(Random *random, HeedElement element) {
  static const size_t lengths[] = {1, 15, 16, 17, 64, 100, 1023, 1024, 1025, 2100};
  CacheProblem p = {0};
  HeedAttentionShape *s = &p.shape;
  s->batch = 1 + random_below(random, 2), s->key_value_heads = 1 + random_below(random, 2);
  s->heads = s->key_value_heads * (1 + random_below(random, 3));
  s->query_length = random_below(random, 3) ? 1 + random_below(random, 9) : 1 + random_below(random, 80);
  s->key_length = lengths[random_below(random, sizeof lengths / sizeof lengths[0])];
  s->head_dim = 1 + random_below(random, 70), s->value_dim = 1 + random_below(random, 70);
  s->scale = 1.0f / sqrtf((float)s->head_dim);
  s->causal = random_below(random, 2);
  s->causal_offset = (ptrdiff_t)s->key_length - (ptrdiff_t)s->query_length - (ptrdiff_t)random_below(random, 3);
  s->window = s->causal && random_below(random, 2) ? 1 + random_below(random, s->key_length) : 0;
  s->query = heed_attention_strides_contiguous(s->heads, s->query_length, s->head_dim);
  s->key = heed_attention_strides_contiguous(s->key_value_heads, s->key_length, s->head_dim);
  s->value = heed_attention_strides_contiguous(s->key_value_heads, s->key_length, s->value_dim);
  s->output = heed_attention_strides_contiguous(s->heads, s->query_length, s->value_dim);
  p.query = normals(random, query_count(s)), p.key = normals(random, key_count(s)), p.value = normals(random, value_count(s));
  const size_t rows = output_rows(s);
  p.output = normals(random, rows * s->value_dim), p.expected = normals(random, rows * s->value_dim);
  p.log_sum_exp = normals(random, rows), p.expected_log_sum_exp = normals(random, rows);
  for (size_t b = 0; b < s->batch; b++) p.lengths[b] = (int64_t)random_below(random, s->key_length + 1);
  p.cache = (HeedKeyValueCache){s->batch, s->key_value_heads, s->head_dim, s->value_dim, element, CHUNKS, p.keys, p.values};
  for (size_t c = 0; c < CHUNKS; c++) {
    const size_t bytes[2] = {heed_key_value_cache_key_bytes(&p.cache), heed_key_value_cache_value_bytes(&p.cache)};
    for (size_t side = 0; side < 2; side++) {
      p.blocks[2 * c + side] = guarded_allocate(bytes[side], GuardEnd);
      memset(p.blocks[2 * c + side].data, 0xff, bytes[side]); // NaN in float32 and in bfloat16
    }
    p.keys[c] = p.blocks[2 * c].data, p.values[c] = p.blocks[2 * c + 1].data;
  }
  return p;
}

// The pointers that a copy of the problem must have of its own.
static void settle(CacheProblem *p, bool with_lengths) {
  p->cache.keys = p->keys, p->cache.values = p->values;
  p->inputs = (HeedAttentionInputs){.query = p->query, .key = p->key, .value = p->value, .key_lengths = with_lengths ? p->lengths : NULL};
}

static void destroy(CacheProblem *p) {
  free(p->query), free(p->key), free(p->value), free(p->output), free(p->expected), free(p->log_sum_exp), free(p->expected_log_sum_exp);
  for (size_t i = 0; i < 2 * CHUNKS; i++) guarded_free(&p->blocks[i]);
}

// Writes all keys and values, some at a time.
static void fill(CacheProblem *p, Random *random) {
  for (size_t first = 0; first < p->shape.key_length;) {
    const size_t left = p->shape.key_length - first, some = 1 + random_below(random, 700), count = some < left ? some : left;
    CHECK(heed_key_value_cache_write(&p->cache, first, count, p->key + first * p->shape.head_dim, p->shape.key,
                                     p->value + first * p->shape.value_dim, p->shape.value) == HeedStatusOk);
    first += count;
  }
}

static void check_bits(const CacheProblem *p, const char *what) {
  const HeedAttentionShape *s = &p->shape;
  const size_t rows = output_rows(s), count = rows * s->value_dim;
  size_t at = 0;
  const size_t differing = differing_floats(p->output, p->expected, count, &at);
  CHECK_MESSAGE(differing == 0,
                "%s: %zu of %zu differ, first %zu: %g for %g (B %zu H %zu G %zu Nq %zu Nk %zu D %zu E %zu causal %d window %zu)", what,
                differing, count, at, (double)p->output[at], (double)p->expected[at], s->batch, s->heads, s->key_value_heads,
                s->query_length, s->key_length, s->head_dim, s->value_dim, s->causal, s->window);
  CHECK(differing_floats(p->log_sum_exp, p->expected_log_sum_exp, rows, NULL) == 0);
}

static void check_cached(CacheProblem *p, const char *what) {
  poison_floats(p->output, output_rows(&p->shape) * p->shape.value_dim);
  const HeedAttentionOutputs outputs = {p->output, p->log_sum_exp, NULL};
  CHECK(heed_attention_cached_forward(&p->shape, &p->cache, &p->inputs, &outputs) == HeedStatusOk);
  check_bits(p, what);
}

// The problem's numbers rounded, in rows of their own.
typedef struct RoundedRows {
  HeedAttentionShape shape;
  HeedAttentionInputs inputs;
  Guarded blocks[3];
} RoundedRows;

// `rows` rows of `columns` numbers rounded, `gap` numbers of NaN before every row but the first.
static Guarded round_matrix(const float *source, size_t rows, size_t columns, size_t gap) {
  const size_t bytes = (rows * (columns + gap) - gap) * sizeof(uint16_t);
  Guarded block = guarded_allocate(bytes, GuardEnd);
  memset(block.data, 0xff, bytes);
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) ((uint16_t *)block.data)[i * (columns + gap) + j] = to_bf16(source[i * columns + j]);
  return block;
}

static RoundedRows round_rows(const CacheProblem *p, size_t key_gap, size_t value_gap) {
  const HeedAttentionShape *s = &p->shape;
  const size_t keys = s->batch * s->key_value_heads * s->key_length;
  RoundedRows r = {.shape = *s,
                   .blocks = {round_matrix(p->query, output_rows(s), s->head_dim, 0), round_matrix(p->key, keys, s->head_dim, key_gap),
                              round_matrix(p->value, keys, s->value_dim, value_gap)}};
  r.shape.element = HeedElementBfloat16;
  r.shape.key = heed_attention_strides_contiguous(s->key_value_heads, s->key_length, s->head_dim + key_gap);
  r.shape.value = heed_attention_strides_contiguous(s->key_value_heads, s->key_length, s->value_dim + value_gap);
  r.inputs = (HeedAttentionInputs){r.blocks[0].data, r.blocks[1].data, r.blocks[2].data, p->inputs.key_lengths, NULL, NULL};
  return r;
}

static void free_rows(RoundedRows *rows) {
  for (size_t i = 0; i < 3; i++) guarded_free(&rows->blocks[i]);
}

// NaN for every key and value behind the length of one entry.
static void hide_behind_length(CacheProblem *p, size_t b) {
  const HeedAttentionShape *s = &p->shape;
  for (size_t g = 0; g < s->key_value_heads; g++)
    for (size_t j = (size_t)p->lengths[b]; j < s->key_length; j++) {
      const size_t row = (b * s->key_value_heads + g) * s->key_length + j;
      for (size_t d = 0; d < s->head_dim; d++) p->key[row * s->head_dim + d] = NAN;
      for (size_t e = 0; e < s->value_dim; e++) p->value[row * s->value_dim + e] = NAN;
    }
}

TEST(attention_cache_gives_the_bits_of_rows) {
  Random random = random_stream(7000);
  for (int i = 0; i < (test_exhaustive ? 400 : 60); i++) {
    CacheProblem p = make(&random, HeedElementFloat32);
    settle(&p, i % 3 == 0);
    fill(&p, &random);
    const HeedAttentionOutputs expected = {p.expected, p.expected_log_sum_exp, NULL};
    REQUIRE(heed_attention_tiled_forward(&p.shape, &p.inputs, &expected) == HeedStatusOk);
    check_cached(&p, "float32");
    destroy(&p);
  }
}

TEST(attention_cache_in_bfloat16_gives_the_bits_of_rows) {
  Random random = random_stream(7100);
  for (int i = 0; i < (test_exhaustive ? 400 : 60); i++) {
    CacheProblem p = make(&random, HeedElementBfloat16);
    settle(&p, i % 3 == 0);
    fill(&p, &random);
    RoundedRows rows = round_rows(&p, 0, 0);
    const HeedAttentionOutputs expected = {p.expected, p.expected_log_sum_exp, NULL};
    REQUIRE(heed_attention_tiled_forward(&rows.shape, &rows.inputs, &expected) == HeedStatusOk);
    check_cached(&p, "bfloat16");
    free_rows(&rows);
    destroy(&p);
  }
}

// Rows with gaps that hold NaN, the last one ending at a protected page, and NaN behind what a sequence's length or its mask leaves.
TEST(attention_decode_of_bfloat16_rows_gives_the_bits_of_tiles) {
  static const struct {
    const char *name;
    HeedAttentionForward forward;
  } paths[] = {{"decode", heed_attention_decode_forward}, {"automatic", heed_attention_automatic_forward}};
  Random random = random_stream(7150);
  for (int i = 0; i < (test_exhaustive ? 400 : 80); i++) {
    CacheProblem p = make(&random, HeedElementBfloat16);
    settle(&p, i % 3 == 0);
    for (size_t b = 0; i % 3 == 0 && b < p.shape.batch; b++) hide_behind_length(&p, b);
    RoundedRows rows = round_rows(&p, random_below(&random, 4), random_below(&random, 4));
    const HeedAttentionOutputs expected = {p.expected, p.expected_log_sum_exp, NULL};
    REQUIRE(heed_attention_tiled_forward(&rows.shape, &rows.inputs, &expected) == HeedStatusOk);
    for (size_t path = 0; path < 2; path++) {
      const size_t count = output_rows(&p.shape) * p.shape.value_dim;
      poison_floats(p.output, count), poison_floats(p.log_sum_exp, output_rows(&p.shape));
      const HeedAttentionOutputs outputs = {p.output, p.log_sum_exp, NULL};
      CHECK(paths[path].forward(&rows.shape, &rows.inputs, &outputs) == HeedStatusOk);
      check_bits(&p, paths[path].name);
    }
    free_rows(&rows);
    destroy(&p);
  }
}

TEST_ONCE(attention_decode_of_bfloat16_rows_refuses_what_it_does_not_take) {
  Random random = random_stream(7160);
  CacheProblem p = make(&random, HeedElementBfloat16);
  settle(&p, false);
  RoundedRows rows = round_rows(&p, 0, 0);
  const size_t count = output_rows(&p.shape) * p.shape.value_dim;
  poison_floats(p.output, count);
  HeedAttentionOutputs outputs = {p.output, NULL, NULL};
  CHECK(heed_attention_decode_forward(&rows.shape, NULL, &outputs) == HeedStatusBadArgument);
  CHECK(heed_attention_automatic_forward(&rows.shape, NULL, &outputs) == HeedStatusBadArgument);
  HeedAttentionInputs without = rows.inputs;
  without.key = NULL;
  CHECK(heed_attention_decode_forward(&rows.shape, &without, &outputs) == HeedStatusBadArgument);
  CHECK(heed_attention_automatic_forward(&rows.shape, &without, &outputs) == HeedStatusBadArgument);
  HeedAttentionInputs masked = rows.inputs;
  const uint8_t seen = 1;
  masked.boolean = &seen; // strides of 0: one element for all
  CHECK(heed_attention_decode_forward(&rows.shape, &masked, &outputs) == HeedStatusNotSupported);
  HeedAttentionShape shape = rows.shape;
  shape.dropout.probability = 0.5f;
  CHECK(heed_attention_decode_forward(&shape, &rows.inputs, &outputs) == HeedStatusNotSupported);
  CHECK(heed_attention_automatic_forward(&shape, &rows.inputs, &outputs) == HeedStatusNotSupported);
  shape = rows.shape;
  shape.head_dim = 2, shape.key.column = 0;
  CHECK(heed_attention_decode_forward(&shape, &rows.inputs, &outputs) == HeedStatusBadStride);
  float weights = 0.0f;
  outputs.weights = &weights;
  CHECK(heed_attention_decode_forward(&rows.shape, &rows.inputs, &outputs) == HeedStatusNotSupported);
  CHECK(heed_attention_automatic_forward(&rows.shape, &rows.inputs, &outputs) == HeedStatusNotSupported);
  CHECK(is_poison(p.output, count));
  free_rows(&rows);
  destroy(&p);
}

// bfloat16 against float64 of the same bfloat16 operands: N <= 3e-3, and the same bits from every table that multiplies and adds at once.
TEST(attention_bfloat16_is_accurate) {
  Random random = random_stream(7200);
  for (int i = 0; i < 40; i++) {
    CacheProblem p = make(&random, HeedElementBfloat16);
    settle(&p, i % 3 == 0);
    HeedAttentionShape *s = &p.shape;
    const size_t counts[3] = {query_count(s), key_count(s), value_count(s)}, rows = output_rows(s);
    float *sources[3] = {p.query, p.key, p.value};
    uint16_t *rounded[3];
    for (size_t x = 0; x < 3; x++) {
      rounded[x] = malloc(counts[x] * sizeof(uint16_t) + 1);
      for (size_t j = 0; j < counts[x]; j++) sources[x][j] = from_bf16(rounded[x][j] = to_bf16(sources[x][j]));
    }
    double *reference = malloc(rows * s->value_dim * sizeof(double));
    const HeedAttentionReferenceOutputs oracle = {.output = reference};
    REQUIRE(heed_attention_reference_forward(s, &p.inputs, &oracle) == HeedStatusOk);
    const HeedAttentionInputs inputs = {rounded[0], rounded[1], rounded[2], p.inputs.key_lengths, NULL, NULL};
    const HeedAttentionOutputs outputs = {p.output, NULL, NULL};
    s->element = HeedElementBfloat16;
    REQUIRE(heed_attention_tiled_forward(s, &inputs, &outputs) == HeedStatusOk);
    const Errors errors = compare_rows(p.output, reference, rows, s->value_dim);
    double norm = 0.0;
    for (size_t j = 0; j < rows * s->value_dim; j++) norm += reference[j] * reference[j];
    // Where nearly nothing is seen there may be a single number, whose own rounding counts.
    CHECK_MESSAGE(norm == 0.0 || errors.normwise <= (rows * s->value_dim < 64 ? 6e-3 : 3e-3), "N %g", errors.normwise);
    free(reference);
    for (size_t x = 0; x < 3; x++) free(rounded[x]);
    destroy(&p);
  }
}

TEST_ONCE(attention_cache_refuses_what_does_not_fit) {
  Random random = random_stream(7300);
  CacheProblem p = make(&random, HeedElementFloat32);
  settle(&p, false);
  const HeedAttentionOutputs outputs = {p.output, NULL, NULL};
  const size_t capacity = (size_t)CHUNKS * HEED_CACHE_CHUNK;
  CHECK(heed_key_value_cache_write(&p.cache, capacity, 1, p.key, p.shape.key, p.value, p.shape.value) == HeedStatusBadShape);
  CHECK(heed_key_value_cache_write(&p.cache, SIZE_MAX, 2, p.key, p.shape.key, p.value, p.shape.value) == HeedStatusBadShape);
  CHECK(heed_key_value_cache_write(&p.cache, 0, 1, NULL, p.shape.key, p.value, p.shape.value) == HeedStatusBadArgument);
  CHECK(heed_key_value_cache_write(NULL, 0, 1, p.key, p.shape.key, p.value, p.shape.value) == HeedStatusBadArgument);
  HeedAttentionShape wrong = p.shape;
  wrong.key_length = capacity + 1;
  CHECK(heed_attention_cached_forward(&wrong, &p.cache, &p.inputs, &outputs) == HeedStatusBadShape);
  wrong = p.shape;
  wrong.head_dim++;
  CHECK(heed_attention_cached_forward(&wrong, &p.cache, &p.inputs, &outputs) == HeedStatusBadShape);
  wrong = p.shape, wrong.element = HeedElementBfloat16; // queries are float32
  CHECK(heed_attention_cached_forward(&wrong, &p.cache, &p.inputs, &outputs) == HeedStatusBadArgument);
  p.keys[0] = NULL;
  CHECK(heed_attention_cached_forward(&p.shape, &p.cache, &p.inputs, &outputs) == HeedStatusBadArgument);
  HeedKeyValueCache huge = p.cache;
  huge.batch = SIZE_MAX / 2;
  CHECK(heed_key_value_cache_key_bytes(&huge) == SIZE_MAX);
  destroy(&p);
}

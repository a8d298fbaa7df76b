// Embedding: rows looked up, and gradients held against the scatter-add in float64.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "heed/embedding.h"

// Tokens of a vocabulary, some numbers far more often than others.
static void fill_ids(Random *r, const HeedEmbeddingShape *s, void *ids) {
  for (size_t t = 0; t < s->tokens; t++) {
    const uint64_t below = random_below(r, 3) ? s->vocabulary : (s->vocabulary + 9) / 10, id = random_below(r, below);
    const ptrdiff_t at = (ptrdiff_t)t * s->id_step;
    if (s->id_element == HeedEmbeddingIndexInt32)
      ((int32_t *)ids)[at] = (int32_t)id;
    else
      ((int64_t *)ids)[at] = (int64_t)id;
  }
}

static int64_t id_at(const HeedEmbeddingShape *s, const void *ids, size_t t) {
  const ptrdiff_t at = (ptrdiff_t)t * s->id_step;
  return s->id_element == HeedEmbeddingIndexInt32 ? ((const int32_t *)ids)[at] : ((const int64_t *)ids)[at];
}

static size_t extent(size_t rows, ptrdiff_t stride, size_t columns) { return rows ? (rows - 1) * (size_t)stride + columns : 0; }

static HeedEmbeddingShape random_shape(Random *r) {
  static const size_t tokens[] = {0, 1, 2, 5, 63, 64, 65, 200, 700}, vocabularies[] = {1, 2, 7, 50, 2047, 2048, 2049, 5000},
                      columns[] = {1, 3, 7, 16, 17, 64, 65, 100, 256, 257, 300};
  HeedEmbeddingShape s = {.tokens = tokens[random_below(r, 9)],
                          .vocabulary = vocabularies[random_below(r, 8)],
                          .columns = columns[random_below(r, 11)],
                          .id_element = (HeedEmbeddingIndex)random_below(r, 2),
                          .id_step = random_below(r, 4) ? 1 : 3};
  s.table_row = (ptrdiff_t)s.columns + (random_below(r, 2) ? 3 : 0);
  s.output_row = (ptrdiff_t)s.columns + (random_below(r, 2) ? 5 : 0);
  s.has_padding = random_below(r, 2), s.padding = (int64_t)random_below(r, s.vocabulary);
  return s;
}

TEST(embedding_looks_rows_up) {
  for (int c = 0; c < 200 && test_failures() < 10; c++) {
    Random r = random_stream(9000 + (uint64_t)c);
    const HeedEmbeddingShape s = random_shape(&r);
    const size_t table_count = extent(s.vocabulary, s.table_row, s.columns), count = extent(s.tokens, s.output_row, s.columns);
    const size_t id_bytes = extent(s.tokens, s.id_step, 1) * (s.id_element == HeedEmbeddingIndexInt32 ? 4 : 8);
    Guarded table = guarded_allocate(table_count * 4, GuardEnd), ids = guarded_allocate(id_bytes, GuardEnd);
    Guarded output = guarded_allocate(count * 4, (GuardSide)(c % 2));
    float *w = table.data, *y = output.data;
    for (size_t i = 0; i < table_count; i++) w[i] = (float)random_normal(&r);
    w[0] = NAN;
    poison_floats(y, count);
    fill_ids(&r, &s, ids.data);
    heed_thread_count_set(1 + (size_t)c % 3);
    CHECK(heed_embedding_forward(&s, w, ids.data, y) == HeedStatusOk);
    for (size_t t = 0; t < s.tokens; t++) {
      float *row = y + t * (size_t)s.output_row;
      CHECK(differing_floats(row, w + id_at(&s, ids.data, t) * s.table_row, s.columns, NULL) == 0);
      poison_floats(row, s.columns);
    }
    CHECK(is_poison(y, count));
    guarded_free(&table);
    guarded_free(&ids);
    guarded_free(&output);
  }
  heed_thread_count_set(0);
}

// |x - r| <= eps / 2 (sum |terms| of float64 roundings is far below it), for sums rounded once.
static bool is_rounded(float x, double r, double held) {
  return isnan(r) ? isnan(x) : fabs((double)x - r) <= 0.51 * EPSILON * fabs(r) + 1e-12 * fabs(held) + 1e-12;
}

// Property: the gradient is the scatter-add, dense and by rows that are touched, with any number of threads.
TEST(embedding_gradient_is_the_scatter_add) {
  static const size_t threads[] = {1, 2, 3, 5, 8};
  const int cases = test_exhaustive ? 3000 : 1000;
  for (int c = 0; c < cases && test_failures() < 10; c++) {
    Random r = random_stream(10000 + (uint64_t)c);
    HeedEmbeddingShape s = random_shape(&r);
    if (c % 4) s.vocabulary = 1 + s.vocabulary % 101, s.padding %= (int64_t)s.vocabulary;
    s.accumulate = random_below(&r, 2);
    const size_t table_count = extent(s.vocabulary, s.table_row, s.columns), count = extent(s.tokens, s.output_row, s.columns);
    const size_t element = s.id_element == HeedEmbeddingIndexInt32 ? 4 : 8, most = s.tokens < s.vocabulary ? s.tokens : s.vocabulary;
    Guarded ids = guarded_allocate(extent(s.tokens, s.id_step, 1) * element, GuardEnd), dy = guarded_allocate(count * 4, GuardEnd);
    Guarded table = guarded_allocate(table_count * 4, GuardEnd), rows = guarded_allocate(most * element, GuardEnd);
    Guarded sums = guarded_allocate(most * s.columns * 4, GuardEnd);
    double *expected = malloc(s.vocabulary * s.columns * sizeof *expected);
    bool *named = calloc(s.vocabulary, sizeof *named);
    float *gradient = dy.data, *w = table.data;
    poison_floats(gradient, count);
    for (size_t t = 0; t < s.tokens; t++)
      for (size_t j = 0; j < s.columns; j++) gradient[t * (size_t)s.output_row + j] = (float)random_normal(&r);
    if (s.tokens > 3 && c % 5 == 0) gradient[3 * s.output_row] = NAN;
    poison_floats(w, table_count);
    for (size_t v = 0; s.accumulate && v < s.vocabulary; v++)
      for (size_t j = 0; j < s.columns; j++) w[v * (size_t)s.table_row + j] = 8;
    fill_ids(&r, &s, ids.data);
    CHECK(heed_embedding_reference_backward(&s, ids.data, gradient, expected) == HeedStatusOk);
    for (size_t t = 0; t < s.tokens; t++) {
      const int64_t id = id_at(&s, ids.data, t);
      if (!s.has_padding || id != s.padding) named[id] = true;
    }
    heed_thread_count_set(threads[c % 5]);
    CHECK(heed_embedding_dense_backward(&s, ids.data, gradient, w) == HeedStatusOk);
    size_t touched = SIZE_MAX, place = 0;
    CHECK(heed_embedding_touched_backward(&s, ids.data, gradient, rows.data, sums.data, &touched) == HeedStatusOk);
    for (size_t v = 0; v < s.vocabulary; v++) {
      float *row = w + v * (size_t)s.table_row;
      const double held = s.accumulate ? 8 : 0;
      for (size_t j = 0; j < s.columns; j++)
        CHECK_MESSAGE(is_rounded(row[j], expected[v * s.columns + j] + held, held), "row %zu column %zu: %g instead of %g", v, j,
                      (double)row[j], expected[v * s.columns + j] + held);
      poison_floats(row, s.columns);
      if (!named[v]) continue;
      REQUIRE(place < touched);
      CHECK((element == 4 ? ((int32_t *)rows.data)[place] : ((int64_t *)rows.data)[place]) == (int64_t)v);
      for (size_t j = 0; j < s.columns; j++) CHECK(is_rounded(((float *)sums.data)[place * s.columns + j], expected[v * s.columns + j], 0));
      place++;
    }
    CHECK(place == touched && is_poison(w, table_count));
    free(named);
    free(expected);
    guarded_free(&ids);
    guarded_free(&dy);
    guarded_free(&table);
    guarded_free(&rows);
    guarded_free(&sums);
  }
  heed_thread_count_set(0);
}

// One token 10,000 times among others: one owner, the order of the tokens, the same bits.
TEST(embedding_gradient_bits_do_not_depend_on_threads) {
  enum { TOKENS = 20000, VOCABULARY = 300, COLUMNS = 70 };
  static int32_t ids[TOKENS];
  static float dy[TOKENS * COLUMNS], expected[VOCABULARY * COLUMNS], w[VOCABULARY * COLUMNS], sums[VOCABULARY * COLUMNS];
  static int32_t rows[VOCABULARY];
  static const size_t threads[] = {1, 2, 3, 5, 8};
  Random r = random_stream(11500);
  for (int t = 0; t < TOKENS; t++) ids[t] = t % 2 ? 17 : (int32_t)random_below(&r, VOCABULARY);
  for (int i = 0; i < TOKENS * COLUMNS; i++) dy[i] = (float)random_normal(&r);
  const HeedEmbeddingShape s = {
      .tokens = TOKENS, .vocabulary = VOCABULARY, .columns = COLUMNS, .id_step = 1, .table_row = COLUMNS, .output_row = COLUMNS};
  for (size_t t = 0; t < 5; t++) {
    heed_thread_count_set(threads[t]);
    size_t touched = 0;
    CHECK(heed_embedding_dense_backward(&s, ids, dy, t ? w : expected) == HeedStatusOk);
    CHECK(heed_embedding_touched_backward(&s, ids, dy, rows, sums, &touched) == HeedStatusOk);
    if (t) CHECK(differing_floats(w, expected, VOCABULARY * COLUMNS, NULL) == 0);
    for (size_t u = 0; u < touched; u++) CHECK(differing_floats(sums + u * COLUMNS, expected + rows[u] * COLUMNS, COLUMNS, NULL) == 0);
  }
  heed_thread_count_set(0);
}

TEST_ONCE(embedding_refuses_bad_arguments_and_touches_nothing) {
  float table[12], y[12];
  int32_t ids[3] = {0, 2, 1};
  int64_t rows[3] = {-5, -5, -5};
  size_t count = 77;
  for (int i = 0; i < 12; i++) table[i] = 1;
  poison_floats(y, 12);
  const HeedEmbeddingShape good = {.tokens = 3, .vocabulary = 3, .columns = 4, .id_step = 1, .table_row = 4, .output_row = 4};
  CHECK(heed_embedding_forward(NULL, table, ids, y) == HeedStatusBadArgument);
  CHECK(heed_embedding_forward(&good, NULL, ids, y) == HeedStatusBadArgument);
  CHECK(heed_embedding_forward(&good, table, NULL, y) == HeedStatusBadArgument);
  CHECK(heed_embedding_forward(&good, table, ids, NULL) == HeedStatusBadArgument);
  HeedEmbeddingShape bad = good;
  static const int32_t wrong[] = {3, -1, INT32_MAX, INT32_MIN};
  for (int i = 0; i < 4; i++) {
    ids[2] = wrong[i];
    CHECK(heed_embedding_forward(&good, table, ids, y) == HeedStatusBadIndex);
    CHECK(heed_embedding_dense_backward(&good, ids, table, y) == HeedStatusBadIndex);
    CHECK(heed_embedding_touched_backward(&good, ids, table, rows, y, &count) == HeedStatusBadIndex);
  }
  ids[2] = 1;
  bad.output_row = 3;
  CHECK(heed_embedding_forward(&bad, table, ids, y) == HeedStatusBadStride);
  bad = good, bad.table_row = 2;
  CHECK(heed_embedding_dense_backward(&bad, ids, table, y) == HeedStatusBadStride);
  bad = good, bad.id_element = (HeedEmbeddingIndex)9;
  CHECK(heed_embedding_forward(&bad, table, ids, y) == HeedStatusBadArgument);
  bad = good, bad.vocabulary = SIZE_MAX;
  CHECK(heed_embedding_forward(&bad, table, ids, y) == HeedStatusBadShape);
  bad = good, bad.id_step = PTRDIFF_MAX;
  CHECK(heed_embedding_forward(&bad, table, ids, y) == HeedStatusBadStride);
  CHECK(heed_embedding_touched_backward(&good, ids, table, rows, y, NULL) == HeedStatusBadArgument);
  CHECK(heed_embedding_touched_backward(&good, ids, table, NULL, y, &count) == HeedStatusBadArgument);
  CHECK(is_poison(y, 12) && count == 77 && rows[0] == -5);
  bad = good, bad.tokens = 0;
  CHECK(heed_embedding_forward(&bad, NULL, NULL, NULL) == HeedStatusOk);
  CHECK(heed_embedding_touched_backward(&bad, NULL, NULL, NULL, NULL, &count) == HeedStatusOk && count == 0);
}

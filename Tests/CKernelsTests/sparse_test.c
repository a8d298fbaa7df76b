// Sparse products against float64: shapes, strides, page ends, threads, subsets of gradients, NaN that is not named, and what is no CSR.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "heed/sparse.h"

// A graph in blocks that end or begin at pages; rows without entries, columns that come twice and unsorted columns among them.
typedef struct Graph {
  HeedSparse a;
  Guarded offsets, column, value;
} Graph;

static Graph make_graph(size_t rows, size_t columns, double entries_per_row, bool weighted, uint64_t stream, GuardSide side) {
  Random r = random_stream(stream);
  int32_t *offsets = calloc(rows + 1, sizeof *offsets);
  for (size_t i = 0; i < rows; i++) {
    const uint64_t most = (uint64_t)(2 * entries_per_row) + 1;
    offsets[i + 1] = offsets[i] + (int32_t)(columns == 0 || i % 5 == 3 ? 0 : random_below(&r, most));
  }
  const size_t entries = (size_t)offsets[rows];
  Graph g = {.offsets = guarded_allocate((rows + 1) * 4, side),
             .column = guarded_allocate(entries * 4, side),
             .value = guarded_allocate(entries * 4, side)};
  memcpy(g.offsets.data, offsets, (rows + 1) * 4);
  free(offsets);
  for (size_t e = 0; e < entries; e++) {
    ((int32_t *)g.column.data)[e] = (int32_t)random_below(&r, columns);
    ((float *)g.value.data)[e] = (float)random_normal(&r);
  }
  g.a = (HeedSparse){rows, columns, entries, g.offsets.data, g.column.data, weighted ? g.value.data : NULL};
  return g;
}

static void discard(Graph *g) { guarded_free(&g->offsets), guarded_free(&g->column), guarded_free(&g->value); }

// A [rows, width] matrix: rows apart by `gap`, columns by `step` (a transposed one has its rows contiguous), poison in between.
typedef struct Matrix {
  Guarded block;
  float *first;
  size_t count;
  ptrdiff_t row, column;
} Matrix;

static Matrix make_matrix(size_t rows, size_t width, int layout, uint64_t stream, GuardSide side) {
  Matrix m;
  const size_t gap = layout == 1 ? 3 : 0;
  m.row = layout == 2 ? 1 : (ptrdiff_t)(width + gap);
  m.column = layout == 2 ? (ptrdiff_t)rows : 1;
  m.count = rows == 0 || width == 0 ? 0 : (size_t)((ptrdiff_t)(rows - 1) * m.row + (ptrdiff_t)(width - 1) * m.column) + 1;
  m.block = guarded_allocate(m.count * sizeof(float), side);
  m.first = m.block.data;
  poison_floats(m.first, m.count);
  Random r = random_stream(stream);
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < width; j++) m.first[(ptrdiff_t)i * m.row + (ptrdiff_t)j * m.column] = (float)random_normal(&r);
  return m;
}

static void take(const Matrix *m, size_t rows, size_t width, float *to) {
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < width; j++) {
      float *x = m->first + (ptrdiff_t)i * m->row + (ptrdiff_t)j * m->column;
      to[i * width + j] = *x;
      poison_floats(x, 1);
    }
  CHECK(is_poison(m->first, m->count));
}

// max |x - r| / (eps * sum of |terms|), by a second reference over magnitudes.
static double worst(const float *x, const double *r, const double *magnitude, size_t count) {
  return compare_to_magnitude(x, r, magnitude, count);
}

static const struct {
  size_t rows, columns, width;
  double entries;
} shapes[] = {{0, 5, 4, 1},    {5, 0, 4, 1},      {1, 1, 1, 1},       {7, 9, 3, 2},      {40, 33, 16, 4},
              {33, 70, 17, 5}, {100, 100, 65, 8}, {300, 250, 130, 3}, {64, 10, 200, 60}, {6, 6, 0, 2}};
#define SHAPES (sizeof shapes / sizeof *shapes)

static void absolute(float *x, size_t count) {
  for (size_t i = 0; i < count; i++) x[i] = fabsf(x[i]);
}

TEST(sparse_products_are_accurate_in_every_shape_and_layout) {
  for (size_t s = 0; s < SHAPES; s++)
    for (int layout = 0; layout < 9; layout++) {
      const size_t rows = shapes[s].rows, columns = shapes[s].columns, width = shapes[s].width;
      const GuardSide side = (GuardSide)(layout % 2);
      Graph g = make_graph(rows, columns, shapes[s].entries, layout % 2 == 0, s, side);
      Matrix x = make_matrix(columns, width, layout % 3, 1, side), y = make_matrix(rows, width, layout / 3, 2, side);
      const size_t outputs = rows * width + 1;
      float *found = calloc(outputs, sizeof *found);
      double *r = calloc(outputs, sizeof *r), *m = calloc(outputs, sizeof *m);
      const HeedSparseShape shape = {width, x.row, x.column, y.row, y.column};
      heed_thread_count_set(1 + (size_t)layout % 3);
      CHECK(heed_sparse_reference_forward(&g.a, &shape, x.first, r) == HeedStatusOk);
      CHECK(heed_sparse_forward(&g.a, &shape, x.first, y.first) == HeedStatusOk);
      take(&y, rows, width, found);
      absolute(x.first, x.count), absolute(g.value.data, g.a.entries);
      CHECK(heed_sparse_reference_forward(&g.a, &shape, x.first, m) == HeedStatusOk);
      const double c = worst(found, r, m, rows * width);
      CHECK_MESSAGE(c <= 3, "shape %zu, layout %d: C = %.2f", s, layout, c);
      free(found), free(r), free(m);
      guarded_free(&x.block), guarded_free(&y.block);
      discard(&g);
    }
  heed_thread_count_set(0);
}

TEST(sparse_bits_do_not_depend_on_threads_subsets_or_other_columns) {
  enum { rows = 500, columns = 420, width = 70 };
  Graph g = make_graph(rows, columns, 9, true, 50, GuardEnd);
  Matrix x = make_matrix(columns, width, 0, 1, GuardEnd);
  const HeedSparseShape shape = {width, width, 1, width, 1};
  float *y = calloc(2 * rows * width, sizeof *y);
  static const size_t threads[] = {1, 2, 3, 5, 8};
  for (size_t t = 0; t < 5; t++) {
    heed_thread_count_set(threads[t]);
    const size_t k = t > 0;
    CHECK(heed_sparse_forward(&g.a, &shape, x.first, y + k * rows * width) == HeedStatusOk);
    if (k == 0) continue;
    CHECK(differing_floats(y, y + rows * width, rows * width, NULL) == 0);
  }
  // The first columns alone, and a row alone.
  for (size_t few = 1; few < width; few += 13) {
    HeedSparseShape part = shape;
    part.width = few, part.y_row = (ptrdiff_t)few;
    CHECK(heed_sparse_forward(&g.a, &part, x.first, y + rows * width) == HeedStatusOk);
    for (size_t i = 0; i < rows; i++) CHECK(differing_floats(y + i * width, y + rows * width + i * few, few, NULL) == 0);
  }
  for (size_t i = 0; i < rows; i += 7) {
    const int32_t begin = g.a.offsets[i], offsets[2] = {0, g.a.offsets[i + 1] - begin};
    const HeedSparse row = {1, columns, (size_t)offsets[1], offsets, g.a.column + begin, g.a.value + begin};
    CHECK(heed_sparse_forward(&row, &shape, x.first, y + rows * width) == HeedStatusOk);
    CHECK(differing_floats(y + i * width, y + rows * width, width, NULL) == 0);
  }
  free(y);
  guarded_free(&x.block);
  discard(&g);
  heed_thread_count_set(0);
}

// The gradient of X by the transposed matrix: the sum over the entries of each column.
TEST(sparse_transpose_gives_the_gradient) {
  enum { rows = 90, columns = 70, width = 21 };
  Graph g = make_graph(rows, columns, 9, true, 51, GuardEnd);
  Matrix dy = make_matrix(rows, width, 0, 3, GuardEnd);
  const HeedSparseShape shape = {width, width, 1, width, 1};
  int32_t *offsets = calloc(columns + 1, 4), *column = calloc(g.a.entries, 4), *entry = calloc(g.a.entries, 4);
  float *value = calloc(g.a.entries, 4), *dx = calloc(columns * width, sizeof *dx);
  double *sum = calloc(columns * width, sizeof *sum), *size = calloc(columns * width, sizeof *size);
  CHECK(heed_sparse_transpose(&g.a, offsets, column, value, entry) == HeedStatusOk);
  const HeedSparse transposed = {columns, rows, g.a.entries, offsets, column, value};
  for (size_t c = 0; c < columns; c++)
    for (int32_t e = offsets[c]; e < offsets[c + 1]; e++) {
      CHECK((size_t)g.a.column[entry[e]] == c && value[e] == g.a.value[entry[e]]);
      CHECK(g.a.offsets[column[e]] <= entry[e] && entry[e] < g.a.offsets[column[e] + 1]);
      CHECK(e == offsets[c] || entry[e] > entry[e - 1]);
    }
  CHECK(heed_sparse_forward(&transposed, &shape, dy.first, dx) == HeedStatusOk);
  for (size_t r = 0; r < rows; r++)
    for (int32_t e = g.a.offsets[r]; e < g.a.offsets[r + 1]; e++)
      for (size_t j = 0; j < width; j++) {
        const double term = (double)g.a.value[e] * (double)dy.first[r * width + j];
        sum[(size_t)g.a.column[e] * width + j] += term, size[(size_t)g.a.column[e] * width + j] += fabs(term);
      }
  CHECK(worst(dx, sum, size, columns * width) <= 3);
  free(offsets), free(column), free(entry), free(value), free(dx), free(sum), free(size);
  guarded_free(&dy.block);
  discard(&g);
}

TEST(sparse_nan_reaches_only_the_rows_that_name_it) {
  const int32_t offsets[] = {0, 2, 2, 3, 5}, column[] = {0, 2, 1, 2, 0};
  const HeedSparse a = {4, 4, 5, offsets, column, NULL};
  const HeedSparseShape shape = {3, 3, 1, 3, 1};
  float x[12], y[12];
  for (int i = 0; i < 12; i++) x[i] = i / 3 == 1 || i / 3 == 3 ? NAN : (float)i; // row 3 is named by none
  CHECK(heed_sparse_forward(&a, &shape, x, y) == HeedStatusOk);
  for (int i = 0; i < 12; i++) CHECK(i / 3 == 2 ? isnan(y[i]) : isfinite(y[i]) && (i / 3 != 1 || (y[i] == 0 && !signbit(y[i]))));
}

TEST_ONCE(sparse_refuses_what_is_no_csr) {
  const int32_t offsets[] = {0, 2, 3}, falling[] = {0, 3, 2}, late[] = {1, 2, 3}, short_one[] = {0, 1, 2};
  const int32_t column[] = {0, 1, 2}, high[] = {0, 3, 1}, negative[] = {0, -1, 1};
  const HeedSparse good = {2, 3, 3, offsets, column, NULL};
  float x[9] = {0}, y[6] = {7, 7, 7, 7, 7, 7};
  const HeedSparseShape shape = {3, 3, 1, 3, 1};
  const HeedSparse bad[] = {{2, 3, 3, falling, column, NULL}, {2, 3, 3, late, column, NULL},      {2, 3, 3, short_one, column, NULL},
                            {2, 3, 3, offsets, high, NULL},   {2, 3, 3, offsets, negative, NULL}, {2, 3, 3, NULL, column, NULL},
                            {2, 3, 3, offsets, NULL, NULL},   {2, 3, 2, offsets, column, NULL}};
  int32_t to[8], of[8];
  float value[8];
  CHECK(heed_sparse_check(&good) == HeedStatusOk);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const HeedStatus status = i == 3 || i == 4 ? HeedStatusBadIndex : HeedStatusBadArgument;
    CHECK(heed_sparse_check(bad + i) == status);
    CHECK(heed_sparse_forward(bad + i, &shape, x, y) == status);
    CHECK(heed_sparse_transpose(bad + i, to, of, NULL, NULL) == status);
    CHECK(heed_sparse_normalize(bad + i, to, of, value) == status);
  }
  const HeedSparse huge = {2, 3, (size_t)INT32_MAX + 1, offsets, column, NULL};
  CHECK(heed_sparse_check(&huge) == HeedStatusBadShape && heed_sparse_check(NULL) == HeedStatusBadArgument);
  HeedSparseShape wrong = shape;
  wrong.y_row = 1;
  CHECK(heed_sparse_forward(&good, &wrong, x, y) == HeedStatusBadStride);
  wrong = shape, wrong.x_row = PTRDIFF_MAX;
  CHECK(heed_sparse_forward(&good, &wrong, x, y) == HeedStatusBadStride);
  CHECK(heed_sparse_forward(&good, &shape, NULL, y) == HeedStatusBadArgument &&
        heed_sparse_forward(&good, &shape, x, NULL) == HeedStatusBadArgument);
  CHECK(heed_sparse_forward(&good, NULL, x, y) == HeedStatusBadArgument);
  CHECK(heed_sparse_normalize(&good, to, of, value) == HeedStatusBadShape); // not square
  for (int i = 0; i < 6; i++) CHECK(y[i] == 7);
}

// D^-1/2 (A + I) D^-1/2 written out.
TEST_ONCE(sparse_normalizes_an_adjacency) {
  enum { n = 23 };
  static float a[n * (n + 2)];
  for (int kind = 0; kind < 3; kind++) {
    Random r = random_stream((uint64_t)kind);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j <= i; j++) {
        const float x = random_below(&r, 4) ? 0 : (kind == 0 ? 1 : (float)random_uniform(&r)) * (kind == 2 && i % 7 == 0 ? -9 : 1);
        a[i * (n + 2) + j] = a[j * (n + 2) + i] = x;
      }
    int32_t offsets[n + 1], column[n * n + n];
    float value[n * n + n];
    const size_t entries = heed_sparse_count_dense(n, a, n + 2, 1);
    REQUIRE(heed_sparse_normalize_dense(n, a, n + 2, 1, offsets, column, value) == HeedStatusOk);
    CHECK((size_t)offsets[n] <= heed_sparse_normalized_capacity(n, entries));
    double degree[n];
    for (size_t i = 0; i < n; i++) {
      degree[i] = 1;
      for (size_t j = 0; j < n; j++) degree[i] += (double)a[i * (n + 2) + j];
    }
    for (size_t i = 0; i < n; i++) {
      double dense[n] = {0};
      for (int32_t e = offsets[i]; e < offsets[i + 1]; e++) {
        CHECK(e == offsets[i] || column[e] > column[e - 1]);
        dense[column[e]] += (double)value[e];
      }
      for (size_t j = 0; j < n; j++) {
        const double element = (double)a[i * (n + 2) + j] + (i == j),
                     d = degree[i] > 0 && degree[j] > 0 ? sqrt(degree[i]) * sqrt(degree[j]) : INFINITY;
        CHECK_MESSAGE(fabs(dense[j] - element / d) <= EPSILON * fabs(element / d), "kind %d, element %zu %zu", kind, i, j);
      }
    }
  }
}

// Rows in any order, with several entries on the diagonal, or none.
TEST_ONCE(sparse_normalizes_unsorted_rows) {
  const int32_t offsets[] = {0, 3, 5, 5}, column[] = {2, 0, 0, 2, 0};
  const HeedSparse a = {3, 3, 5, offsets, column, NULL};
  int32_t to[4], of[8];
  float value[8];
  REQUIRE(heed_sparse_normalize(&a, to, of, value) == HeedStatusOk);
  const int32_t expected[] = {2, 0, 0, 1, 2, 0, 2};
  const double degree[] = {4, 3, 1}, element[] = {1, 2, 1, 1, 1, 1, 1};
  CHECK(to[0] == 0 && to[1] == 3 && to[2] == 6 && to[3] == 7);
  for (int i = 0, r = 0; i < 7; i++) {
    while (i >= to[r + 1]) r++;
    CHECK(of[i] == expected[i] && fabs((double)value[i] - element[i] / sqrt(degree[r] * degree[of[i]])) < 1e-7);
  }
}

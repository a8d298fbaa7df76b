// Random embeddings, sparse products, gathers and scatters. See fuzz_support.h.

#include <string.h>

#include "fuzz_support.h"

// ---- Embedding --------------------------------------------------------------------------------------------------------------------------

typedef struct Table {
  HeedEmbeddingShape shape;
  FuzzArray ids;
  const void *given;
  HeedStatus expected;
} Table;

static Table build_table(size_t tokens, size_t vocabulary, size_t columns) {
  Table t = {.shape = {.tokens = tokens,
                       .vocabulary = vocabulary,
                       .columns = columns,
                       .id_element = (HeedEmbeddingIndex)fuzz_below(2),
                       .has_padding = fuzz_one_in(3),
                       .accumulate = fuzz_one_in(2)}};
  t.ids = fuzz_array("ids", FuzzRead, FuzzAny, t.shape.id_element == HeedEmbeddingIndexInt32 ? 4 : 8, FUZZ_SIZES(tokens));
  t.shape.id_step = t.ids.stride[0], t.shape.padding = (int64_t)fuzz_below(vocabulary + 1) - 1;
  if (vocabulary > 0) fuzz_fill_integers(&t.ids, 0, (int64_t)vocabulary - 1);
  t.given = t.ids.data;
  return t;
}

static void spoil_table(Table *t) {
  HeedEmbeddingShape *s = &t->shape;
  t->expected = s->vocabulary == 0 && s->tokens > 0 ? HeedStatusBadIndex : HeedStatusOk;
  if (t->expected != HeedStatusOk) return;
  switch (fuzz_spoil(5)) {
  case 0: {
    size_t *const sizes[] = {&s->tokens, &s->vocabulary, &s->columns};
    t->expected = fuzz_huge(sizes[fuzz_below(3)]);
    break;
  }
  case 1:
    t->expected = fuzz_enum(&s->id_element, 2);
    break;
  case 2:
    t->expected = fuzz_index(&t->ids, (int64_t)s->vocabulary - 1);
    break;
  case 3:
    t->expected = fuzz_null(&t->given, &t->ids);
    break;
  case 4:
    t->expected = fuzz_far(&s->id_step, &t->ids, 0);
    break;
  default:
    break;
  }
}

static int64_t id_at(const Table *t, size_t i) {
  return t->ids.element_bytes == 4 ? FUZZ_AT(int32_t, t->ids, i) : FUZZ_AT(int64_t, t->ids, i);
}

FUZZ(embedding) {
  const size_t tokens = fuzz_is_large ? 200 + fuzz_below(300) : fuzz_size(20), vocabulary = fuzz_size(12), columns = fuzz_size(20);
  Table t = build_table(tokens, vocabulary, columns);
  FuzzArray w = FUZZ_FLOATS("W", FuzzRead, FuzzRows, vocabulary, columns), y = FUZZ_FLOATS("Y", FuzzWritten, FuzzRows, tokens, columns),
            r = FUZZ_DOUBLES("rows", tokens, columns);
  fuzz_fill_special(&w, 1);
  t.shape.table_row = w.stride[0], t.shape.output_row = y.stride[0];
  for (size_t i = 0; vocabulary > 0 && i < r.count; i++)
    FUZZ_AT(double, r, i) = (double)FUZZ_AT(float, w, (size_t)id_at(&t, i / columns) * columns + i % columns);
  spoil_table(&t);
  const float *table = w.data;
  if (t.expected == HeedStatusOk && fuzz_one_in(10)) {
    if (tokens > 0) t.expected = fuzz_one_in(2) ? fuzz_null(&table, &w) : fuzz_overlap(&t.shape.output_row, &y, 0);
  }
  if (FUZZ_CALL(t.expected, heed_embedding_forward(&t.shape, table, t.given, y.data))) fuzz_near(&y, &r, NULL, 0);
}

// A sum of float64, rounded once.
static void is_rounded(const float *x, double r) {
  if (isnan(r) ? !isnan(*x) : *x != (float)r) fuzz_fail("a sum is %.9g and not %.9g", (double)*x, r);
}

FUZZ(embedding_backward) {
  const size_t tokens = fuzz_is_large ? 200 + fuzz_below(300) : fuzz_size(20), vocabulary = fuzz_size(12), columns = fuzz_size(20),
               room = tokens < vocabulary ? tokens : vocabulary;
  Table t = build_table(tokens, vocabulary, columns);
  FuzzArray dy = FUZZ_FLOATS("dY", FuzzRead, FuzzRows, tokens, columns), dw = FUZZ_FLOATS("dW", FuzzWritten, FuzzRows, vocabulary, columns),
            oracle = FUZZ_DOUBLES("oracle", vocabulary, columns);
  FuzzArray rows = fuzz_array("rows", FuzzWritten, FuzzContiguous, t.ids.element_bytes, FUZZ_SIZES(room)),
            touched = FUZZ_FLOATS("touched", FuzzWritten, FuzzContiguous, room, columns),
            count = fuzz_array("count", FuzzWritten, FuzzContiguous, sizeof(size_t), FUZZ_SIZES(1));
  fuzz_fill_special(&dy, 1);
  if (t.shape.accumulate) fuzz_fill(&dw, 1);
  t.shape.table_row = dw.stride[0], t.shape.output_row = dy.stride[0];
  spoil_table(&t);
  if (!FUZZ_CALL(t.expected, heed_embedding_reference_backward(&t.shape, t.given, dy.data, oracle.data)) && t.expected == HeedStatusOk)
    return;
  fuzz_keep(&oracle);
  if (FUZZ_CALL(t.expected, heed_embedding_touched_backward(&t.shape, t.given, dy.data, rows.data, touched.data, count.data))) {
    const size_t found = FUZZ_AT(size_t, count, 0);
    if (found > room) fuzz_fail("%zu rows in room for %zu", found, room);
    int64_t last = -1;
    for (size_t u = 0; u < found && u < room; u++) {
      const int64_t row = t.ids.element_bytes == 4 ? FUZZ_AT(int32_t, rows, u) : FUZZ_AT(int64_t, rows, u);
      if (row <= last || (size_t)row >= vocabulary || (t.shape.has_padding && row == t.shape.padding)) {
        fuzz_fail("touched row %lld behind %lld", (long long)row, (long long)last);
        return;
      }
      last = row;
      for (size_t j = 0; j < columns; j++)
        is_rounded(&FUZZ_AT(float, touched, u *columns + j), FUZZ_AT(double, oracle, (size_t)row *columns + j));
    }
  }
  for (size_t i = 0; t.expected == HeedStatusOk && t.shape.accumulate && i < oracle.count; i++)
    FUZZ_AT(double, oracle, i) += (double)FUZZ_AT(float, dw, i);
  if (t.expected == HeedStatusOk && fuzz_one_in(10)) t.expected = fuzz_overlap(&t.shape.table_row, &dw, 0);
  if (!FUZZ_CALL(t.expected, heed_embedding_dense_backward(&t.shape, t.given, dy.data, dw.data))) return;
  for (size_t i = 0; i < dw.count; i++) is_rounded(&FUZZ_AT(float, dw, i), FUZZ_AT(double, oracle, i));
}

// ---- Sparse products --------------------------------------------------------------------------------------------------------------------

typedef struct Graph {
  HeedSparse a;
  FuzzArray offsets, column, value;
  HeedStatus expected;
} Graph;

static void build_graph(Graph *g, size_t rows, size_t columns, bool valued) {
  size_t entries = columns > 0 && rows > 0 ? fuzz_below(fuzz_is_large ? 600 : 30) : 0;
  g->offsets = fuzz_array("offsets", FuzzRead, FuzzContiguous, sizeof(int32_t), FUZZ_SIZES(rows + 1));
  g->column = fuzz_array("column", FuzzRead, FuzzContiguous, sizeof(int32_t), FUZZ_SIZES(entries));
  g->value = FUZZ_FLOATS("value", FuzzRead, FuzzContiguous, entries);
  // Where rows begin: random cuts, in order.
  for (size_t r = 0; r <= rows; r++)
    FUZZ_AT(int32_t, g->offsets, r) = r == 0 ? 0 : r == rows ? (int32_t)entries : (int32_t)fuzz_below(entries + 1);
  for (size_t r = 1; r < rows; r++)
    for (size_t q = r; q > 1 && FUZZ_AT(int32_t, g->offsets, q) < FUZZ_AT(int32_t, g->offsets, q - 1); q--) {
      const int32_t other = FUZZ_AT(int32_t, g->offsets, q);
      FUZZ_AT(int32_t, g->offsets, q) = FUZZ_AT(int32_t, g->offsets, q - 1), FUZZ_AT(int32_t, g->offsets, q - 1) = other;
    }
  if (columns > 0) fuzz_fill_integers(&g->column, 0, (int64_t)columns - 1);
  fuzz_fill(&g->value, 1);
  g->a = (HeedSparse){rows, columns, entries, g->offsets.data, g->column.data, valued ? g->value.data : NULL};
}

static void spoil_graph(Graph *g) {
  HeedSparse *a = &g->a;
  g->expected = HeedStatusOk;
  switch (fuzz_spoil(7)) {
  case 0: {
    size_t *const sizes[] = {&a->rows, &a->columns, &a->entries};
    g->expected = fuzz_huge(sizes[fuzz_below(3)]);
    break;
  }
  case 1:
    g->expected = fuzz_index(&g->column, (int64_t)a->columns - 1);
    break;
  case 2:
    FUZZ_AT(int32_t, g->offsets, fuzz_below(a->rows + 1)) = fuzz_one_in(2) ? -1 : (int32_t)a->entries + 1,
                                                      g->expected = HeedStatusBadArgument;
    break;
  case 3:
    a->offsets = NULL, g->expected = HeedStatusBadArgument;
    break;
  case 4:
    g->expected = fuzz_null(&a->column, &g->column);
    break;
  case 5:
    a->entries++, g->expected = HeedStatusBadArgument;
    break;
  default:
    break;
  }
}

FUZZ(sparse) {
  const size_t rows = fuzz_is_large ? 40 + fuzz_below(60) : fuzz_size(10), columns = fuzz_size(10),
               n = fuzz_is_large ? 40 + fuzz_below(60) : fuzz_size(20);
  Graph g;
  build_graph(&g, rows, columns, fuzz_one_in(2));
  FuzzArray x = FUZZ_FLOATS("X", FuzzRead, FuzzAny, columns, n), y = FUZZ_FLOATS("Y", FuzzWritten, FuzzAny, rows, n),
            oracle_y = FUZZ_DOUBLES("oracle Y", rows, n);
  fuzz_fill_special(&x, 1);
  HeedSparseShape s = {n, x.stride[0], x.stride[1], y.stride[0], y.stride[1]};
  spoil_graph(&g);
  HeedStatus forward = g.expected;
  if (g.expected == HeedStatusOk && fuzz_one_in(8)) forward = fuzz_far(&s.x_row, &x, 0);
  if (FUZZ_CALL(forward, heed_sparse_reference_forward(&g.a, &s, x.data, oracle_y.data))) {
    fuzz_keep(&oracle_y);
    if (fuzz_one_in(10)) {
      const HeedStatus overlaps = fuzz_overlap(&s.y_row, &y, 0);
      if (FUZZ_CALL(overlaps, heed_sparse_forward(&g.a, &s, x.data, y.data)))
        fuzz_near(&y, &oracle_y, NULL, 8 * EPSILON * 9 * (double)(1 + g.a.entries));
    } else if (FUZZ_CALL(forward, heed_sparse_forward(&g.a, &s, x.data, y.data))) {
      fuzz_near(&y, &oracle_y, NULL, 8 * EPSILON * 9 * (double)(1 + g.a.entries));
    }
  } else {
    FUZZ_CALL(forward, heed_sparse_forward(&g.a, &s, x.data, y.data));
  }
}

// A^T of A^T has the entries of A by column; a normalised adjacency has a diagonal and the capacity's room.
FUZZ(sparse_transpose) {
  const size_t rows = fuzz_size(10), columns = fuzz_one_in(2) ? rows : fuzz_size(10);
  Graph g;
  build_graph(&g, rows, columns, fuzz_one_in(2));
  const HeedSparse a = g.a;
  FuzzArray offsets = fuzz_array("offsets of the transpose", FuzzWritten, FuzzContiguous, sizeof(int32_t), FUZZ_SIZES(columns + 1)),
            column = fuzz_array("its column", FuzzWritten, FuzzContiguous, sizeof(int32_t), FUZZ_SIZES(a.entries)),
            entry = fuzz_array("its entry", FuzzWritten, FuzzContiguous, sizeof(int32_t), FUZZ_SIZES(a.entries)),
            value = FUZZ_FLOATS("its value", FuzzWritten, FuzzContiguous, a.entries);
  const size_t capacity = heed_sparse_normalized_capacity(rows, a.entries);
  FuzzArray norm_offsets = fuzz_array("normal offsets", FuzzWritten, FuzzContiguous, sizeof(int32_t), FUZZ_SIZES(rows + 1)),
            norm_column = fuzz_array("normal column", FuzzWritten, FuzzContiguous, sizeof(int32_t), FUZZ_SIZES(capacity)),
            norm_value = FUZZ_FLOATS("normal value", FuzzWritten, FuzzContiguous, capacity);
  spoil_graph(&g);
  HeedStatus square = g.expected;
  if (square == HeedStatusOk && rows != columns)
    square = HeedStatusBadShape;
  else if (square == HeedStatusOk && capacity > 0 && (!norm_column.data || !norm_value.data))
    square = HeedStatusBadArgument;
  if (g.expected != HeedStatusOk || rows == columns || square == HeedStatusBadShape)
    FUZZ_CALL(square, heed_sparse_normalize(&g.a, norm_offsets.data, norm_column.data, norm_value.data));
  if (!FUZZ_CALL(g.expected, heed_sparse_transpose(&g.a, offsets.data, column.data, value.data, entry.data))) return;
  for (size_t i = 0; i < a.entries; i++) {
    const int32_t e = FUZZ_AT(int32_t, entry, i), r = FUZZ_AT(int32_t, column, i);
    if (e < 0 || (size_t)e >= a.entries || a.offsets[r] > e || e >= a.offsets[r + 1]) {
      fuzz_fail("entry %zu of the transpose comes from entry %d, which is not of row %d", i, e, r);
      return;
    }
    const int32_t c = a.column[e];
    if ((int32_t)i < FUZZ_AT(int32_t, offsets, (size_t)c) || (int32_t)i >= FUZZ_AT(int32_t, offsets, (size_t)c + 1))
      fuzz_fail("entry %zu is not in its row", i);
    if (FUZZ_AT(float, value, i) != (a.value ? a.value[e] : 1)) fuzz_fail("value %zu is another entry's", i);
  }
}

// ---- Gather and scatter -----------------------------------------------------------------------------------------------------------------

FUZZ(gather) {
  const size_t O = fuzz_size(5), X = fuzz_size(10), N = fuzz_size(10), I = fuzz_is_large ? 300 + fuzz_below(300) : fuzz_size(20);
  FuzzArray array = FUZZ_FLOATS("array", FuzzRead, FuzzAny, O, X, I), taken = FUZZ_FLOATS("taken", FuzzWritten, FuzzAny, O, N, I),
            index = fuzz_array("index", FuzzRead, FuzzAny, sizeof(int32_t), FUZZ_SIZES(O, N, I));
  FuzzArray source = FUZZ_FLOATS("source", FuzzRead, FuzzAny, O, N, I), target = FUZZ_FLOATS("target", FuzzWritten, FuzzAny, O, X, I),
            oracle = FUZZ_DOUBLES("gathered", O, N, I), sums = FUZZ_DOUBLES("scattered", O, X, I);
  fuzz_fill_special(&array, 1), fuzz_fill(&source, 1), fuzz_fill(&target, 1);
  if (X > 0) fuzz_fill_integers(&index, 0, (int64_t)X - 1);
  HeedArithmeticGather s = {O,
                            X,
                            N,
                            I,
                            array.stride[0],
                            array.stride[1],
                            array.stride[2],
                            taken.stride[0],
                            taken.stride[1],
                            taken.stride[2],
                            index.stride[0],
                            index.stride[1],
                            index.stride[2]};
  const bool empty = taken.count == 0;
  for (size_t i = 0; i < sums.count; i++) FUZZ_AT(double, sums, i) = (double)FUZZ_AT(float, target, i);
  for (size_t i = 0; X > 0 && i < taken.count; i++) {
    const size_t at = (i / (N * I) * X + (size_t)FUZZ_AT(int32_t, index, i)) * I + i % I;
    FUZZ_AT(double, oracle, i) = (double)FUZZ_AT(float, array, at), FUZZ_AT(double, sums, at) += (double)FUZZ_AT(float, source, i);
  }
  const float *from = array.data;
  const int32_t *indices = index.data;
  HeedStatus expected = X == 0 && !empty ? HeedStatusBadIndex : HeedStatusOk;
  HeedArithmeticGather scatter = s;
  scatter.array_outer = target.stride[0], scatter.array_axis = target.stride[1], scatter.array_inner = target.stride[2];
  scatter.taken_outer = source.stride[0], scatter.taken_axis = source.stride[1], scatter.taken_inner = source.stride[2];
  HeedStatus scattered = expected;
  if (expected == HeedStatusOk) {
    switch (fuzz_spoil(6)) {
    case 0: {
      size_t size;
      expected = scattered = fuzz_huge(&size);
      if (fuzz_one_in(2))
        s.outer = scatter.outer = size;
      else
        s.inner = scatter.inner = size;
      break;
    }
    case 1:
      expected = scattered = fuzz_index(&index, (int64_t)X - 1);
      break;
    case 2:
      expected = scattered = empty ? HeedStatusOk : fuzz_null(&indices, &index);
      break;
    case 3:
      expected = empty ? HeedStatusOk : fuzz_null(&from, &array);
      break;
    case 4:
      expected = empty ? HeedStatusOk : fuzz_far(&s.array_axis, &array, 1);
      break;
    case 5:
      expected = fuzz_overlap(&s.taken_axis, &taken, 1);
      if (!empty) scattered = fuzz_overlap(&scatter.array_axis, &target, 1);
      break;
    default:
      break;
    }
  }
  if (FUZZ_CALL(expected, heed_arithmetic_gather(&s, from, indices, taken.data))) fuzz_near(&taken, &oracle, NULL, 0);
  if (FUZZ_CALL(scattered, heed_arithmetic_scatter_add(&scatter, source.data, indices, target.data)))
    fuzz_near(&target, &sums, NULL, 2 * EPSILON * 3 * (double)((1 + N) * (1 + N)));
}

// Runs of the softmax. See softmax_support.h.

#include "softmax_support.h"

#include <stdlib.h>
#include <string.h>

typedef struct Matrix {
  Guarded block;
  char *first;
  size_t count;
  ptrdiff_t row, column;
} Matrix;

static Matrix matrix(size_t rows, size_t columns, SoftmaxLayout layout, size_t element, GuardSide side) {
  const size_t gap = layout == SoftmaxPadded ? 3 : 0, inner = layout == SoftmaxSpread ? 2 : 1;
  const bool transposed = layout == SoftmaxTransposed;
  const size_t lines = transposed ? columns : rows, length = transposed ? rows : columns, line = length * inner + gap;
  Matrix x = {.row = (ptrdiff_t)(transposed ? inner : line), .column = (ptrdiff_t)(transposed ? line : inner)};
  x.count = lines && length ? (lines - 1) * line + (length - 1) * inner + 1 : 0;
  x.block = guarded_allocate(x.count * element, side);
  x.first = x.block.data;
  if (element == sizeof(float)) poison_floats(x.block.data, x.count);
  if (layout == SoftmaxReversed && x.count) {
    x.first += (x.count - 1) * element;
    x.row = -x.row, x.column = -x.column;
  }
  return x;
}

static float *at(const Matrix *x, size_t i, size_t j) {
  return (float *)(void *)x->first + (ptrdiff_t)i * x->row + (ptrdiff_t)j * x->column;
}

void softmax_run(const SoftmaxProblem *p, float *result) {
  const GuardSide side = (p->rows + p->columns) % 2 ? GuardBegin : GuardEnd;
  Matrix input = matrix(p->rows, p->columns, p->input_layout, sizeof(float), side);
  Matrix output = p->in_place ? input : matrix(p->rows, p->columns, p->output_layout, sizeof(float), side);
  Matrix mask = matrix(p->rows, p->columns, p->input_layout, 1, side);
  for (size_t i = 0; i < p->rows; i++)
    for (size_t j = 0; j < p->columns; j++) {
      *at(&input, i, j) = p->input[i * p->columns + j];
      mask.first[(ptrdiff_t)i * mask.row + (ptrdiff_t)j * mask.column] = (char)(!p->mask || p->mask[i * p->columns + j]);
    }
  const HeedSoftmaxShape shape = {.rows = p->rows,
                                  .columns = p->columns,
                                  .input_row = input.row,
                                  .input_column = input.column,
                                  .output_row = output.row,
                                  .output_column = output.column,
                                  .mask_row = mask.row,
                                  .mask_column = mask.column,
                                  .scale = p->scale,
                                  .logarithm = p->logarithm};
  const HeedSoftmaxInputs inputs = {(const float *)(void *)input.first, p->mask ? (const uint8_t *)mask.first : NULL};
  CHECK(heed_softmax_forward(&shape, &inputs, (float *)(void *)output.first) == HeedStatusOk);
  for (size_t i = 0; i < p->rows; i++)
    for (size_t j = 0; j < p->columns; j++) {
      result[i * p->columns + j] = *at(&output, i, j);
      poison_floats(at(&output, i, j), 1);
    }
  CHECK_MESSAGE(is_poison(output.block.data, output.count), "wrote between the elements, %zu x %zu", p->rows, p->columns);
  guarded_free(&mask.block);
  guarded_free(&input.block);
  if (!p->in_place) guarded_free(&output.block);
}

void softmax_expect(const SoftmaxProblem *p, double *expected) {
  const HeedSoftmaxShape shape = {.rows = p->rows,
                                  .columns = p->columns,
                                  .input_row = (ptrdiff_t)p->columns,
                                  .input_column = 1,
                                  .mask_row = (ptrdiff_t)p->columns,
                                  .mask_column = 1,
                                  .scale = p->scale,
                                  .logarithm = p->logarithm};
  const HeedSoftmaxInputs inputs = {p->input, p->mask};
  CHECK(heed_softmax_reference_forward(&shape, &inputs, expected) == HeedStatusOk);
}

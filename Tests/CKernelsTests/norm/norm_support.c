// Problems and runs of the norms. See norm_support.h.

#include "norm_support.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

void norm_fill_row(NormFamily family, Random *r, float *row, size_t columns) {
  const int power = (int)random_between(r, -60, 60);
  for (size_t j = 0; j < columns; j++) {
    const double x = random_normal(r);
    switch (family) {
    case NormIntegers:
      row[j] = (float)random_between(r, -9, 9);
      break;
    case NormOffset:
      row[j] = (float)(1e4 + x);
      break;
    case NormFarOffset:
      row[j] = (float)(1e6 + x);
      break;
    case NormScaled:
      row[j] = (float)ldexp(x, power);
      break;
    case NormOutlier:
      row[j] = (float)(j == 0 ? 1e4 * x : x);
      break;
    case NormStep:
      row[j] = (float)(j < 300 ? 1e6 + x : x);
      break;
    case NormBeyondOffset:
      row[j] = (float)(3e7 + 3 * x);
      break;
    case NormConstant:
      row[j] = 3.7f;
      break;
    case NormDenormal:
      row[j] = (float)(x * 1e-41);
      break;
    case NormLargest:
      row[j] = random_below(r, 3) ? (float)(x * 1e37) : (x > 0 ? FLT_MAX : -FLT_MAX);
      break;
    case NormWithNaN:
      row[j] = random_below(r, 50) ? (float)x : NAN;
      break;
    case NormWithInfinity:
      row[j] = random_below(r, 50) ? (float)x : (x > 0 ? INFINITY : -INFINITY);
      break;
    default:
      row[j] = (float)x;
      break;
    }
  }
}

typedef struct Matrix {
  Guarded block;
  float *first;
  size_t count;
  ptrdiff_t row;
} Matrix;

static Matrix matrix(const NormProblem *p, const float *values) {
  const size_t line = p->columns + (p->padded ? 5 : 0);
  Matrix x = {.row = (ptrdiff_t)line, .count = p->rows ? (p->rows - 1) * line + p->columns : 0};
  x.block = guarded_allocate(x.count * sizeof(float), (p->rows + p->columns) % 2 ? GuardBegin : GuardEnd);
  x.first = x.block.data;
  poison_floats(x.first, x.count);
  if (p->reversed && p->rows) x.first += (p->rows - 1) * line, x.row = -x.row;
  for (size_t i = 0; values && i < p->rows; i++)
    for (size_t j = 0; j < p->columns; j++) x.first[(ptrdiff_t)i * x.row + (ptrdiff_t)j] = values[i * p->columns + j];
  return x;
}

// Brings the result home; fails where something between the rows was written.
static void finish(const NormProblem *p, Matrix *x, float *result) {
  for (size_t i = 0; result && i < p->rows; i++)
    for (size_t j = 0; j < p->columns; j++) {
      float *at = x->first + (ptrdiff_t)i * x->row + (ptrdiff_t)j;
      result[i * p->columns + j] = *at;
      poison_floats(at, 1);
    }
  if (result) CHECK_MESSAGE(is_poison(x->block.data, x->count), "wrote between the rows, %zu x %zu", p->rows, p->columns);
  guarded_free(&x->block);
}

static float *vector(Guarded *block, const float *values, size_t count) {
  *block = guarded_allocate(count * sizeof(float), GuardEnd);
  for (size_t j = 0; values && j < count; j++) ((float *)block->data)[j] = values[j];
  return values ? block->data : NULL;
}

void norm_run(const NormProblem *p, float *output, float *sum, float *statistics) {
  Matrix x = matrix(p, p->input), r = matrix(p, p->residual), y = matrix(p, NULL), s = matrix(p, NULL);
  Guarded weight, bias;
  const HeedNormShape shape = {.kind = p->kind,
                               .rows = p->rows,
                               .columns = p->columns,
                               .input_row = x.row,
                               .residual_row = r.row,
                               .sum_row = s.row,
                               .output_row = y.row,
                               .epsilon = p->epsilon};
  const HeedNormInputs inputs = {x.first, p->residual ? r.first : NULL, vector(&weight, p->weight, p->columns),
                                 vector(&bias, p->bias, p->columns)};
  const HeedNormOutputs outputs = {output ? y.first : NULL, sum ? s.first : NULL, statistics};
  CHECK(heed_norm_forward(&shape, &inputs, &outputs) == HeedStatusOk);
  finish(p, &y, output);
  finish(p, &s, sum);
  finish(p, &x, NULL);
  finish(p, &r, NULL);
  guarded_free(&weight);
  guarded_free(&bias);
}

void norm_run_backward(const NormProblem *p, bool in_place, bool accumulate, float *d_input, float *d_weight, float *d_bias) {
  float *statistics = malloc((p->rows * HEED_NORM_STATISTICS + 1) * sizeof *statistics);
  if (p->rows && p->columns) {
    NormProblem alone = *p;
    alone.residual = NULL;
    norm_run(&alone, NULL, NULL, statistics);
  }
  Matrix s = matrix(p, p->input), dy = matrix(p, p->d_output), through = matrix(p, p->d_sum);
  Matrix own = matrix(p, NULL), *dx = in_place ? &dy : &own;
  Guarded weight, weights, biases;
  const HeedNormShape shape = {.kind = p->kind,
                               .rows = p->rows,
                               .columns = p->columns,
                               .sum_row = s.row,
                               .d_output_row = dy.row,
                               .d_sum_row = through.row,
                               .d_input_row = dx->row,
                               .epsilon = p->epsilon,
                               .accumulate = accumulate};
  const HeedNormBackwardInputs inputs = {s.first, vector(&weight, p->weight, p->columns), statistics, dy.first,
                                         p->d_sum ? through.first : NULL};
  const HeedNormGradients gradients = {d_input ? dx->first : NULL, vector(&weights, d_weight, p->columns),
                                       vector(&biases, d_bias, p->columns)};
  CHECK(heed_norm_backward(&shape, &inputs, &gradients) == HeedStatusOk);
  for (size_t j = 0; j < p->columns; j++) {
    if (d_weight) d_weight[j] = gradients.d_weight[j];
    if (d_bias) d_bias[j] = gradients.d_bias[j];
  }
  finish(p, &dy, in_place ? d_input : NULL);
  finish(p, &own, in_place ? NULL : d_input);
  finish(p, &s, NULL);
  finish(p, &through, NULL);
  guarded_free(&weight);
  guarded_free(&weights);
  guarded_free(&biases);
  free(statistics);
}

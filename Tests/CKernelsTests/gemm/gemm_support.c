// Problems and runs of the matrix product. See gemm_support.h.

#include "gemm_support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static GemmOperand operand(size_t batch, size_t rows, size_t columns, GemmLayout layout, GuardSide side) {
  const bool transposed = layout == GemmTransposed || layout == GemmTransposedPadded;
  const size_t gap = layout == GemmPadded || layout == GemmTransposedPadded ? 5 : 0, inner = layout == GemmSpread ? 2 : 1;
  const size_t lines = transposed ? columns : rows, length = transposed ? rows : columns;
  const size_t line = length * inner + gap, matrix = lines * line + gap;
  const size_t matrices = layout == GemmShared ? 1 : batch;
  GemmOperand x = {.batch = layout == GemmShared ? 0 : (ptrdiff_t)matrix};
  x.row = (ptrdiff_t)(transposed ? inner : line);
  x.column = (ptrdiff_t)(transposed ? line : inner);
  // The block ends with the last element, not with the gap behind it.
  const bool empty = matrices == 0 || lines == 0 || length == 0;
  x.count = empty ? 0 : (matrices - 1) * matrix + (lines - 1) * line + (length - 1) * inner + 1;
  x.block = guarded_allocate(x.count * sizeof(float), side);
  x.first = x.block.data;
  poison_floats(x.first, x.count);
  if (layout == GemmReversed && !empty) {
    x.first += x.count - 1;
    x.batch = -x.batch, x.row = -x.row, x.column = -x.column;
  }
  return x;
}

float *gemm_at(const GemmOperand *x, size_t batch, size_t row, size_t column) {
  return x->first + (ptrdiff_t)batch * x->batch + (ptrdiff_t)row * x->row + (ptrdiff_t)column * x->column;
}

// `along` is the element's place in the direction of the sum.
static float sample(GemmFamily family, bool is_a, uint64_t stream, size_t batch, size_t across, size_t along) {
  const bool second = family == GemmCancelling && is_a && along % 2 == 1;
  Random random = random_stream(stream * 2 + is_a);
  random.counter = ((uint64_t)batch << 40 | (uint64_t)across << 20 | (along - second)) * 4;
  if (family == GemmCancelling && !is_a) random.counter = ((uint64_t)batch << 40 | (uint64_t)across << 20 | (along & ~(size_t)1)) * 4;
  switch (family) {
  case GemmUniform:
    return (float)random_uniform(&random);
  case GemmIntegers:
    return (float)random_between(&random, -3, 3);
  case GemmScaleUp:
    return (float)ldexp(random_normal(&random), is_a ? 60 : -60);
  case GemmDenormal:
    return (float)ldexp(random_normal(&random), -67);
  default:
    break;
  }
  const float x = (float)random_normal(&random);
  return second ? -x * (1.0f + 0x1p-12f) : x;
}

static void fill(GemmOperand *x, size_t batch, size_t rows, size_t columns, GemmFamily family, bool is_a, uint64_t stream) {
  for (size_t b = 0; b < batch; b++)
    for (size_t i = 0; i < rows; i++)
      for (size_t j = 0; j < columns; j++)
        *gemm_at(x, b, i, j) = sample(family, is_a, stream, x->batch ? b : 0, is_a ? i : j, is_a ? j : i);
}

GemmProblem gemm_problem(GemmCase s, uint64_t stream) {
  const GuardSide side = stream % 2 ? GuardBegin : GuardEnd;
  GemmProblem p = {.shape = s,
                   .a = operand(s.batch, s.m, s.k, s.a, side),
                   .b = operand(s.batch, s.k, s.n, s.b, side),
                   .c = operand(s.batch, s.m, s.n, s.c, side)};
  fill(&p.a, s.batch, s.m, s.k, s.family, true, stream);
  fill(&p.b, s.batch, s.k, s.n, s.family, false, stream);
  if (s.beta != 0) fill(&p.c, s.batch, s.m, s.n, s.family == GemmIntegers ? GemmIntegers : GemmNormal, true, stream + 1);
  return p;
}

void gemm_problem_free(GemmProblem *p) {
  guarded_free(&p->a.block);
  guarded_free(&p->b.block);
  guarded_free(&p->c.block);
}

HeedGemmShape gemm_shape(const GemmProblem *p) {
  return (HeedGemmShape){
      .batch = p->shape.batch,
      .m = p->shape.m,
      .n = p->shape.n,
      .k = p->shape.k,
      .a_batch = p->a.batch,
      .a_row = p->a.row,
      .a_column = p->a.column,
      .b_batch = p->b.batch,
      .b_row = p->b.row,
      .b_column = p->b.column,
      .c_batch = p->c.batch,
      .c_row = p->c.row,
      .c_column = p->c.column,
      .alpha = p->shape.alpha,
      .beta = p->shape.beta,
  };
}

static HeedStatus engine(const HeedGemmShape *shape, const float *a, const float *b, float *c) { return heed_gemm(shape, NULL, a, b, c); }

void gemm_run(GemmProblem *p, float *result) { gemm_run_of(engine, p, result); }
double gemm_error(GemmProblem *p, float *result) { return gemm_error_of(engine, p, result); }

void gemm_run_of(GemmVariant variant, GemmProblem *p, float *result) {
  const GemmCase s = p->shape;
  const HeedGemmShape shape = gemm_shape(p);
  const HeedStatus status = variant(&shape, p->a.first, p->b.first, p->c.first);
  CHECK_MESSAGE(status == HeedStatusOk, "%s: %s", heed_status_description(status), gemm_describe(&s));
  gemm_take_result(p, result);
}

void gemm_take_result(GemmProblem *p, float *result) {
  const GemmCase s = p->shape;
  // Taking the elements out and poison in, all that is left must be poison.
  for (size_t b = 0; b < s.batch; b++)
    for (size_t i = 0; i < s.m; i++)
      for (size_t j = 0; j < s.n; j++) {
        result[(b * s.m + i) * s.n + j] = *gemm_at(&p->c, b, i, j);
        poison_floats(gemm_at(&p->c, b, i, j), 1);
      }
  CHECK_MESSAGE(is_poison(p->c.block.data, p->c.count), "wrote between the elements of C: %s", gemm_describe(&s));
}

uint16_t *gemm_round_to_bf16(GemmOperand *x, uint64_t stream, Guarded *block) {
  *block = guarded_allocate(x->count * sizeof(uint16_t), stream % 2 ? GuardBegin : GuardEnd);
  float *all = x->block.data;
  uint16_t *rounded = block->data;
  for (size_t i = 0; i < x->count; i++) {
    uint32_t bits;
    memcpy(&bits, all + i, sizeof bits);
    rounded[i] = (uint16_t)(isnan(all[i]) ? bits >> 16 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    bits = (uint32_t)rounded[i] << 16;
    if (!isnan(all[i])) memcpy(all + i, &bits, sizeof bits);
  }
  return rounded + (x->first - all);
}

double gemm_error_of(GemmVariant variant, GemmProblem *p, float *result) {
  const GemmCase s = p->shape;
  const size_t count = s.batch * s.m * s.n;
  double *reference = calloc(count + 1, sizeof *reference), *magnitude = calloc(count + 1, sizeof *magnitude);
  float *own = calloc(count + 1, sizeof *own);
  for (size_t b = 0; b < s.batch; b++)
    for (size_t i = 0; i < s.m; i++)
      for (size_t j = 0; j < s.n; j++) {
        const size_t index = (b * s.m + i) * s.n + j;
        double sum = 0;
        for (size_t k = 0; k < s.k; k++) sum += fabs((double)*gemm_at(&p->a, b, i, k) * (double)*gemm_at(&p->b, b, k, j));
        reference[index] = s.beta != 0 ? (double)*gemm_at(&p->c, b, i, j) : NAN;
        magnitude[index] = fabs((double)s.alpha) * sum + (s.beta != 0 ? fabs((double)s.beta * reference[index]) : 0);
      }
  const HeedGemmShape shape = gemm_shape(p);
  CHECK(heed_gemm_reference(&shape, p->a.first, p->b.first, reference) == HeedStatusOk);
  gemm_run_of(variant, p, own);
  const double error = compare_to_magnitude(own, reference, magnitude, count);
  if (result) memcpy(result, own, count * sizeof *own);
  free(own);
  free(magnitude);
  free(reference);
  return error;
}

const char *gemm_describe(const GemmCase *s) {
  static const char *const layouts[] = {"contiguous", "padded", "transposed", "transposed padded", "spread", "reversed", "shared"};
  static _Thread_local char text[160];
  snprintf(text, sizeof text, "batch %zu, %zu x %zu x %zu, A %s, B %s, C %s, family %d, alpha %g, beta %g", s->batch, s->m, s->n, s->k,
           layouts[s->a], layouts[s->b], layouts[s->c], (int)s->family, (double)s->alpha, (double)s->beta);
  return text;
}

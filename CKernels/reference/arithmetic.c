// Element-wise arithmetic and reductions in scalar float64.

#include "runtime/float_mode.h"
#include <math.h>

#include "checks/arithmetic_checks.h"

static double apply(HeedArithmeticOperation operation, double a, double b, double alpha, double beta) {
  switch (operation) {
  case HeedArithmeticAdd:
    return a + b;
  case HeedArithmeticSubtract:
    return a - b;
  case HeedArithmeticMultiply:
    return a * b;
  case HeedArithmeticDivide:
    return a / b;
  case HeedArithmeticMaximum:
    return isnan(a) ? a : isnan(b) ? b : fmax(a, b);
  case HeedArithmeticMinimum:
    return isnan(a) ? a : isnan(b) ? b : fmin(a, b);
  case HeedArithmeticPower:
    return pow(a, b);
  case HeedArithmeticScaledAdd:
    return alpha * a + beta * b;
  case HeedArithmeticMultiplyAdd:
    return a * b + alpha;
  case HeedArithmeticCopy:
    return a;
  case HeedArithmeticNegate:
    return -a;
  case HeedArithmeticAbsolute:
    return fabs(a);
  case HeedArithmeticSquare:
    return a * a;
  case HeedArithmeticSquareRoot:
    return sqrt(a);
  case HeedArithmeticReciprocalSquareRoot:
    return 1 / sqrt(a);
  case HeedArithmeticReciprocal:
    return 1 / a;
  case HeedArithmeticSign:
    return isnan(a) ? a : (a > 0) - (a < 0);
  }
  return a;
}

static ptrdiff_t offset_at(size_t axes, const size_t *index, const ptrdiff_t *stride) {
  ptrdiff_t offset = 0;
  for (size_t i = 0; i < axes; i++) offset += (ptrdiff_t)index[i] * stride[i];
  return offset;
}

// The next index in row-major order; false after the last.
static bool advance(size_t axes, const size_t *size, size_t *index) {
  for (size_t i = axes; i-- > 0;) {
    if (++index[i] < size[i]) return true;
    index[i] = 0;
  }
  return false;
}

static bool is_empty(size_t axes, const size_t *size) {
  for (size_t i = 0; i < axes; i++)
    if (size[i] == 0) return true;
  return false;
}

HeedStatus heed_arithmetic_reference_forward(const HeedArithmeticShape *s, HeedArithmeticOperation operation,
                                             const HeedArithmeticInputs *in, double *output) {
  HEED_FLOAT_MODE();
  if ((unsigned)operation >= HEED_ARITHMETIC_OPERATION_COUNT) return HeedStatusBadArgument;
  size_t index[HEED_ARITHMETIC_AXES] = {0}, count;
  const HeedStatus status = heed_arithmetic_check(s, in, operation < HeedArithmeticCopy, false, output, sizeof(double), &count);
  if (status != HeedStatusOk || count == 0) return status;
  do {
    const double a = in->a[offset_at(s->axes, index, s->a)];
    const double b = operation < HeedArithmeticCopy ? in->b[offset_at(s->axes, index, s->b)] : 0;
    output[offset_at(s->axes, index, s->output)] = apply(operation, a, b, in->alpha, in->beta);
  } while (advance(s->axes, s->size, index));
  return HeedStatusOk;
}

HeedStatus heed_arithmetic_reference_reduce(const HeedArithmeticReduce *s, HeedArithmeticReduction reduction, const float *input,
                                            double *output) {
  HEED_FLOAT_MODE();
  if ((unsigned)reduction >= HEED_ARITHMETIC_REDUCTION_COUNT) return HeedStatusBadArgument;
  const bool is_sum = reduction == HeedArithmeticReductionSum || reduction == HeedArithmeticReductionMean;
  size_t kept[HEED_ARITHMETIC_AXES], reduced[HEED_ARITHMETIC_AXES], index[HEED_ARITHMETIC_AXES] = {0}, results, terms;
  const HeedStatus status = heed_arithmetic_check_reduce(s, is_sum, input, output, sizeof(double), &results, &terms);
  if (status != HeedStatusOk || results == 0) return status;
  for (size_t i = 0; i < s->axes; i++) {
    kept[i] = s->reduced[i] ? 1 : s->size[i];
    reduced[i] = s->reduced[i] ? s->size[i] : 1;
  }
  do {
    size_t inner[HEED_ARITHMETIC_AXES] = {0}, count = 0;
    double result = reduction == HeedArithmeticReductionMaximum ? -INFINITY : reduction == HeedArithmeticReductionMinimum ? INFINITY : 0;
    if (!is_empty(s->axes, reduced)) do {
        const double x = input[offset_at(s->axes, index, s->input) + offset_at(s->axes, inner, s->input)];
        if (reduction == HeedArithmeticReductionMaximum || reduction == HeedArithmeticReductionMinimum)
          result = apply(reduction == HeedArithmeticReductionMaximum ? HeedArithmeticMaximum : HeedArithmeticMinimum, result, x, 0, 0);
        else
          result += x;
        count++;
      } while (advance(s->axes, reduced, inner));
    output[offset_at(s->axes, index, s->output)] = reduction == HeedArithmeticReductionMean ? result / (double)count : result;
  } while (advance(s->axes, kept, index));
  return HeedStatusOk;
}

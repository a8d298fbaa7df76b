// Element-wise arithmetic with broadcasting, comparison, selection, reductions, gather and scatter: float32 arrays of up to
// HEED_ARITHMETIC_AXES axes with a stride for each axis (in elements, any sign; 0 repeats an input).
//
// Element-wise                                            NaN
//   Add, Subtract, Multiply, Divide   a op b              IEEE
//   Maximum, Minimum                  max(a, b) ...       NaN where either is NaN
//   Power                             a^b                 C's pow: a^0 and 1^b are 1 for NaN too
//   ScaledAdd                         alpha a + beta b    IEEE; one rounding after alpha a, one after the sum (fused where the table fuses)
//   MultiplyAdd                       a b + alpha         likewise
//   Copy, Negate, Absolute, Square, SquareRoot, ReciprocalSquareRoot (1 / sqrt a, both rounded), Reciprocal, Sign: of a; b is not read
//   Sign                              -1, 0, 1            NaN stays NaN
//   Comparisons give a byte, 1 or 0; with NaN all are 0 but NotEqual. Select gives a where the mask's byte is not 0, else b, and what is
//   not taken has no effect.
// Every result is the correctly rounded one (Power: within 1 ulp). The bits of an element depend on its operands and the instruction set
// alone.
//
// Reductions over any set of axes: Sum, Mean, Maximum, Minimum, and ArgMaximum (int32, the first of equals; NaN counts as the largest). NaN
// that takes part gives NaN. Order: the reduced elements, row-major over the reduced axes as given, in blocks of HEED_ARITHMETIC_BLOCK; in
// a block element i belongs to partial result i mod 16, each taken in order from zero (a maximum from minus infinity, a minimum from
// infinity), the 16 joined by halves (p and p + 8, p and p + 4 ...); block sums are added in order in float64 and rounded once, the mean
// after the division. So the bits depend on the reduced elements alone: not on threads, strides, instruction set or what else is reduced.
// Accuracy of a sum: |error| <= 20 eps sum |x|, eps = 2^-23, at any length; of numbers of mean 0, typically 1 eps of their norm. A sum of
// nothing is 0, a mean of nothing NaN, a maximum or minimum of nothing BadShape.
//
// Gather and scatter along one axis of [outer, count or extent, inner]:
//   gather        output[o, j, i] <- input[o, index(o, j, i), i]
//   scatter add   target[o, index(o, j, i), i] += source[o, j, i], j in order
// An index stride of 0 shares indices: along outer and inner that is a selection of rows.
//
// Outputs overwrite (scatter add accumulates). An element-wise output may be an input in place, with the same strides; it may not
// overlap one otherwise. Errors: BadShape (overflow, too many axes), BadStride (elements of an output overlap or might, distances
// overflow), BadArgument (null data, no such operation, an index out of range), OutOfMemory.

#ifndef HEED_ARITHMETIC_H
#define HEED_ARITHMETIC_H

#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_ARITHMETIC_AXES  8   // more than any model here has, and a descriptor stays small
#define HEED_ARITHMETIC_BLOCK 512 // elements that are reduced by themselves first: errors grow with their number

typedef enum HEED_CLOSED HeedArithmeticOperation {
  HeedArithmeticAdd = 0,
  HeedArithmeticSubtract,
  HeedArithmeticMultiply,
  HeedArithmeticDivide,
  HeedArithmeticMaximum,
  HeedArithmeticMinimum,
  HeedArithmeticPower,
  HeedArithmeticScaledAdd,
  HeedArithmeticMultiplyAdd,
  HeedArithmeticCopy,
  HeedArithmeticNegate,
  HeedArithmeticAbsolute,
  HeedArithmeticSquare,
  HeedArithmeticSquareRoot,
  HeedArithmeticReciprocalSquareRoot,
  HeedArithmeticReciprocal,
  HeedArithmeticSign,
} HeedArithmeticOperation;
#define HEED_ARITHMETIC_OPERATION_COUNT 17

typedef enum HEED_CLOSED HeedArithmeticComparison {
  HeedArithmeticEqual = 0,
  HeedArithmeticNotEqual,
  HeedArithmeticLess,
  HeedArithmeticLessOrEqual,
  HeedArithmeticGreater,
  HeedArithmeticGreaterOrEqual,
} HeedArithmeticComparison;
#define HEED_ARITHMETIC_COMPARISON_COUNT 6

typedef enum HEED_CLOSED HeedArithmeticReduction {
  HeedArithmeticReductionSum = 0,
  HeedArithmeticReductionMean,
  HeedArithmeticReductionMaximum,
  HeedArithmeticReductionMinimum,
} HeedArithmeticReduction;
#define HEED_ARITHMETIC_REDUCTION_COUNT 4

// Sizes, outermost axis first, and the strides of every operand; of one that the operation does not read they are not looked at.
typedef struct HeedArithmeticShape {
  size_t axes;
  size_t size[HEED_ARITHMETIC_AXES];
  ptrdiff_t output[HEED_ARITHMETIC_AXES], a[HEED_ARITHMETIC_AXES], b[HEED_ARITHMETIC_AXES], mask[HEED_ARITHMETIC_AXES];
} HeedArithmeticShape;

typedef struct HeedArithmeticInputs {
  const float *a, *b;  // b: null for an operation of a alone
  const uint8_t *mask; // of a selection
  float alpha, beta;
} HeedArithmeticInputs;

HeedStatus heed_arithmetic_reference_forward(const HeedArithmeticShape *shape, HeedArithmeticOperation operation,
                                             const HeedArithmeticInputs *inputs, double *output);
HeedStatus heed_arithmetic_forward(const HeedArithmeticShape *shape, HeedArithmeticOperation operation, const HeedArithmeticInputs *inputs,
                                   float *output);
HeedStatus heed_arithmetic_compare(const HeedArithmeticShape *shape, HeedArithmeticComparison comparison,
                                   const HeedArithmeticInputs *inputs, uint8_t *output);
HeedStatus heed_arithmetic_select(const HeedArithmeticShape *shape, const HeedArithmeticInputs *inputs, float *output);

// ---- Reductions -----------------------------------------------------------------------------------------------------------------------

typedef struct HeedArithmeticReduce {
  size_t axes;
  size_t size[HEED_ARITHMETIC_AXES];
  ptrdiff_t input[HEED_ARITHMETIC_AXES];
  ptrdiff_t output[HEED_ARITHMETIC_AXES]; // read for the axes that stay
  bool reduced[HEED_ARITHMETIC_AXES];
} HeedArithmeticReduce;

// `output` is float64, laid out by the output's strides.
HeedStatus heed_arithmetic_reference_reduce(const HeedArithmeticReduce *shape, HeedArithmeticReduction reduction, const float *input,
                                            double *output);
HeedStatus heed_arithmetic_reduce(const HeedArithmeticReduce *shape, HeedArithmeticReduction reduction, const float *input, float *output);
// The position among the reduced elements, row-major; BadShape for 2^31 of them or more.
HeedStatus heed_arithmetic_arg_maximum(const HeedArithmeticReduce *shape, const float *input, int32_t *output);

// ---- Gather and scatter ---------------------------------------------------------------------------------------------------------------

typedef struct HeedArithmeticGather {
  size_t outer, extent, count, inner; // the array has `extent` entries along the axis, `count` are taken
  ptrdiff_t array_outer, array_axis, array_inner;
  ptrdiff_t taken_outer, taken_axis, taken_inner;
  ptrdiff_t index_outer, index_axis, index_inner;
} HeedArithmeticGather;

HeedStatus heed_arithmetic_gather(const HeedArithmeticGather *shape, const float *array, const int32_t *index, float *taken);
HeedStatus heed_arithmetic_scatter_add(const HeedArithmeticGather *shape, const float *taken, const int32_t *index, float *array);

#ifdef __cplusplus
}
#endif

#endif

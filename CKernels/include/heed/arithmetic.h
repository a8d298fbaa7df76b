// Element-wise arithmetic with broadcasting, comparison, selection, reductions, gather and scatter, for float32 arrays of up to
// HEED_ARITHMETIC_AXES axes. Each axis has a stride in elements, of any sign; a stride of 0 repeats an input.
//
// Element-wise                                            NaN
//   Add, Subtract, Multiply, Divide   a op b              IEEE
//   Maximum, Minimum                  max(a, b) ...       NaN if either is NaN
//   Power                             a^b                 C's pow: a^0 and 1^b are 1 for NaN too
//   ScaledAdd                         alpha a + beta b    IEEE; one rounding after alpha a, one after the sum (fused where the table fuses)
//   MultiplyAdd                       a b + alpha         the same
//   Copy, Negate, Absolute, Square, SquareRoot, ReciprocalSquareRoot (1 / sqrt a, both rounded), Reciprocal, Sign: of a; b is not read
//   Sign                              -1, 0, 1            NaN stays NaN
// Comparisons give one byte per element, 1 or 0; with NaN all give 0 except NotEqual. Select gives a where the mask's byte is not 0, else
// b; the element that is not selected has no effect.
// Every result is rounded correctly (Power: within 1 ulp). The bits of an element depend only on its operands.
//
// Reductions over any set of axes: Sum, Mean, Maximum, Minimum, and ArgMaximum (int32, the first of equals; NaN counts as the largest). A
// NaN among the reduced elements gives NaN. A sum of nothing is 0, a mean of nothing is NaN, and a maximum or minimum of nothing is
// BadShape.
//
// Order of reduction. The reduced elements are taken in row-major order over the reduced axes as given, in blocks of HEED_ARITHMETIC_BLOCK.
// In a block, element i belongs to partial result i mod 16. Each partial result is taken in order from zero (a maximum from minus infinity,
// a minimum from infinity), and the 16 are joined by halves (p and p + 8, p and p + 4 ...). The sums of blocks are added in order in
// float64 and rounded once, a mean after the division. So the bits depend only on the reduced elements: not on threads, strides, the
// instruction set or the other reductions of the call. The error of a sum is at most 20 eps sum |x|, eps = 2^-23, for any length; for
// numbers of mean 0 it is typically 1 eps of their norm.
//
// Gather and scatter along one axis of [outer, count or extent, inner]:
//   gather        output[o, j, i] <- input[o, index(o, j, i), i]
//   scatter add   target[o, index(o, j, i), i] += source[o, j, i], j in order
// An index stride of 0 shares indices: with 0 along outer and inner this selects rows.
//
// Outputs overwrite (scatter add accumulates). An element-wise output may be stored in place of an input with the same strides; otherwise
// it may not overlap an input.
//
// Errors: BadShape (overflow, too many axes), BadStride (elements of an output overlap or might, distances overflow), BadArgument (null
// data, an operation that does not exist), BadIndex (of `index`; if it is shared along an axis, its place counts that axis once),
// OutOfMemory.

#ifndef HEED_ARITHMETIC_H
#define HEED_ARITHMETIC_H

#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_ARITHMETIC_AXES  8   // more than any model here has; keeps a descriptor small
#define HEED_ARITHMETIC_BLOCK 512 // elements per block: errors grow with their number

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

// Sizes, outermost axis first, and the strides of every operand. Strides of an operand that the operation does not read are ignored.
typedef struct HeedArithmeticShape {
  size_t axes;
  size_t size[HEED_ARITHMETIC_AXES];
  ptrdiff_t output[HEED_ARITHMETIC_AXES], a[HEED_ARITHMETIC_AXES], b[HEED_ARITHMETIC_AXES], mask[HEED_ARITHMETIC_AXES];
} HeedArithmeticShape;

typedef struct HeedArithmeticInputs {
  const float *a, *b;  // b: null for an operation that reads only a
  const uint8_t *mask; // for heed_arithmetic_select
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
  ptrdiff_t output[HEED_ARITHMETIC_AXES]; // read for the axes that are not reduced
  bool reduced[HEED_ARITHMETIC_AXES];
} HeedArithmeticReduce;

// `output` is float64, with the output's strides.
HeedStatus heed_arithmetic_reference_reduce(const HeedArithmeticReduce *shape, HeedArithmeticReduction reduction, const float *input,
                                            double *output);
HeedStatus heed_arithmetic_reduce(const HeedArithmeticReduce *shape, HeedArithmeticReduction reduction, const float *input, float *output);
// Stores the position among the reduced elements, in row-major order. BadShape for 2^31 reduced elements or more.
HeedStatus heed_arithmetic_arg_maximum(const HeedArithmeticReduce *shape, const float *input, int32_t *output);

// ---- Gather and scatter ---------------------------------------------------------------------------------------------------------------

typedef struct HeedArithmeticGather {
  size_t outer, extent, count, inner; // the array has `extent` entries along the axis, and `count` of them are taken
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

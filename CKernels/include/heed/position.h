// Positions: a sinusoidal table that is added to an input, and rotary positions, float32.
//
// Position p is `first_position` plus the row's place t in its sequence. Angles, sines and cosines are computed in float64 and rounded
// once: they are within half an ulp and 2^-46 + p 2^-51 of the exact table. The bits of a row of the table depend only on p, the columns
// and the base. So one row by itself (in decoding) has the same bits as in its sequence.
//
// Sinusoidal (Vaswani et al. 2017):   Y[b,t,j] = X[b,t,j] + T[p,j],   T[p,2i] = sin(p f_i), T[p,2i+1] = cos(p f_i),
//   f_i = base^(-2i / columns)
//   The gradient of X is that of Y, unchanged.
//
// Rotary (Su et al. 2021):   pair i of the first `rotary` columns (an even number) turns by the angle a = p f_i, f_i = base^(-2i / rotary):
//   Y[first] = X[first] cos a - X[second] sin a,   Y[second] = X[second] cos a + X[first] sin a
//   Halves: first = i, second = i + rotary / 2. Interleaved: first = 2i, second = 2i + 1. Columns from `rotary` on are copied. The gradient
//   of X is the gradient of Y, rotated by -a (`inverse`). Each result is within 1.5 eps (|X[first]| + |X[second]|), eps = 2^-23.
//
// Columns are contiguous. Other strides are in elements and of any sign; those of an input may be 0. Y may be stored in place of X.
//
// Errors: BadShape (overflow, `rotary` odd or above the columns), BadStride (elements of Y overlap, a distance overflows), BadArgument
// (null data, a base that is not finite and above 0, a position below 0 or above HEED_POSITION_MAX, or beyond the table), OutOfMemory.

#ifndef HEED_POSITION_H
#define HEED_POSITION_H

#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_POSITION_MAX 0x7fffffff // INT32_MAX

typedef struct HeedPositionSinusoidalShape {
  size_t batch, length, columns;
  ptrdiff_t input_batch, input_row, output_batch, output_row;
  int64_t first_position;
  double base; // 10000 in the paper
} HeedPositionSinusoidalShape;

// table[t,j] <- T[first_position + t, j], contiguous. Batch and strides are ignored.
HeedStatus heed_position_sinusoidal_table(const HeedPositionSinusoidalShape *shape, float *table);
// `table` holds T of positions 0 ... table_rows-1, contiguous. If it is null, the rows are computed in scratch memory.
HeedStatus heed_position_sinusoidal_forward(const HeedPositionSinusoidalShape *shape, const float *input, const float *table,
                                            size_t table_rows, float *output);

typedef enum HEED_CLOSED HeedPositionRotaryLayout {
  HeedPositionRotaryHalves = 0,
  HeedPositionRotaryInterleaved,
} HeedPositionRotaryLayout;

typedef struct HeedPositionRotaryShape {
  size_t batch, heads, length, columns;
  size_t rotary; // columns that turn
  ptrdiff_t input_batch, input_head, input_row, output_batch, output_head, output_row;
  int64_t first_position;
  double base;
  HeedPositionRotaryLayout layout;
  bool inverse;
} HeedPositionRotaryShape;

// table[t] <- cos(p f_i) for i < rotary / 2, then sin(p f_i): `length` rows of `rotary` numbers, contiguous. Batch, heads and strides are
// ignored.
HeedStatus heed_position_rotary_table(const HeedPositionRotaryShape *shape, float *table);
HeedStatus heed_position_rotary(const HeedPositionRotaryShape *shape, const float *input, const float *table, size_t table_rows,
                                float *output);

// In float64, angle by angle. Outputs are contiguous.
HeedStatus heed_position_reference_sinusoidal_forward(const HeedPositionSinusoidalShape *shape, const float *input, double *output);
HeedStatus heed_position_reference_rotary(const HeedPositionRotaryShape *shape, const float *input, double *output);

#ifdef __cplusplus
}
#endif

#endif

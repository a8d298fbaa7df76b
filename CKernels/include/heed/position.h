// Positions: the sinusoidal table added to an input, and rotary positions, float32.
//
// Position p is `first_position` + the row's place t in its sequence. Angles, sines and cosines are those of float64, rounded once: within
// half an ulp and 2^-46 + p 2^-51 of the exact table. The bits of a table's row depend on p, the columns and the base alone, so a row added
// or rotated alone (decoding) has the bits that it has in its sequence.
//
// Sinusoidal (Vaswani et al. 2017):   Y[b,t,j] = X[b,t,j] + T[p,j],   T[p,2i] = sin(p f_i), T[p,2i+1] = cos(p f_i),
//   f_i = base^(-2i / columns)
//   The gradient of X is that of Y, unchanged.
//
// Rotary (Su et al. 2021):   pair i of the first `rotary` columns (an even number) turns by the angle a = p f_i, f_i = base^(-2i / rotary):
//   Y[first] = X[first] cos a - X[second] sin a,   Y[second] = X[second] cos a + X[first] sin a
//   Halves: first = i, second = i + rotary / 2. Interleaved: first = 2i, second = 2i + 1. Columns from `rotary` on are copied. The gradient
//   is the rotation by -a (`inverse`) of the gradient of Y. Each result is within 1.5 eps (|X[first]| + |X[second]|), eps = 2^-23.
//
// Columns are contiguous; other strides are in elements, any sign (0 too for what is read). Y may be X in place.
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

// table[t,j] <- T[first_position + t, j], contiguous; batch and strides are not looked at.
HeedStatus heed_position_sinusoidal_table(const HeedPositionSinusoidalShape *shape, float *table);
// `table` holds T of positions 0 ... table_rows-1, contiguous; where it is null the rows are worked out in scratch.
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

// table[t] <- cos(p f_i) for i < rotary / 2, then sin(p f_i): `rotary` numbers a row; `length` rows, contiguous; batch, heads and strides
// are not looked at.
HeedStatus heed_position_rotary_table(const HeedPositionRotaryShape *shape, float *table);
HeedStatus heed_position_rotary(const HeedPositionRotaryShape *shape, const float *input, const float *table, size_t table_rows,
                                float *output);

// In float64, angle by angle; outputs contiguous.
HeedStatus heed_position_reference_sinusoidal_forward(const HeedPositionSinusoidalShape *shape, const float *input, double *output);
HeedStatus heed_position_reference_rotary(const HeedPositionRotaryShape *shape, const float *input, double *output);

#ifdef __cplusplus
}
#endif

#endif

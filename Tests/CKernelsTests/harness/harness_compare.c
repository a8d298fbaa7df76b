// Comparers. See harness.h.

#include <float.h>
#include <math.h>
#include <string.h>

#include "harness.h"

// |x - r|: infinite where one is finite and the other is not, or both are not and differ; 0 where they agree.
static double difference(float x, double r) {
  if (isnan(r)) return isnan(x) ? 0 : INFINITY;
  if (isinf(r)) return (double)x == r ? 0 : INFINITY;
  if (!isfinite(x)) return INFINITY;
  const double d = fabs((double)x - r);
  return fabs(r) < 0x1p-126 && d <= 0x1p-149 ? 0 : d;
}

static double ratio(double error, double size) { return error == 0 ? 0 : (size > 0 ? error / size : INFINITY); }

// The distance between floats next to r.
static double unit_in_last_place(double r) {
  int exponent;
  frexp(fabs(r), &exponent);
  return fabs(r) < 0x1p-126 ? 0x1p-149 : ldexp(1.0, exponent - 24);
}

Errors compare_rows(const float *x, const double *r, size_t rows, size_t columns) {
  Errors errors = {0};
  double error_squares = 0, squares = 0, largest_error = 0, largest = 0;
  for (size_t i = 0; i < rows; i++) {
    double row_error = 0, row_squares = 0, row_largest_error = -1;
    size_t row_column = 0;
    for (size_t j = 0; j < columns; j++) {
      const double reference = r[i * columns + j], d = difference(x[i * columns + j], reference);
      row_error += d * d;
      if (isfinite(reference)) {
        row_squares += reference * reference;
        if (fabs(reference) > largest) largest = fabs(reference);
        errors.ulps = fmax(errors.ulps, d / unit_in_last_place(reference));
      } else if (d > 0) {
        errors.ulps = INFINITY;
      }
      if (d > row_largest_error) {
        row_largest_error = d;
        row_column = j;
      }
      if (d > largest_error) largest_error = d;
    }
    error_squares += row_error;
    squares += row_squares;
    const double w = ratio(sqrt(row_error), sqrt(row_squares));
    if (w > errors.rowwise) {
      errors.rowwise = w;
      errors.worst_row = i;
      errors.worst_column = row_column;
    }
  }
  errors.normwise = ratio(sqrt(error_squares), sqrt(squares));
  errors.maximum = ratio(largest_error, largest);
  return errors;
}

double compare_to_magnitude(const float *x, const double *r, const double *magnitude, size_t count) {
  double worst = 0;
  for (size_t i = 0; i < count; i++) worst = fmax(worst, ratio(difference(x[i], r[i]), EPSILON * magnitude[i]));
  return worst;
}

size_t differing_floats(const float *a, const float *b, size_t count, size_t *first) {
  size_t differing = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t a_bits, b_bits;
    memcpy(&a_bits, a + i, sizeof a_bits);
    memcpy(&b_bits, b + i, sizeof b_bits);
    if (a_bits == b_bits) continue;
    if (first && differing == 0) *first = i;
    differing++;
  }
  return differing;
}

// Functions of strided matrices that several families use: a copy in another layout, and whether all of a matrix is finite.

// target[i * target_row + j * target_column] <- source[i * source_row + j * source_column], by whole vectors where the columns of both, or
// a row of one and a column of the other, are contiguous.
static void copy_strided(const float *source, ptrdiff_t source_row, ptrdiff_t source_column, size_t rows, size_t columns, float *target,
                         ptrdiff_t target_row, ptrdiff_t target_column) {
  for (size_t i = 0; i < rows; i += HEED_LANES) {
    const size_t height = heed_size_min(rows - i, HEED_LANES);
    for (size_t j = 0; j < columns; j += HEED_LANES) {
      const size_t width = heed_size_min(columns - j, HEED_LANES);
      const float *from = source + (ptrdiff_t)i * source_row + (ptrdiff_t)j * source_column;
      float *to = target + (ptrdiff_t)i * target_row + (ptrdiff_t)j * target_column;
      if (source_column == 1 && target_column == 1) {
        for (size_t r = 0; r < height; r++)
          vf_store_n(to + (ptrdiff_t)r * target_row, vf_load_n(from + (ptrdiff_t)r * source_row, width), width);
      } else if (source_row == 1 && target_column == 1) {
        vf block[HEED_LANES];
        for (size_t c = 0; c < HEED_LANES; c++) block[c] = c < width ? vf_load_n(from + (ptrdiff_t)c * source_column, height) : vf_zero();
        vf_transpose(block);
        for (size_t r = 0; r < height; r++) vf_store_n(to + (ptrdiff_t)r * target_row, block[r], width);
      } else if (source_column == 1 && target_row == 1) {
        vf block[HEED_LANES];
        for (size_t r = 0; r < HEED_LANES; r++) block[r] = r < height ? vf_load_n(from + (ptrdiff_t)r * source_row, width) : vf_zero();
        vf_transpose(block);
        for (size_t c = 0; c < width; c++) vf_store_n(to + (ptrdiff_t)c * target_column, block[c], height);
      } else {
        for (size_t r = 0; r < height; r++)
          for (size_t c = 0; c < width; c++)
            to[(ptrdiff_t)r * target_row + (ptrdiff_t)c * target_column] = from[(ptrdiff_t)r * source_row + (ptrdiff_t)c * source_column];
      }
    }
  }
}

// Whether no element is NaN or infinite.
INLINE_KERNEL bool all_finite(const float *x, ptrdiff_t row, ptrdiff_t column, size_t rows, size_t columns) {
  vf seen = vf_zero(); // x * 0 is 0 for finite x, else NaN, which stays
  float alone = 0.0f;
  for (size_t i = 0; i < rows; i++, x += row) {
    if (column == 1)
      for (size_t j = 0; j < columns; j += HEED_LANES) seen = vf_fma(vf_load_n(x + j, columns - j), vf_zero(), seen);
    else
      for (size_t j = 0; j < columns; j++) alone += x[(ptrdiff_t)j * column] * 0.0f;
  }
  return !vm_any(vf_is_nan(seen)) && alone == 0.0f;
}

static bool matrix_is_finite(const float *x, ptrdiff_t row, ptrdiff_t column, size_t rows, size_t columns) {
  return all_finite(x, row, column, rows, columns);
}

#define MATRIX_KERNELS .copy = copy_strided, .is_finite = matrix_is_finite

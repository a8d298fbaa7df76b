// Bringing rows into lanes: 16 x 16 (lanes x lanes) transposes with the tails handled once, here.

#ifndef HEED_PACK_INC_H
#define HEED_PACK_INC_H

// target[column * target_row + row] = factor * source[row * source_row + column * source_column] for row < rows, 0 for rows <= row <
// padded. padded is a multiple of the lanes.
INLINE_KERNEL void pack_transposed(const float *source, ptrdiff_t source_row, ptrdiff_t source_column, size_t rows, size_t columns,
                                   float factor, float *target, size_t target_row, size_t padded) {
  const vf scale = vf_set1(factor);
  for (size_t row = 0; row < padded; row += HEED_LANES) {
    const size_t count = row >= rows ? 0 : heed_size_min(rows - row, HEED_LANES);
    for (size_t column = 0; column < columns; column += HEED_LANES) {
      const size_t width = heed_size_min(columns - column, HEED_LANES);
      if (source_column == 1) {
        vf block[HEED_LANES];
        const float *first = source + (ptrdiff_t)row * source_row + (ptrdiff_t)column;
#pragma clang loop unroll(full)
        for (size_t i = 0; i < HEED_LANES; i++)
          block[i] = i < count ? vf_mul(vf_load_n(first + (ptrdiff_t)i * source_row, width), scale) : vf_zero();
        vf_transpose(block);
#pragma clang loop unroll(full)
        for (size_t i = 0; i < HEED_LANES; i++)
          if (i < width) vf_store(target + (column + i) * target_row + row, block[i]);
      } else {
        for (size_t c = 0; c < width; c++) {
          float *to = target + (column + c) * target_row + row;
          const float *from = source + (ptrdiff_t)row * source_row + (ptrdiff_t)(column + c) * source_column;
          for (size_t i = 0; i < HEED_LANES; i++) to[i] = i < count ? from[(ptrdiff_t)i * source_row] * factor : 0.0f;
        }
      }
    }
  }
}

// target[row * target_row + column * target_column] = factor[row] * source[column * source_row + row] + 0 for row < rows; the
// added 0 is there so that no zero is negative.
INLINE_KERNEL void unpack_transposed(const float *source, size_t source_row, const float *factor, size_t rows, size_t columns,
                                     float *target, ptrdiff_t target_row, ptrdiff_t target_column) {
  for (size_t row = 0; row < rows; row += HEED_LANES) {
    const size_t count = heed_size_min(rows - row, HEED_LANES);
    const vf scale = vf_load(factor + row);
    for (size_t column = 0; column < columns; column += HEED_LANES) {
      const size_t width = heed_size_min(columns - column, HEED_LANES);
      vf block[HEED_LANES];
#pragma clang loop unroll(full)
      for (size_t i = 0; i < HEED_LANES; i++)
        block[i] = i < width ? vf_add(vf_mul(vf_load(source + (column + i) * source_row + row), scale), vf_zero()) : vf_zero();
      vf_transpose(block);
      float *first = target + (ptrdiff_t)row * target_row + (ptrdiff_t)column * target_column;
      if (target_column == 1) {
#pragma clang loop unroll(full)
        for (size_t i = 0; i < HEED_LANES; i++)
          if (i < count) vf_store_n(first + (ptrdiff_t)i * target_row, block[i], width);
      } else {
        for (size_t i = 0; i < count; i++) {
          float lane[HEED_LANES];
          vf_store(lane, block[i]);
          for (size_t c = 0; c < width; c++) first[(ptrdiff_t)i * target_row + (ptrdiff_t)c * target_column] = lane[c];
        }
      }
    }
  }
}

// A contiguous float32 copy of rows x columns bfloat16 numbers.
INLINE_KERNEL void convert_rows_bf16(const uint16_t *source, ptrdiff_t source_row, ptrdiff_t source_column, size_t rows, size_t columns,
                                     float *target) {
  // An empty array may be null: no address is formed from it.
  for (size_t row = 0; columns > 0 && row < rows; row++, source += source_row, target += columns)
    for (size_t column = 0; column < columns; column += HEED_LANES) {
      const size_t n = heed_size_min(columns - column, HEED_LANES);
      uint16_t gathered[HEED_LANES];
      const uint16_t *from = source + (ptrdiff_t)column * source_column;
      if (source_column != 1) {
        for (size_t i = 0; i < n; i++) gathered[i] = from[(ptrdiff_t)i * source_column];
        from = gathered;
      }
      vf_store_n(target + column, vf_load_bf16_n(from, n), n);
    }
}

// A contiguous copy of rows x columns floats.
INLINE_KERNEL void pack_rows(const float *source, ptrdiff_t source_row, size_t rows, size_t columns, float *target) {
  // An empty array may be null: no address is formed from it.
  for (size_t row = 0; columns > 0 && row < rows; row++, source += source_row, target += columns)
    for (size_t column = 0; column < columns; column += HEED_LANES)
      vf_store_n(target + column, vf_load_n(source + column, columns - column), columns - column);
}

#endif

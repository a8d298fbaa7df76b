// Element-wise arithmetic of a matrix of elements, comparison and selection (promises: heed/arithmetic.h).
//
// Operands whose columns are contiguous or all the same are read in place. Any other is copied, a tile at a time, into a dense tile on the
// stack, by transposes where its rows are contiguous, so that the loops below know two kinds of columns only.

// A tile is 4 KiB, and a whole number of vectors of every vocabulary both ways.
#define ARITHMETIC_TILE_ROWS    16
#define ARITHMETIC_TILE_COLUMNS 64

// NaN where either is.
INLINE_KERNEL vf arithmetic_max(vf a, vf b) { return vf_select(vf_is_nan(a), a, vf_max(a, b)); }
INLINE_KERNEL vf arithmetic_min(vf a, vf b) { return vf_select(vf_is_nan(a), a, vf_min(a, b)); }

INLINE_KERNEL vf arithmetic_power(vf a, vf b) {
  float x[HEED_LANES], y[HEED_LANES];
  vf_store(x, a);
  vf_store(y, b);
  for (int i = 0; i < HEED_LANES; i++) x[i] = powf(x[i], y[i]);
  return vf_load(x);
}

INLINE_KERNEL vf arithmetic_sign(vf a) {
  const vf one = vf_set1(1.0f), signed_one = vf_select(vf_sign_bit(a), vf_set1(-1.0f), one);
  return vf_select(vf_is_nan(a), a, vf_select(vf_equal(a, vf_zero()), vf_zero(), signed_one));
}

INLINE_KERNEL vf arithmetic_apply(HeedArithmeticOperation operation, vf a, vf b, vf alpha, vf beta) {
  switch (operation) {
  case HeedArithmeticAdd:
    return vf_add(a, b);
  case HeedArithmeticSubtract:
    return vf_sub(a, b);
  case HeedArithmeticMultiply:
    return vf_mul(a, b);
  case HeedArithmeticDivide:
    return vf_div(a, b);
  case HeedArithmeticMaximum:
    return arithmetic_max(a, b);
  case HeedArithmeticMinimum:
    return arithmetic_min(a, b);
  case HeedArithmeticPower:
    return arithmetic_power(a, b);
  case HeedArithmeticScaledAdd:
    return vf_fma(beta, b, vf_mul(alpha, a));
  case HeedArithmeticMultiplyAdd:
    return vf_fma(a, b, alpha);
  case HeedArithmeticCopy:
    return a;
  case HeedArithmeticNegate:
    return vf_negate(a);
  case HeedArithmeticAbsolute:
    return vf_magnitude(a);
  case HeedArithmeticSquare:
    return vf_mul(a, a);
  case HeedArithmeticSquareRoot:
    return vf_sqrt(a);
  case HeedArithmeticReciprocalSquareRoot:
    return vf_div(vf_set1(1.0f), vf_sqrt(a));
  case HeedArithmeticReciprocal:
    return vf_div(vf_set1(1.0f), a);
  case HeedArithmeticSign:
    return arithmetic_sign(a);
  }
  return a;
}

INLINE_KERNEL vm arithmetic_holds(HeedArithmeticComparison comparison, vf a, vf b) {
  switch (comparison) {
  case HeedArithmeticEqual:
    return vf_equal(a, b);
  case HeedArithmeticNotEqual:
    return vm_not(vf_equal(a, b));
  case HeedArithmeticLess:
    return vf_less(a, b);
  case HeedArithmeticLessOrEqual:
    return vm_or(vf_less(a, b), vf_equal(a, b));
  case HeedArithmeticGreater:
    return vf_less(b, a);
  case HeedArithmeticGreaterOrEqual:
    return vm_or(vf_less(b, a), vf_equal(a, b));
  }
  return vf_equal(a, b);
}

// n elements of a row from column j on; all the same where the column's stride is 0.
INLINE_KERNEL vf arithmetic_load(const float *row, bool repeats, size_t j, size_t n) {
  return repeats ? vf_set1(*row) : vf_load_n(row + j, n);
}

INLINE_KERNEL void arithmetic_rows(HeedArithmeticOperation operation, const HeedArithmeticBlock *x, bool a_repeats, bool b_repeats,
                                   bool reads_b) {
  const vf alpha = vf_set1(x->alpha), beta = vf_set1(x->beta);
  for (size_t i = 0; i < x->rows; i++) {
    const float *a = x->a + (ptrdiff_t)i * x->a_row, *b = reads_b ? x->b + (ptrdiff_t)i * x->b_row : a;
    float *output = (float *)x->output + (ptrdiff_t)i * x->output_row;
    size_t j = 0;
    for (; j + HEED_LANES <= x->columns; j += HEED_LANES) {
      const vf left = arithmetic_load(a, a_repeats, j, HEED_LANES), right = reads_b ? arithmetic_load(b, b_repeats, j, HEED_LANES) : left;
      vf_store(output + j, arithmetic_apply(operation, left, right, alpha, beta));
    }
    if (j < x->columns) {
      const size_t n = x->columns - j;
      const vf left = arithmetic_load(a, a_repeats, j, n), right = reads_b ? arithmetic_load(b, b_repeats, j, n) : left;
      vf_store_n(output + j, arithmetic_apply(operation, left, right, alpha, beta), n);
    }
  }
}

INLINE_KERNEL void arithmetic_binary(HeedArithmeticOperation operation, const HeedArithmeticBlock *x) {
  if (x->a_column == 0 && x->columns > 1)
    x->b_column == 0 ? arithmetic_rows(operation, x, true, true, true) : arithmetic_rows(operation, x, true, false, true);
  else
    x->b_column == 0 ? arithmetic_rows(operation, x, false, true, true) : arithmetic_rows(operation, x, false, false, true);
}

INLINE_KERNEL void arithmetic_unary(HeedArithmeticOperation operation, const HeedArithmeticBlock *x) {
  x->a_column == 0 ? arithmetic_rows(operation, x, true, true, false) : arithmetic_rows(operation, x, false, false, false);
}

static void arithmetic_dense(HeedArithmeticOperation operation, const HeedArithmeticBlock *x) {
  switch (operation) {
#define CASE(name, arity)                                                                                                                  \
  case HeedArithmetic##name:                                                                                                               \
    arithmetic_##arity(HeedArithmetic##name, x);                                                                                           \
    break;
    CASE(Add, binary)
    CASE(Subtract, binary)
    CASE(Multiply, binary)
    CASE(Divide, binary)
    CASE(Maximum, binary)
    CASE(Minimum, binary)
    CASE(Power, binary)
    CASE(ScaledAdd, binary)
    CASE(MultiplyAdd, binary)
    CASE(Copy, unary)
    CASE(Negate, unary)
    CASE(Absolute, unary)
    CASE(Square, unary)
    CASE(SquareRoot, unary)
    CASE(ReciprocalSquareRoot, unary)
    CASE(Reciprocal, unary)
    CASE(Sign, unary)
#undef CASE
  }
}

static bool arithmetic_is_dense(ptrdiff_t column) { return column == 1 || column == 0; }

// The part of the block from (i, j) on, at most one tile.
INLINE_KERNEL HeedArithmeticBlock arithmetic_part(const HeedArithmeticBlock *x, size_t i, size_t j, size_t output_bytes) {
  HeedArithmeticBlock part = *x;
  part.rows = heed_size_min(x->rows - i, ARITHMETIC_TILE_ROWS);
  part.columns = heed_size_min(x->columns - j, ARITHMETIC_TILE_COLUMNS);
  const ptrdiff_t row = (ptrdiff_t)i, column = (ptrdiff_t)j;
  part.a = x->a + row * x->a_row + column * x->a_column;
  if (x->b) part.b = x->b + row * x->b_row + column * x->b_column;
  if (x->mask) part.mask = x->mask + row * x->mask_row + column * x->mask_column;
  part.output = (char *)x->output + (row * x->output_row + column * x->output_column) * (ptrdiff_t)output_bytes;
  return part;
}

// An operand with dense columns: itself, or its copy in `tile`.
INLINE_KERNEL const float *arithmetic_densify(const float *x, ptrdiff_t *row, ptrdiff_t *column, size_t rows, size_t columns, float *tile) {
  if (!x || arithmetic_is_dense(*column)) return x;
  copy_strided(x, *row, *column, rows, columns, tile, ARITHMETIC_TILE_COLUMNS, 1);
  *row = ARITHMETIC_TILE_COLUMNS, *column = 1;
  return tile;
}

INLINE_KERNEL const uint8_t *arithmetic_densify_mask(const HeedArithmeticBlock *x, ptrdiff_t *row, uint8_t *tile) {
  if (x->mask_column == 1) return x->mask;
  for (size_t i = 0; i < x->rows; i++)
    for (size_t j = 0; j < x->columns; j++)
      tile[i * ARITHMETIC_TILE_COLUMNS + j] = x->mask[(ptrdiff_t)i * x->mask_row + (ptrdiff_t)j * x->mask_column];
  *row = ARITHMETIC_TILE_COLUMNS;
  return tile;
}

static void arithmetic_forward(HeedArithmeticOperation operation, const HeedArithmeticBlock *x) {
  if (arithmetic_is_dense(x->a_column) && (!x->b || arithmetic_is_dense(x->b_column)) && x->output_column == 1) {
    arithmetic_dense(operation, x);
    return;
  }
  if (operation == HeedArithmeticCopy) {
    copy_strided(x->a, x->a_row, x->a_column, x->rows, x->columns, x->output, x->output_row, x->output_column);
    return;
  }
  float a[ARITHMETIC_TILE_ROWS * ARITHMETIC_TILE_COLUMNS], b[ARITHMETIC_TILE_ROWS * ARITHMETIC_TILE_COLUMNS],
      result[ARITHMETIC_TILE_ROWS * ARITHMETIC_TILE_COLUMNS];
  for (size_t i = 0; i < x->rows; i += ARITHMETIC_TILE_ROWS)
    for (size_t j = 0; j < x->columns; j += ARITHMETIC_TILE_COLUMNS) {
      HeedArithmeticBlock part = arithmetic_part(x, i, j, sizeof(float));
      part.a = arithmetic_densify(part.a, &part.a_row, &part.a_column, part.rows, part.columns, a);
      part.b = arithmetic_densify(part.b, &part.b_row, &part.b_column, part.rows, part.columns, b);
      float *output = part.output;
      if (x->output_column != 1) part.output = result, part.output_row = ARITHMETIC_TILE_COLUMNS, part.output_column = 1;
      arithmetic_dense(operation, &part);
      if (x->output_column != 1)
        copy_strided(result, ARITHMETIC_TILE_COLUMNS, 1, part.rows, part.columns, output, x->output_row, x->output_column);
    }
}

INLINE_KERNEL void arithmetic_compare_rows(HeedArithmeticComparison comparison, const HeedArithmeticBlock *x) {
  for (size_t i = 0; i < x->rows; i++) {
    const float *a = x->a + (ptrdiff_t)i * x->a_row, *b = x->b + (ptrdiff_t)i * x->b_row;
    uint8_t *output = (uint8_t *)x->output + (ptrdiff_t)i * x->output_row;
    for (size_t j = 0; j < x->columns; j += HEED_LANES) {
      const size_t n = x->columns - j;
      const vm holds = arithmetic_holds(comparison, arithmetic_load(a, x->a_column == 0, j, n), arithmetic_load(b, x->b_column == 0, j, n));
      if (x->output_column == 1) {
        vm_store_bytes_n(output + j, holds, n);
      } else {
        uint8_t bytes[HEED_LANES];
        vm_store_bytes_n(bytes, holds, HEED_LANES);
        for (size_t k = 0; k < n && k < HEED_LANES; k++) output[(ptrdiff_t)(j + k) * x->output_column] = bytes[k];
      }
    }
  }
}

static void arithmetic_compare(HeedArithmeticComparison comparison, const HeedArithmeticBlock *x) {
  float a[ARITHMETIC_TILE_ROWS * ARITHMETIC_TILE_COLUMNS], b[ARITHMETIC_TILE_ROWS * ARITHMETIC_TILE_COLUMNS];
  for (size_t i = 0; i < x->rows; i += ARITHMETIC_TILE_ROWS)
    for (size_t j = 0; j < x->columns; j += ARITHMETIC_TILE_COLUMNS) {
      HeedArithmeticBlock part = arithmetic_part(x, i, j, 1);
      part.a = arithmetic_densify(part.a, &part.a_row, &part.a_column, part.rows, part.columns, a);
      part.b = arithmetic_densify(part.b, &part.b_row, &part.b_column, part.rows, part.columns, b);
      arithmetic_compare_rows(comparison, &part);
    }
}

static void arithmetic_select(const HeedArithmeticBlock *x) {
  float a[ARITHMETIC_TILE_ROWS * ARITHMETIC_TILE_COLUMNS], b[ARITHMETIC_TILE_ROWS * ARITHMETIC_TILE_COLUMNS],
      result[ARITHMETIC_TILE_ROWS * ARITHMETIC_TILE_COLUMNS];
  uint8_t mask[ARITHMETIC_TILE_ROWS * ARITHMETIC_TILE_COLUMNS];
  for (size_t i = 0; i < x->rows; i += ARITHMETIC_TILE_ROWS)
    for (size_t j = 0; j < x->columns; j += ARITHMETIC_TILE_COLUMNS) {
      HeedArithmeticBlock part = arithmetic_part(x, i, j, sizeof(float));
      part.a = arithmetic_densify(part.a, &part.a_row, &part.a_column, part.rows, part.columns, a);
      part.b = arithmetic_densify(part.b, &part.b_row, &part.b_column, part.rows, part.columns, b);
      part.mask = arithmetic_densify_mask(&part, &part.mask_row, mask);
      const bool direct = x->output_column == 1;
      float *target = direct ? part.output : result;
      const ptrdiff_t target_row = direct ? x->output_row : ARITHMETIC_TILE_COLUMNS;
      for (size_t r = 0; r < part.rows; r++)
        for (size_t c = 0; c < part.columns; c += HEED_LANES) {
          const size_t n = part.columns - c;
          const vf left = arithmetic_load(part.a + (ptrdiff_t)r * part.a_row, part.a_column == 0, c, n),
                   right = arithmetic_load(part.b + (ptrdiff_t)r * part.b_row, part.b_column == 0, c, n);
          const vm taken = vm_from_bytes_n(part.mask + (ptrdiff_t)r * part.mask_row + c, n);
          vf_store_n(target + (ptrdiff_t)r * target_row + c, vf_select(taken, left, right), n);
        }
      if (!direct) copy_strided(result, ARITHMETIC_TILE_COLUMNS, 1, part.rows, part.columns, part.output, x->output_row, x->output_column);
    }
}

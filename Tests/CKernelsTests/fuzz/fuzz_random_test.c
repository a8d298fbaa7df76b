// Random draws, dropout and positions. See fuzz_support.h.

#include "fuzz_support.h"

static HeedRandom random_state(void) {
  const uint64_t offsets[] = {0, fuzz_below(1000), 64 * fuzz_below(1000), UINT64_MAX - fuzz_below(40), (uint64_t)1 << 38};
  return (HeedRandom){fuzz_below(SIZE_MAX), fuzz_below(SIZE_MAX), offsets[fuzz_below(5)]};
}

static size_t draws(void) { return fuzz_is_large ? 30000 + fuzz_below(30000) : fuzz_one_in(4) ? fuzz_below(300) : fuzz_size(40); }

FUZZ(random) {
  HeedRandom state = random_state(), *random = &state;
  size_t count = draws();
  const size_t right = count;
  FuzzArray bits = fuzz_array("bits", FuzzWritten, FuzzContiguous, sizeof(uint32_t), FUZZ_SIZES(count)),
            y = FUZZ_FLOATS("numbers", FuzzWritten, FuzzContiguous, count), oracle = FUZZ_DOUBLES("oracle", count);
  float low = (float)fuzz_number(), high = low + (float)fuzz_below(4), standard_deviation = (float)fuzz_below(4);
  HeedStatus of_all = HeedStatusOk, of_uniform = HeedStatusOk, of_normal = HeedStatusOk;
  switch (fuzz_spoil(4)) {
  case 0:
    random = NULL, of_all = HeedStatusBadArgument;
    break;
  case 1:
    if (count > 0 && bits.data && y.data) of_all = fuzz_huge(&count);
    break;
  case 2:
    low = fuzz_one_in(2) ? high + 1 : NAN, of_uniform = of_normal = HeedStatusBadArgument;
    if (low == low) of_normal = HeedStatusOk; // it is the mean
    break;
  case 3:
    standard_deviation = -1, of_normal = HeedStatusBadArgument;
    break;
  default:
    break;
  }
  if (of_all != HeedStatusOk) of_uniform = of_normal = of_all;
  if (FUZZ_CALL(of_all, heed_random_bits(random, count, bits.data)))
    for (size_t i = 0; i < right; i++)
      if (FUZZ_AT(uint32_t, bits, i) != heed_random_reference_word(state.seed, state.stream, state.offset + i)) fuzz_fail("word %zu", i);
  for (size_t i = 0; i < right; i++)
    FUZZ_AT(double, oracle, i) =
        (double)low + ((double)high - (double)low) * heed_random_reference_uniform(state.seed, state.stream, state.offset + i);
  if (FUZZ_CALL(of_uniform, heed_random_uniform(random, low, high, count, y.data))) {
    fuzz_near(&y, &oracle, NULL, 4 * EPSILON * 5);
    for (size_t i = 0; i < right; i++)
      if (high > low && !(FUZZ_AT(float, y, i) >= low && FUZZ_AT(float, y, i) < high))
        fuzz_fail("%g is not from %g to %g", (double)FUZZ_AT(float, y, i), (double)low, (double)high);
  }
  for (size_t i = 0; i < right; i++)
    FUZZ_AT(double, oracle, i) =
        (double)low + (double)standard_deviation * heed_random_reference_normal(state.seed, state.stream, state.offset + i);
  if (FUZZ_CALL(of_normal, heed_random_normal(random, low, standard_deviation, count, y.data)))
    fuzz_near(&y, &oracle, NULL, 4 * EPSILON * 25);
}

FUZZ(dropout) {
  HeedRandom state = random_state(), *random = &state;
  size_t count = draws();
  FuzzArray x = FUZZ_FLOATS("x", FuzzRead, FuzzContiguous, count), y = FUZZ_FLOATS("y", FuzzWritten, FuzzContiguous, count),
            oracle = FUZZ_DOUBLES("oracle", count);
  fuzz_fill_special(&x, 1);
  float p = (float)fuzz_below(9) / 8;
  const float *input = x.data;
  HeedStatus expected = HeedStatusOk;
  switch (fuzz_spoil(4)) {
  case 0:
    random = NULL, expected = HeedStatusBadArgument;
    break;
  case 1:
    if (count > 0 && x.data && y.data && oracle.data) expected = fuzz_huge(&count);
    break;
  case 2:
    p = fuzz_one_in(2) ? NAN : fuzz_one_in(2) ? -0.5f : 1.5f, expected = HeedStatusBadArgument;
    break;
  case 3:
    expected = fuzz_null(&input, &x);
    break;
  default:
    break;
  }
  if (!FUZZ_CALL(expected, heed_dropout_reference_forward(random, p, count, input, oracle.data)) && expected == HeedStatusOk) return;
  fuzz_keep(&oracle);
  if (FUZZ_CALL(expected, heed_dropout_forward(random, p, count, input, y.data))) fuzz_near(&y, &oracle, NULL, EPSILON * 24);
}

// ---- Positions --------------------------------------------------------------------------------------------------------------------------

// What is wrong with positions, a base or a length.
static HeedStatus spoil_positions(int64_t *first, double *base, size_t *length) {
  switch (fuzz_below(3)) {
  case 0:
    *first = fuzz_one_in(2) ? -1 : (int64_t)HEED_POSITION_MAX + 1;
    return HeedStatusBadArgument;
  case 1:
    *base = fuzz_one_in(2) ? 0 : fuzz_one_in(2) ? NAN : INFINITY;
    return HeedStatusBadArgument;
  default:
    return fuzz_huge(length);
  }
}

FUZZ(sinusoidal) {
  const size_t B = fuzz_size(3), T = fuzz_is_large ? 60 + fuzz_below(100) : fuzz_size(12),
               C = fuzz_is_large ? 100 + fuzz_below(100) : fuzz_size(20);
  HeedPositionSinusoidalShape s = {.batch = B,
                                   .length = T,
                                   .columns = C,
                                   .first_position = fuzz_one_in(4) ? 10000 : (int64_t)fuzz_below(100),
                                   .base = fuzz_one_in(2) ? 10000 : 10};
  const size_t rows = (size_t)s.first_position + T < 300 ? (size_t)s.first_position + T : 0;
  FuzzArray x = FUZZ_FLOATS("x", FuzzRead, FuzzRows, B, T, C), y = FUZZ_FLOATS("y", FuzzWritten, FuzzRows, B, T, C),
            oracle = FUZZ_DOUBLES("oracle", B, T, C), table = FUZZ_FLOATS("table", FuzzWritten, FuzzContiguous, rows, C);
  fuzz_fill_special(&x, 1);
  s.input_batch = x.stride[0], s.input_row = x.stride[1], s.output_batch = y.stride[0], s.output_row = y.stride[1];
  HeedPositionSinusoidalShape whole = s;
  whole.first_position = 0, whole.length = rows;
  const bool tabled = rows > 0 && table.data && fuzz_one_in(2);
  if (tabled && !FUZZ_CALL(HeedStatusOk, heed_position_sinusoidal_table(&whole, table.data))) return;
  fuzz_keep(&table);
  const float *input = x.data;
  HeedStatus expected = HeedStatusOk, of_table = HeedStatusOk;
  size_t given = rows;
  switch (fuzz_spoil(5)) {
  case 0:
    expected = spoil_positions(&s.first_position, &s.base, &s.length);
    break;
  case 1:
    expected = fuzz_far(&s.input_row, &x, 1);
    break;
  case 2:
    expected = fuzz_overlap(&s.output_row, &y, 1);
    break;
  case 3:
    expected = fuzz_null(&input, &x);
    break;
  case 4:
    if (tabled && T > 0) given--, of_table = x.count ? HeedStatusBadArgument : HeedStatusOk;
    break;
  default:
    break;
  }
  if (!FUZZ_CALL(expected, heed_position_reference_sinusoidal_forward(&s, input, oracle.data)) && expected == HeedStatusOk) return;
  fuzz_keep(&oracle);
  if (expected == HeedStatusOk) expected = of_table;
  if (FUZZ_CALL(expected, heed_position_sinusoidal_forward(&s, input, tabled ? table.data : NULL, given, y.data)))
    fuzz_near(&y, &oracle, NULL, 4 * EPSILON * 4);
}

FUZZ(rotary) {
  const size_t B = fuzz_is_large ? 2 : fuzz_size(3), H = fuzz_is_large ? 3 : fuzz_size(3),
               T = fuzz_is_large ? 60 + fuzz_below(100) : fuzz_size(12), C = fuzz_is_large ? 60 + fuzz_below(60) : fuzz_size(20),
               pairs = fuzz_below(C / 2 + 1);
  HeedPositionRotaryShape s = {.batch = B,
                               .heads = H,
                               .length = T,
                               .columns = C,
                               .rotary = 2 * pairs,
                               .first_position = fuzz_one_in(4) ? 10000 : (int64_t)fuzz_below(100),
                               .base = fuzz_one_in(2) ? 10000 : 10,
                               .layout = (HeedPositionRotaryLayout)fuzz_below(2),
                               .inverse = fuzz_one_in(2)};
  const size_t rows = (size_t)s.first_position + T < 300 ? (size_t)s.first_position + T : 0;
  FuzzArray x = FUZZ_FLOATS("x", FuzzRead, FuzzRows, B, H, T, C), y = FUZZ_FLOATS("y", FuzzWritten, FuzzRows, B, H, T, C),
            oracle = FUZZ_DOUBLES("oracle", B, H, T, C), table = FUZZ_FLOATS("table", FuzzWritten, FuzzContiguous, rows, 2 * pairs);
  fuzz_fill(&x, 1);
  s.input_batch = x.stride[0], s.input_head = x.stride[1], s.input_row = x.stride[2], s.output_batch = y.stride[0],
  s.output_head = y.stride[1], s.output_row = y.stride[2];
  HeedPositionRotaryShape whole = s;
  whole.first_position = 0, whole.length = rows;
  const bool tabled = table.count > 0 && fuzz_one_in(2);
  if (tabled && !FUZZ_CALL(HeedStatusOk, heed_position_rotary_table(&whole, table.data))) return;
  fuzz_keep(&table);
  const float *input = x.data;
  HeedStatus expected = HeedStatusOk, of_table = HeedStatusOk;
  size_t given = rows;
  switch (fuzz_spoil(7)) {
  case 0:
    expected = spoil_positions(&s.first_position, &s.base, &s.length);
    break;
  case 1:
    if (C > 0) expected = fuzz_far(&s.input_head, &x, 1);
    break;
  case 2:
    expected = fuzz_overlap(&s.output_row, &y, 2);
    break;
  case 3:
    expected = fuzz_null(&input, &x);
    break;
  case 4:
    if (tabled && T > 0) given--, of_table = x.count ? HeedStatusBadArgument : HeedStatusOk;
    break;
  case 5:
    expected = fuzz_enum(&s.layout, 2);
    break;
  case 6:
    s.rotary = fuzz_one_in(2) ? 2 * pairs + 1 : C + 2 - C % 2, expected = HeedStatusBadShape;
    break;
  default:
    break;
  }
  if (!FUZZ_CALL(expected, heed_position_reference_rotary(&s, input, oracle.data)) && expected == HeedStatusOk) return;
  fuzz_keep(&oracle);
  if (expected == HeedStatusOk) expected = of_table;
  if (FUZZ_CALL(expected, heed_position_rotary(&s, input, tabled ? table.data : NULL, given, y.data)))
    fuzz_near(&y, &oracle, NULL, 2 * EPSILON * 6);
}

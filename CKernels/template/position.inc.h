// Positions (formulas and promises: heed/position.h). Where no vocabulary is needed the compiler turns plain loops into vectors of the
// table's instruction set.

// cos(a + f) = cos a cos f - sin a sin f, sin(a + f) = sin a cos f + cos a sin f
static void position_advance(const HeedPositionAngles *x) {
  double *restrict cosine = x->cosine, *restrict sine = x->sine;
  const double *restrict step_cosine = x->step_cosine, *restrict step_sine = x->step_sine;
  for (size_t i = 0; i < x->pairs; i++) {
    const double c = cosine[i], s = sine[i];
    cosine[i] = c * step_cosine[i] - s * step_sine[i];
    sine[i] = s * step_cosine[i] + c * step_sine[i];
  }
}

static void position_add(size_t columns, const float *x, const float *table, float *y) {
  for (size_t j = 0; j < columns; j += HEED_LANES)
    vf_store_n(y + j, vf_add(vf_load_n(x + j, columns - j), vf_load_n(table + j, columns - j)), columns - j);
}

INLINE_KERNEL void position_rotate_halves(size_t pairs, vf sign, const float *x, const float *table, float *y) {
  for (size_t i = 0; i < pairs; i += HEED_LANES) {
    const size_t n = pairs - i;
    const vf first = vf_load_n(x + i, n), second = vf_load_n(x + pairs + i, n);
    const vf cosine = vf_load_n(table + i, n), sine = vf_mul(sign, vf_load_n(table + pairs + i, n));
    vf_store_n(y + i, vf_fma(first, cosine, vf_negate(vf_mul(second, sine))), n);
    vf_store_n(y + pairs + i, vf_fma(second, cosine, vf_mul(first, sine)), n);
  }
}

// `pairs` neighbours; a constant number of them becomes shuffles.
INLINE_KERNEL void position_rotate_pairs(size_t pairs, float sign, const float *x, const float *cosine, const float *sine, float *y) {
  float first[HEED_LANES], second[HEED_LANES];
  for (size_t i = 0; i < pairs; i++) first[i] = x[2 * i], second[i] = x[2 * i + 1];
  for (size_t i = 0; i < pairs; i++) {
    const float s = sign * sine[i];
    y[2 * i] = first[i] * cosine[i] - second[i] * s;
    y[2 * i + 1] = second[i] * cosine[i] + first[i] * s;
  }
}

static void position_rotate(const HeedPositionRotaryShape *shape, const float *x, const float *table, float *y) {
  const size_t pairs = shape->rotary / 2;
  const float sign = shape->inverse ? -1.0f : 1.0f;
  if (shape->layout == HeedPositionRotaryHalves) {
    position_rotate_halves(pairs, vf_set1(sign), x, table, y);
  } else {
    size_t i = 0;
    for (; i + HEED_LANES <= pairs; i += HEED_LANES)
      position_rotate_pairs(HEED_LANES, sign, x + 2 * i, table + i, table + pairs + i, y + 2 * i);
    if (i < pairs) position_rotate_pairs(pairs - i, sign, x + 2 * i, table + i, table + pairs + i, y + 2 * i);
  }
  for (size_t j = shape->rotary; y != x && j < shape->columns; j++) y[j] = x[j];
}

#define POSITION_KERNELS .advance = position_advance, .add = position_add, .rotate = position_rotate

// Random matrix products: float32, fused, packed, bfloat16. See fuzz_support.h.

#include <string.h>

#include "fuzz_support.h"

typedef struct Gemm {
  HeedGemmShape shape;
  HeedGemmEpilogue epilogue;
  bool fused, special;
  FuzzArray a, b, c, bias, reference, bound;
  HeedStatus expected, of_reference; // the reference has no strides of C, no bias
} Gemm;

static size_t edge(size_t most) {
  static const size_t edges[] = {15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129};
  return fuzz_one_in(12) ? edges[fuzz_below(11)] : fuzz_size(most);
}

static void set_strides(Gemm *g) {
  HeedGemmShape *s = &g->shape;
  s->a_batch = g->a.stride[0], s->a_row = g->a.stride[1], s->a_column = g->a.stride[2];
  s->b_batch = g->b.stride[0], s->b_row = g->b.stride[1], s->b_column = g->b.stride[2];
  s->c_batch = g->c.stride[0], s->c_row = g->c.stride[1], s->c_column = g->c.stride[2];
}

// What gemm.h promises, and what equal terms may cost: with strides of 0 all are, and each of a block's roundings goes the same way.
static double tolerance(const Gemm *g) { return (6 + (double)(g->shape.k < 128 ? g->shape.k : 128) / 4) * EPSILON; }

static float factor(void) { return fuzz_one_in(3) ? 0 : fuzz_one_in(2) ? 1 : (float)fuzz_number(); }

// Activations whose derivative is at most 1.2.
static double activated(HeedActivation activation, double x) {
  switch (activation) {
  case HeedActivationRelu:
    return x > 0 || isnan(x) ? x : 0;
  case HeedActivationSigmoid:
    return 1 / (1 + exp(-x));
  case HeedActivationTanh:
    return tanh(x);
  default:
    return x;
  }
}

static void build(Gemm *g, bool packed) {
  size_t B = fuzz_size(3), m = edge(20), n = edge(20), k = edge(20);
  if (fuzz_one_in(40)) { // beyond a tile, or two
    *(fuzz_one_in(2) ? &m : &n) = 230 + fuzz_below(60) + (fuzz_one_in(4) ? 250 : 0);
    B = 1 + fuzz_below(2), k = 1 + k % 24;
  }
  g->shape = (HeedGemmShape){.batch = B, .m = m, .n = n, .k = k, .alpha = fuzz_one_in(8) ? 0 : factor(), .beta = factor()};
  g->a = FUZZ_FLOATS("A", FuzzRead, FuzzAny, B, m, k);
  g->b = FUZZ_FLOATS("B", FuzzRead, FuzzAny, packed ? 1 : B, k, n);
  g->c = FUZZ_FLOATS("C", FuzzWritten, FuzzAny, B, m, n);
  g->reference = FUZZ_DOUBLES("reference", B, m, n);
  g->bound = FUZZ_DOUBLES("bound", B, m, n);
  g->special = fuzz_fill_special(&g->a, 1);
  fuzz_fill(&g->b, 1);
  // Overwritten where beta is 0, whatever it holds.
  if (g->shape.beta != 0 || fuzz_one_in(2)) fuzz_fill(&g->c, 1);
  set_strides(g);
  if (packed) g->shape.b_batch = 0;
  g->fused = fuzz_one_in(2);
  if (!g->fused) return;
  g->bias = FUZZ_FLOATS("bias", FuzzRead, FuzzAny, B, m, n);
  fuzz_fill(&g->bias, 1);
  static const HeedActivation activations[] = {HeedActivationNone, HeedActivationRelu, HeedActivationSigmoid, HeedActivationTanh};
  g->epilogue = (HeedGemmEpilogue){fuzz_one_in(4) ? NULL : g->bias.data, g->bias.stride[0], g->bias.stride[1], g->bias.stride[2],
                                   activations[fuzz_below(4)]};
}

static void spoil(Gemm *g, bool packed) {
  HeedGemmShape *s = &g->shape;
  const bool reads = s->k > 0 && s->alpha != 0, empty = fuzz_is_empty(&g->c);
  g->expected = HeedStatusOk;
  switch (fuzz_spoil(13)) {
  case 0: {
    size_t *const sizes[] = {&s->batch, &s->m, &s->n, &s->k};
    g->expected = fuzz_huge(sizes[fuzz_below(4)]);
    break;
  }
  case 1:
    g->expected = fuzz_far(fuzz_one_in(2) ? &s->a_row : &s->a_row, &g->a, 1);
    break;
  case 2:
    g->expected = fuzz_far(&s->a_column, &g->a, 2);
    break;
  case 3:
    if (!packed) g->expected = fuzz_far(&s->b_row, &g->b, 1);
    break;
  case 4:
    g->expected = fuzz_not_finite(fuzz_one_in(2) ? &s->alpha : &s->beta);
    break;
  case 5:
    fuzz_null(&g->a.data, &g->a);
    g->expected = reads && !empty ? HeedStatusBadArgument : HeedStatusOk;
    break;
  case 6:
    fuzz_null(&g->b.data, &g->b);
    g->expected = reads && !empty ? HeedStatusBadArgument : HeedStatusOk;
    break;
  case 11:
    g->expected = fuzz_enum(&s->element, HEED_ELEMENT_COUNT);
    break;
  case 7: { // of C: in the order of the reference's output it has no strides
    const int d = (int)fuzz_below(3);
    ptrdiff_t *const strides[] = {&s->c_batch, &s->c_row, &s->c_column};
    g->expected = fuzz_one_in(2) ? fuzz_far(strides[d], &g->c, d) : fuzz_overlap(strides[d], &g->c, d);
    g->of_reference = HeedStatusOk;
    return;
  }
  case 8:
    if (g->fused) g->expected = fuzz_enum(&g->epilogue.activation, HEED_ACTIVATION_COUNT);
    g->of_reference = HeedStatusOk;
    return;
  case 9:
    if (g->fused && g->epilogue.bias) g->expected = fuzz_far(&g->epilogue.bias_row, &g->bias, 1);
    g->of_reference = HeedStatusOk;
    return;
  case 10:
    g->expected = fuzz_null(&g->c.data, &g->c);
    g->of_reference = HeedStatusOk;
    return;
  default:
    break;
  }
  g->of_reference = g->expected;
}

// The reference, with what C held; then bias and activation; the magnitudes that errors are relative to.
static bool run_reference(Gemm *g) {
  for (size_t i = 0; i < g->c.count && g->c.data; i++) FUZZ_AT(double, g->reference, i) = (double)FUZZ_AT(float, g->c, i);
  if (!FUZZ_CALL(g->of_reference, heed_gemm_reference(&g->shape, g->a.data, g->b.data, g->reference.data))) return false;
  if (g->expected != HeedStatusOk) return true;
  const HeedGemmShape *s = &g->shape;
  for (size_t i = 0; i < g->c.count; i++) {
    const size_t row = i / s->n, column = i % s->n, b = g->b.size[0] == 1 ? 0 : row / s->m;
    double sum = 0;
    for (size_t k = 0; s->alpha != 0 && k < s->k; k++)
      sum += fabs((double)FUZZ_AT(float, g->a, row * s->k + k) * (double)FUZZ_AT(float, g->b, (b * s->k + k) * s->n + column));
    sum *= fabs((double)s->alpha);
    if (s->beta != 0) sum += fabs((double)s->beta * (double)FUZZ_AT(float, g->c, i));
    double *r = &FUZZ_AT(double, g->reference, i);
    if (g->fused && g->epilogue.bias) *r += (double)FUZZ_AT(float, g->bias, i), sum += fabs((double)FUZZ_AT(float, g->bias, i));
    if (g->fused) *r = activated(g->epilogue.activation, *r), sum += fabs(*r);
    FUZZ_AT(double, g->bound, i) = sum;
  }
  fuzz_keep(&g->reference), fuzz_keep(&g->bound);
  return true;
}

FUZZ(gemm) {
  Gemm g = {0};
  build(&g, false);
  spoil(&g, false);
  if (!run_reference(&g) && g.expected == HeedStatusOk) return;
  const HeedGemmEpilogue *epilogue = g.fused ? &g.epilogue : NULL;
  if (FUZZ_CALL(g.expected, heed_gemm(&g.shape, epilogue, g.a.data, g.b.data, g.c.data)))
    fuzz_near(&g.c, &g.reference, &g.bound, tolerance(&g));
  if (g.fused || g.expected != HeedStatusOk || g.special || !heed_openblas_description()) return;
  fuzz_before();
  if (heed_gemm_openblas(&g.shape, g.a.data, g.b.data, g.c.data) == HeedStatusOk)
    fuzz_near(&g.c, &g.reference, &g.bound, 2 * tolerance(&g));
}

FUZZ(gemm_packed) {
  Gemm g = {0};
  build(&g, true);
  const size_t bytes = heed_gemm_packed_size(g.shape.k, g.shape.n, HeedElementFloat32);
  FuzzArray packed = FUZZ_FLOATS("packed", FuzzWritten, FuzzContiguous, bytes / sizeof(float));
  const HeedStatus packs = g.b.count > 0 && (!g.b.data || !packed.data) ? HeedStatusBadArgument : HeedStatusOk;
  if (!FUZZ_CALL(packs, heed_gemm_pack(g.shape.k, g.shape.n, HeedElementFloat32, g.b.data, g.shape.b_row, g.shape.b_column, packed.data)))
    return;
  fuzz_keep(&packed);
  spoil(&g, true);
  const void *const read = g.b.data || !g.b.count ? packed.data : NULL;
  if (!run_reference(&g) && g.expected == HeedStatusOk) return;
  const HeedGemmEpilogue *epilogue = g.fused ? &g.epilogue : NULL;
  g.shape.b_row = PTRDIFF_MAX, g.shape.b_column = PTRDIFF_MIN; // not looked at
  if (!FUZZ_CALL(g.expected, heed_gemm_packed(&g.shape, epilogue, g.a.data, read, g.c.data))) return;
  fuzz_near(&g.c, &g.reference, &g.bound, tolerance(&g));
}

FUZZ(gemm_bf16) {
  Gemm g = {0};
  const bool packs = fuzz_one_in(2);
  build(&g, packs);
  FuzzArray a = fuzz_bf16(&g.a), b = fuzz_bf16(&g.b);
  const HeedGemmShape right = g.shape;
  const size_t bytes = heed_gemm_packed_size(right.k, right.n, HeedElementBfloat16);
  FuzzArray packed = FUZZ_FLOATS("packed", FuzzWritten, FuzzContiguous, bytes / sizeof(float));
  if (packs &&
      !FUZZ_CALL(HeedStatusOk, heed_gemm_pack(right.k, right.n, HeedElementBfloat16, b.data, right.b_row, right.b_column, packed.data)))
    return;
  fuzz_keep(&packed);
  spoil(&g, packs);
  if (!g.a.data) a.data = NULL;
  if (!g.b.data && g.b.count > 0) b.data = NULL, packed.data = NULL;
  if (!run_reference(&g) && g.expected == HeedStatusOk) return;
  // With the instruction denormal numbers count as 0.
  for (size_t i = 0; g.expected == HeedStatusOk && i < g.bound.count; i++) FUZZ_AT(double, g.bound, i) += 0x1p-90;
  const HeedGemmEpilogue *epilogue = g.fused ? &g.epilogue : NULL;
  if (g.shape.element == HeedElementFloat32) g.shape.element = HeedElementBfloat16; // not spoilt
  const bool done = packs ? FUZZ_CALL(g.expected, heed_gemm_packed(&g.shape, epilogue, a.data, packed.data, g.c.data))
                          : FUZZ_CALL(g.expected, heed_gemm(&g.shape, epilogue, a.data, b.data, g.c.data));
  if (done) fuzz_near(&g.c, &g.reference, &g.bound, tolerance(&g));
}

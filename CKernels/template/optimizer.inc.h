// Optimisers' steps and sums of gradients (formulas: heed/optimizer.h). All are bound by memory: each array is read and written once.

INLINE_KERNEL void optimizer_sgd_elements(const bool has_momentum, const HeedSgdStep *s, const HeedParameterSpan *x, size_t i, size_t n) {
  const vf w = vf_load_n(x->value + i, n);
  vf g = vf_mul(vf_load_n(x->gradient + i, n), vf_set1(s->scale));
  if (s->decay != 0) g = vf_fma(vf_set1(s->decay), w, g);
  if (has_momentum) {
    vf b = g;
    if (!s->begins) b = vf_fma(vf_set1(s->momentum), vf_load_n(x->first + i, n), vf_mul(vf_set1(s->contribution), g));
    vf_store_n(x->first + i, b, n);
    g = s->nesterov ? vf_fma(vf_set1(s->momentum), b, g) : b;
  }
  vf_store_n(x->value + i, vf_fma(vf_set1(-s->rate), g, w), n);
}

static void optimizer_sgd(const HeedSgdStep *step, const HeedParameterSpan *span) {
  const HeedSgdStep s = *step;
  const HeedParameterSpan x = *span;
  if (s.has_momentum)
    for (size_t i = 0; i < x.count; i += HEED_LANES) optimizer_sgd_elements(true, &s, &x, i, x.count - i);
  else
    for (size_t i = 0; i < x.count; i += HEED_LANES) optimizer_sgd_elements(false, &s, &x, i, x.count - i);
}

INLINE_KERNEL void optimizer_adam_elements(const bool amsgrad, const HeedAdamStep *s, const HeedParameterSpan *x, size_t i, size_t n) {
  const vf w = vf_load_n(x->value + i, n), m = vf_load_n(x->first + i, n), v = vf_load_n(x->second + i, n);
  vf g = vf_mul(vf_load_n(x->gradient + i, n), vf_set1(s->scale));
  if (s->decay != 0) g = vf_fma(vf_set1(s->decay), w, g);
  const vf first = vf_fma(vf_set1(s->approach1), vf_sub(g, m), m);
  const vf second = vf_fma(vf_mul(vf_set1(s->approach2), g), g, vf_mul(vf_set1(s->beta2), v));
  vf u = second;
  if (amsgrad) {
    const vf before = vf_load_n(x->largest + i, n);
    u = vf_select(vf_is_nan(before), before, vf_max(before, second));
    vf_store_n(x->largest + i, u, n);
  }
  const vf divisor = vf_fma(vf_sqrt(u), vf_set1(s->correction), vf_set1(s->epsilon));
  vf_store_n(x->first + i, first, n);
  vf_store_n(x->second + i, second, n);
  vf_store_n(x->value + i, vf_fma(vf_set1(-s->rate), vf_div(first, divisor), vf_mul(w, vf_set1(s->shrink))), n);
}

static void optimizer_adam(const HeedAdamStep *step, const HeedParameterSpan *span) {
  const HeedAdamStep s = *step;
  const HeedParameterSpan x = *span;
  if (s.amsgrad)
    for (size_t i = 0; i < x.count; i += HEED_LANES) optimizer_adam_elements(true, &s, &x, i, x.count - i);
  else
    for (size_t i = 0; i < x.count; i += HEED_LANES) optimizer_adam_elements(false, &s, &x, i, x.count - i);
}

// 16 sums, whatever the lanes: element i goes to sum i % 16. A float's square is exact in float64.
#define OPTIMIZER_SUMS 16
typedef float OptimizerFloats __attribute__((vector_size(OPTIMIZER_SUMS * 4)));
typedef double OptimizerDoubles __attribute__((vector_size(OPTIMIZER_SUMS * 8)));

static double optimizer_sum_of_squares(size_t count, const float *data) {
  OptimizerDoubles sums = {0};
  size_t i = 0;
  for (; i + OPTIMIZER_SUMS <= count; i += OPTIMIZER_SUMS) {
    OptimizerFloats x;
    __builtin_memcpy(&x, data + i, sizeof x);
    const OptimizerDoubles d = __builtin_convertvector(x, OptimizerDoubles);
    sums += d * d;
  }
  OptimizerFloats x = {0};
  for (size_t j = i; j < count; j++) x[j - i] = data[j];
  const OptimizerDoubles d = __builtin_convertvector(x, OptimizerDoubles);
  sums += d * d;
  double sum = 0;
  for (int j = 0; j < OPTIMIZER_SUMS; j++) sum += sums[j];
  return sum;
}

static void optimizer_scale(size_t count, float factor, float *data) {
  const vf f = vf_set1(factor);
  for (size_t i = 0; i < count; i += HEED_LANES) vf_store_n(data + i, vf_mul(vf_load_n(data + i, count - i), f), count - i);
}

static void optimizer_accumulate(size_t count, float factor, const float *source, float *target) {
  const vf f = vf_set1(factor);
  for (size_t i = 0; i < count; i += HEED_LANES) {
    const size_t n = count - i;
    vf_store_n(target + i, vf_fma(f, vf_load_n(source + i, n), vf_load_n(target + i, n)), n);
  }
}

#define OPTIMIZER_KERNELS                                                                                                                  \
  .sgd = optimizer_sgd, .adam = optimizer_adam, .sum_of_squares = optimizer_sum_of_squares, .scale = optimizer_scale,                      \
  .accumulate = optimizer_accumulate

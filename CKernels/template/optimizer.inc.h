// Optimisers' steps and sums of gradients (formulas: heed/optimizer.h). All are bound by memory: each array is read and written once.

INLINE_KERNEL void optimizer_sgd_elements(const bool has_momentum, const HeedOptimizerSgdStep *s, const HeedOptimizerParameter *x, size_t i,
                                          size_t n) {
  const vf w = vf_load_n(x->value + i, n);
  vf g = vf_mul(vf_load_n(x->gradient + i, n), vf_set1(s->gradient_scale));
  if (s->weight_decay != 0) g = vf_fma(vf_set1(s->weight_decay), w, g);
  if (has_momentum) {
    vf m = g;
    if (!s->is_first) m = vf_fma(vf_set1(s->momentum), vf_load_n(x->m + i, n), vf_mul(vf_set1(s->one_minus_dampening), g));
    vf_store_n(x->m + i, m, n);
    g = s->nesterov ? vf_fma(vf_set1(s->momentum), m, g) : m;
  }
  vf_store_n(x->value + i, vf_fma(vf_set1(-s->lr), g, w), n);
}

static void optimizer_sgd(const HeedOptimizerSgdStep *step, const HeedOptimizerParameter *span) {
  const HeedOptimizerSgdStep s = *step;
  const HeedOptimizerParameter x = *span;
  if (s.has_momentum)
    for (size_t i = 0; i < x.count; i += HEED_LANES) optimizer_sgd_elements(true, &s, &x, i, x.count - i);
  else
    for (size_t i = 0; i < x.count; i += HEED_LANES) optimizer_sgd_elements(false, &s, &x, i, x.count - i);
}

INLINE_KERNEL void optimizer_adam_elements(const bool amsgrad, const HeedOptimizerAdamStep *s, const HeedOptimizerParameter *x, size_t i,
                                           size_t n) {
  const vf w = vf_load_n(x->value + i, n), m = vf_load_n(x->m + i, n), v = vf_load_n(x->v + i, n);
  vf g = vf_mul(vf_load_n(x->gradient + i, n), vf_set1(s->gradient_scale));
  if (s->weight_decay != 0) g = vf_fma(vf_set1(s->weight_decay), w, g);
  const vf new_m = vf_fma(vf_set1(s->one_minus_beta1), vf_sub(g, m), m);
  const vf new_v = vf_fma(vf_mul(vf_set1(s->one_minus_beta2), g), g, vf_mul(vf_set1(s->beta2), v));
  vf largest_v = new_v;
  if (amsgrad) {
    const vf v_max = vf_load_n(x->v_max + i, n);
    largest_v = vf_select(vf_is_nan(v_max), v_max, vf_max(v_max, new_v));
    vf_store_n(x->v_max + i, largest_v, n);
  }
  const vf divisor = vf_fma(vf_sqrt(largest_v), vf_set1(s->one_over_root_correction2), vf_set1(s->eps));
  vf_store_n(x->m + i, new_m, n);
  vf_store_n(x->v + i, new_v, n);
  vf_store_n(x->value + i, vf_fma(vf_set1(-s->lr_over_correction1), vf_div(new_m, divisor), vf_mul(w, vf_set1(s->w_scale))), n);
}

static void optimizer_adam(const HeedOptimizerAdamStep *step, const HeedOptimizerParameter *span) {
  const HeedOptimizerAdamStep s = *step;
  const HeedOptimizerParameter x = *span;
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

static void optimizer_accumulate(size_t count, float factor, const float *source, float *target) {
  const vf f = vf_set1(factor);
  for (size_t i = 0; i < count; i += HEED_LANES) {
    const size_t n = count - i;
    vf_store_n(target + i, vf_fma(f, vf_load_n(source + i, n), vf_load_n(target + i, n)), n);
  }
}

#define OPTIMIZER_KERNELS                                                                                                                  \
  .sgd = optimizer_sgd, .adam = optimizer_adam, .sum_of_squares = optimizer_sum_of_squares, .accumulate = optimizer_accumulate

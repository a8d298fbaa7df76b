// Cross-entropy and distillation of one row, and the elementwise losses (formulas and promises: heed/loss.h).
//
// Cross-entropy, with k[c] = w[c] ((1 - s) t[c] + s / C), t the target's probabilities (hard: 1 at y):
//
//   m <- max x
//   e <- exp(x - m), stored; S <- sum e;  K <- sum k,  D <- sum k (m - x)           a hard target without smoothing: one term of K and D
//   loss = K log S + D
//   g <- factor (e K / S - k)                 at y in float64, where e - S loses nothing of a probability near 1
//
// While a row is exponentiated, which takes longer than its memory does, the next one and its gradient's are prefetched into the
// second-level cache.

#include "template/math/exp.inc.h"
#include "template/math/sigmoid.inc.h"
#include "template/math/softplus.inc.h"
#include "template/softmax.inc.h"

// A sum in float64, in 16 lanes, of terms in float32.
typedef struct LossSum {
  vd halves[2 * HEED_SUM_PARTS];
} LossSum;

INLINE_KERNEL LossSum loss_zero(void) {
  LossSum s;
#pragma clang loop unroll(full)
  for (int i = 0; i < 2 * HEED_SUM_PARTS; i++) s.halves[i] = vd_zero();
  return s;
}
INLINE_KERNEL void loss_add(LossSum *s, int part, vf x) {
  s->halves[2 * part] = vd_add(s->halves[2 * part], vd_low(x));
  s->halves[2 * part + 1] = vd_add(s->halves[2 * part + 1], vd_high(x));
}
INLINE_KERNEL double loss_total(LossSum s) { return sixteen_lanes_sum_double(s.halves); }

// The largest scale x of a row, or NaN if that is plus infinity.
INLINE_KERNEL float loss_maximum(size_t count, const float *x, float scale) {
  const HeedSoftmaxRow row = {.columns = count, .visible = count, .input = x, .scale = scale};
  const SoftmaxScores scores = {false, false, &row, vf_set1(scale)};
  const float top = softmax_maximum(&scores, count);
  return top == INFINITY ? NAN : top;
}

// A sum of terms from 0 to about 1 in float32, to the precision of float64's: it begins at 1 in every lane, so that it is never smaller
// than each number added, and the error of each addition is exact and summed separately. The terms that make up a confident row's loss are
// added to the 1 of its largest term, where plain float32 would drop them. This is half the work of widening to float64: 4 additions a
// vector on pipes that an exponential leaves idle.
#define LOSS_UNIT_START 1.0f

// exp(scale x - m), stored where `output` is not null, and its sum; NaN where that is 0: nothing above minus infinity.
INLINE_KERNEL double loss_exponentials(size_t count, const float *x, float scale, float maximum, float *output) {
  const vf factor = vf_set1(scale), shift = vf_set1(-maximum);
  SoftmaxSum sum = softmax_start(LOSS_UNIT_START);
  size_t j = 0;
#pragma clang loop unroll_count(2)
  for (; j + HEED_SUM_LANES <= count; j += HEED_SUM_LANES)
#pragma clang loop unroll(full)
    for (int part = 0; part < HEED_SUM_PARTS; part++) {
      const size_t i = j + (size_t)part * HEED_LANES;
      const vf e = exp_rr2_t16_p3(vf_fma(vf_load(x + i), factor, shift));
      if (output) vf_store(output + i, e);
      softmax_add(&sum, part, e);
    }
#pragma clang loop unroll(full)
  for (int part = 0; part < HEED_SUM_PARTS; part++, j += HEED_LANES)
    if (j < count) {
      const vf e = exp_rr2_t16_p3(vf_fma(vf_load_n(x + j, count - j), factor, shift));
      if (output) vf_store_n(output + j, e, count - j);
      softmax_add(&sum, part, vf_select(vm_first(count - j), e, vf_zero()));
    }
  const double total = softmax_total(sum, LOSS_UNIT_START);
  return total > 0 ? total : NAN;
}

// ---- Cross-entropy --------------------------------------------------------------------------------------------------------------------

// The targets that a row's classes are compared with; constants.
typedef struct CrossEntropyKind {
  bool smooth;         // k is more than a hard target's own part
  bool soft, weighted; // by probabilities; by class weights
} CrossEntropyKind;

// k of some columns, all but a hard target's own part.
INLINE_KERNEL vf cross_entropy_target(const CrossEntropyKind kind, const HeedLossCrossEntropyRow *x, size_t column, size_t count) {
  const float share = x->label_smoothing / (float)x->classes;
  vf k = vf_set1(share);
  if (kind.soft) k = vf_fma(vf_load_n(x->probabilities + column, count), vf_set1(1.0f - x->label_smoothing), k);
  return kind.weighted ? vf_mul(k, vf_load_n(x->class_weights + column, count)) : k;
}

// The sums of one pass over a row's logits: S, K, D.
typedef struct CrossEntropySums {
  SoftmaxSum exponentials;
  LossSum targets, distances;
} CrossEntropySums;

// Stores exponentials if the gradient is asked for. `part` is the vector's part of the 16 lanes, `count` the number of its columns, a
// constant except at the tail.
INLINE_KERNEL void cross_entropy_gather(const CrossEntropyKind kind, const bool stored, const HeedLossCrossEntropyRow *x, int part,
                                        size_t column, size_t count, vf shift, CrossEntropySums *sums) {
  const vm there = vm_first(count);
  const bool whole = count == HEED_LANES;
  if (x->next_logits) __builtin_prefetch(x->next_logits + column, 0, 2);
  if (stored && x->next_d_logits) __builtin_prefetch(x->next_d_logits + column, 0, 2);
  const vf z = vf_add(vf_load_n(x->logits + column, count), shift);
  const vf e = exp_rr2_t16_p3(z);
  // Before the store: the gradient may be the logits.
  if (stored) vf_store_n(x->d_logits + column, e, count);
  softmax_add(&sums->exponentials, part, whole ? e : vf_select(there, e, vf_zero()));
  if (!kind.smooth) return;
  const vf k = cross_entropy_target(kind, x, column, count);
  const vf taken = whole ? k : vf_select(there, k, vf_zero());
  if (kind.soft || kind.weighted) loss_add(&sums->targets, part, taken);
  // A class that takes no part may be infinitely far.
  loss_add(&sums->distances, part, vf_select(vf_equal(taken, vf_zero()), vf_zero(), vf_mul(taken, z)));
}

INLINE_KERNEL CrossEntropySums cross_entropy_pass(const CrossEntropyKind kind, const bool stored, const HeedLossCrossEntropyRow *x,
                                                  float maximum) {
  const vf shift = vf_set1(-maximum);
  CrossEntropySums sums = {softmax_start(LOSS_UNIT_START), loss_zero(), loss_zero()};
  size_t j = 0;
#pragma clang loop unroll_count(2)
  for (; j + HEED_SUM_LANES <= x->classes; j += HEED_SUM_LANES)
#pragma clang loop unroll(full)
    for (int part = 0; part < HEED_SUM_PARTS; part++)
      cross_entropy_gather(kind, stored, x, part, j + (size_t)part * HEED_LANES, HEED_LANES, shift, &sums);
#pragma clang loop unroll(full)
  for (int part = 0; part < HEED_SUM_PARTS; part++, j += HEED_LANES)
    if (j < x->classes) cross_entropy_gather(kind, stored, x, part, j, x->classes - j, shift, &sums);
  return sums;
}

// g <- e * inverse - factor k
INLINE_KERNEL void cross_entropy_store(const CrossEntropyKind kind, const HeedLossCrossEntropyRow *x, float inverse) {
  const vf scale = vf_set1(inverse), minus = vf_set1((float)-x->factor);
  size_t j = 0;
#pragma clang loop unroll_count(4)
  for (; j + HEED_LANES <= x->classes; j += HEED_LANES) {
    vf g = vf_mul(vf_load(x->d_logits + j), scale);
    if (kind.smooth) g = vf_fma(cross_entropy_target(kind, x, j, HEED_LANES), minus, g);
    vf_store(x->d_logits + j, g);
  }
  if (j == x->classes) return;
  vf g = vf_mul(vf_load_n(x->d_logits + j, x->classes - j), scale);
  if (kind.smooth) g = vf_fma(cross_entropy_target(kind, x, j, x->classes - j), minus, g);
  vf_store_n(x->d_logits + j, g, x->classes - j);
}

INLINE_KERNEL double cross_entropy_row_of(const CrossEntropyKind kind, const HeedLossCrossEntropyRow *x) {
  const float maximum = loss_maximum(x->classes, x->logits, 1.0f);
  const double smoothing = (double)x->label_smoothing, weight = !kind.soft && x->class_weights ? (double)x->class_weights[x->target] : 1.0;
  // A hard target's own part, and its distance while the logits are still there.
  const double own = kind.soft ? 0.0 : (1.0 - smoothing) * weight;
  const double far = own != 0.0 ? own * ((double)maximum - (double)x->logits[x->target]) : 0.0;
  const CrossEntropySums sums = x->d_logits ? cross_entropy_pass(kind, true, x, maximum) : cross_entropy_pass(kind, false, x, maximum);
  const double found = softmax_total(sums.exponentials, LOSS_UNIT_START), sum = found > 0 ? found : NAN;
  double k = own, distance = far;
  if (kind.smooth) k += kind.soft || kind.weighted ? loss_total(sums.targets) : smoothing, distance -= loss_total(sums.distances);
  const double value = k * log(sum) + distance;
  if (!x->d_logits) return value;
  const double e = kind.soft ? 0.0 : (double)x->d_logits[x->target];
  cross_entropy_store(kind, x, (float)(x->factor * k / sum));
  if (!kind.soft) {
    // K e / S - own - share: with one class counted, own (e - S) / S.
    const double share = smoothing / (double)x->classes * weight;
    x->d_logits[x->target] = (float)(x->factor * (kind.smooth ? k * e / sum - own - share : own * (e - sum) / sum));
  }
  return value;
}

static double cross_entropy_row(const HeedLossCrossEntropyRow *x) {
  const bool weighted = x->class_weights != NULL;
  if (x->probabilities)
    return weighted ? cross_entropy_row_of((CrossEntropyKind){true, true, true}, x)
                    : cross_entropy_row_of((CrossEntropyKind){true, true, false}, x);
  if (x->label_smoothing == 0.0f) return cross_entropy_row_of((CrossEntropyKind){false, false, false}, x);
  return weighted ? cross_entropy_row_of((CrossEntropyKind){true, false, true}, x)
                  : cross_entropy_row_of((CrossEntropyKind){true, false, false}, x);
}

// ---- Distillation ---------------------------------------------------------------------------------------------------------------------

// With d = (z_t - m_t) - (z_s - m_s), z the logits over T:   KL = sum e_t d / S_t - (log S_t - log S_s)
static double distillation_row(const HeedLossDistillationRow *x) {
  const size_t n = x->classes;
  const float scale = 1.0f / x->temperature;
  const float student_top = loss_maximum(n, x->student, scale), teacher_top = loss_maximum(n, x->teacher, scale);
  float *student = x->scratch, *teacher = x->scratch + n;
  const double student_sum = loss_exponentials(n, x->student, scale, student_top, student),
               teacher_sum = loss_exponentials(n, x->teacher, scale, teacher_top, teacher);
  const vf factor = vf_set1(scale), minus_student = vf_set1(-student_top), minus_teacher = vf_set1(-teacher_top);
  LossSum sum = loss_zero();
  for (size_t first = 0; first < n; first += HEED_SUM_LANES)
#pragma clang loop unroll(full)
    for (int part = 0; part < HEED_SUM_PARTS; part++) {
      const size_t j = first + (size_t)part * HEED_LANES;
      if (j >= n) break;
      const vf e = vf_load_n(teacher + j, n - j);
      const vf d = vf_sub(vf_fma(vf_load_n(x->teacher + j, n - j), factor, minus_teacher),
                          vf_fma(vf_load_n(x->student + j, n - j), factor, minus_student));
      // A class that the teacher rules out adds nothing.
      loss_add(&sum, part, vf_select(vf_equal(e, vf_zero()), vf_zero(), vf_mul(e, d)));
    }
  const double shift = log(teacher_sum) - log(student_sum), divergence = loss_total(sum) / teacher_sum - shift;
  if (!x->d_student && !x->d_teacher) return divergence;
  const vf p_scale = vf_set1((float)(x->factor / student_sum)), q_scale = vf_set1((float)(x->factor / teacher_sum));
  // A class that the teacher rules out has no gradient, unless the whole row is NaN.
  const vf offset = vf_set1((float)(shift + divergence)), nothing = vf_set1(divergence == divergence ? 0.0f : NAN);
  for (size_t j = 0; j < n; j += HEED_LANES) {
    const vf e = vf_load_n(teacher + j, n - j), q = vf_mul(e, q_scale);
    const vf d = vf_sub(vf_fma(vf_load_n(x->teacher + j, n - j), factor, minus_teacher),
                        vf_fma(vf_load_n(x->student + j, n - j), factor, minus_student));
    if (x->d_student) vf_store_n(x->d_student + j, vf_fma(vf_load_n(student + j, n - j), p_scale, vf_negate(q)), n - j);
    if (x->d_teacher) vf_store_n(x->d_teacher + j, vf_select(vf_equal(e, vf_zero()), nothing, vf_mul(q, vf_sub(d, offset))), n - j);
  }
  return divergence;
}

// ---- Elementwise ----------------------------------------------------------------------------------------------------------------------

// One vector of an elementwise loss: its value, and its gradient without the factor.
typedef struct LossElement {
  vf value, derivative;
} LossElement;

// With l = log(1 + e^-|x|): (1 - t) x + (1 + (w - 1) t) l for x > 0, -w t x + (1 + (w - 1) t) l else. Slope (1 - t) s(x) - w t s(-x).
INLINE_KERNEL LossElement loss_binary_cross_entropy(vf x, vf t, vf w, bool derived) {
  const vf one = vf_set1(1.0f), a = vf_magnitude(x), rest = vf_sub(one, t), weighted = vf_mul(w, t);
  const vm negative = vf_sign_bit(x);
  const vf l = math_softplus(vf_negate(a)), both = vf_add(rest, weighted);
  LossElement y = {vf_fma(vf_select(negative, vf_negate(weighted), rest), x, vf_mul(both, l)), vf_zero()};
  if (!derived) return y;
  const vf large = math_sigmoid(a), small = math_sigmoid(vf_negate(a));
  y.derivative = vf_sub(vf_mul(rest, vf_select(negative, small, large)), vf_mul(weighted, vf_select(negative, large, small)));
  return y;
}

INLINE_KERNEL LossElement loss_squared_error(vf x, vf t) {
  const vf d = vf_sub(x, t);
  return (LossElement){vf_mul(d, d), vf_add(d, d)};
}

INLINE_KERNEL double loss_elements(const bool squared, const HeedLossElements *x) {
  const vf w = vf_set1(x->positive_weight), factor = vf_set1(x->factor);
  LossSum sum = loss_zero();
  for (size_t first = 0; first < x->count; first += HEED_SUM_LANES)
#pragma clang loop unroll(full)
    for (int part = 0; part < HEED_SUM_PARTS; part++) {
      const size_t i = first + (size_t)part * HEED_LANES;
      if (i >= x->count) break;
      const size_t count = x->count - i;
      const vf a = vf_load_n(x->input + i, count), t = vf_load_n(x->targets + i, count);
      const LossElement y = squared ? loss_squared_error(a, t) : loss_binary_cross_entropy(a, t, w, x->d_input != NULL);
      if (x->loss) vf_store_n(x->loss + i, y.value, count);
      loss_add(&sum, part, vf_select(vm_first(count), y.value, vf_zero()));
      if (x->d_input) vf_store_n(x->d_input + i, vf_mul(y.derivative, x->factors ? vf_load_n(x->factors + i, count) : factor), count);
    }
  return loss_total(sum);
}

static double loss_binary_cross_entropy_elements(const HeedLossElements *x) { return loss_elements(false, x); }
static double loss_squared_error_elements(const HeedLossElements *x) { return loss_elements(true, x); }

// ---- Negative sampling ----------------------------------------------------------------------------------------------------------------

static float loss_dot(size_t count, const float *a, const float *b) {
  enum { groups = 4 * HEED_SUM_PARTS }; // 4 sums a lane
  vf sum[groups];
  for (int v = 0; v < groups; v++) sum[v] = vf_zero();
  size_t i = 0;
  for (; i + groups * HEED_LANES <= count; i += groups * HEED_LANES)
#pragma clang loop unroll(full)
    for (int v = 0; v < groups; v++) sum[v] = vf_fma(vf_load(a + i + v * HEED_LANES), vf_load(b + i + v * HEED_LANES), sum[v]);
  for (; i < count; i += HEED_SUM_LANES)
#pragma clang loop unroll(full)
    for (size_t part = 0; part < HEED_SUM_PARTS; part++) {
      const size_t j = i + part * HEED_LANES;
      if (j < count) sum[part] = vf_fma(vf_load_n(a + j, count - j), vf_load_n(b + j, count - j), sum[part]);
    }
  vf total[HEED_SUM_PARTS];
#pragma clang loop unroll(full)
  for (int p = 0; p < HEED_SUM_PARTS; p++)
    total[p] = vf_add(vf_add(sum[p], sum[HEED_SUM_PARTS + p]), vf_add(sum[2 * HEED_SUM_PARTS + p], sum[3 * HEED_SUM_PARTS + p]));
  return sixteen_lanes_sum(total);
}

static void loss_scale(size_t count, float factor, const float *x, bool add, float *target) {
  const vf f = vf_set1(factor);
  for (size_t i = 0; i < count; i += HEED_LANES) {
    const vf value = vf_load_n(x + i, count - i);
    vf_store_n(target + i, add ? vf_fma(f, value, vf_load_n(target + i, count - i)) : vf_mul(f, value), count - i);
  }
}

static void loss_logistic(size_t count, const float *x, float *softplus, float *sigmoid) {
  for (size_t i = 0; i < count; i += HEED_LANES) {
    const vf a = vf_load_n(x + i, count - i);
    vf_store_n(softplus + i, math_softplus(a), count - i);
    vf_store_n(sigmoid + i, math_sigmoid(a), count - i);
  }
}

#define LOSS_KERNELS                                                                                                                       \
  .cross_entropy_row = cross_entropy_row, .distillation_row = distillation_row,                                                            \
  .binary_cross_entropy = loss_binary_cross_entropy_elements, .squared_error = loss_squared_error_elements, .dot = loss_dot,               \
  .scale = loss_scale, .logistic = loss_logistic

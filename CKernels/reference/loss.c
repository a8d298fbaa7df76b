// The losses in float64, one scalar step after the other: the specification of loss.h in code, and the oracle of the tests.

#include <math.h>
#include <string.h>

#include "checks/loss_checks.h"
#include "runtime/float_mode.h"

// log sum_c exp(factor * x[c]) = maximum + log_sum, in two numbers, because the maximum may be so large that the rest is below its last
// bit. NaN where an element is NaN or the largest is infinite.
typedef struct LogSumExp {
  double maximum, log_sum;
} LogSumExp;

static LogSumExp log_sum_exp(const float *x, size_t count, double factor) {
  double maximum = -INFINITY, sum = 0;
  for (size_t c = 0; c < count; c++) {
    const double z = factor * (double)x[c];
    if (isnan(z) || z > maximum) maximum = z; // once NaN, it stays
  }
  if (isinf(maximum)) return (LogSumExp){NAN, NAN};
  for (size_t c = 0; c < count; c++) sum += exp(factor * (double)x[c] - maximum);
  return (LogSumExp){maximum, log(sum)};
}

// The logarithm of a softmax.
static double log_probability(LogSumExp row, double z) { return z - row.maximum - row.log_sum; }

// One row or element is done: into the losses, or the sum of them.
static void put(HeedLossReduction reduction, double value, size_t i, double *loss, double *sum) {
  if (loss && reduction == HeedLossReductionNone) loss[i] = value;
  *sum += value;
}

static void put_total(HeedLossReduction reduction, double sum, double count, double *loss) {
  if (loss && reduction != HeedLossReductionNone) loss[0] = heed_loss_total(reduction, sum, count);
}

// ---- Cross-entropy --------------------------------------------------------------------------------------------------------------------

// w[c] ((1 - s) t_i[c] + s / C)
static double target_weight(const HeedLossCrossEntropyShape *s, const HeedLossCrossEntropyInputs *in, size_t i, size_t c) {
  const double w = in->class_weights ? (double)in->class_weights[c] : 1, smoothing = (double)s->label_smoothing;
  if (!in->targets) {
    const double t = (double)in->target_probabilities[(ptrdiff_t)i * s->probabilities_row + (ptrdiff_t)c];
    return w * ((1 - smoothing) * t + smoothing / (double)s->classes);
  }
  const size_t y = (size_t)in->targets[i];
  return (c == y ? (1 - smoothing) * w : 0) + (smoothing > 0 ? smoothing / (double)s->classes * w : 0);
}

HeedStatus heed_loss_reference_cross_entropy(const HeedLossCrossEntropyShape *s, const HeedLossCrossEntropyInputs *in, double *loss,
                                             double *d_logits) {
  HEED_FLOAT_MODE();
  const HeedStatus status = heed_loss_check_cross_entropy(s, in, NULL);
  if (status != HeedStatusOk) return status;
  const double count = heed_loss_cross_entropy_count(s, in);
  double sum = 0;
  for (size_t i = 0; i < s->rows; i++) {
    double *g = d_logits ? d_logits + i * s->classes : NULL;
    if (heed_loss_cross_entropy_ignores(s, in, i)) {
      if (g) memset(g, 0, s->classes * sizeof *g);
      put(s->reduction, 0, i, loss, &sum);
      continue;
    }
    const float *x = s->classes ? in->logits + (ptrdiff_t)i * s->logits_row : NULL;
    const LogSumExp row = log_sum_exp(x, s->classes, 1);
    const double factor = heed_loss_factor(s->reduction, in->d_loss, i, count);
    double value = isnan(row.maximum) ? NAN : 0, total = 0;
    for (size_t c = 0; c < s->classes; c++) {
      const double t = target_weight(s, in, i, c);
      total += t;
      if (t != 0) value -= t * log_probability(row, (double)x[c]);
    }
    for (size_t c = 0; g && c < s->classes; c++)
      g[c] = factor * (exp(log_probability(row, (double)x[c])) * total - target_weight(s, in, i, c));
    put(s->reduction, value, i, loss, &sum);
  }
  put_total(s->reduction, sum, count, loss);
  return HeedStatusOk;
}

// ---- Distillation ---------------------------------------------------------------------------------------------------------------------

HeedStatus heed_loss_reference_distillation(const HeedLossDistillationShape *s, const HeedLossDistillationInputs *in, double *loss,
                                            double *d_student, double *d_teacher) {
  HEED_FLOAT_MODE();
  const HeedStatus status = heed_loss_check_distillation(s, in, NULL, NULL);
  if (status != HeedStatusOk) return status;
  const double T = (double)s->temperature, count = (double)s->rows;
  double sum = 0;
  for (size_t i = 0; i < s->rows; i++) {
    // An empty array may be null: no address is formed from it.
    const float *x = s->classes ? in->student + (ptrdiff_t)i * s->student_row : NULL;
    const float *z = s->classes ? in->teacher + (ptrdiff_t)i * s->teacher_row : NULL;
    const LogSumExp student = log_sum_exp(x, s->classes, 1 / T), teacher = log_sum_exp(z, s->classes, 1 / T);
    const double factor = heed_loss_factor(s->reduction, in->d_loss, i, count);
    double divergence = isnan(student.maximum) || isnan(teacher.maximum) ? NAN : 0;
    for (size_t c = 0; c < s->classes; c++) {
      const double log_q = log_probability(teacher, (double)z[c] / T), q = exp(log_q);
      if (q != 0) divergence += q * (log_q - log_probability(student, (double)x[c] / T));
    }
    for (size_t c = 0; c < s->classes; c++) {
      const double log_p = log_probability(student, (double)x[c] / T), log_q = log_probability(teacher, (double)z[c] / T), q = exp(log_q);
      if (d_student) d_student[i * s->classes + c] = factor * T * (exp(log_p) - q);
      if (d_teacher) d_teacher[i * s->classes + c] = q == 0 && !isnan(divergence) ? 0 : factor * T * q * (log_q - log_p - divergence);
    }
    put(s->reduction, T * T * divergence, i, loss, &sum);
  }
  put_total(s->reduction, sum, count, loss);
  return HeedStatusOk;
}

// ---- Negative sampling ----------------------------------------------------------------------------------------------------------------

// log(1 + e^x)
static double softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }

HeedStatus heed_loss_reference_negative_sampling(const HeedLossNegativeSamplingShape *s, const HeedLossNegativeSamplingInputs *in,
                                                 double *loss, double *d_center, double *d_context) {
  HEED_FLOAT_MODE();
  const HeedStatus status = heed_loss_check_negative_sampling(s, in);
  if (status != HeedStatusOk) return status;
  if (d_center) memset(d_center, 0, s->center_rows * s->dim * sizeof *d_center);
  if (d_context) memset(d_context, 0, s->context_rows * s->dim * sizeof *d_context);
  double sum = 0;
  for (size_t n = 0; n < s->pairs; n++) {
    const float *v = s->dim ? in->center_table + in->centers[n] * s->center_row : NULL;
    const double factor = heed_loss_factor(s->reduction, in->d_loss, n, (double)s->pairs);
    double value = 0;
    for (size_t k = 0; k <= s->negatives; k++) {
      const size_t row = heed_loss_negative_sampling_context(s, in, n, k);
      const float *u = s->dim ? in->context_table + (ptrdiff_t)row * s->context_row : NULL;
      double dot = 0;
      for (size_t d = 0; d < s->dim; d++) dot += (double)v[d] * (double)u[d];
      value += softplus(k == 0 ? -dot : dot);
      const double d_dot = factor * (k == 0 ? -1 / (1 + exp(dot)) : 1 / (1 + exp(-dot)));
      for (size_t d = 0; d < s->dim; d++) {
        if (d_center) d_center[(size_t)in->centers[n] * s->dim + d] += d_dot * (double)u[d];
        if (d_context) d_context[row * s->dim + d] += d_dot * (double)v[d];
      }
    }
    put(s->reduction, value, n, loss, &sum);
  }
  put_total(s->reduction, sum, (double)s->pairs, loss);
  return HeedStatusOk;
}

// ---- Elementwise ----------------------------------------------------------------------------------------------------------------------

HeedStatus heed_loss_reference_binary_cross_entropy(const HeedLossElementwiseShape *s, const HeedLossElementwiseInputs *in, double *loss,
                                                    double *d_input) {
  HEED_FLOAT_MODE();
  const HeedStatus status = heed_loss_check_elementwise(s, in);
  if (status != HeedStatusOk) return status;
  const double w = (double)s->positive_weight;
  double sum = 0;
  for (size_t i = 0; i < s->count; i++) {
    const double x = (double)in->input[i], t = (double)in->targets[i];
    const double factor = heed_loss_factor(s->reduction, in->d_loss, i, (double)s->count);
    put(s->reduction, (x > 0 ? (1 - t) * x : -w * t * x) + (1 - t + w * t) * log1p(exp(-fabs(x))), i, loss, &sum);
    if (d_input) d_input[i] = factor * ((1 - t) / (1 + exp(-x)) - w * t / (1 + exp(x)));
  }
  put_total(s->reduction, sum, (double)s->count, loss);
  return HeedStatusOk;
}

HeedStatus heed_loss_reference_squared_error(const HeedLossElementwiseShape *s, const HeedLossElementwiseInputs *in, double *loss,
                                             double *d_input) {
  HEED_FLOAT_MODE();
  const HeedStatus status = heed_loss_check_elementwise(s, in);
  if (status != HeedStatusOk) return status;
  double sum = 0;
  for (size_t i = 0; i < s->count; i++) {
    const double d = (double)in->input[i] - (double)in->targets[i];
    put(s->reduction, d * d, i, loss, &sum);
    if (d_input) d_input[i] = 2 * heed_loss_factor(s->reduction, in->d_loss, i, (double)s->count) * d;
  }
  put_total(s->reduction, sum, (double)s->count, loss);
  return HeedStatusOk;
}

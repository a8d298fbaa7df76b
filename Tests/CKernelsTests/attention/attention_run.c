// One run of an arm, of the oracle, and the bounds. See attention_support.h.

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention_support.h"

const Arm arms[ARM_COUNT] = {
    {"naive", heed_attention_naive_forward, .gives_weights = true},
    {"materialized", heed_attention_materialized_forward, .gives_weights = true, .is_measured = true},
    {"tiled", heed_attention_tiled_forward, .is_measured = true, .like_tiled = true},
    {"decode", heed_attention_decode_forward, .is_measured = true, .like_tiled = true, .is_decode = true},
    {"automatic", heed_attention_automatic_forward, .is_measured = true, .like_tiled = true},
};

bool arm_takes(const Arm *arm, const Built *built) {
  const HeedAttentionShape *s = &built->shape;
  if (!arm->forward) return false;
  if (!arm->is_decode) return true;
  return s->dropout.probability == 0 && !built->inputs.boolean && !built->inputs.additive && s->key.column == 1 && s->value.column == 1;
}

static void *allocate(size_t count, size_t size) {
  void *data = calloc(count + 1, size);
  if (!data) abort();
  return data;
}

// The range of offsets of the output.
static void output_range(const HeedAttentionShape *s, ptrdiff_t *low, ptrdiff_t *high) {
  const size_t size[4] = {s->batch, s->heads, s->query_length, s->value_dim};
  const ptrdiff_t stride[4] = {s->output.batch, s->output.head, s->output.row, s->output.column};
  *low = *high = 0;
  for (int i = 0; i < 4; i++) {
    if (size[i] == 0) {
      *low = 0, *high = -1;
      return;
    }
    const ptrdiff_t reach = (ptrdiff_t)(size[i] - 1) * stride[i];
    *(reach < 0 ? low : high) += reach;
  }
}

// Takes the output out of its block into [B, H, Nq, E], and puts poison where it was: what is left of the block must then be all poison.
static void gather(const HeedAttentionShape *s, float *base, float *output) {
  const uint32_t poison = 0x7fc0dead;
  for (size_t b = 0; b < s->batch; b++)
    for (size_t h = 0; h < s->heads; h++)
      for (size_t i = 0; i < s->query_length; i++)
        for (size_t e = 0; e < s->value_dim; e++) {
          float *x = base + (ptrdiff_t)b * s->output.batch + (ptrdiff_t)h * s->output.head + (ptrdiff_t)i * s->output.row +
                     (ptrdiff_t)e * s->output.column;
          *output++ = *x;
          memcpy(x, &poison, sizeof poison);
        }
}

Result run_arm(const Arm *arm, const Built *built, bool weights) {
  const HeedAttentionShape *s = &built->shape;
  const GuardSide side = built->problem.stream % 2 ? GuardBegin : GuardEnd;
  Result result = {.rows = s->batch * s->heads * s->query_length};
  result.outputs = result.rows * s->value_dim;
  result.weights_count = weights ? result.rows * s->key_length : 0;

  ptrdiff_t low, high;
  output_range(s, &low, &high);
  const size_t floats = (size_t)(high - low + 1);
  Guarded output = guarded_allocate(floats * sizeof(float), side), lse = guarded_allocate(result.rows * sizeof(float), side);
  Guarded p = guarded_allocate(result.weights_count * sizeof(float), side);
  poison_floats(output.data, floats);
  poison_floats(lse.data, result.rows);
  poison_floats(p.data, result.weights_count);

  const HeedAttentionOutputs outputs = {(float *)output.data - low, lse.data, weights ? p.data : NULL};
  result.status = arm->forward(s, &built->inputs, &outputs);
  if (result.status != HeedStatusOk) {
    CHECK_MESSAGE(is_poison(output.data, floats) && is_poison(lse.data, result.rows) && is_poison(p.data, result.weights_count),
                  "%s failed with %d and wrote: %s", arm->name, result.status, describe(&built->problem));
  }

  result.output = allocate(result.outputs, sizeof(float));
  result.log_sum_exp = allocate(result.rows, sizeof(float));
  result.weights = weights ? allocate(result.weights_count, sizeof(float)) : NULL;
  gather(s, (float *)output.data - low, result.output);
  CHECK_MESSAGE(is_poison(output.data, floats), "%s wrote between the rows of its output: %s", arm->name, describe(&built->problem));
  memcpy(result.log_sum_exp, lse.data, result.rows * sizeof(float));
  if (weights) memcpy(result.weights, p.data, result.weights_count * sizeof(float));
  guarded_free(&output);
  guarded_free(&lse);
  guarded_free(&p);
  return result;
}

void result_free(Result *result) {
  free(result->output);
  free(result->log_sum_exp);
  free(result->weights);
  *result = (Result){0};
}

void check_same_bits(const Arm *arm, const Built *built, const Result *a, const Result *b, const char *what) {
  size_t first = 0;
  CHECK_MESSAGE(a->status == HeedStatusOk && b->status == HeedStatusOk, "%s: status %d and %d: %s", arm->name, a->status, b->status,
                describe(&built->problem));
  const size_t outputs = differing_floats(a->output, b->output, a->outputs, &first);
  CHECK_MESSAGE(outputs == 0, "%s, %s: %zu of %zu outputs differ, first %zu (%a, %a): %s", arm->name, what, outputs, a->outputs, first,
                (double)a->output[first], (double)b->output[first], describe(&built->problem));
  const size_t lse = differing_floats(a->log_sum_exp, b->log_sum_exp, a->rows, &first);
  CHECK_MESSAGE(lse == 0, "%s, %s: %zu log-sum-exps differ, first %zu: %s", arm->name, what, lse, first, describe(&built->problem));
  if (!a->weights || !b->weights) return;
  const size_t weights = differing_floats(a->weights, b->weights, a->weights_count, &first);
  CHECK_MESSAGE(weights == 0, "%s, %s: %zu weights differ, first %zu: %s", arm->name, what, weights, first, describe(&built->problem));
}

Oracle run_oracle(const Built *built) {
  const HeedAttentionShape *s = &built->shape;
  const size_t rows = s->batch * s->heads * s->query_length;
  Oracle oracle = {
      .output = allocate(rows * s->value_dim, sizeof(double)),
      .log_sum_exp = allocate(rows, sizeof(double)),
      .weights = allocate(rows * s->key_length, sizeof(double)),
  };
  HeedAttentionReferenceOutputs outputs = {oracle.output, oracle.log_sum_exp, oracle.weights, &oracle.largest_score};
  if (built->problem.masks & MaskLowest) {
    HeedAttentionInputs inputs = built->inputs;
    inputs.additive = NULL;
    CHECK(heed_attention_reference_forward(s, &inputs, &outputs) == HeedStatusOk);
    outputs.largest_score = NULL;
  }
  CHECK(heed_attention_reference_forward(s, &built->inputs, &outputs) == HeedStatusOk);
  return oracle;
}

void oracle_free(Oracle *oracle) {
  free(oracle->output);
  free(oracle->log_sum_exp);
  free(oracle->weights);
  *oracle = (Oracle){0};
}

// ---- Bounds -----------------------------------------------------------------------------------------------------------------------------

// The largest |q||k| times the scale: what the error of a score is relative to where its terms cancel.
static double score_magnitude(const Built *built) {
  const Operand *operands[2] = {&built->query, &built->key};
  double largest[2] = {0, 0};
  for (int o = 0; o < 2; o++) {
    const Operand *x = operands[o];
    for (size_t b = 0; b < x->size[0]; b++)
      for (size_t h = 0; h < x->size[1]; h++)
        for (size_t i = 0; i < x->size[2]; i++) {
          double squares = 0;
          for (size_t d = 0; d < x->size[3]; d++) squares += (double)*at(x, b, h, i, d) * (double)*at(x, b, h, i, d);
          largest[o] = fmax(largest[o], sqrt(squares));
        }
  }
  return fabs((double)built->shape.scale) * largest[0] * largest[1];
}

static void check_log_sum_exp(const Arm *arm, const Built *built, const Oracle *oracle, const Result *result, double bound) {
  for (size_t i = 0; i < result->rows; i++) {
    const double r = oracle->log_sum_exp[i], x = (double)result->log_sum_exp[i];
    if ((isnan(r) ? isnan(x) : x == r) || (r < -2e38 && x < -2e38 && isfinite(x))) continue; // saturated
    const double allowed = bound * EPSILON * fmax(1, fabs(r));                               // the scores carry an error of L times eps
    CHECK_MESSAGE(fabs(x - r) <= allowed, "%s: log-sum-exp %zu is %.9g, not %.9g: %s", arm->name, i, x, r, describe(&built->problem));
    if (!(fabs(x - r) <= allowed)) return;
  }
}

// W, where the outputs of a row cancel (few columns, or the family that makes them), is relative to sum_j P |V| and not to the outputs.
static bool row_is_right_for_its_terms(const Built *built, const Oracle *oracle, const Result *result, size_t row, double bound) {
  const Problem *p = &built->problem;
  const size_t b = row / (p->H * p->Nq), g = row / p->Nq % p->H / (p->H / p->G);
  double error = 0, terms = 0;
  for (size_t e = 0; e < p->E; e++) {
    double sum = 0;
    for (size_t j = 0; j < p->Nk; j++) {
      const double weight = oracle->weights[row * p->Nk + j];
      if (weight > 0) sum += weight * fabs((double)*at(&built->value, b, g, j, e));
    }
    const double d = (double)result->output[row * p->E + e] - oracle->output[row * p->E + e];
    error += d * d;
    terms += sum * sum;
  }
  return sqrt(error) <= bound * EPSILON * sqrt(terms);
}

static void check_worst_rows(const Arm *arm, const Built *built, const Oracle *oracle, const Result *result, double allowed, double L) {
  const Problem *p = &built->problem;
  for (size_t row = 0; row < result->rows; row++) {
    const Errors errors = compare_rows(result->output + row * p->E, oracle->output + row * p->E, 1, p->E);
    if (errors.rowwise <= allowed || row_is_right_for_its_terms(built, oracle, result, row, 4 + L / 2 + (double)p->D / 128)) continue;
    test_fail(__FILE__, __LINE__, "%s: W is %.2f eps, above %.2f, in row %zu column %zu, L %.3g: %s", arm->name, errors.rowwise / EPSILON,
              allowed / EPSILON, row, errors.worst_column, L, describe(p));
    return;
  }
}

static void check_errors(const Arm *arm, const Built *built, const Oracle *oracle, const Result *result, const Errors *naive) {
  const Problem *p = &built->problem;
  const size_t rows = result->rows;
  const bool cancels = p->family == FamilyCancelling;
  const double L = oracle->largest_score, M = cancels ? score_magnitude(built) : L, D = (double)p->D, Nk = (double)p->Nk;
  // Textbook loops err with the length of their sums; their bound is there to catch what is wrong.
  const double n_bound = arm->is_measured ? 4.5 + L / 16 + D / 128 : 16 + 2 * M + D / 2 + Nk / 2;
  const double w_bound = arm->is_measured ? 12 + 0.75 * L : 4 * n_bound;
  const bool spared = !arm->is_measured && (cancels || p->family == FamilyDenormal);
  const Errors errors = compare_rows(result->output, oracle->output, rows, p->E);
  // N is an average: over few rows it is held to the bound of a single one.
  const double n_allowed = spared ? 1 : fmax((rows < 16 ? w_bound : n_bound) * EPSILON, naive ? 1.5 * naive->normwise : 0);
  const double w_allowed = spared ? INFINITY : fmax(w_bound * EPSILON, naive ? 1.5 * naive->rowwise : 0);
  CHECK_MESSAGE(errors.normwise <= n_allowed, "%s: N is %.2f eps, above %.2f (naive %.2f), L %.3g: %s", arm->name,
                errors.normwise / EPSILON, n_bound, naive ? naive->normwise / EPSILON : 0, L, describe(p));
  if (errors.rowwise > w_allowed) check_worst_rows(arm, built, oracle, result, w_allowed, M);
  check_log_sum_exp(arm, built, oracle, result, 8 + M + (arm->is_measured ? 0 : D + Nk));
  if (result->weights) {
    const Errors weights = compare_rows(result->weights, oracle->weights, rows, p->Nk);
    const double bound = (16 + 2 * M + D / 2 + (arm->is_measured ? 0 : Nk / 2)) * EPSILON;
    CHECK_MESSAGE(weights.normwise <= bound, "%s: N of the weights is %.2f eps: %s", arm->name, weights.normwise / EPSILON, describe(p));
  }
  for (size_t i = 0; i < result->outputs; i++) {
    if (result->output[i] != 0 || !signbit(result->output[i])) continue;
    CHECK_MESSAGE(false, "%s: output %zu is -0: %s", arm->name, i, describe(p));
    break;
  }
}

void check_accuracy(const Arm *arm, const Built *built) {
  Oracle oracle = run_oracle(built);
  Result naive = run_arm(NAIVE_ARM, built, false);
  const Errors naive_errors = compare_rows(naive.output, oracle.output, naive.rows, built->problem.E);
  Result tiled = run_arm(TILED_ARM, built, false);
  FOR_EACH_ARM(each, built) {
    if (arm && arm != each) continue;
    Result result = run_arm(each, built, each->gives_weights);
    CHECK_MESSAGE(result.status == HeedStatusOk, "%s: status %d: %s", each->name, result.status, describe(&built->problem));
    if (result.status == HeedStatusOk) check_errors(each, built, &oracle, &result, each->is_measured ? &naive_errors : NULL);
    if (each->like_tiled) check_same_bits(each, built, &tiled, &result, "tiled and this arm");
    result_free(&result);
  }
  result_free(&tiled);
  result_free(&naive);
  oracle_free(&oracle);
}

void check_problem(const Problem *problem) {
  Built built = build(problem);
  check_accuracy(NULL, &built);
  built_free(&built);
}

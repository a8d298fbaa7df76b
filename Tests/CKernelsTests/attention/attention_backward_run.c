// Problems, runs and bounds of attention backward. See attention_backward_support.h.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attention_backward_support.h"

const BackwardArm backward_arms[BACKWARD_ARM_COUNT] = {
    {"naive", heed_attention_naive_backward, false},
    {"materialized", heed_attention_materialized_backward, true},
    {"tiled", heed_attention_tiled_backward, true},
};
const char *const gradient_names[GRADIENTS] = {"dQ", "dK", "dV", "dA"};

static void *allocate(size_t count, size_t size) {
  void *data = calloc(count + 1, size);
  if (!data) abort();
  return data;
}

// ---- Problems ---------------------------------------------------------------------------------------------------------------------------

void run_forward(BackwardBuilt *built) {
  const HeedAttentionOutputs outputs = {built->output.base, built->log_sum_exp, NULL};
  CHECK(heed_attention_tiled_forward(&built->shape.forward, &built->forward.inputs, &outputs) == HeedStatusOk);
}

BackwardBuilt build_backward(const BackwardProblem *problem) {
  const Problem *p = &problem->forward;
  BackwardBuilt built = {.forward = build(p), .additive_sums = problem->additive_sums};
  const HeedAttentionShape *s = &built.forward.shape;
  built.output = build_operand(&built.forward, p->layout == LayoutPacked ? LayoutContiguous : p->layout, p->H, p->Nq, p->E, false);
  built.d_output = build_operand(&built.forward, problem->d_output, p->H, problem->d_output == LayoutShared ? 1 : p->Nq, p->E, true);
  if (problem->d_output == LayoutShared) built.d_output.strides.row = 0;
  Random random = random_stream(p->stream * 8 + 7);
  for (size_t b = 0; b < p->B; b++)
    for (size_t h = 0; h < p->H; h++)
      for (size_t i = 0; i < built.d_output.size[2]; i++)
        for (size_t e = 0; e < p->E; e++) {
          const double x = random_normal(&random);
          *at(&built.d_output, b, h, i, e) = (float)(p->family == FamilyIntegers ? round(2 * x) : x);
        }
  built.shape = (HeedAttentionBackwardShape){.forward = *s, .d_output = built.d_output.strides};
  built.shape.forward.output = built.output.strides;
  const Guarded block = guarded_allocate(p->B * p->H * p->Nq * sizeof(float), p->stream % 2 ? GuardBegin : GuardEnd);
  built.forward.blocks[built.forward.block_count++] = block;
  built.log_sum_exp = block.data;
  built.inputs = (HeedAttentionBackwardInputs){built.forward.inputs, built.output.base, built.log_sum_exp, built.d_output.base};
  Built shadow = {.problem = *p};
  const Layout layout = problem->gradients == LayoutPacked || problem->gradients == LayoutShared ? LayoutPadded : problem->gradients;
  built.shape.d_query = build_operand(&shadow, layout, p->H, p->Nq, p->D, false).strides;
  built.shape.d_key = build_operand(&shadow, layout, p->G, p->Nk, p->D, false).strides;
  built.shape.d_value = build_operand(&shadow, layout, p->G, p->Nk, p->E, false).strides;
  built_free(&shadow);
  const size_t heads = problem->additive_sums & SumHeads ? 1 : p->H;
  const size_t rows = problem->additive_sums & SumQueries ? 1 : p->Nq, columns = problem->additive_sums & SumKeys ? 1 : p->Nk;
  const HeedAttentionStrides t = heed_attention_strides_contiguous(heads, rows, columns);
  built.shape.d_additive =
      (HeedAttentionStrides){problem->additive_sums & SumBatch ? 0 : t.batch, problem->additive_sums & SumHeads ? 0 : t.head,
                             problem->additive_sums & SumQueries ? 0 : t.row, problem->additive_sums & SumKeys ? 0 : t.column};
  run_forward(&built);
  return built;
}

void backward_free(BackwardBuilt *built) { built_free(&built->forward); }

// ---- Runs -------------------------------------------------------------------------------------------------------------------------------

// Sizes and strides of gradient k.
static Operand gradient_operand(const BackwardBuilt *built, int k) {
  const HeedAttentionShape *s = &built->shape.forward;
  const unsigned sums = built->additive_sums;
  switch (k) {
  case 0:
    return (Operand){{s->batch, s->heads, s->query_length, s->head_dim}, built->shape.d_query, NULL};
  case 1:
    return (Operand){{s->batch, s->key_value_heads, s->key_length, s->head_dim}, built->shape.d_key, NULL};
  case 2:
    return (Operand){{s->batch, s->key_value_heads, s->key_length, s->value_dim}, built->shape.d_value, NULL};
  default:
    return (Operand){{sums & SumBatch ? s->batch > 0 : s->batch, sums & SumHeads ? s->heads > 0 : s->heads,
                      sums & SumQueries ? s->query_length > 0 : s->query_length, sums & SumKeys ? s->key_length > 0 : s->key_length},
                     built->shape.d_additive,
                     NULL};
  }
}

static size_t elements(const Operand *x) { return x->size[0] * x->size[1] * x->size[2] * x->size[3]; }

// The range of offsets of an operand.
static void range_of(const Operand *x, ptrdiff_t *low, ptrdiff_t *high) {
  const ptrdiff_t stride[4] = {x->strides.batch, x->strides.head, x->strides.row, x->strides.column};
  *low = *high = 0;
  if (elements(x) == 0) *high = -1;
  for (int i = 0; elements(x) > 0 && i < 4; i++) {
    const ptrdiff_t reach = (ptrdiff_t)(x->size[i] - 1) * stride[i];
    *(reach < 0 ? low : high) += reach;
  }
}

// Takes an operand out of its block, and puts poison where it was.
static void gather(const Operand *x, float *target) {
  const uint32_t poison = 0x7fc0dead;
  for (size_t b = 0; b < x->size[0]; b++)
    for (size_t h = 0; h < x->size[1]; h++)
      for (size_t i = 0; i < x->size[2]; i++)
        for (size_t c = 0; c < x->size[3]; c++) {
          float *element = at(x, b, h, i, c);
          *target++ = *element;
          memcpy(element, &poison, sizeof poison);
        }
}

Gradients run_backward(const BackwardArm *arm, const BackwardBuilt *built, unsigned wanted) {
  Gradients result = {0};
  Operand operand[GRADIENTS];
  Guarded block[GRADIENTS] = {{0}};
  size_t floats[GRADIENTS] = {0};
  for (int k = 0; k < GRADIENTS; k++) {
    operand[k] = gradient_operand(built, k);
    if (!(wanted & 1u << k)) continue;
    ptrdiff_t low, high;
    range_of(&operand[k], &low, &high);
    floats[k] = (size_t)(high - low + 1);
    block[k] = guarded_allocate(floats[k] * sizeof(float), built->forward.problem.stream % 2 ? GuardBegin : GuardEnd);
    poison_floats(block[k].data, floats[k]);
    operand[k].base = (float *)block[k].data - low;
  }
  const HeedAttentionGradients gradients = {operand[0].base, operand[1].base, operand[2].base, operand[3].base};
  result.status = arm->backward(&built->shape, &built->inputs, &gradients);
  for (int k = 0; k < GRADIENTS; k++) {
    if (!(wanted & 1u << k)) continue;
    if (result.status != HeedStatusOk)
      CHECK_MESSAGE(is_poison(block[k].data, floats[k]), "%s failed with %d and wrote %s: %s", arm->name, result.status, gradient_names[k],
                    describe(&built->forward.problem));
    result.count[k] = elements(&operand[k]);
    result.columns[k] = operand[k].size[3];
    result.data[k] = allocate(result.count[k], sizeof(float));
    gather(&operand[k], result.data[k]);
    CHECK_MESSAGE(is_poison(block[k].data, floats[k]), "%s wrote between the rows of %s: %s", arm->name, gradient_names[k],
                  describe(&built->forward.problem));
    guarded_free(&block[k]);
  }
  return result;
}

void gradients_free(Gradients *gradients) {
  for (int k = 0; k < GRADIENTS; k++) free(gradients->data[k]);
  *gradients = (Gradients){0};
}

void check_same_gradients(const BackwardArm *arm, const BackwardBuilt *built, const Gradients *a, const Gradients *b, const char *what) {
  CHECK_MESSAGE(a->status == HeedStatusOk && b->status == HeedStatusOk, "%s, %s: status %d and %d: %s", arm->name, what, a->status,
                b->status, describe(&built->forward.problem));
  for (int k = 0; k < GRADIENTS; k++) {
    if (!a->data[k] || !b->data[k]) continue;
    size_t first = 0;
    const size_t differing = differing_floats(a->data[k], b->data[k], a->count[k], &first);
    CHECK_MESSAGE(differing == 0, "%s, %s: %zu of %zu of %s differ, first %zu (%a, %a): %s", arm->name, what, differing, a->count[k],
                  gradient_names[k], first, (double)a->data[k][first], (double)b->data[k][first], describe(&built->forward.problem));
  }
}

// ---- The oracle -------------------------------------------------------------------------------------------------------------------------

// The sums of attention.h over the magnitudes of their terms, P (|dP| + |delta|) for dS.
static void magnitudes(const BackwardBuilt *built, OracleGradients *oracle) {
  const HeedAttentionShape *s = &built->shape.forward;
  const size_t B = s->batch, H = s->heads, G = s->key_value_heads, Nq = s->query_length, Nk = s->key_length, D = s->head_dim,
               E = s->value_dim;
  double *weights = allocate(B * H * Nq * Nk, sizeof(double)), *output = allocate(B * H * Nq * E, sizeof(double));
  const HeedAttentionReferenceOutputs outputs = {output, NULL, weights, &oracle->largest_score};
  CHECK(heed_attention_reference_forward(s, &built->forward.inputs, &outputs) == HeedStatusOk);
  const Operand additive = gradient_operand(built, 3);
  for (size_t b = 0; b < B; b++)
    for (size_t h = 0; h < H; h++)
      for (size_t i = 0; i < Nq; i++) {
        const size_t g = h / (H / G), row = (b * H + h) * Nq + i;
        double delta = 0;
        for (size_t e = 0; e < E; e++) delta += fabs((double)*at(&built->d_output, b, h, i, e) * output[row * E + e]);
        for (size_t j = 0; j < Nk; j++) {
          const double p = weights[row * Nk + j];
          if (p == 0) continue;
          double d_weight = delta; // with dropout its multiplier, at least 1 where it is not 0, only raises it
          for (size_t e = 0; e < E; e++) {
            const double x = fabs((double)*at(&built->d_output, b, h, i, e));
            d_weight += x * fabs((double)*at(&built->forward.value, b, g, j, e));
            oracle->magnitude[2][((b * G + g) * Nk + j) * E + e] += p * x;
          }
          const double ds = p * d_weight, scaled = fabs((double)s->scale) * ds;
          for (size_t d = 0; d < D; d++) {
            oracle->magnitude[0][row * D + d] += scaled * fabs((double)*at(&built->forward.key, b, g, j, d));
            oracle->magnitude[1][((b * G + g) * Nk + j) * D + d] += scaled * fabs((double)*at(&built->forward.query, b, h, i, d));
          }
          const size_t index[4] = {b, h, i, j};
          size_t place = 0;
          for (int k = 0; k < 4; k++) place = place * additive.size[k] + (additive.size[k] == 1 ? 0 : index[k]);
          oracle->magnitude[3][place] += ds;
        }
      }
  free(weights);
  free(output);
}

OracleGradients run_backward_oracle(const BackwardBuilt *built) {
  OracleGradients oracle = {0};
  for (int k = 0; k < GRADIENTS; k++) {
    const Operand x = gradient_operand(built, k);
    oracle.data[k] = allocate(elements(&x), sizeof(double));
    oracle.magnitude[k] = allocate(elements(&x), sizeof(double));
  }
  const HeedAttentionReferenceGradients gradients = {oracle.data[0], oracle.data[1], oracle.data[2], oracle.data[3]};
  CHECK(heed_attention_reference_backward(&built->shape, &built->inputs, &gradients) == HeedStatusOk);
  magnitudes(built, &oracle);
  return oracle;
}

void oracle_gradients_free(OracleGradients *oracle) {
  for (int k = 0; k < GRADIENTS; k++) free(oracle->data[k]), free(oracle->magnitude[k]);
  *oracle = (OracleGradients){0};
}

// ---- Bounds -----------------------------------------------------------------------------------------------------------------------------

static double norm(const double *x, size_t count) {
  double squares = 0;
  for (size_t i = 0; i < count; i++) squares += x[i] * x[i];
  return sqrt(squares);
}

static void check_gradient(const BackwardArm *arm, const BackwardBuilt *built, const OracleGradients *oracle, const Gradients *result,
                           const Gradients *naive, int k) {
  const Problem *p = &built->forward.problem;
  const size_t columns = result->columns[k], count = result->count[k], rows = columns ? count / columns : 0;
  const double L = oracle->largest_score, bound = 4 + L / 6 + (double)p->D / 128;
  const double exact = norm(oracle->data[k], count), terms = norm(oracle->magnitude[k], count);
  const Errors errors = compare_rows(result->data[k], oracle->data[k], rows, columns);
  const Errors others = compare_rows(naive->data[k], oracle->data[k], rows, columns);
  if (exact <= 1e-10 * terms) { // all terms cancel: rows that see one key, dA summed over the keys
    double squares = 0;
    for (size_t i = 0; i < count; i++) squares += (double)result->data[k][i] * (double)result->data[k][i];
    const double allowed = (arm->is_measured ? 1 : 8) * bound * EPSILON * terms;
    CHECK_MESSAGE(sqrt(squares) <= allowed, "%s: %s should be 0 and is %.2f eps of its terms, L %.3g: %s", arm->name, gradient_names[k],
                  sqrt(squares) / EPSILON / terms, L, describe(p));
  } else if (arm->is_measured) {
    // Where all queries look alike, scores err by the same few numbers, the scaled queries' roundings: an error of one draw, not an
    // average. The materialised arm's weights are not those that gave O, which was tiled.
    const double share = p->family == FamilyRising || p->family == FamilyFalling || arm != TILED_BACKWARD ? 2 : 1.5;
    const double allowed = fmax(bound * EPSILON, share * others.normwise);
    CHECK_MESSAGE(errors.normwise <= allowed, "%s: N of %s is %.2f eps, above %.2f (naive %.2f; %.2f of its terms), L %.3g: %s", arm->name,
                  gradient_names[k], errors.normwise / EPSILON, bound, others.normwise / EPSILON, errors.normwise * exact / EPSILON / terms,
                  L, describe(p));
  } else { // textbook loops err with the length of their sums; their bound is there to catch what is wrong
    const double allowed = (16 + 2 * L + (double)(p->D + p->E + p->Nq + p->Nk)) * EPSILON * terms;
    CHECK_MESSAGE(errors.normwise * exact <= allowed, "%s: N of %s is %.2f eps, %.2f eps of its terms, L %.3g: %s", arm->name,
                  gradient_names[k], errors.normwise / EPSILON, errors.normwise * exact / EPSILON / terms, L, describe(p));
  }
  for (size_t i = 0; i < count; i++) {
    if (result->data[k][i] != 0 || !signbit(result->data[k][i])) continue;
    CHECK_MESSAGE(!arm->is_measured, "%s: %s[%zu] is -0: %s", arm->name, gradient_names[k], i, describe(p));
    break;
  }
}

void check_backward(const BackwardProblem *problem) {
  BackwardBuilt built = build_backward(problem);
  OracleGradients oracle = run_backward_oracle(&built);
  Gradients naive = run_backward(NAIVE_BACKWARD, &built, WantAll);
  FOR_EACH_BACKWARD_ARM(arm) {
    Gradients result = run_backward(arm, &built, WantAll);
    CHECK_MESSAGE(result.status == HeedStatusOk, "%s: status %d: %s", arm->name, result.status, describe(&problem->forward));
    for (int k = 0; result.status == HeedStatusOk && k < GRADIENTS; k++) check_gradient(arm, &built, &oracle, &result, &naive, k);
    gradients_free(&result);
  }
  gradients_free(&naive);
  oracle_gradients_free(&oracle);
  backward_free(&built);
}

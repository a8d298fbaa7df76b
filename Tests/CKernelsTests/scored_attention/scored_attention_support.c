// Runs of additive and multiplicative attention. See scored_attention_support.h.

#include "scored_attention_support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const scored_result_names[SCORED_RESULT_COUNT] = {
    "output",
    "weights",
    "query gradient",
    "key gradient",
    "value gradient",
    "weight gradient",
    "query weight gradient",
    "key weight gradient",
    "score weight gradient",
};

float *scored_at(const ScoredOperand *x, size_t b, size_t i, size_t j) {
  return x->first + (ptrdiff_t)b * x->strides.batch + (ptrdiff_t)i * x->strides.row + (ptrdiff_t)j * x->strides.column;
}

static ScoredOperand operand(size_t batch, size_t rows, size_t columns, ScoredLayout layout, GuardSide side) {
  const size_t gap = layout == ScoredPadded ? 3 : 0, column = layout == ScoredTransposed ? rows + 1 : 1;
  const size_t row = layout == ScoredTransposed ? 1 : columns + gap,
               plane = layout == ScoredTransposed ? columns * column : rows * row + gap;
  ScoredOperand x = {.strides = {layout == ScoredShared ? 0 : (ptrdiff_t)plane, (ptrdiff_t)row, (ptrdiff_t)column}};
  const size_t batches = layout == ScoredShared ? 1 : batch;
  if (batch && rows && columns) x.count = (batches - 1) * plane + (rows - 1) * row + (columns - 1) * column + 1;
  x.block = guarded_allocate(x.count * sizeof(float), side);
  x.first = x.block.data;
  poison_floats(x.first, x.count);
  if (layout == ScoredReversed && x.count) {
    x.first += x.count - 1;
    x.strides = (HeedScoredAttentionStrides){-x.strides.batch, -x.strides.row, -x.strides.column};
  }
  return x;
}

static void fill(ScoredOperand *x, uint64_t stream, size_t batch, size_t rows, size_t columns, double scale, const int64_t *lengths) {
  for (size_t b = 0; b < batch; b++)
    for (size_t i = 0; i < rows; i++)
      for (size_t j = 0; j < columns; j++) {
        if (lengths && (int64_t)i >= lengths[b]) continue; // poison stays
        const bool shared = x->strides.batch == 0;
        Random r = random_stream((stream * 16384 + (shared ? 0 : b)) * 65536 + i * 256 + j);
        *scored_at(x, b, i, j) = (float)(scale * random_normal(&r));
      }
}

ScoredBuilt scored_build(const ScoredProblem *p) {
  const GuardSide side = p->stream % 2 ? GuardBegin : GuardEnd;
  const ScoredLayout own = p->layout == ScoredShared ? ScoredContiguous : p->layout;
  const size_t planes = p->B ? p->B : 1, T = p->T;
  // Scores of about 1, so that weights are not all 0 or 1.
  const double scale = p->scale != 0 ? p->scale : p->score == HeedScoredAttentionScoreDot ? pow((double)p->Hq + 1, -0.25) : 1;
  ScoredBuilt x = {.problem = *p};
  if (p->lengths) {
    x.lengths = malloc(planes * sizeof *x.lengths);
    for (size_t b = 0; b < p->B; b++) {
      Random r = random_stream(p->stream * 977 + b);
      x.lengths[b] = b == 1 ? 0 : b == 0 ? (int64_t)T : random_between(&r, 0, (int64_t)T);
    }
  }
  // Shared keys are hidden from nobody who sees more of them.
  const int64_t *hidden = p->layout == ScoredShared ? NULL : x.lengths;
  x.query = operand(p->B, p->N, p->Hq, own, side);
  x.key = operand(p->B, T, p->Hk, p->layout, side);
  x.value = operand(p->B, T, p->E, p->layout, side);
  x.d_output = operand(p->B, p->N, p->E, own, side);
  x.d_weights = operand(p->B, p->N, T, ScoredContiguous, side);
  x.weight = operand(1, p->Hq, p->Hk, ScoredContiguous, side);
  x.query_weight = operand(1, p->A, p->Hq, ScoredContiguous, side);
  x.key_weight = operand(1, p->A, p->Hk, ScoredContiguous, side);
  x.score_weight = operand(1, 1, p->A, ScoredContiguous, side);
  fill(&x.query, p->stream + 1, p->B, p->N, p->Hq, scale, NULL);
  fill(&x.key, p->stream + 2, p->B, T, p->Hk, scale, hidden);
  fill(&x.value, p->stream + 3, p->B, T, p->E, 1, hidden);
  fill(&x.d_output, p->stream + 4, p->B, p->N, p->E, 1, NULL);
  fill(&x.d_weights, p->stream + 5, p->B, p->N, T, 1, NULL);
  fill(&x.weight, p->stream + 6, 1, p->Hq, p->Hk, 1 / sqrt((double)p->Hq * (double)p->Hk + 1), NULL);
  fill(&x.query_weight, p->stream + 7, 1, p->A, p->Hq, 1 / sqrt((double)p->Hq + 1), NULL);
  fill(&x.key_weight, p->stream + 8, 1, p->A, p->Hk, 1 / sqrt((double)p->Hk + 1), NULL);
  fill(&x.score_weight, p->stream + 9, 1, 1, p->A, 2 / sqrt((double)p->A + 1), NULL);
  // The gradient of a hidden weight and the query of a sequence without keys are hidden too.
  for (size_t b = 0; x.lengths && b < p->B; b++)
    for (size_t i = 0; i < p->N; i++) {
      for (size_t j = (size_t)x.lengths[b]; j < T; j++) *scored_at(&x.d_weights, b, i, j) = NAN;
      for (size_t h = 0; h < p->Hq && x.lengths[b] == 0; h++) *scored_at(&x.query, b, i, h) = NAN;
    }
  x.shape = (HeedScoredAttentionShape){
      .score = p->score,
      .batch = p->B,
      .query_length = p->N,
      .key_length = T,
      .query_dim = p->Hq,
      .key_dim = p->Hk,
      .value_dim = p->E,
      .attention_dim = p->A,
      .query = x.query.strides,
      .key = x.key.strides,
      .value = x.value.strides,
      .d_output = x.d_output.strides,
      .accumulate = p->accumulate,
  };
  x.inputs = (HeedScoredAttentionInputs){x.query.first,        x.key.first,        x.value.first,        x.lengths, x.weight.first,
                                         x.query_weight.first, x.key_weight.first, x.score_weight.first, NULL};
  x.d_outputs.d_output = p->without_d_output ? NULL : x.d_output.first;
  x.d_outputs.d_weights = p->without_d_weights ? NULL : x.d_weights.first;
  if (p->prepared && p->score == HeedScoredAttentionScoreAdditive) {
    const size_t floats = heed_scored_attention_additive_prepared_size(&x.shape);
    x.prepared = (ScoredOperand){.block = guarded_allocate(floats * sizeof(float), side), .count = floats};
    x.prepared.first = x.prepared.block.data;
    CHECK(heed_scored_attention_additive_prepare_keys(&x.shape, &x.inputs, x.prepared.first) == HeedStatusOk);
    x.inputs.prepared_keys = x.prepared.first;
  }
  return x;
}

void scored_free(ScoredBuilt *x) {
  ScoredOperand *all[] = {&x->query,        &x->key,        &x->value,        &x->d_output, &x->weight,
                          &x->query_weight, &x->key_weight, &x->score_weight, &x->d_weights};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) guarded_free(&all[i]->block);
  if (x->prepared.block.map) guarded_free(&x->prepared.block);
  free(x->lengths);
}

size_t scored_result_count(const ScoredProblem *p, ScoredResult r) {
  const size_t counts[SCORED_RESULT_COUNT] = {p->B * p->N * p->E,  p->B * p->N * p->T, p->B * p->N * p->Hq,
                                              p->B * p->T * p->Hk, p->B * p->T * p->E, p->Hq * p->Hk,
                                              p->A * p->Hq,        p->A * p->Hk,       p->A};
  return counts[r];
}

unsigned scored_all(const ScoredProblem *p) {
  const unsigned common = 1u << ScoredOutput | 1u << ScoredWeights | 1u << ScoredQuery | 1u << ScoredValue, key = 1u << ScoredKey;
  if (p->score == HeedScoredAttentionScoreDot) return common | key;
  if (p->score == HeedScoredAttentionScoreGeneral) return common | key | 1u << ScoredWeight;
  return common | (p->prepared ? 0 : key | 1u << ScoredKeyWeight) | 1u << ScoredQueryWeight | 1u << ScoredScoreWeight;
}

float scored_initial(size_t i) { return 0.25f * (float)(i % 7) - 0.5f; }

static HeedScoredAttentionGradients gradients_of(float *const of[SCORED_RESULT_COUNT]) {
  return (HeedScoredAttentionGradients){.d_query = of[ScoredQuery],
                                        .d_key = of[ScoredKey],
                                        .d_value = of[ScoredValue],
                                        .d_weight = of[ScoredWeight],
                                        .d_query_weight = of[ScoredQueryWeight],
                                        .d_key_weight = of[ScoredKeyWeight],
                                        .d_score_weight = of[ScoredScoreWeight]};
}

ScoredResults scored_run(ScoredBuilt *x, unsigned wanted) {
  const ScoredProblem *p = &x->problem;
  ScoredResults results = {{NULL}};
  Guarded blocks[SCORED_RESULT_COUNT] = {{0}};
  float *first[SCORED_RESULT_COUNT] = {NULL};
  const unsigned gradients = wanted >> ScoredQuery;
  if (gradients) wanted |= 1u << ScoredWeights;
  wanted |= 1u << ScoredOutput;
  for (int r = 0; r < SCORED_RESULT_COUNT; r++) {
    if (!(wanted >> r & 1)) continue;
    const size_t count = scored_result_count(p, (ScoredResult)r);
    blocks[r] = guarded_allocate(count * sizeof(float), p->stream % 2 ? GuardEnd : GuardBegin);
    first[r] = blocks[r].data;
    poison_floats(first[r], count);
    for (size_t i = 0; r >= ScoredWeight && p->accumulate && i < count; i++) first[r][i] = scored_initial(i);
  }
  // The output has the layout of the problem.
  ScoredOperand output = operand(p->B, p->N, p->E, p->layout == ScoredShared ? ScoredContiguous : p->layout, GuardEnd);
  x->shape.output = output.strides;
  CHECK(heed_scored_attention_forward(&x->shape, &x->inputs, &(HeedScoredAttentionOutputs){output.first, first[ScoredWeights]}) ==
        HeedStatusOk);
  for (size_t b = 0; b < p->B; b++)
    for (size_t i = 0; i < p->N; i++)
      for (size_t e = 0; e < p->E; e++) {
        first[ScoredOutput][(b * p->N + i) * p->E + e] = *scored_at(&output, b, i, e);
        poison_floats(scored_at(&output, b, i, e), 1);
      }
  CHECK(is_poison(output.block.data, output.count));
  guarded_free(&output.block);
  if (gradients) {
    const HeedScoredAttentionGradients g = gradients_of(first);
    x->d_outputs.weights = first[ScoredWeights];
    CHECK(heed_scored_attention_backward(&x->shape, &x->inputs, &x->d_outputs, &g) == HeedStatusOk);
  }
  for (int r = 0; r < SCORED_RESULT_COUNT; r++) {
    if (!first[r]) continue;
    const size_t count = scored_result_count(p, (ScoredResult)r);
    results.of[r] = malloc(count * sizeof(float) + 1);
    if (count) memcpy(results.of[r], first[r], count * sizeof(float));
    guarded_free(&blocks[r]);
  }
  return results;
}

void scored_results_free(ScoredResults *results) {
  for (int r = 0; r < SCORED_RESULT_COUNT; r++) free(results->of[r]);
}

void scored_check(ScoredBuilt *x, const ScoredResults *results, double bound) {
  const ScoredProblem *p = &x->problem;
  double *of[SCORED_RESULT_COUNT] = {NULL};
  for (int r = 0; r < SCORED_RESULT_COUNT; r++)
    if (results->of[r]) of[r] = malloc(scored_result_count(p, (ScoredResult)r) * sizeof(double) + 1);
  const HeedScoredAttentionReference reference = {of[0], of[1], of[2], of[3], of[4], of[5], of[6], of[7], of[8]};
  const bool backward = of[ScoredQuery] || of[ScoredKey] || of[ScoredValue] || of[ScoredWeight] || of[ScoredQueryWeight] ||
                        of[ScoredKeyWeight] || of[ScoredScoreWeight];
  CHECK(heed_scored_attention_reference(&x->shape, &x->inputs, backward ? &x->d_outputs : NULL, &reference) == HeedStatusOk);
  for (int r = 0; r < SCORED_RESULT_COUNT; r++) {
    if (!of[r]) continue;
    const size_t count = scored_result_count(p, (ScoredResult)r);
    for (size_t i = 0; r >= ScoredWeight && p->accumulate && i < count; i++) of[r][i] += (double)scored_initial(i);
    const Errors errors = compare_rows(results->of[r], of[r], 1, count);
    // A few sums may all but cancel, as a norm of many does not.
    const double allowed = (count < 16 ? 64 : 1) * bound * EPSILON;
    CHECK_MESSAGE(errors.normwise <= allowed,
                  "score %d, B %zu N %zu T %zu Hq %zu Hk %zu E %zu A %zu, layout %d, %s: N = %.2f eps, element %zu", p->score, p->B, p->N,
                  p->T, p->Hq, p->Hk, p->E, p->A, p->layout, scored_result_names[r], errors.normwise / EPSILON, errors.worst_column);
    free(of[r]);
  }
}

void scored_check_same(const ScoredBuilt *x, const ScoredResults *a, const ScoredResults *b, const char *what) {
  for (int r = 0; r < SCORED_RESULT_COUNT; r++) {
    if (!a->of[r] || !b->of[r]) continue;
    size_t first = 0;
    const size_t differing = differing_floats(a->of[r], b->of[r], scored_result_count(&x->problem, (ScoredResult)r), &first);
    CHECK_MESSAGE(differing == 0, "score %d, %s: %zu differ in the %s, first %zu", x->problem.score, what, differing,
                  scored_result_names[r], first);
  }
}

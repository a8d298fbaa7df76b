// Problems in guarded memory. See attention_support.h.

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attention_support.h"

static const char *const layout_names[LAYOUT_COUNT] = {"contiguous", "padded", "transposed", "interleaved", "packed", "shared", "reversed"};
static const char *const family_names[FAMILY_COUNT] = {"normal",   "uniform",    "integers",   "logits 88", "logits 150",
                                                       "scale up", "scale down", "cancelling", "largest",   "denormal",
                                                       "zeros",    "rising",     "falling"};

const char *describe(const Problem *p) {
  static _Thread_local char text[256];
  snprintf(text, sizeof text, "B %zu H %zu G %zu Nq %zu Nk %zu D %zu E %zu, %s, %s, masks %u offset %td window %zu, stream %llu", p->B,
           p->H, p->G, p->Nq, p->Nk, p->D, p->E, layout_names[p->layout], family_names[p->family], p->masks, p->causal_offset, p->window,
           (unsigned long long)p->stream);
  return text;
}

float *at(const Operand *x, size_t b, size_t h, size_t row, size_t column) {
  return x->base + (ptrdiff_t)b * x->strides.batch + (ptrdiff_t)h * x->strides.head + (ptrdiff_t)row * x->strides.row +
         (ptrdiff_t)column * x->strides.column;
}

static HeedAttentionStrides strides_of(Layout layout, size_t heads, size_t rows, size_t columns, bool may_share) {
  const ptrdiff_t H = (ptrdiff_t)heads, N = (ptrdiff_t)rows, C = (ptrdiff_t)columns;
  switch (layout) {
  case LayoutPadded:
    return (HeedAttentionStrides){H * (N * (C + 5) + 3) + 7, N * (C + 5) + 3, C + 5, 1};
  case LayoutTransposed:
    return (HeedAttentionStrides){H * C * (N + 1), C * (N + 1), 1, N + 1};
  case LayoutInterleaved:
    return (HeedAttentionStrides){N * H * C, C, H * C, 1};
  case LayoutReversed:
    return (HeedAttentionStrides){-H * N * C, -N * C, -C, -1};
  case LayoutShared:
    if (may_share) return (HeedAttentionStrides){0, 0, C, 1};
    return heed_attention_strides_contiguous(heads, rows, columns);
  default:
    return heed_attention_strides_contiguous(heads, rows, columns);
  }
}

// The first and the last offset of an array's elements.
static void range_of(const size_t size[4], HeedAttentionStrides strides, ptrdiff_t *low, ptrdiff_t *high) {
  const ptrdiff_t stride[4] = {strides.batch, strides.head, strides.row, strides.column};
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

static void *new_block(Built *built, size_t bytes) {
  const Guarded block = guarded_allocate(bytes, built->problem.stream % 2 ? GuardBegin : GuardEnd);
  built->blocks[built->block_count++] = block;
  return block.data;
}

// Gives the operand a block of its own, all poison.
static void allocate_operand(Built *built, Operand *x) {
  ptrdiff_t low, high;
  range_of(x->size, x->strides, &low, &high);
  const size_t count = (size_t)(high - low + 1);
  float *data = new_block(built, count * sizeof(float));
  poison_floats(data, count);
  x->base = data - low;
}

static Operand operand(Layout layout, size_t batch, size_t heads, size_t rows, size_t columns, bool may_share) {
  return (Operand){{batch, heads, rows, columns}, strides_of(layout, heads, rows, columns, may_share), NULL};
}

Operand build_operand(Built *built, Layout layout, size_t heads, size_t rows, size_t columns, bool may_share) {
  Operand x = operand(layout, built->problem.B, heads, rows, columns, may_share);
  allocate_operand(built, &x);
  return x;
}

// q, k and v of a token beside each other.
static void allocate_packed(Built *built) {
  const Problem *p = &built->problem;
  const size_t tokens = p->Nq > p->Nk ? p->Nq : p->Nk, width = p->H * p->D + p->G * p->D + p->G * p->E;
  const size_t count = p->B * tokens * width;
  float *data = new_block(built, count * sizeof(float));
  poison_floats(data, count);
  Operand *operands[3] = {&built->query, &built->key, &built->value};
  for (int i = 0; i < 3; i++) {
    Operand *x = operands[i];
    x->strides = (HeedAttentionStrides){(ptrdiff_t)(tokens * width), (ptrdiff_t)x->size[3], (ptrdiff_t)width, 1};
    x->base = data;
    data += x->size[1] * x->size[3];
  }
}

// ---- Values -----------------------------------------------------------------------------------------------------------------------------

typedef enum Role { RoleQuery, RoleKey, RoleValue } Role;

// How much larger than normal numbers queries and keys must be for the largest of the scores to be near `target`.
static double logit_factor(const Problem *p, double target) {
  const double scores = (double)p->Nq * (double)p->Nk + 2;
  return sqrt(target / sqrt(2 * log(scores)));
}

static double cancelling(Role role, size_t column, double *previous, Random *random) {
  if (role == RoleKey) { // equal in pairs, so that the queries' signs cancel
    if (column % 2 == 0) *previous = random_normal(random);
    return *previous;
  }
  if (column % 2 == 0) return *previous = 30 * random_normal(random);
  return -*previous * (1 + 0x1p-8 * random_normal(random));
}

// Scores that climb to about 50 with the position, carried by the first four columns.
static double ramp(const Problem *p, Role role, size_t column, double position, double x) {
  if (column >= 4) return 0.1 * x;
  const double carriers = p->D < 4 ? (double)p->D : 4;
  return role == RoleQuery ? 1 + 0.1 * x : 50 * sqrt((double)p->D) / carriers * position + 0.01 * x;
}

static double value_of(const Problem *p, Role role, size_t row, size_t column, size_t rows, double *previous, Random *random) {
  const double x = random_normal(random), position = (double)(row + 1) / (double)rows;
  switch (p->family) {
  case FamilyUniform:
    return random_uniform(random);
  case FamilyIntegers:
    return (double)random_between(random, -3, 3);
  case FamilyLogits88:
    return role == RoleValue ? x : x * logit_factor(p, 88);
  case FamilyLogits150:
    return role == RoleValue ? x : x * logit_factor(p, 150);
  case FamilyScaleUp:
    return ldexp(x, role == RoleQuery ? -60 : 60);
  case FamilyScaleDown:
    return ldexp(x, role == RoleQuery ? 60 : -60);
  case FamilyCancelling:
    return role == RoleValue ? (row % 2 ? -*previous : (*previous = x)) : cancelling(role, column, previous, random);
  case FamilyLargest: // key j looks like a corner of a cube; a row that looks at it sees little else
    if (role == RoleValue) return (x < 0 ? -1 : 1) * (1 - 0.25 * random_uniform(random)) * 0x1p115;
    return (x < 0 ? -1 : 1) * (role == RoleQuery ? 40.0 : 1.0);
  case FamilyDenormal:
    return role == RoleValue ? ldexp(x, -130) : x;
  case FamilyZeros:
    return role == RoleValue ? copysign(0.0, x) : (x > 0 ? 0.0 : -0.0);
  case FamilyRising:
    return role == RoleValue ? x : ramp(p, role, column, position, x);
  case FamilyFalling:
    return role == RoleValue ? x : ramp(p, role, column, 1 - position, x);
  default:
    return x;
  }
}

static void fill(const Problem *p, Role role, const Operand *x) {
  Random random = random_stream(p->stream * 8 + role);
  double previous = 0;
  for (size_t b = 0; b < x->size[0]; b++)
    for (size_t h = 0; h < x->size[1]; h++)
      for (size_t i = 0; i < x->size[2]; i++)
        for (size_t c = 0; c < x->size[3]; c++) *at(x, b, h, i, c) = (float)value_of(p, role, i, c, x->size[2], &previous, &random);
}

// ---- Masks ------------------------------------------------------------------------------------------------------------------------------

// Whether the random masks hide key j from row i: all keys of some rows, the first keys of others, a share of the rest.
static bool hides(Random *random, size_t row, size_t j, size_t keys) {
  const bool chance = random_uniform(random) < 0.3;
  if (row % 11 == 5) return true;
  if (row % 7 == 3) return j < 70 && j + 1 < keys;
  if (row % 5 == 4) return false;
  return chance;
}

static void build_boolean(Built *built) {
  const Problem *p = &built->problem;
  Operand x = operand(p->layout, p->B, p->H, p->Nq, p->Nk, true);
  ptrdiff_t low, high;
  range_of(x.size, x.strides, &low, &high);
  uint8_t *data = new_block(built, (size_t)(high - low + 1));
  memset(data, 0xff, (size_t)(high - low + 1));
  built->boolean = data - low;
  Random random = random_stream(p->stream * 8 + 4);
  for (size_t b = 0; b < p->B; b++)
    for (size_t h = 0; h < p->H; h++)
      for (size_t i = 0; i < p->Nq; i++)
        for (size_t j = 0; j < p->Nk; j++) {
          const bool hidden = hides(&random, i + h, j, p->Nk);
          built->boolean[(ptrdiff_t)b * x.strides.batch + (ptrdiff_t)h * x.strides.head + (ptrdiff_t)i * x.strides.row +
                         (ptrdiff_t)j * x.strides.column] = hidden ? 0 : (uint8_t)(1 + (i + j) % 3 * 127);
        }
  built->shape.boolean = x.strides;
  built->inputs.boolean = built->boolean;
}

static void build_additive(Built *built) {
  const Problem *p = &built->problem;
  built->additive = operand(p->layout, p->B, p->H, p->Nq, p->Nk, true);
  allocate_operand(built, &built->additive);
  Random random = random_stream(p->stream * 8 + 5);
  for (size_t b = 0; b < p->B; b++)
    for (size_t h = 0; h < p->H; h++)
      for (size_t i = 0; i < p->Nq; i++)
        for (size_t j = 0; j < p->Nk; j++) {
          const bool hidden = hides(&random, i + 2 * h + 3, j, p->Nk);
          const float x = (float)random_normal(&random);
          *at(&built->additive, b, h, i, j) = hidden ? (p->masks & MaskLowest ? -FLT_MAX : -INFINITY) : x;
        }
  built->shape.additive = built->additive.strides;
  built->inputs.additive = built->additive.base;
}

static void build_lengths(Built *built) {
  const Problem *p = &built->problem;
  built->lengths = new_block(built, p->B * sizeof(int64_t) + (p->B == 0) * 8);
  Random random = random_stream(p->stream * 8 + 6);
  for (size_t b = 0; b < p->B; b++) {
    const int64_t some = random_between(&random, p->Nk > 0, (int64_t)p->Nk);
    built->lengths[b] = b % 4 == 1 ? 0 : (b % 4 == 2 ? (int64_t)p->Nk : some);
  }
  built->inputs.key_lengths = built->lengths;
}

bool row_sees(const Built *built, size_t b, size_t h, size_t i, size_t j) {
  const HeedAttentionShape *s = &built->shape;
  if (s->causal && (__int128)j > (__int128)i + s->causal_offset) return false;
  if (s->window > 0 && (__int128)j <= (__int128)i + s->causal_offset - (__int128)s->window) return false;
  if (built->lengths && (int64_t)j >= built->lengths[b]) return false;
  if (built->boolean) {
    const HeedAttentionStrides t = s->boolean;
    if (!built->boolean[(ptrdiff_t)b * t.batch + (ptrdiff_t)h * t.head + (ptrdiff_t)i * t.row + (ptrdiff_t)j * t.column]) return false;
  }
  return !built->inputs.additive || !(isinf(*at(&built->additive, b, h, i, j)) && *at(&built->additive, b, h, i, j) < 0);
}

// ---- The whole --------------------------------------------------------------------------------------------------------------------------

Built build(const Problem *problem) {
  Built built = {.problem = *problem};
  const Problem *p = &built.problem;
  built.query = operand(p->layout, p->B, p->H, p->Nq, p->D, false);
  built.key = operand(p->layout, p->B, p->G, p->Nk, p->D, true);
  built.value = operand(p->layout, p->B, p->G, p->Nk, p->E, true);
  if (p->layout == LayoutPacked) {
    allocate_packed(&built);
  } else {
    allocate_operand(&built, &built.query);
    allocate_operand(&built, &built.key);
    allocate_operand(&built, &built.value);
  }
  fill(p, RoleQuery, &built.query);
  fill(p, RoleKey, &built.key);
  fill(p, RoleValue, &built.value);
  built.shape = (HeedAttentionShape){
      .batch = p->B,
      .heads = p->H,
      .key_value_heads = p->G,
      .query_length = p->Nq,
      .key_length = p->Nk,
      .head_dim = p->D,
      .value_dim = p->E,
      .query = built.query.strides,
      .key = built.key.strides,
      .value = built.value.strides,
      .output = strides_of(p->layout, p->H, p->Nq, p->E, false),
      .scale = p->scale != 0 ? p->scale : (p->D ? (float)(1 / sqrt((double)p->D)) : 1.0f),
      .causal = p->masks & MaskCausal,
      .causal_offset = p->causal_offset,
      .window = p->masks & MaskCausal ? p->window : 0,
      .dropout = {p->dropout, p->stream * 0x9e3779b97f4a7c15u, p->stream},
  };
  built.inputs = (HeedAttentionInputs){.query = built.query.base, .key = built.key.base, .value = built.value.base};
  if (p->masks & MaskLengths) build_lengths(&built);
  if (p->masks & MaskBoolean) build_boolean(&built);
  if (p->masks & MaskAdditive) build_additive(&built);
  return built;
}

void built_free(Built *built) {
  for (size_t i = 0; i < built->block_count; i++) guarded_free(&built->blocks[i]);
  built->block_count = 0;
}

// Additive attention's scores and gradients (formulas and promises: heed/scored_attention.h).
//
// tanh(q + k) for every pair of a query and a key is all the work. e^2(q + k) is the product of two numbers that each query and each key
// has once, so that a tanh costs a product and a division. A pair of rows takes one of four ways, chosen only by these two rows:
//
//   Near     all |q|, |k| <= 1/4      the polynomial of tanh, which keeps small numbers' relative accuracy Bent     all |q|, |k| <=
//   1        as Product, except for the sum below Product  all |q|, |k| <= 21       E = e^2q e^2k (at most e^84),  tanh = 1 - 2 / (1 + E),
//   1 - tanh^2 = 4 E / (1 + E)^2 Far      else, NaN too            u = e^-2|q + k|,               tanh = (1 - u) / (1 + u), 1 - tanh^2 = 4
//   u / (1 + u)^2
//
// A query's gradient is v sum_j dS (1 - tanh^2), and sum_j dS is 0, for dS went through a softmax. Where tanh is small, next to nothing is
// left of that sum; so Near and Bent add up -tanh^2 instead, and the dS of their keys apart, which is 0 where all keys are such.

#include "simd/sixteen_lanes.h"
#include "template/math/exp.inc.h"
#include "template/math/tanh.inc.h"

// Largest magnitudes of the two rows of a pair, as above.
#define ADDITIVE_NEAR    0.25f
#define ADDITIVE_BENT    1.0f
#define ADDITIVE_PRODUCT 21.0f
// Vectors of a block of columns in the backward pass: each has two sums, a weight and a query in registers.
#if HEED_LANES >= 16
#define ADDITIVE_VECTORS 4
#else
#define ADDITIVE_VECTORS 2
#endif

typedef enum AdditiveWay { AdditiveNear, AdditiveBent, AdditiveProduct, AdditiveFar } AdditiveWay;

INLINE_KERNEL AdditiveWay additive_way(float query, float key) {
  const float largest = query > key ? query : key;
  if (largest <= ADDITIVE_BENT) return largest <= ADDITIVE_NEAR ? AdditiveNear : AdditiveBent;
  return largest <= ADDITIVE_PRODUCT ? AdditiveProduct : AdditiveFar;
}

// tanh, a quarter of its derivative, and a quarter of the term that a query's gradient adds.
typedef struct AdditiveUnit {
  vf tanh, derivative, bend;
} AdditiveUnit;

INLINE_KERNEL AdditiveUnit additive_near(vf x) {
  const vf t = tanh_p11(x), bend = vf_mul(vf_mul(t, t), vf_set1(-0.25f));
  return (AdditiveUnit){t, vf_add(bend, vf_set1(0.25f)), bend};
}

INLINE_KERNEL AdditiveUnit additive_product(const bool bent, vf query, vf key) {
  const vf one = vf_set1(1.0f), e = vf_mul(query, key), r = vf_div(one, vf_add(one, e)), derivative = vf_mul(vf_mul(e, r), r);
  const vf t = vf_fma(vf_set1(-2.0f), r, one);
  return (AdditiveUnit){t, derivative, bent ? vf_mul(vf_mul(t, t), vf_set1(-0.25f)) : derivative};
}

INLINE_KERNEL AdditiveUnit additive_far(vf x) {
  const vf a = vf_magnitude(x), one = vf_set1(1.0f);
  const ExponentialParts e = exp_rr2_t16x2_p3(vf_mul(a, vf_set1(-2.0f)));
  const vf u = vf_scale_by_power(e.mantissa, e.power), r = vf_div(one, vf_add(one, u));
  const vf far = vf_mul(vf_sub(one, u), r), t = vf_select(vf_less(a, vf_set1(TANH_NEAR)), tanh_p11(a), far);
  const vf derivative = vf_mul(vf_mul(u, r), r);
  return (AdditiveUnit){vf_select(vf_sign_bit(x), vf_negate(t), t), derivative, derivative};
}

// Rows a and b of projections or exponentials, as the way wants them.
INLINE_KERNEL AdditiveUnit additive_unit(const AdditiveWay way, const float *query, const float *key, size_t count) {
  const vf q = vf_load_n(query, count), k = vf_load_n(key, count);
  if (way == AdditiveProduct || way == AdditiveBent) return additive_product(way == AdditiveBent, q, k);
  return way == AdditiveNear ? additive_near(vf_add(q, k)) : additive_far(vf_add(q, k));
}

static void additive_prepare(size_t rows, size_t dim, const float *projection, float *exponential, float *largest) {
  for (size_t r = 0; r < rows; r++, projection += dim, exponential += dim) {
    vf most = vf_zero();
    vm nan = vm_first(0);
    for (size_t a = 0; a < dim; a += HEED_LANES) {
      const vf x = vf_load_n(projection + a, dim - a);
      most = vf_max(vf_magnitude(x), most);
      nan = vm_or(nan, vf_is_nan(x));
      // Beyond the limit of Product the exponential is not used.
      const vf limit = vf_set1(2.0f * ADDITIVE_PRODUCT), bounded = vf_max(vf_negate(limit), vf_min(limit, vf_add(x, x)));
      const ExponentialParts e = exp_rr2_t16x2_p3_bounded(bounded);
      vf_store_n(exponential + a, vf_scale_by_power(e.mantissa, e.power), dim - a);
    }
    largest[r] = vm_any(nan) ? INFINITY : vf_reduce_max(most);
  }
}

INLINE_KERNEL float additive_score(const AdditiveWay way, const float *query, const float *key, const float *weight, size_t dim) {
  vf sum[HEED_SUM_PARTS];
  for (int part = 0; part < HEED_SUM_PARTS; part++) sum[part] = vf_zero();
  size_t a = 0;
  for (; a + HEED_SUM_LANES <= dim; a += HEED_SUM_LANES)
#pragma clang loop unroll(full)
    for (size_t part = 0; part < HEED_SUM_PARTS; part++) {
      const size_t i = a + part * HEED_LANES;
      sum[part] = vf_fma(vf_load(weight + i), additive_unit(way, query + i, key + i, HEED_LANES).tanh, sum[part]);
    }
#pragma clang loop unroll(full)
  for (size_t part = 0; part < HEED_SUM_PARTS; part++, a += HEED_LANES)
    if (a < dim) // idle lanes hold 0 of everything: a weight of 0 times a finite number
      sum[part] = vf_fma(vf_load_n(weight + a, dim - a), additive_unit(way, query + a, key + a, dim - a).tanh, sum[part]);
  return sixteen_lanes_sum(sum);
}

static void additive_scores(const HeedScoredAttentionAdditiveScores *x) {
  for (size_t i = 0; i < x->queries; i++)
    for (size_t j = 0; j < x->keys; j++) {
      const size_t q = i * x->dim, k = j * x->dim;
      float *score = x->scores + i * x->scores_row + j;
      switch (additive_way(x->query.largest[i], x->key.largest[j])) {
      case AdditiveNear:
        *score = additive_score(AdditiveNear, x->query.projection + q, x->key.projection + k, x->weight, x->dim);
        break;
      case AdditiveBent:
      case AdditiveProduct:
        *score = additive_score(AdditiveProduct, x->query.exponential + q, x->key.exponential + k, x->weight, x->dim);
        break;
      case AdditiveFar:
        *score = additive_score(AdditiveFar, x->query.projection + q, x->key.projection + k, x->weight, x->dim);
        break;
      }
    }
}

// The sums so far of a query.
typedef struct AdditiveSums {
  vf query[ADDITIVE_VECTORS], weight[ADDITIVE_VECTORS];
} AdditiveSums;

// One pair: s dS, sums over keys in registers, sums over queries in memory.
INLINE_KERNEL void additive_pair(const AdditiveWay way, const int vectors, const float *query, const float *key, size_t columns, float s,
                                 float *key_sum, AdditiveSums *sums) {
  const vf ds = vf_set1(s);
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) {
    const size_t a = (size_t)v * HEED_LANES;
    const AdditiveUnit unit = additive_unit(way, query + a, key + a, columns - a);
    sums->query[v] = vf_fma(ds, unit.bend, sums->query[v]);
    sums->weight[v] = vf_fma(ds, unit.tanh, sums->weight[v]);
    vf_store(key_sum + a, vf_fma(ds, unit.derivative, vf_load(key_sum + a)));
  }
}

// A block of `vectors` vectors; `whole`: without a tail.
INLINE_KERNEL void additive_block(const int vectors, const bool whole, const HeedScoredAttentionAdditiveGradients *x) {
  const size_t columns = whole ? (size_t)vectors * HEED_LANES : x->columns, width = (size_t)vectors * HEED_LANES;
  const vf four = vf_set1(4.0f);
  for (size_t i = 0; i < x->keys * width; i += HEED_LANES) vf_store(x->scratch + i, vf_zero());
  vf total[ADDITIVE_VECTORS];
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) total[v] = vf_zero();
  for (size_t i = 0; i < x->queries; i++) {
    AdditiveSums sums;
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) sums.query[v] = sums.weight[v] = vf_zero();
    const float *ds = x->d_scores + i * x->d_scores_row;
    const size_t q = i * x->dim;
    size_t near = 0;
    float near_sum = 0.0f;
    for (size_t j = 0; j < x->keys; j++) {
      const size_t k = j * x->dim;
      float *key_sum = x->scratch + j * width;
      switch (additive_way(x->query.largest[i], x->key.largest[j])) {
      case AdditiveNear:
        near++, near_sum += ds[j];
        additive_pair(AdditiveNear, vectors, x->query.projection + q, x->key.projection + k, columns, ds[j], key_sum, &sums);
        break;
      case AdditiveBent:
        near++, near_sum += ds[j];
        additive_pair(AdditiveBent, vectors, x->query.exponential + q, x->key.exponential + k, columns, ds[j], key_sum, &sums);
        break;
      case AdditiveProduct:
        additive_pair(AdditiveProduct, vectors, x->query.exponential + q, x->key.exponential + k, columns, ds[j], key_sum, &sums);
        break;
      case AdditiveFar:
        additive_pair(AdditiveFar, vectors, x->query.projection + q, x->key.projection + k, columns, ds[j], key_sum, &sums);
        break;
      }
    }
    const vf apart = vf_set1(near < x->keys ? 0.25f * near_sum : 0.0f);
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) {
      const size_t a = (size_t)v * HEED_LANES;
      total[v] = vf_add(total[v], sums.weight[v]);
      if (x->d_query)
        vf_store_n(x->d_query + q + a, vf_mul(vf_mul(vf_add(sums.query[v], apart), four), vf_load_n(x->weight + a, columns - a)),
                   columns - a);
    }
  }
  for (int v = 0; v < vectors; v++) {
    const size_t a = (size_t)v * HEED_LANES, count = columns - a;
    if (x->d_weight) vf_store_n(x->d_weight + a, total[v], count);
    const vf weight = vf_mul(vf_load_n(x->weight + a, count), four);
    for (size_t j = 0; x->d_key && j < x->keys; j++)
      vf_store_n(x->d_key + j * x->dim + a, vf_mul(vf_load(x->scratch + j * width + a), weight), count);
  }
}

static void additive_backward(const HeedScoredAttentionAdditiveGradients *x) {
  switch (HEED_VECTORS(x->columns)) {
  case 1:
    additive_block(1, false, x);
    break;
  case 2:
    if (x->columns == (size_t)2 * HEED_LANES)
      additive_block(2, true, x);
    else
      additive_block(2, false, x);
    break;
#if ADDITIVE_VECTORS > 2
  case 3:
    additive_block(3, false, x);
    break;
  case 4:
    if (x->columns == (size_t)4 * HEED_LANES)
      additive_block(4, true, x);
    else
      additive_block(4, false, x);
    break;
#endif
  }
}

#define SCORED_ATTENTION_KERNELS                                                                                                           \
  .additive_columns = (size_t)ADDITIVE_VECTORS * HEED_LANES, .additive_prepare = additive_prepare, .additive_scores = additive_scores,     \
  .additive_backward = additive_backward

// Properties of attention, 1000 seeded cases each. A failure prints the case's stream: the case is that number and the run's seed.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attention_support.h"

#define CASES (test_exhaustive ? 20000 : 1000)

// A small problem drawn at random.
static Problem draw(uint64_t stream, unsigned masks) {
  Random random = random_stream(0x9000000 + stream);
  Problem p = {.stream = stream, .masks = masks};
  p.B = 1 + random_below(&random, 2);
  p.G = 1 + random_below(&random, 2);
  p.H = p.G * (1 + random_below(&random, 2));
  p.Nq = 1 + random_below(&random, random_below(&random, 4) ? 9 : 70);
  p.Nk = 1 + random_below(&random, random_below(&random, 4) ? 20 : 140);
  p.D = 1 + random_below(&random, random_below(&random, 4) ? 17 : 80);
  p.E = 1 + random_below(&random, random_below(&random, 4) ? 17 : 80);
  p.layout = (Layout)random_below(&random, LAYOUT_COUNT);
  p.family = (Family)random_below(&random, 3);
  p.causal_offset = random_between(&random, -5, (int64_t)p.Nk);
  return p;
}

// Whether two results agree within what rounding may do to either; NaN nowhere.
static void check_close(const Arm *arm, const Built *built, const Result *a, const Result *b, double bound, const char *what) {
  for (size_t i = 0; i < a->outputs; i++) {
    const double difference = fabs((double)a->output[i] - (double)b->output[i]);
    if (difference <= bound * EPSILON) continue;
    test_fail(__FILE__, __LINE__, "%s, %s: output %zu is %.9g and %.9g: %s", arm->name, what, i, (double)a->output[i], (double)b->output[i],
              describe(&built->problem));
    return;
  }
}

// The largest magnitude of a value, at least 1.
static double largest_value(const Built *built) {
  double largest = 1;
  for (size_t b = 0; b < built->problem.B; b++)
    for (size_t g = 0; g < built->problem.G; g++)
      for (size_t j = 0; j < built->problem.Nk; j++)
        for (size_t e = 0; e < built->problem.E; e++) largest = fmax(largest, fabs((double)*at(&built->value, b, g, j, e)));
  return largest;
}

// Any problem at all, against the oracle.
TEST(property_random_problems_agree_with_the_oracle) {
  for (uint64_t c = 0; c < (uint64_t)CASES; c++) {
    const unsigned masks = (unsigned)(c % 16) | (c % 64 >= 48 && c % 16 >= 8 ? MaskLowest : 0);
    const Problem problem = draw(10000 + c, masks);
    check_problem(&problem);
  }
}

// Adding a number to all scores of a row changes nothing but its log-sum-exp.
TEST(property_softmax_ignores_a_shift) {
  for (uint64_t c = 0; c < (uint64_t)CASES; c++) {
    const Problem problem = draw(20000 + c, MaskAdditive);
    Built plain = build(&problem), shifted = build(&problem);
    Random random = random_stream(c);
    const float shift = (float)random_between(&random, -40, 40);
    for (size_t b = 0; b < problem.B; b++)
      for (size_t h = 0; h < problem.H; h++)
        for (size_t i = 0; i < problem.Nq; i++)
          for (size_t j = 0; j < problem.Nk; j++) {
            // An odd multiple of 2^-9, so that the shift is exact in the mask; shared entries are set twice to the same number.
            const float base = rintf(*at(&plain.additive, b, h, i, j) * 512) / 512;
            *at(&plain.additive, b, h, i, j) = base;
            *at(&shifted.additive, b, h, i, j) = base + shift;
          }
    const double bound = 40 * (16 + fabs((double)shift)) * largest_value(&plain) / 8;
    FOR_EACH_ARM(arm, &plain) {
      Result a = run_arm(arm, &plain, false), b = run_arm(arm, &shifted, false);
      check_close(arm, &plain, &a, &b, bound, "a shift");
      for (size_t i = 0; i < a.rows; i++) {
        if (a.log_sum_exp[i] == -INFINITY) {
          CHECK(b.log_sum_exp[i] == -INFINITY);
        } else {
          CHECK(fabsf(b.log_sum_exp[i] - a.log_sum_exp[i] - shift) < 1e-4f);
        }
      }
      result_free(&a);
      result_free(&b);
    }
    built_free(&plain);
    built_free(&shifted);
  }
}

// One key that is seen gives its value exactly, however many are hidden.
TEST(property_one_key_gives_its_value_exactly) {
  for (uint64_t c = 0; c < (uint64_t)CASES; c++) {
    const Problem problem = draw(30000 + c, MaskBoolean);
    Built built = build(&problem);
    const HeedAttentionStrides s = built.shape.boolean;
    const size_t only = (size_t)(c % problem.Nk);
    for (size_t b = 0; b < problem.B; b++)
      for (size_t h = 0; h < problem.H; h++)
        for (size_t i = 0; i < problem.Nq; i++)
          for (size_t j = 0; j < problem.Nk; j++)
            built.boolean[(ptrdiff_t)b * s.batch + (ptrdiff_t)h * s.head + (ptrdiff_t)i * s.row + (ptrdiff_t)j * s.column] = j == only;
    FOR_EACH_ARM(arm, &built) {
      Result result = run_arm(arm, &built, false);
      for (size_t o = 0; o < result.outputs; o++) {
        const size_t row = o / problem.E, b = row / (problem.H * problem.Nq), h = row / problem.Nq % problem.H;
        const float value = *at(&built.value, b, h / (problem.H / problem.G), only, o % problem.E);
        CHECK_MESSAGE(result.output[o] == value, "%s: %.9g, not %.9g: %s", arm->name, (double)result.output[o], (double)value,
                      describe(&problem));
      }
      result_free(&result);
    }
    built_free(&built);
  }
}

// A causal row ignores what later keys and values hold, bit for bit.
TEST(property_causal_rows_ignore_later_keys) {
  for (uint64_t c = 0; c < (uint64_t)CASES; c++) {
    Problem problem = draw(40000 + c, MaskCausal);
    problem.layout = LayoutContiguous;
    Built built = build(&problem), changed = build(&problem);
    const size_t from = (size_t)(c % problem.Nk);
    for (size_t b = 0; b < problem.B; b++)
      for (size_t g = 0; g < problem.G; g++)
        for (size_t j = from; j < problem.Nk; j++) {
          for (size_t d = 0; d < problem.D; d++) *at(&changed.key, b, g, j, d) = c % 2 ? 1e30f : NAN;
          for (size_t e = 0; e < problem.E; e++) *at(&changed.value, b, g, j, e) = c % 3 ? -INFINITY : 7;
        }
    FOR_EACH_ARM(arm, &built) {
      Result a = run_arm(arm, &built, false), b = run_arm(arm, &changed, false);
      for (size_t row = 0; row < a.rows; row++) {
        if (row_sees(&built, 0, 0, row % problem.Nq, from)) continue;
        CHECK_MESSAGE(differing_floats(a.output + row * problem.E, b.output + row * problem.E, problem.E, NULL) == 0 &&
                          differing_floats(a.log_sum_exp + row, b.log_sum_exp + row, 1, NULL) == 0,
                      "%s: row %zu changes with keys from %zu: %s", arm->name, row, from, describe(&problem));
      }
      result_free(&a);
      result_free(&b);
    }
    built_free(&built);
    built_free(&changed);
  }
}

// Keys permuted together with their values: the same up to the order of the sums.
TEST(property_order_of_keys_does_not_matter) {
  for (uint64_t c = 0; c < (uint64_t)CASES; c++) {
    Problem problem = draw(50000 + c, MaskNone);
    problem.layout = LayoutContiguous;
    Built built = build(&problem), permuted = build(&problem);
    for (size_t b = 0; b < problem.B; b++)
      for (size_t g = 0; g < problem.G; g++)
        for (size_t j = 0; j < problem.Nk; j++) {
          const size_t other = (problem.Nk - 1 - j + c) % problem.Nk;
          for (size_t d = 0; d < problem.D; d++) *at(&permuted.key, b, g, other, d) = *at(&built.key, b, g, j, d);
          for (size_t e = 0; e < problem.E; e++) *at(&permuted.value, b, g, other, e) = *at(&built.value, b, g, j, e);
        }
    FOR_EACH_ARM(arm, &built) {
      Result a = run_arm(arm, &built, false), b = run_arm(arm, &permuted, false);
      check_close(arm, &built, &a, &b, 40 * largest_value(&built), "permuted keys");
      result_free(&a);
      result_free(&b);
    }
    built_free(&built);
    built_free(&permuted);
  }
}

// Attention over two parts of the keys, merged by their log-sum-exps, is attention over all.
TEST(property_parts_merge_by_log_sum_exp) {
  for (uint64_t c = 0; c < (uint64_t)CASES; c++) {
    Problem problem = draw(60000 + c, MaskNone);
    problem.layout = LayoutPadded;
    problem.Nk++;
    Built built = build(&problem), first = built, second = built;
    const size_t cut = 1 + (size_t)c % (problem.Nk - 1);
    first.shape.key_length = first.problem.Nk = cut;
    second.shape.key_length = second.problem.Nk = problem.Nk - cut;
    second.inputs.key = at(&built.key, 0, 0, cut, 0);
    second.inputs.value = at(&built.value, 0, 0, cut, 0);
    FOR_EACH_ARM(arm, &built) {
      Result whole = run_arm(arm, &built, false), a = run_arm(arm, &first, false), b = run_arm(arm, &second, false);
      for (size_t o = 0; o < whole.outputs; o++) {
        const double la = (double)a.log_sum_exp[o / problem.E], lb = (double)b.log_sum_exp[o / problem.E];
        const double wa = 1 / (1 + exp(lb - la));
        a.output[o] = (float)(wa * (double)a.output[o] + (1 - wa) * (double)b.output[o]);
      }
      check_close(arm, &built, &whole, &a, 40 * largest_value(&built), "merged parts");
      result_free(&whole);
      result_free(&a);
      result_free(&b);
    }
    built_free(&built);
  }
}

// An output lies between the smallest and the largest value of its column.
TEST(property_outputs_lie_between_the_values) {
  for (uint64_t c = 0; c < (uint64_t)CASES; c++) {
    const Problem problem = draw(70000 + c, MaskNone);
    Built built = build(&problem);
    FOR_EACH_ARM(arm, &built) {
      Result result = run_arm(arm, &built, false);
      for (size_t o = 0; o < result.outputs; o++) {
        const size_t row = o / problem.E, b = row / (problem.H * problem.Nq), h = row / problem.Nq % problem.H;
        double low = INFINITY, high = -INFINITY;
        for (size_t j = 0; j < problem.Nk; j++) {
          const double v = (double)*at(&built.value, b, h / (problem.H / problem.G), j, o % problem.E);
          low = fmin(low, v), high = fmax(high, v);
        }
        const double slack = (8 + (double)problem.Nk) * EPSILON * fmax(fabs(low), fabs(high));
        CHECK_MESSAGE((double)result.output[o] >= low - slack && (double)result.output[o] <= high + slack,
                      "%s: %.9g is not in %.9g ... %.9g: %s", arm->name, (double)result.output[o], low, high, describe(&problem));
      }
      result_free(&result);
    }
    built_free(&built);
  }
}

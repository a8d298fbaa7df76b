// The same bits: for any number of threads, batch and padding, for a row alone, run after run, and under concurrent calls.

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "attention_support.h"

static const Problem problems[] = {
    {.B = 2, .H = 3, .G = 1, .Nq = 130, .Nk = 300, .D = 64, .E = 64, .stream = 8000},
    {.B = 3, .H = 2, .G = 2, .Nq = 6, .Nk = 2100, .D = 40, .E = 24, .masks = MaskLengths, .stream = 8001},
    {.B = 2, .H = 4, .G = 2, .Nq = 90, .Nk = 90, .D = 32, .E = 80, .layout = LayoutInterleaved, .masks = MaskCausal, .stream = 8002},
    {.B = 1, .H = 2, .G = 1, .Nq = 70, .Nk = 1100, .D = 16, .E = 17, .masks = MaskBoolean | MaskAdditive, .stream = 8003},
};
#define PROBLEMS (sizeof problems / sizeof problems[0])

TEST(attention_threads_do_not_change_a_bit) {
  static const size_t threads[] = {2, 3, 5, 8};
  for (size_t c = 0; c < PROBLEMS; c++) {
    Built built = build(&problems[c]);
    FOR_EACH_ARM(arm, &built) {
      CHECK(heed_thread_count_set(1) == HeedStatusOk);
      Result expected = run_arm(arm, &built, arm->gives_weights);
      for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
        CHECK(heed_thread_count_set(threads[t]) == HeedStatusOk);
        Result result = run_arm(arm, &built, arm->gives_weights);
        check_same_bits(arm, &built, &expected, &result, "1 thread and more");
        result_free(&result);
      }
      result_free(&expected);
    }
    CHECK(heed_thread_count_set(0) == HeedStatusOk);
    built_free(&built);
  }
}

// The sub-problem of `rows` queries from `first` on, of batch element b and query head h.
static Built part(const Built *whole, size_t b, size_t h, size_t first, size_t rows) {
  Built one = *whole;
  const size_t g = h / (whole->problem.H / whole->problem.G);
  one.problem.B = one.problem.H = one.problem.G = 1;
  one.problem.Nq = rows;
  one.shape.batch = one.shape.heads = one.shape.key_value_heads = 1;
  one.shape.query_length = rows;
  one.shape.causal_offset += (ptrdiff_t)first;
  if (rows > 0 && whole->problem.D > 0) one.inputs.query = at(&whole->query, b, h, first, 0);
  one.inputs.key = at(&whole->key, b, g, 0, 0);
  one.inputs.value = at(&whole->value, b, g, 0, 0);
  if (one.inputs.key_lengths) one.inputs.key_lengths += b;
  const HeedAttentionStrides s = one.shape.boolean;
  if (one.inputs.boolean) one.inputs.boolean += (ptrdiff_t)b * s.batch + (ptrdiff_t)h * s.head + (ptrdiff_t)first * s.row;
  if (one.inputs.additive) one.inputs.additive = at(&whole->additive, b, h, first, 0);
  return one;
}

// Compares a part's result with its rows of the whole's.
static void check_part(const Arm *arm, const Built *built, const Result *whole, size_t row, const Result *result, const char *what) {
  Result rows = *result;
  rows.output = whole->output + row * built->problem.E;
  rows.log_sum_exp = whole->log_sum_exp + row;
  rows.weights = whole->weights ? whole->weights + row * built->problem.Nk : NULL;
  check_same_bits(arm, built, &rows, result, what);
}

TEST(attention_head_alone_has_the_bits_it_has_in_its_batch) {
  for (size_t c = 0; c < PROBLEMS; c++) {
    Built built = build(&problems[c]);
    const Problem *p = &built.problem;
    FOR_EACH_ARM(arm, &built) {
      Result whole = run_arm(arm, &built, arm->gives_weights);
      for (size_t b = 0; b < p->B; b++)
        for (size_t h = 0; h < p->H; h++) {
          Built one = part(&built, b, h, 0, p->Nq);
          Result result = run_arm(arm, &one, arm->gives_weights);
          check_part(arm, &built, &whole, (b * p->H + h) * p->Nq, &result, "a head alone");
          result_free(&result);
        }
      result_free(&whole);
    }
    built_free(&built);
  }
}

TEST(attention_row_alone_has_the_bits_it_has_among_many) {
  for (size_t c = 0; c < PROBLEMS; c++) {
    Built built = build(&problems[c]);
    const Problem *p = &built.problem;
    const size_t b = p->B - 1, h = p->H - 1;
    FOR_EACH_ARM(arm, &built) {
      Result whole = run_arm(arm, &built, arm->gives_weights);
      for (size_t i = 0; i < p->Nq; i += i < 20 ? 1 : 7) {
        const size_t rows = i % 3 == 2 && i + 5 <= p->Nq ? 5 : 1;
        Built one = part(&built, b, h, i, rows);
        Result result = run_arm(arm, &one, arm->gives_weights);
        check_part(arm, &built, &whole, (b * p->H + h) * p->Nq + i, &result, "rows alone");
        result_free(&result);
      }
      result_free(&whole);
    }
    built_free(&built);
  }
}

// Keys beyond the length, whatever is there, against keys that are not there at all.
TEST(attention_padding_on_the_right_does_not_change_a_bit) {
  static const size_t lengths[] = {1, 15, 63, 64, 65, 200, 1024, 1025, 1500};
  const Problem problem = {.B = 1, .H = 2, .G = 1, .Nq = 35, .Nk = 1600, .D = 24, .E = 40, .masks = MaskLengths, .stream = 8100};
  Built padded = build(&problem);
  for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
    Built unpadded = padded;
    unpadded.inputs.key_lengths = NULL;
    unpadded.lengths = NULL;
    unpadded.shape.key_length = unpadded.problem.Nk = lengths[l];
    padded.lengths[0] = (int64_t)lengths[l];
    FOR_EACH_ARM(arm, &padded) {
      Result a = run_arm(arm, &unpadded, false), b = run_arm(arm, &padded, false);
      check_same_bits(arm, &padded, &a, &b, "without and with padding");
      result_free(&a);
      result_free(&b);
    }
  }
  built_free(&padded);
}

// A causal row and the same row with the later keys cut off; so prefill and decode agree.
TEST(attention_causal_row_equals_the_row_over_its_own_keys) {
  const Problem problem = {.B = 1, .H = 1, .G = 1, .Nq = 140, .Nk = 140, .D = 48, .E = 48, .masks = MaskCausal, .stream = 8200};
  Built built = build(&problem);
  FOR_EACH_ARM(arm, &built) {
    Result whole = run_arm(arm, &built, false);
    for (size_t i = 0; i < 140; i += 9) {
      Built one = part(&built, 0, 0, i, 1);
      one.shape.causal = false;
      one.shape.key_length = one.problem.Nk = i + 1;
      Result result = run_arm(arm, &one, false);
      check_part(arm, &built, &whole, i, &result, "prefill and decode");
      result_free(&result);
    }
    result_free(&whole);
  }
  built_free(&built);
}

// Run after run, with calls of other shapes, and full of NaN, between: scratch from an earlier call must not show.
TEST(attention_run_after_run_gives_the_same_bits) {
  Built built[PROBLEMS], nan[PROBLEMS];
  for (size_t c = 0; c < PROBLEMS; c++) {
    built[c] = build(&problems[c]);
    nan[c] = build(&problems[PROBLEMS - 1 - c]);
    for (size_t j = 0; j < nan[c].problem.Nk; j++)
      for (size_t e = 0; e < nan[c].problem.E; e++) *at(&nan[c].value, 0, 0, j, e) = j % 2 ? NAN : INFINITY;
    for (size_t i = 0; i < nan[c].problem.Nq; i++) *at(&nan[c].query, 0, 0, i, 0) = NAN;
  }
  FOR_EACH_ARM(arm, &built[0]) {
    for (size_t c = 0; c < PROBLEMS; c++) {
      if (!arm_takes(arm, &built[c])) continue;
      Result expected = run_arm(arm, &built[c], false);
      for (size_t round = 0; round < PROBLEMS; round++) {
        if (arm_takes(arm, &nan[round])) {
          Result ignored = run_arm(arm, &nan[round], false);
          result_free(&ignored);
        }
        Result result = run_arm(arm, &built[c], false);
        check_same_bits(arm, &built[c], &expected, &result, "run after run");
        result_free(&result);
      }
      result_free(&expected);
    }
  }
  for (size_t c = 0; c < PROBLEMS; c++) built_free(&built[c]), built_free(&nan[c]);
}

// ---- Concurrent calls -------------------------------------------------------------------------------------------------------------------

#define CALLERS 8

typedef struct Caller {
  const Built *built; // [PROBLEMS]
  Result (*expected)[ARM_COUNT];
  size_t number;
} Caller;

static void *call_in_turn(void *argument) {
  const Caller *caller = argument;
  for (size_t round = 0; round < 3; round++)
    for (size_t c = 0; c < PROBLEMS; c++)
      for (size_t a = 0; a < ARM_COUNT; a++) {
        const size_t which = (c + caller->number) % PROBLEMS, arm = (a + caller->number + round) % ARM_COUNT;
        if (!arm_takes(&arms[arm], &caller->built[which])) continue;
        Result result = run_arm(&arms[arm], &caller->built[which], false);
        check_same_bits(&arms[arm], &caller->built[which], &caller->expected[which][arm], &result, "alone and concurrently");
        result_free(&result);
      }
  return NULL;
}

TEST(attention_concurrent_calls_give_the_same_bits) {
  Built built[PROBLEMS];
  Result expected[PROBLEMS][ARM_COUNT];
  memset(expected, 0, sizeof expected);
  for (size_t c = 0; c < PROBLEMS; c++) {
    built[c] = build(&problems[c]);
    for (size_t a = 0; a < ARM_COUNT; a++)
      if (arm_takes(&arms[a], &built[c])) expected[c][a] = run_arm(&arms[a], &built[c], false);
  }
  pthread_t threads[CALLERS];
  Caller callers[CALLERS];
  for (size_t t = 0; t < CALLERS; t++) {
    callers[t] = (Caller){built, expected, t};
    CHECK(pthread_create(&threads[t], NULL, call_in_turn, &callers[t]) == 0);
  }
  for (size_t t = 0; t < CALLERS; t++) pthread_join(threads[t], NULL);
  for (size_t c = 0; c < PROBLEMS; c++) {
    for (size_t a = 0; a < ARM_COUNT; a++) result_free(&expected[c][a]);
    built_free(&built[c]);
  }
}

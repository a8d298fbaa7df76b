// The same bits: threads, subsets of gradients, a batch entry or a row alone, padding, layouts.

#include <string.h>

#include "attention_backward_support.h"

static const unsigned mask_sets[] = {MaskNone, MaskCausal, MaskLengths | MaskBoolean, MaskCausal | MaskAdditive};

static BackwardProblem sample(size_t heads, size_t groups, unsigned masks, uint64_t stream) {
  return (BackwardProblem){
      .forward = {
          .B = 2, .H = heads, .G = groups, .Nq = 131, .Nk = 197, .D = 40, .E = 24, .masks = masks, .causal_offset = 66, .stream = stream}};
}

// From one head for all workers (two passes) to more heads than workers (one pass), and workers that wait.
TEST(attention_backward_gives_the_same_bits_for_any_number_of_threads) {
  static const size_t threads[] = {1, 2, 3, 5, 8}, groups[][2] = {{1, 1}, {3, 3}, {6, 2}};
  for (size_t g = 0; g < 3; g++)
    for (size_t m = 0; m < 4; m++) {
      BackwardProblem problem = sample(groups[g][0], groups[g][1], mask_sets[m], 6000 + g * 8 + m);
      problem.forward.B = 1 + g % 2;
      problem.forward.dropout = m == 2 ? 0.2f : 0;
      problem.additive_sums = (unsigned)(g * 5 + m) % 16;
      BackwardBuilt built = build_backward(&problem);
      FOR_EACH_BACKWARD_ARM(arm) {
        Gradients first = {0};
        for (size_t t = 0; t < 5; t++) {
          CHECK(heed_thread_count_set(threads[t]) == HeedStatusOk);
          Gradients result = run_backward(arm, &built, WantAll);
          if (t == 0) {
            first = result;
            continue;
          }
          check_same_gradients(arm, &built, &first, &result, "threads");
          gradients_free(&result);
        }
        gradients_free(&first);
      }
      heed_thread_count_set(0);
      backward_free(&built);
    }
}

// pytorch 148476: only the mask needs a gradient, among all the others.
TEST(attention_backward_gives_the_same_bits_for_every_subset_of_gradients) {
  for (size_t m = 0; m < 4; m++)
    for (size_t threads = 1; threads <= 2; threads++) {
      BackwardProblem problem = sample(2, 1, mask_sets[m], 6100 + m);
      problem.additive_sums = SumBatch | SumHeads;
      BackwardBuilt built = build_backward(&problem);
      CHECK(heed_thread_count_set(threads) == HeedStatusOk);
      FOR_EACH_BACKWARD_ARM(arm) {
        Gradients all = run_backward(arm, &built, WantAll);
        for (unsigned wanted = 0; wanted < WantAll; wanted++) {
          Gradients some = run_backward(arm, &built, wanted);
          check_same_gradients(arm, &built, &all, &some, "a subset");
          gradients_free(&some);
        }
        gradients_free(&all);
      }
      heed_thread_count_set(0);
      backward_free(&built);
    }
}

// Fails where gradient k of `part`, which begins at entry `b`, row `row`, differs from that of the whole.
static void check_part(const BackwardArm *arm, const BackwardBuilt *built, const Gradients *whole, size_t offset, const Gradients *part,
                       int k, size_t count, const char *what) {
  size_t first = 0;
  const size_t differing = differing_floats(whole->data[k] + offset, part->data[k], count, &first);
  CHECK_MESSAGE(differing == 0, "%s, %s: %zu of %zu of %s differ, first %zu (%a, %a): %s", arm->name, what, differing, count,
                gradient_names[k], first, (double)whole->data[k][offset + first], (double)part->data[k][first],
                describe(&built->forward.problem));
}

TEST(attention_backward_of_an_entry_alone_has_the_bits_it_has_in_a_batch) {
  for (size_t m = 0; m < 4; m++) {
    BackwardProblem problem = sample(4, 2, mask_sets[m], 6200 + m);
    problem.forward.B = 3;
    BackwardBuilt built = build_backward(&problem);
    FOR_EACH_BACKWARD_ARM(arm) {
      Gradients whole = run_backward(arm, &built, WantAll);
      for (size_t b = 0; b < 3; b++) {
        BackwardBuilt alone = built;
        HeedAttentionShape *s = &alone.shape.forward;
        HeedAttentionInputs *in = &alone.inputs.forward;
        s->batch = 1;
        const ptrdiff_t n = (ptrdiff_t)b;
        in->query = (const float *)in->query + n * s->query.batch, in->key = (const float *)in->key + n * s->key.batch;
        in->value = (const float *)in->value + n * s->value.batch;
        if (in->key_lengths) in->key_lengths += b;
        if (in->boolean) in->boolean += n * s->boolean.batch;
        if (in->additive) in->additive += n * s->additive.batch;
        alone.inputs.output += n * s->output.batch;
        alone.inputs.d_output += n * alone.shape.d_output.batch;
        alone.inputs.log_sum_exp += b * s->heads * s->query_length;
        Gradients one = run_backward(arm, &alone, WantAll);
        for (int k = 0; k < GRADIENTS; k++) check_part(arm, &built, &whole, b * one.count[k], &one, k, one.count[k], "an entry alone");
        gradients_free(&one);
      }
      gradients_free(&whole);
    }
    backward_free(&built);
  }
}

TEST(attention_backward_of_a_row_alone_has_the_bits_of_its_dQ) {
  for (size_t m = 0; m < 4; m++) {
    const BackwardProblem problem = sample(2, 2, mask_sets[m], 6300 + m);
    BackwardBuilt built = build_backward(&problem);
    FOR_EACH_BACKWARD_ARM(arm) {
      Gradients whole = run_backward(arm, &built, WantQuery);
      for (size_t i = 0; i < problem.forward.Nq; i += 13) {
        BackwardBuilt alone = built;
        HeedAttentionShape *s = &alone.shape.forward;
        const ptrdiff_t n = (ptrdiff_t)i;
        s->batch = s->heads = s->key_value_heads = s->query_length = 1;
        s->causal_offset += n;
        alone.inputs.forward.query = (const float *)alone.inputs.forward.query + n * s->query.row;
        if (alone.inputs.forward.boolean) alone.inputs.forward.boolean += n * s->boolean.row;
        if (alone.inputs.forward.additive) alone.inputs.forward.additive += n * s->additive.row;
        alone.inputs.output += n * s->output.row;
        alone.inputs.d_output += n * alone.shape.d_output.row;
        alone.inputs.log_sum_exp += i;
        Gradients one = run_backward(arm, &alone, WantQuery);
        check_part(arm, &built, &whole, i * problem.forward.D, &one, 0, problem.forward.D, "a row alone");
        gradients_free(&one);
      }
      gradients_free(&whole);
    }
    backward_free(&built);
  }
}

// More keys, hidden by their length or by causality, and more queries, whose gradient is zero: nothing changes but that there are more.
TEST(attention_backward_of_padded_sequences_has_the_bits_of_the_unpadded) {
  for (size_t nq = 60; nq <= 131; nq += 71)
    for (size_t nk = 64; nk <= 150; nk += 43) {
      BackwardProblem problem = sample(2, 1, MaskLengths, 6400 + nk);
      problem.forward.B = 1;
      BackwardBuilt built = build_backward(&problem);
      built.forward.lengths[0] = (int64_t)nk;
      for (size_t h = 0; h < 2; h++)
        for (size_t i = nq; i < problem.forward.Nq; i++)
          for (size_t e = 0; e < problem.forward.E; e++) *at(&built.d_output, 0, h, i, e) = 0;
      run_forward(&built);
      FOR_EACH_BACKWARD_ARM(arm) {
        Gradients padded = run_backward(arm, &built, WantAll & ~WantAdditive);
        BackwardBuilt unpadded = built;
        unpadded.shape.forward.query_length = nq, unpadded.shape.forward.key_length = nk;
        float *log_sum_exp = unpadded.log_sum_exp; // of the second head it begins elsewhere
        float compact[2 * 131];
        memcpy(compact, log_sum_exp, nq * sizeof(float));
        memcpy(compact + nq, log_sum_exp + problem.forward.Nq, nq * sizeof(float));
        unpadded.inputs.log_sum_exp = compact;
        unpadded.inputs.forward.key_lengths = NULL;
        Gradients plain = run_backward(arm, &unpadded, WantAll & ~WantAdditive);
        const size_t D = problem.forward.D;
        for (size_t h = 0; h < 2; h++) {
          Gradients head = plain;
          head.data[0] += h * nq * D;
          check_part(arm, &built, &padded, h * problem.forward.Nq * D, &head, 0, nq * D, "padded");
        }
        check_part(arm, &built, &padded, 0, &plain, 1, nk * D, "padded");
        check_part(arm, &built, &padded, 0, &plain, 2, nk * problem.forward.E, "padded");
        for (size_t k = nk * D; k < padded.count[1]; k++) CHECK(padded.data[1][k] == 0);
        gradients_free(&plain);
        gradients_free(&padded);
      }
      backward_free(&built);
    }
}

// pytorch 133671 (one stride of the gradient), 187503 (an inner stride other than 1), 112577 (stride-0 keys): no layout changes a bit.
TEST(attention_backward_gives_the_same_bits_for_every_layout) {
  BackwardProblem problem = sample(4, 2, MaskCausal | MaskAdditive, 6500);
  problem.forward.B = 1;
  BackwardBuilt plain = build_backward(&problem);
  FOR_EACH_BACKWARD_ARM(arm) {
    Gradients expected = run_backward(arm, &plain, WantAll);
    for (int layout = 0; layout < LAYOUT_COUNT; layout++)
      for (int what = 0; what < 3; what++) {
        if (layout == LayoutShared) continue; // other numbers
        BackwardProblem other = problem;
        if (what == 0) other.forward.layout = (Layout)layout;
        if (what == 1) other.d_output = (Layout)layout;
        if (what == 2) other.gradients = (Layout)layout;
        BackwardBuilt built = build_backward(&other);
        Gradients result = run_backward(arm, &built, WantAll);
        check_same_gradients(arm, &built, &expected, &result, what == 0 ? "layout" : (what == 1 ? "dO" : "gradients"));
        gradients_free(&result);
        backward_free(&built);
      }
    gradients_free(&expected);
  }
  backward_free(&plain);
}

TEST(attention_backward_memory_does_not_grow_with_the_product_of_lengths) {
  size_t peak[2];
  for (size_t round = 0; round < 2; round++) {
    const size_t length = (test_exhaustive ? 4096u : 512u) << 2 * round;
    const BackwardProblem problem = {
        .forward = {.B = 1, .H = 8, .G = 8, .Nq = length, .Nk = length, .D = 8, .E = 8, .masks = MaskCausal, .stream = 6600}};
    BackwardBuilt built = build_backward(&problem);
    heed_scratch_reset_peak();
    Gradients result = run_backward(TILED_BACKWARD, &built, WantQuery | WantKey | WantValue);
    HeedScratchStatistics statistics;
    heed_scratch_statistics(&statistics);
    peak[round] = statistics.peak_bytes;
    gradients_free(&result);
    backward_free(&built);
  }
  CHECK_MESSAGE(peak[1] <= 4 * peak[0], "%zu bytes of scratch, then %zu for 4 times the length", peak[0], peak[1]);
}

// The product of a single state and packed weights, which reads each weight once: the speed of the second-level cache is its limit. An LSTM
// of 256 units on two threads reads 512 KiB a step and thread, 4.44 us at the 118 GB/s (32 bytes a cycle) of a Zen 4; this loop takes 4.6.
//
// Tried, and not worth it: multiplying the inputs of later steps in the same loop, because the multipliers wait half of the time (8 rows x
// 2 vectors, one term for each 4 of the state). On its own that loop took 5.6 us for both products, where two loops take 4.6 + 2.5 us. In
// the layer a step took 7.5 us instead of 8.1. Where other programs filled the last-level cache it took longer than before, because the
// weights of the input had to be read from memory again and again.

#ifndef HEED_RECURRENT_ROW_INC_H
#define HEED_RECURRENT_ROW_INC_H

// All columns of a panel side by side, so that it is read from end to end; as many sums as the multipliers' latency needs.
#define RECURRENT_WIDE (HEED_LANES == 16 ? 4 : 8)
#define RECURRENT_REST (48 / HEED_LANES % RECURRENT_WIDE)

INLINE_KERNEL void recurrent_row(const int vectors, const HeedRecurrentProduct *p, size_t column) {
  const float *a = p->a, *panel = p->panel + column;
  float *const sums = p->sums + column;
  for (size_t left = p->depth, depth; left > 0; left -= depth) {
    const bool first = left == p->depth;
    vf sum[RECURRENT_WIDE];
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) sum[v] = vf_zero();
    depth = heed_size_min(left, HEED_RECURRENT_DEPTH);
    for (size_t k = depth; k > 0; k--, a++, panel += p->width) {
      const vf element = vf_set1(*a);
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) sum[v] = vf_accumulate(element, vf_load(panel + v * HEED_LANES), sum[v]);
    }
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) vf_store(sums + v * HEED_LANES, first ? sum[v] : vf_add(vf_load(sums + v * HEED_LANES), sum[v]));
  }
}

static __attribute__((noinline)) void recurrent_row_wide(const HeedRecurrentProduct *p, size_t column) {
  recurrent_row(RECURRENT_WIDE, p, column);
}
static __attribute__((noinline)) void recurrent_row_rest(const HeedRecurrentProduct *p, size_t column) {
  recurrent_row(RECURRENT_REST, p, column);
}

static void recurrent_single_row(const HeedRecurrentProduct *p) {
  for (size_t column = 0; column < p->width; column += RECURRENT_WIDE * HEED_LANES)
    (p->width - column < RECURRENT_WIDE * HEED_LANES ? recurrent_row_rest : recurrent_row_wide)(p, column);
}

#endif

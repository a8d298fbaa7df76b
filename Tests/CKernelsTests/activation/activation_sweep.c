// All floats, or a sample of them, in blocks that the threads share.

#include "activation_support.h"

#include <string.h>

#include "harness.h"
#include "heed/runtime.h"
#include "runtime/threads/parallel.h"

static uint64_t sweep_step(void) {
  if (!test_exhaustive) return 4093;
  for (int isa = (int)heed_isa_current() + 1; isa < HEED_ISA_COUNT; isa++)
    if (heed_isa_available((HeedISA)isa)) return 13;
  return 1;
}

static const uint32_t always[] = {
    0,          0x80000000, 1,          0x80000001, 0x7f800000, 0xff800000, 0x7f7fffff, 0xff7fffff, 0x7fc00000,
    0xffc00001, 0x7f800001, 0x3f800000, 0xbf800000, 0x3f0ccccd, 0x3f0ccccc, 0x3f333333, 0x3f333332, 0xbf333333,
    0xbf3fffff, 0xbfa3a3d7, 0xbf40779a, 0xc1200000, 0x41200000, 0xc2ae0000, 0xc2cf0000, 0xc1500000,
};

#define TASKS 256

typedef struct Sweep {
  HeedActivation activation;
  SweepCheck check;
  uint64_t step;
  SweepWorst worst[TASKS];
} Sweep;

// Task t has the t-th 256th of all bit patterns.
static void sweep_part(void *context, size_t task, size_t worker) {
  (void)worker;
  Sweep *sweep = context;
  const uint64_t part = ((uint64_t)1 << 32) / TASKS, end = (task + 1) * part;
  float input[SWEEP_BLOCK];
  uint64_t bits = (task * part + sweep->step - 1) / sweep->step * sweep->step;
  for (uint64_t block = task << 32; bits < end; block++) {
    size_t count = 0;
    for (; count < SWEEP_BLOCK && bits < end; bits += sweep->step) {
      const uint32_t b = (uint32_t)bits;
      memcpy(&input[count++], &b, sizeof b);
    }
    sweep->check(sweep->activation, input, count, block, &sweep->worst[task]);
  }
}

SweepWorst activation_sweep(HeedActivation activation, SweepCheck check) {
  static Sweep sweep;
  sweep = (Sweep){activation, check, sweep_step(), {{0}}};
  heed_parallel_for(TASKS, heed_parallel_width(TASKS, 0x1p32), sweep_part, &sweep);
  SweepWorst worst = {0};
  float input[sizeof always / sizeof *always];
  memcpy(input, always, sizeof always);
  check(activation, input, sizeof always / sizeof *always, UINT64_MAX, &worst);
  for (size_t t = 0; t < TASKS; t++) {
    const SweepWorst *part = &sweep.worst[t];
    if (part->excess > worst.excess) {
      worst.excess = part->excess, worst.excess_input = part->excess_input, worst.d_output = part->d_output;
    }
    if (part->ulp > worst.ulp) worst.ulp = part->ulp, worst.ulp_input = part->ulp_input;
  }
  return worst;
}

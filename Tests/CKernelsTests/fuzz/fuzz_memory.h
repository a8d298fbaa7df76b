// Private to the fuzzer: the operands of the current case.

#ifndef HEED_FUZZ_MEMORY_H
#define HEED_FUZZ_MEMORY_H

#include "fuzz_support.h"

#define FUZZ_SLOTS      40
#define FUZZ_SLOT_BYTES ((size_t)8 << 20) // whole pages

typedef struct FuzzOperand {
  FuzzArray array;
  unsigned char *region; // the operand and its margin
  size_t bytes, elements, first;
  bool written;                       // by a call
  unsigned char *initial, *first_run; // copies of the region: as it was built; after the call on one thread
} FuzzOperand;

extern FuzzOperand fuzz_operands[FUZZ_SLOTS];
extern size_t fuzz_operand_count;
extern size_t fuzz_kind; // of numbers

void fuzz_memory_reset(void);

#endif

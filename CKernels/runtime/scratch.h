// Private: scratch memory of the calling thread.

#ifndef HEED_SCRATCH_H
#define HEED_SCRATCH_H

#include "heed/runtime.h"
#include "runtime/sizes.h" // of what is pushed

#define HEED_SCRATCH_ALIGNMENT 64 // a cache line, and a vector of AVX-512

// At least `bytes` of scratch aligned to 64 bytes, contents undefined, or null where there is no memory. The block is the thread's
// own until `heed_scratch_pop`; calls nest like a stack (a driver that calls another driver). Growing never moves a block that is in use.
void *heed_scratch_push(size_t bytes);
void heed_scratch_pop(void *block);

#endif

// Private: scratch memory of the calling thread.

#ifndef HEED_SCRATCH_H
#define HEED_SCRATCH_H

#include "heed/runtime.h"
#include "runtime/sizes.h" // sizes of blocks

#define HEED_SCRATCH_ALIGNMENT 64 // a cache line, and a vector of AVX-512

// Returns at least `bytes` of scratch aligned to 64 bytes, with undefined contents, or null if there is no memory. The block belongs to the
// thread until `heed_scratch_pop`. Calls nest like a stack (a driver may call another driver). Growing never moves a block that is in use.
void *heed_scratch_push(size_t bytes);
void heed_scratch_pop(void *block);

#endif

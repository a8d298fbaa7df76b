// Shared by every vector vocabulary.

#ifndef HEED_VECTOR_COMMON_H
#define HEED_VECTOR_COMMON_H

#include <float.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/sizes.h"

// A word of the vocabulary, or a kernel's inner part: always inlined, so that constant arguments unroll its loops and its vectors stay in
// registers of the caller's instruction set.
#define VOCABULARY    static inline __attribute__((always_inline, unused))
#define INLINE_KERNEL static inline __attribute__((always_inline, unused))

#define HEED_LINE_FLOATS (HEED_CACHE_LINE / sizeof(float))

// How many vectors hold n floats, and how many floats those hold.
#define HEED_VECTORS(n) (((n) + HEED_LANES - 1) / HEED_LANES)
#define HEED_PADDED(n)  (HEED_VECTORS(n) * HEED_LANES)

#endif

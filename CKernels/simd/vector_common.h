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

// The square root of each lane of a vector, which may have any number of floats or doubles. Both ways are rounded correctly, so that every
// compiler gives the same bits; clang has the built-in function since version 17.
#if __has_builtin(__builtin_elementwise_sqrt)
#define HEED_SQUARE_ROOTS(vector) __builtin_elementwise_sqrt(vector)
#else
#define HEED_SQUARE_ROOTS(vector)                                                                                                          \
  ({                                                                                                                                       \
    __typeof__(vector) lanes = (vector);                                                                                                   \
    for (size_t lane = 0; lane < sizeof lanes / sizeof lanes[0]; lane++)                                                                   \
      lanes[lane] = sizeof lanes[0] == sizeof(float) ? __builtin_sqrtf((float)lanes[lane]) : __builtin_sqrt(lanes[lane]);                  \
    lanes;                                                                                                                                 \
  })
#endif

#define HEED_LINE_FLOATS (HEED_CACHE_LINE / sizeof(float))

// How many vectors hold n floats, and how many floats those hold.
#define HEED_VECTORS(n) (((n) + HEED_LANES - 1) / HEED_LANES)
#define HEED_PADDED(n)  (HEED_VECTORS(n) * HEED_LANES)

#endif

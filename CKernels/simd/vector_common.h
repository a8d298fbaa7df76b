// Shared by every vector vocabulary.

#ifndef HEED_VECTOR_COMMON_H
#define HEED_VECTOR_COMMON_H

#include <float.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A word of the vocabulary, or a kernel's inner part: always inlined, so that constant arguments unroll its loops and its vectors stay in
// registers of the caller's instruction set.
#define VOCABULARY    static inline __attribute__((always_inline, unused))
#define INLINE_KERNEL static inline __attribute__((always_inline, unused))

#endif

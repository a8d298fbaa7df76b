// Private: arithmetic of sizes.

#ifndef HEED_SIZES_H
#define HEED_SIZES_H

#include <stddef.h>
#include <stdint.h>

// Bytes of a cache line, and of two. Processors fetch pairs of lines, so data that threads must not share is two lines apart.
#define HEED_CACHE_LINE 64
#define HEED_LINE_PAIR  (2 * HEED_CACHE_LINE)

// a * b and a + b, or SIZE_MAX if that overflows: heed_scratch_push then returns null.
static inline size_t heed_size_product(size_t a, size_t b) {
  size_t product;
  return __builtin_mul_overflow(a, b, &product) ? SIZE_MAX : product;
}

static inline size_t heed_size_sum(size_t a, size_t b) {
  size_t sum;
  return __builtin_add_overflow(a, b, &sum) ? SIZE_MAX : sum;
}

// Inlined as early as the kernels that call them, so that the code is the same as for the expression itself.
static inline __attribute__((always_inline)) size_t heed_size_min(size_t a, size_t b) { return a < b ? a : b; }

// a / unit, rounded up; and that times the unit, or SIZE_MAX if it overflows.
static inline __attribute__((always_inline)) size_t heed_divide_up(size_t a, size_t unit) { return a / unit + (a % unit != 0); }
static inline __attribute__((always_inline)) size_t heed_round_up(size_t a, size_t unit) {
  return heed_size_product(heed_divide_up(a, unit), unit);
}

#endif

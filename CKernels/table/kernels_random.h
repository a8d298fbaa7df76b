// Private: the table kernels of random numbers and dropout. Each serves the indices n ... n + count - 1 of a sequence.

#ifndef HEED_KERNELS_RANDOM_H
#define HEED_KERNELS_RANDOM_H

#include "heed/random.h"

// The factor of an element that is kept: 1 / (1 - p), 0 for p = 1.
static inline float heed_dropout_factor(float p) { return p < 1 ? (float)(1 / (1 - (double)p)) : 0; }

typedef struct HeedRandomKernels {
  void (*bits)(const HeedRandom *random, size_t count, uint32_t *output);
  void (*uniform)(const HeedRandom *random, float low, float high, size_t count, float *output);
  void (*normal)(const HeedRandom *random, float mean, float standard_deviation, size_t count, float *output);
  // output <- keep ? factor * input : 0
  void (*dropout)(const HeedRandom *random, float p, float factor, size_t count, const float *input, float *output);
} HeedRandomKernels;

#endif

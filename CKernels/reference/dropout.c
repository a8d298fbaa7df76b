// Dropout in float64: the specification of dropout.h in code, and the oracle of the tests.

#include "heed/dropout.h"
#include "runtime/float_mode.h"

HeedStatus heed_dropout_reference_forward(const HeedRandom *random, float p, size_t count, const float *input, double *output) {
  HEED_FLOAT_MODE();
  if (!random || !(p >= 0 && p <= 1)) return HeedStatusBadArgument;
  if (count > 0 && (!input || !output)) return HeedStatusBadArgument;
  if (count > PTRDIFF_MAX / sizeof(double)) return HeedStatusBadShape;
  for (size_t i = 0; i < count; i++) {
    const bool keep = heed_random_reference_uniform(random->seed, random->stream, random->offset + i) >= (double)p;
    output[i] = keep ? (double)input[i] / (1 - (double)p) : 0;
  }
  return HeedStatusOk;
}

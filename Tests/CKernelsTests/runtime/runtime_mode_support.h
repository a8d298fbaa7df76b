// What the tests of the floating-point mode share: one call of every entry point that computes, over the same inputs.

#ifndef HEED_RUNTIME_MODE_SUPPORT_H
#define HEED_RUNTIME_MODE_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

#include "heed/runtime.h"

#define MODE_COUNT ((size_t)1 << 17)

// Numbers near 1, of which some are so small that products of them are denormal, and some are denormal themselves: rounding, flushed
// results and flushed operands all show.
extern float mode_x[MODE_COUNT], mode_y[MODE_COUNT];
extern float mode_unit[MODE_COUNT]; // the same kind in 0 ... 1
extern uint16_t mode_x16[MODE_COUNT], mode_y16[MODE_COUNT];
extern int64_t mode_index[MODE_COUNT]; // 0 ... 31
extern int32_t mode_index32[MODE_COUNT];
extern uint8_t mode_mask[MODE_COUNT];

void mode_fill_inputs(void);

// Memory for the results of the current call: zeros at first.
void *mode_results(size_t bytes);
static inline float *mode_floats(size_t count) { return mode_results(count * sizeof(float)); }
static inline double *mode_doubles(size_t count) { return mode_results(count * sizeof(double)); }
// A copy among the results, for what is changed in place.
float *mode_copy(const float *from, size_t count);

typedef struct ModeCall {
  const char *name;
  HeedStatus (*run)(void);
} ModeCall;

extern const ModeCall mode_elementwise_calls[], mode_product_calls[], mode_reference_calls[];
extern const size_t mode_elementwise_count, mode_product_count, mode_reference_count;

#endif

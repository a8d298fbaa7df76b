// Private: code shared by the parts of a recurrent layer's backward pass.

#ifndef HEED_RECURRENT_BACKWARD_H
#define HEED_RECURRENT_BACKWARD_H

#include "driver/recurrent/recurrent_plan.h"

typedef struct HeedRecurrentBackwardCall {
  HeedRecurrentPlan plan;
  HeedRecurrentSchedule schedule;
  const HeedRecurrentWeights *weights;
  const HeedRecurrentInputs *inputs;
  const float *reserve;
  const HeedRecurrentOutputGradients *d_outputs;
  const HeedRecurrentGradients *gradients;
  size_t reserve_row, d_gates_row;      // floats from a packed row to the next
  const float *packed[2];               // w_hh as the phases take it, panels of HEED_GEMM_NR units
  float *d_gates;                       // of all packed rows
  float *gathered;                      // [rows, I]
  float *collected;                     // gradients or weights in the order of d_gates
  float *d_state;                       // with a projection, dh of all packed rows, [rows, P]
  float *carry, *cell, *first_cell;     // [B, H]
  ptrdiff_t *output_first, output_step; // of the output's gradient
  ptrdiff_t *d_h_first, d_h_step;       // of dh
  float *sums;
} HeedRecurrentBackwardCall;

// Floats of `collected`.
size_t heed_recurrent_gradients_floats(const HeedRecurrentPlan *plan);
// Gradients of weights, biases and input from d_gates of all steps.
HeedStatus heed_recurrent_gradients(const HeedRecurrentBackwardCall *call);

#endif

// A program of somebody who has installed the library: one softmax, whose rows have to sum to 1.

#include <math.h>
#include <stdio.h>

#include "heed/heed.h"

int main(void) {
  const float input[6] = {1, 2, 3, -1, 0, 5};
  float output[6];
  const HeedSoftmaxShape shape = {
      .rows = 2, .columns = 3, .input_row = 3, .input_column = 1, .output_row = 3, .output_column = 1, .scale = 1};
  const HeedStatus status = heed_softmax_forward(&shape, &(HeedSoftmaxInputs){.input = input}, output);
  if (status != HeedStatusOk) {
    fprintf(stderr, "heed_softmax_forward: %s\n", heed_status_description(status));
    return 1;
  }
  for (int row = 0; row < 2; row++) {
    const float sum = output[3 * row] + output[3 * row + 1] + output[3 * row + 2];
    if (!(fabsf(sum - 1) < 1e-6f)) {
      fprintf(stderr, "row %d sums to %.9g\n", row, sum);
      return 1;
    }
  }
  return 0;
}

// Every entry point of the conditional random field refuses what its header says, and writes nothing.

#include <string.h>

#include "arguments_support.h"
#include "heed/crf.h"

#define IN        inputs_f
#define HUGE_SIZE ((size_t)1 << 61)
#define FAR       (PTRDIFF_MAX / 2)

static const HeedCrfShape crf = {.batch = 2,
                                 .time = 3,
                                 .tags = 4,
                                 .emissions_batch = 12,
                                 .emissions_time = 4,
                                 .transitions_row = 4,
                                 .d_emissions_batch = 12,
                                 .d_emissions_time = 4,
                                 .d_transitions_row = 4};
static const HeedCrfInputs inputs = {inputs_f, inputs_f, inputs_f, inputs_f, NULL, zeros_64, NULL};
static const HeedCrfOutputs outputs = {outputs_f[0], outputs_f[0] + 8, outputs_f[1], outputs_f[2], outputs_f[3], outputs_f[3] + 8};
static const HeedCrfReference reference = {outputs_d[0], outputs_d[0] + 8, outputs_d[1], outputs_d[2], outputs_d[3], outputs_d[3] + 8};

static void refuse(HeedStatus status, const HeedCrfShape *s, const HeedCrfInputs *in) {
  GIVES_STATUS(status, heed_crf_loss(s, in, &outputs));
  GIVES_STATUS(status, heed_crf_decode(s, in, outputs_64[0], outputs_f[0]));
  GIVES_STATUS(status, heed_crf_marginals(s, in, outputs_f[1], outputs_f[0]));
  GIVES_STATUS(status, heed_crf_reference_loss(s, in, &reference));
  GIVES_STATUS(status, heed_crf_reference_decode(s, in, outputs_64[0], outputs_d[0]));
  GIVES_STATUS(status, heed_crf_reference_marginals(s, in, outputs_d[1], outputs_d[0]));
}

TEST_ONCE(arguments_of_crf) {
  static const int64_t long_one[] = {3, 4}, negative[] = {-1, 0}, targets[] = {0, 1, 3, 0, 4, -1}, lengths[] = {3, 1};
  refuse(HeedStatusBadArgument, NULL, &inputs);
  refuse(HeedStatusBadArgument, &crf, NULL);
  refuse(HeedStatusBadShape, WITH(crf, batch = HUGE_SIZE), &inputs);
  refuse(HeedStatusBadShape, WITH(crf, time = HUGE_SIZE), &inputs);
  refuse(HeedStatusBadShape, WITH(crf, tags = HUGE_SIZE), &inputs);
  refuse(HeedStatusBadShape, WITH(crf, tags = (size_t)1 << 31), WITH(inputs, lengths = long_one)); // tags * tags
  refuse(HeedStatusBadStride, WITH(crf, emissions_batch = 2 * FAR), &inputs);
  refuse(HeedStatusBadStride, WITH(crf, emissions_time = FAR), &inputs);
  refuse(HeedStatusBadStride, WITH(crf, transitions_row = FAR), &inputs);
  refuse(HeedStatusBadArgument, WITH(crf, reduction = (HeedCrfReduction)4), &inputs);
  refuse(HeedStatusBadArgument, WITH(crf, reduction = (HeedCrfReduction)-1), &inputs);
  refuse(HeedStatusBadArgument, &crf, WITH(inputs, emissions = NULL));
  refuse(HeedStatusBadArgument, &crf, WITH(inputs, transitions = NULL));
  refuse(HeedStatusBadArgument, &crf, WITH(inputs, lengths = long_one));
  refuse(HeedStatusBadArgument, &crf, WITH(inputs, lengths = negative));
  GIVES(BadArgument, heed_crf_loss(&crf, &inputs, NULL));
  GIVES(BadArgument, heed_crf_reference_loss(&crf, &inputs, NULL));
  GIVES(BadArgument, heed_crf_loss(&crf, WITH(inputs, targets = NULL), &outputs));
  GIVES(BadArgument, heed_crf_reference_loss(&crf, WITH(inputs, targets = NULL), &reference));
  GIVES(BadStride, heed_crf_loss(WITH(crf, d_emissions_time = 3), &inputs, &outputs));
  GIVES(BadStride, heed_crf_loss(WITH(crf, d_emissions_batch = 0), &inputs, &outputs));
  GIVES(BadStride, heed_crf_loss(WITH(crf, d_transitions_row = 3), &inputs, &outputs));
  GIVES(BadStride, heed_crf_marginals(WITH(crf, d_emissions_time = 3), &inputs, outputs_f[1], outputs_f[0]));
  // The first target that is out of range is named, and one past its sequence's length is not looked at.
  for (int i = 0; i < 2; i++) {
    const HeedCrfInputs *in = WITH(inputs, targets = targets);
    if (i == 0)
      GIVES(BadIndex, heed_crf_loss(&crf, in, &outputs));
    else
      GIVES(BadIndex, heed_crf_reference_loss(&crf, in, &reference));
    const HeedBadIndex bad = heed_status_bad_index();
    CHECK(bad.array && strcmp(bad.array, "targets") == 0 && bad.value == 4 && bad.place == 4 && bad.range == 4);
  }
  static HeedCrfInputs shorter;
  shorter = inputs, shorter.targets = targets, shorter.lengths = lengths;
  GIVES(Ok, heed_crf_loss(&crf, &shorter, &outputs));
}

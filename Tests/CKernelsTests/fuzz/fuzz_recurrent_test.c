// Random recurrent layers, forward and backward, packed or not. See fuzz_support.h.

#include "fuzz_support.h"

enum { GradientInput, GradientH0, GradientC0, GradientWih, GradientWhh, GradientBih, GradientBhh, GradientWhr, GradientOutput, GRADIENTS };

typedef struct Recurrent {
  HeedRecurrentShape shape;
  HeedRecurrentWeights weights;
  HeedRecurrentInputs inputs;
  FuzzArray input, lengths, w_ih, w_hh, w_hr, b_ih, b_hh, h_0, c_0, output, h_n, c_n, reserve, packed;
  FuzzArray oracle_output, oracle_hn, oracle_cn;
  HeedStatus expected;
  bool weights_missing;
} Recurrent;

static bool build(Recurrent *x) {
  const HeedRecurrentCell cell = (HeedRecurrentCell)fuzz_below(HEED_RECURRENT_CELL_COUNT);
  const bool relu = cell == HeedRecurrentCellRnnRelu;
  const size_t B = fuzz_is_large ? 4 + fuzz_below(8) : fuzz_size(6), T = relu ? fuzz_below(4) : fuzz_size(7), I = fuzz_size(10),
               H = fuzz_is_large     ? 30 + fuzz_below(40)
                   : fuzz_one_in(20) ? 65
                                     : fuzz_size(20),
               G = heed_recurrent_gates(cell);
  const bool lstm = cell == HeedRecurrentCellLstm;
  const size_t P = lstm && H > 1 && fuzz_one_in(2) ? 1 + fuzz_below(H - 1) : 0, S = P ? P : H;
  x->input = FUZZ_FLOATS("input", FuzzRead, FuzzRows, B, T, I), x->output = FUZZ_FLOATS("output", FuzzWritten, FuzzRows, B, T, S);
  x->lengths = fuzz_array("lengths", FuzzRead, FuzzContiguous, sizeof(int64_t), FUZZ_SIZES(B));
  x->w_ih = FUZZ_FLOATS("w_ih", FuzzRead, FuzzContiguous, G * H, I), x->w_hh = FUZZ_FLOATS("w_hh", FuzzRead, FuzzContiguous, G * H, S),
  x->w_hr = FUZZ_FLOATS("w_hr", FuzzRead, FuzzContiguous, P, H);
  x->b_ih = FUZZ_FLOATS("b_ih", FuzzRead, FuzzContiguous, G * H), x->b_hh = FUZZ_FLOATS("b_hh", FuzzRead, FuzzContiguous, G * H);
  x->h_0 = FUZZ_FLOATS("h_0", FuzzRead, FuzzContiguous, B, S), x->c_0 = FUZZ_FLOATS("c_0", FuzzRead, FuzzContiguous, B, H);
  x->h_n = FUZZ_FLOATS("h_n", FuzzWritten, FuzzContiguous, B, S), x->c_n = FUZZ_FLOATS("c_n", FuzzWritten, FuzzContiguous, B, H);
  x->oracle_output = FUZZ_DOUBLES("oracle output", B, T, S), x->oracle_hn = FUZZ_DOUBLES("oracle h_n", B, S),
  x->oracle_cn = FUZZ_DOUBLES("oracle c_n", B, H);
  // A relu's gradient jumps at 0: its sums are exact, so that both sides of the comparison are on the same side.
  const double scale = relu ? 0.125 : 1 / sqrt((double)H + 1) / 3, unit = relu ? 0.25 : 0.3;
  if (relu) fuzz_fill_with_integers();
  fuzz_fill(&x->input, 2 * unit), fuzz_fill(&x->w_ih, unit), fuzz_fill(&x->w_hh, scale), fuzz_fill(&x->w_hr, scale),
      fuzz_fill(&x->b_ih, unit);
  fuzz_fill(&x->b_hh, unit), fuzz_fill(&x->h_0, unit), fuzz_fill(&x->c_0, unit);
  x->shape = (HeedRecurrentShape){
      cell, fuzz_one_in(2), B, T, I, H, P, x->input.stride[0], x->input.stride[1], x->output.stride[0], x->output.stride[1], NULL, false};
  x->weights = (HeedRecurrentWeights){
      x->w_ih.data, x->w_hh.data, fuzz_one_in(3) ? NULL : x->b_ih.data, fuzz_one_in(3) ? NULL : x->b_hh.data, NULL, x->w_hr.data};
  x->inputs = (HeedRecurrentInputs){x->input.data, fuzz_one_in(3) ? NULL : x->h_0.data, lstm && !fuzz_one_in(3) ? x->c_0.data : NULL};
  if (!fuzz_one_in(2)) return true;
  x->shape.lengths = x->lengths.data;
  fuzz_fill_integers(&x->lengths, 0, (int64_t)T);
  for (size_t b = 0; b < B && !x->input.repeats; b++)
    for (size_t i = (size_t)FUZZ_AT(int64_t, x->lengths, b) * I; i < T * I; i++) FUZZ_AT(float, x->input, i + b * T * I) = NAN;
  return true;
}

static void spoil(Recurrent *x) {
  HeedRecurrentShape *s = &x->shape;
  const bool reads = s->batch > 0 && s->time > 0 && s->hidden > 0;
  x->expected = HeedStatusOk;
  switch (fuzz_spoil(9)) {
  case 0: {
    size_t *const sizes[] = {&s->batch, &s->time, &s->input, &s->hidden};
    x->expected = fuzz_huge(sizes[fuzz_below(4)]);
    break;
  }
  case 1:
    x->expected = fuzz_enum(&s->cell, HEED_RECURRENT_CELL_COUNT);
    break;
  case 2:
    x->expected = fuzz_far(&s->input_time, &x->input, 1);
    break;
  case 3:
    if (s->lengths) x->expected = fuzz_length(&x->lengths, (int64_t)s->time);
    break;
  case 4:
    fuzz_null(&x->weights.w_ih, &x->w_ih), x->weights_missing = true;
    x->expected = reads && s->input > 0 ? HeedStatusBadArgument : HeedStatusOk;
    break;
  case 5:
    fuzz_null(&x->weights.w_hh, &x->w_hh), x->weights_missing = true;
    x->expected = reads ? HeedStatusBadArgument : HeedStatusOk;
    break;
  case 6:
    fuzz_null(&x->inputs.input, &x->input);
    x->expected = reads && s->input > 0 ? HeedStatusBadArgument : HeedStatusOk;
    break;
  case 7:
    if (!s->projection) break;
    fuzz_null(&x->weights.w_hr, &x->w_hr), x->weights_missing = true;
    x->expected = reads ? HeedStatusBadArgument : HeedStatusOk;
    break;
  case 8:
    s->projection = s->hidden + 1 + fuzz_below(3);
    x->expected = s->cell == HeedRecurrentCellLstm ? HeedStatusBadShape : HeedStatusBadArgument;
    break;
  default:
    break;
  }
}

FUZZ(recurrent) {
  Recurrent x = {0};
  build(&x);
  const bool lstm = x.shape.cell == HeedRecurrentCellLstm;
  const size_t bytes = heed_recurrent_packed_size(&x.shape), reserve = heed_recurrent_reserve_size(&x.shape);
  x.reserve = FUZZ_FLOATS("reserve", FuzzWritten, FuzzContiguous, reserve / sizeof(float)),
  x.packed = FUZZ_FLOATS("packed", FuzzWritten, FuzzContiguous, bytes / sizeof(float));
  const bool packs = fuzz_one_in(3) && x.packed.data, keeps = fuzz_one_in(2);
  if (packs) {
    if (!FUZZ_CALL(HeedStatusOk, heed_recurrent_pack(&x.shape, &x.weights, x.packed.data))) return;
    fuzz_keep(&x.packed);
  }
  spoil(&x);
  const HeedRecurrentReferenceOutputs oracle = {x.oracle_output.data, x.oracle_hn.data, lstm ? x.oracle_cn.data : NULL};
  if (!FUZZ_CALL(x.expected, heed_recurrent_reference(&x.shape, &x.weights, &x.inputs, &oracle, NULL, NULL)) && x.expected == HeedStatusOk)
    return;
  fuzz_keep(&x.oracle_output), fuzz_keep(&x.oracle_hn), fuzz_keep(&x.oracle_cn);
  HeedStatus expected = x.expected;
  HeedRecurrentOutputs outputs = {fuzz_one_in(6) ? NULL : x.output.data, fuzz_one_in(4) ? NULL : x.h_n.data,
                                  fuzz_one_in(4) ? NULL : x.c_n.data, keeps ? x.reserve.data : NULL};
  if (expected == HeedStatusOk && outputs.output && fuzz_one_in(10))
    expected = fuzz_one_in(2) ? fuzz_overlap(&x.shape.output_time, &x.output, 1) : fuzz_far(&x.shape.output_batch, &x.output, 0);
  if (packs) {
    x.weights.packed = x.packed.data;
    // Packed ones suffice: nothing is wrong, but the reference has told nothing.
    if (x.weights_missing) {
      if (x.expected != HeedStatusOk) FUZZ_CALL(HeedStatusOk, heed_recurrent_forward(&x.shape, &x.weights, &x.inputs, &outputs));
      return;
    }
  }
  if (!FUZZ_CALL(expected, heed_recurrent_forward(&x.shape, &x.weights, &x.inputs, &outputs))) return;
  // Numbers are below 1 (a relu's a few units), errors a few eps of them for every step.
  const double factor = EPSILON * 16 * (double)(1 + x.shape.time) * (x.shape.cell == HeedRecurrentCellRnnRelu ? 40 : 1);
  if (outputs.output) fuzz_near(&x.output, &x.oracle_output, NULL, factor);
  if (outputs.h_n) fuzz_near(&x.h_n, &x.oracle_hn, NULL, factor);
  if (outputs.c_n && lstm) fuzz_near(&x.c_n, &x.oracle_cn, NULL, 4 * factor);
}

FUZZ(recurrent_backward) {
  Recurrent x = {0};
  build(&x);
  const HeedRecurrentShape s = x.shape;
  const bool lstm = s.cell == HeedRecurrentCellLstm;
  const size_t B = s.batch, T = s.time, I = s.input, H = s.hidden, P = s.projection, S = P ? P : H, G = heed_recurrent_gates(s.cell),
               reserve = heed_recurrent_reserve_size(&s);
  x.reserve = FUZZ_FLOATS("reserve", FuzzWritten, FuzzContiguous, reserve / sizeof(float));
  if (!FUZZ_CALL(HeedStatusOk, heed_recurrent_forward(&x.shape, &x.weights, &x.inputs, &(HeedRecurrentOutputs){.reserve = x.reserve.data})))
    return;
  fuzz_keep(&x.reserve);
  FuzzArray d_output = FUZZ_FLOATS("d output", FuzzRead, FuzzRows, B, T, S), d_h_n = FUZZ_FLOATS("d h_n", FuzzRead, FuzzContiguous, B, S),
            d_c_n = FUZZ_FLOATS("d c_n", FuzzRead, FuzzContiguous, B, H);
  fuzz_fill(&d_output, 0.3), fuzz_fill(&d_h_n, 0.3), fuzz_fill(&d_c_n, 0.3);
  HeedRecurrentOutputGradients d_outputs = {fuzz_one_in(6) ? NULL : d_output.data, d_output.stride[0], d_output.stride[1],
                                            fuzz_one_in(3) ? NULL : d_h_n.data, lstm && !fuzz_one_in(3) ? d_c_n.data : NULL};
  // The gradients of input and output have the strides of the shape, but those of an input may repeat.
  FuzzArray input = fuzz_like("d input", &x.input, sizeof(float));
  fuzz_write_again(&input);
  FuzzArray output = fuzz_like("arrived", &x.output, sizeof(float));
  const size_t sizes[GRADIENTS][3] = {{B, T, I},     {1, B, S},     {1, B, H}, {1, G * H, I}, {1, G * H, S},
                                      {1, 1, G * H}, {1, 1, G * H}, {1, P, H}, {B, T, S}};
  static const char *const names[GRADIENTS] = {"d input", "d h_0", "d c_0", "d w_ih", "d w_hh", "d b_ih", "d b_hh", "d w_hr", "arrived"};
  FuzzArray gradient[GRADIENTS], oracle[GRADIENTS];
  float *wanted[GRADIENTS];
  double *results[GRADIENTS];
  const bool accumulate = fuzz_one_in(2), input_fits = !x.input.repeats;
  x.shape.accumulate = accumulate;
  for (int i = 0; i < GRADIENTS; i++) {
    gradient[i] = i == GradientInput    ? input
                  : i == GradientOutput ? output
                                        : fuzz_array(names[i], FuzzWritten, FuzzContiguous, sizeof(float), 3, sizes[i]);
    oracle[i] = fuzz_array(names[i], FuzzWritten, FuzzContiguous, sizeof(double), 3, sizes[i]);
    const bool exists = (i != GradientC0 || lstm) && (i != GradientInput || input_fits);
    wanted[i] = exists && !fuzz_one_in(4) ? gradient[i].data : NULL;
    results[i] = exists ? oracle[i].data : NULL;
    if (accumulate && i >= GradientWih && i <= GradientWhr) fuzz_fill(&gradient[i], 1);
  }
  spoil(&x);
  HeedStatus of_reference = x.expected, expected = x.expected;
  const bool seen = B > 0 && T > 0 && H > 0;
  const void *kept = x.reserve.data;
  if (expected == HeedStatusOk && fuzz_one_in(8)) {
    switch (fuzz_below(3)) {
    case 0:
      kept = NULL, expected = seen ? HeedStatusBadArgument : HeedStatusOk;
      break;
    case 1:
      if (d_outputs.d_output) expected = of_reference = fuzz_far(&d_outputs.d_output_time, &d_output, 1);
      break;
    default:
      if (wanted[GradientOutput]) expected = fuzz_overlap(&x.shape.output_time, &output, 1);
      break;
    }
  }
  const HeedRecurrentReferenceGradients g = {results[0], results[1], results[2], results[3], results[4],
                                             results[5], results[6], results[8], results[7]};
  if (!FUZZ_CALL(of_reference,
                 heed_recurrent_reference(&x.shape, &x.weights, &x.inputs, &(HeedRecurrentReferenceOutputs){0}, &d_outputs, &g)) &&
      of_reference == HeedStatusOk)
    return;
  for (int i = 0; of_reference == HeedStatusOk && i < GRADIENTS; i++) {
    for (size_t e = 0; accumulate && i >= GradientWih && i <= GradientWhr && e < oracle[i].count; e++)
      FUZZ_AT(double, oracle[i], e) += (double)FUZZ_AT(float, gradient[i], e);
    fuzz_keep(&oracle[i]);
  }
  const HeedRecurrentGradients out = {wanted[0], wanted[1], wanted[2], wanted[3], wanted[4], wanted[5], wanted[6], wanted[8], wanted[7]};
  if (!FUZZ_CALL(expected, heed_recurrent_backward(&x.shape, &x.weights, &x.inputs, kept, &d_outputs, &out))) return;
  const double factor = EPSILON * 32 * (double)((1 + T) * (1 + T)) * (s.cell == HeedRecurrentCellRnnRelu ? 40 : 1);
  for (int i = 0; i < GRADIENTS; i++) {
    const bool sums = i >= GradientWih && i <= GradientWhr;
    if (wanted[i]) fuzz_near(&gradient[i], &oracle[i], NULL, factor * (sums ? (double)(1 + B * T) : 1));
  }
}

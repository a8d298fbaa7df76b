// Random element-wise functions, reductions, conversions, activations, random numbers, dropout and positions. See fuzz_support.h.

#include <string.h>

#include "fuzz_support.h"

// ---- Arithmetic -------------------------------------------------------------------------------------------------------------------------

static int choose_axes(size_t size[HEED_ARITHMETIC_AXES]) {
  const int axes = (int)fuzz_below(5);
  for (int i = 0; i < axes; i++) size[i] = fuzz_is_large ? 4 + fuzz_below(10) : fuzz_size(axes > 2 ? 6 : 12);
  if (fuzz_is_large && axes > 0) size[axes - 1] = 30 + fuzz_below(30);
  return axes;
}

static void put_strides(ptrdiff_t *strides, const FuzzArray *x) {
  for (int i = 0; i < x->rank; i++) strides[i] = x->stride[i];
}

static HeedStatus spoil_axes(HeedArithmeticShape *s, const FuzzArray *output, const FuzzArray *a) {
  const int axis = output->rank ? (int)fuzz_below((size_t)output->rank) : 0;
  switch (fuzz_below(4)) {
  case 0:
    s->axes = fuzz_one_in(2) ? HEED_ARITHMETIC_AXES + 1 : SIZE_MAX;
    return HeedStatusBadShape;
  case 1:
    return output->rank ? fuzz_huge(&s->size[axis]) : HeedStatusOk;
  case 2:
    return output->rank ? fuzz_far(&s->a[axis], a, axis) : HeedStatusOk;
  default:
    if (!output->rank) return HeedStatusOk;
    return fuzz_one_in(2) ? fuzz_far(&s->output[axis], output, axis) : fuzz_overlap(&s->output[axis], output, axis);
  }
}

// Both operands positive for what has no number otherwise.
static void build_operands(const FuzzArray *a, const FuzzArray *b, HeedArithmeticOperation operation) {
  const bool power = operation == HeedArithmeticPower;
  if (power)
    fuzz_fill(a, 2), fuzz_fill(b, 2);
  else
    fuzz_fill_special(a, 2), fuzz_fill_special(b, 2);
  for (size_t i = 0; power && i < a->count; i++) FUZZ_AT(float, *a, i) = 0.1f + fabsf(FUZZ_AT(float, *a, i));
}

FUZZ(arithmetic) {
  size_t size[HEED_ARITHMETIC_AXES];
  const int axes = choose_axes(size);
  HeedArithmeticOperation operation = (HeedArithmeticOperation)fuzz_below(HEED_ARITHMETIC_OPERATION_COUNT);
  fuzz_note("operation", operation);
  FuzzArray a = fuzz_array("a", FuzzRead, FuzzAny, 4, axes, size), b = fuzz_array("b", FuzzRead, FuzzAny, 4, axes, size),
            y = fuzz_array("output", FuzzWritten, FuzzAny, 4, axes, size);
  // The reference writes float64 by the output's strides.
  FuzzArray oracle = fuzz_like("oracle", &y, sizeof(double));
  build_operands(&a, &b, operation);
  HeedArithmeticShape s = {.axes = (size_t)axes};
  memcpy(s.size, size, (size_t)axes * sizeof *size);
  put_strides(s.output, &y), put_strides(s.a, &a), put_strides(s.b, &b);
  HeedArithmeticInputs in = {.a = a.data, .b = b.data, .alpha = (float)fuzz_number(), .beta = (float)fuzz_number()};
  const bool reads_b = operation < HeedArithmeticCopy;
  HeedStatus expected = HeedStatusOk;
  switch (fuzz_spoil(5)) {
  case 0:
  case 1:
    expected = spoil_axes(&s, &y, &a);
    break;
  case 2:
    expected = fuzz_enum(&operation, HEED_ARITHMETIC_OPERATION_COUNT);
    break;
  case 3:
    expected = fuzz_null(&in.a, &a);
    break;
  case 4:
    expected = fuzz_null(&in.b, &b);
    if (!reads_b) expected = HeedStatusOk;
    break;
  default:
    break;
  }
  if (!reads_b && expected == HeedStatusOk) in.b = NULL;
  if (!FUZZ_CALL(expected, heed_arithmetic_reference_forward(&s, operation, &in, oracle.data)) && expected == HeedStatusOk) return;
  fuzz_keep(&oracle);
  if (!FUZZ_CALL(expected, heed_arithmetic_forward(&s, operation, &in, y.data))) return;
  const bool joins = operation == HeedArithmeticScaledAdd || operation == HeedArithmeticMultiplyAdd; // rounds twice
  const bool twice = joins || operation == HeedArithmeticReciprocalSquareRoot || operation == HeedArithmeticPower;
  for (size_t i = 0; i < y.count; i++) {
    const double r = FUZZ_AT(double, oracle, i);
    const float x = FUZZ_AT(float, y, i), nearest = (float)r;
    if (isnan(r) ? isnan(x) : x == nearest || (twice && fabs((double)x - r) <= 2 * EPSILON * (fabs(r) + (joins ? 14 : 0)) + 0x1p-149))
      continue;
    fuzz_fail("operation %d, element %zu: %.9g and not %.9g", (int)operation, i, (double)x, r);
    return;
  }
}

FUZZ(compare_and_select) {
  size_t size[HEED_ARITHMETIC_AXES];
  const int axes = choose_axes(size);
  HeedArithmeticComparison comparison = (HeedArithmeticComparison)fuzz_below(HEED_ARITHMETIC_COMPARISON_COUNT);
  FuzzArray a = fuzz_array("a", FuzzRead, FuzzAny, 4, axes, size), b = fuzz_array("b", FuzzRead, FuzzAny, 4, axes, size),
            bytes = fuzz_array("bytes", FuzzWritten, FuzzAny, 1, axes, size), mask = fuzz_array("mask", FuzzRead, FuzzAny, 1, axes, size),
            y = fuzz_array("output", FuzzWritten, FuzzAny, 4, axes, size);
  fuzz_fill_special(&a, 2), fuzz_fill_special(&b, 2), fuzz_fill_bytes(&mask, 2);
  HeedArithmeticShape s = {.axes = (size_t)axes};
  memcpy(s.size, size, (size_t)axes * sizeof *size);
  put_strides(s.a, &a), put_strides(s.b, &b), put_strides(s.mask, &mask), put_strides(s.output, &bytes);
  HeedArithmeticInputs in = {.a = a.data, .b = b.data, .mask = mask.data};
  HeedStatus compared = HeedStatusOk, selected = HeedStatusOk;
  switch (fuzz_spoil(3)) {
  case 0:
    compared = fuzz_enum(&comparison, HEED_ARITHMETIC_COMPARISON_COUNT);
    break;
  case 1:
    compared = selected = fuzz_null(&in.b, &b);
    break;
  case 2:
    selected = fuzz_null(&in.mask, &mask);
    break;
  default:
    break;
  }
  if (FUZZ_CALL(compared, heed_arithmetic_compare(&s, comparison, &in, bytes.data)))
    for (size_t i = 0; i < bytes.count; i++) {
      const float p = FUZZ_AT(float, a, i), q = FUZZ_AT(float, b, i);
      const bool holds[] = {p == q, p != q, p<q, p <= q, p> q, p >= q};
      if (FUZZ_AT(uint8_t, bytes, i) != holds[comparison])
        fuzz_fail("comparison %d of %g and %g gives %d", (int)comparison, (double)p, (double)q, FUZZ_AT(uint8_t, bytes, i));
    }
  put_strides(s.output, &y);
  if (FUZZ_CALL(selected, heed_arithmetic_select(&s, &in, y.data)))
    for (size_t i = 0; i < y.count; i++)
      if (memcmp(fuzz_element(&y, i), fuzz_element(FUZZ_AT(uint8_t, mask, i) ? &a : &b, i), 4) != 0)
        fuzz_fail("element %zu is another one", i);
}

FUZZ(reduce) {
  size_t size[HEED_ARITHMETIC_AXES], kept_size[HEED_ARITHMETIC_AXES];
  const int axes = choose_axes(size);
  HeedArithmeticReduce s = {.axes = (size_t)axes};
  size_t reduced = 1, kept = 1;
  for (int i = 0; i < axes; i++) {
    s.size[i] = size[i], s.reduced[i] = fuzz_one_in(2);
    kept_size[i] = s.reduced[i] ? 1 : size[i];
    *(s.reduced[i] ? &reduced : &kept) *= size[i];
  }
  HeedArithmeticReduction reduction = (HeedArithmeticReduction)fuzz_below(HEED_ARITHMETIC_REDUCTION_COUNT);
  fuzz_note("reduction", reduction), fuzz_note("of", (double)reduced);
  FuzzArray x = fuzz_array("x", FuzzRead, FuzzAny, 4, axes, size), y = fuzz_array("output", FuzzWritten, FuzzAny, 4, axes, kept_size),
            places = fuzz_like("places", &y, sizeof(int32_t)), oracle = fuzz_like("oracle", &y, sizeof(double)),
            largest = fuzz_like("largest", &y, sizeof(double));
  fuzz_fill_special(&x, 1);
  put_strides(s.input, &x), put_strides(s.output, &y);
  const float *input = x.data;
  const bool is_sum = reduction <= HeedArithmeticReductionMean;
  HeedStatus expected = kept > 0 && reduced == 0 && !is_sum ? HeedStatusBadShape : HeedStatusOk,
             argument = kept > 0 && reduced == 0 ? HeedStatusBadShape : HeedStatusOk;
  const int axis = axes ? (int)fuzz_below((size_t)axes) : 0;
  if (expected == HeedStatusOk && argument == HeedStatusOk && axes > 0 && kept > 0) {
    switch (fuzz_spoil(5)) {
    case 0:
      expected = argument = fuzz_huge(&s.size[axis]);
      break;
    case 1:
      s.axes = HEED_ARITHMETIC_AXES + 1, expected = argument = HeedStatusBadShape;
      break;
    case 2:
      expected = argument = fuzz_far(&s.input[axis], &x, axis);
      break;
    case 3:
      expected = argument = fuzz_null(&input, &x);
      break;
    case 4:
      if (!s.reduced[axis]) expected = argument = fuzz_overlap(&s.output[axis], &y, axis);
      break;
    default:
      break;
    }
  }
  if (FUZZ_CALL(expected, heed_arithmetic_reference_reduce(&s, reduction, input, oracle.data))) {
    fuzz_keep(&oracle);
    // Numbers are at most 3: a sum errs by 20 eps of their magnitudes.
    const double bound = is_sum ? 20 * EPSILON * 3 * (reduction == HeedArithmeticReductionSum ? (double)reduced : 1) : 0;
    if (FUZZ_CALL(expected, heed_arithmetic_reduce(&s, reduction, input, y.data))) fuzz_near(&y, &oracle, NULL, bound);
  } else if (expected != HeedStatusOk) {
    FUZZ_CALL(expected, heed_arithmetic_reduce(&s, reduction, input, y.data));
  }
  if (argument != HeedStatusOk || reduced == 0) {
    FUZZ_CALL(argument, heed_arithmetic_arg_maximum(&s, input, places.data));
    return;
  }
  if (!FUZZ_CALL(argument, heed_arithmetic_reference_reduce(&s, HeedArithmeticReductionMaximum, input, largest.data))) return;
  fuzz_keep(&largest);
  if (!FUZZ_CALL(argument, heed_arithmetic_arg_maximum(&s, input, places.data))) return;
  for (size_t i = 0; i < y.count; i++) {
    // The element at that place of the reduced axes.
    size_t place = (size_t)FUZZ_AT(int32_t, places, i), rest = i, index = 0, step = 1;
    if (place >= reduced) {
      fuzz_fail("place %zu of %zu", place, reduced);
      return;
    }
    for (int d = axes - 1; d >= 0; d--) {
      size_t *from = s.reduced[d] ? &place : &rest;
      index += *from % size[d] * step, *from /= size[d], step *= size[d];
    }
    const double found = (double)FUZZ_AT(float, x, index), r = FUZZ_AT(double, largest, i);
    if (isnan(r) ? !isnan(found) : found != r) fuzz_fail("the place of %g and not of %g", found, r);
  }
}

// ---- Activations and conversions --------------------------------------------------------------------------------------------------------

static double activation(HeedActivation a, double x) {
  switch (a) {
  case HeedActivationRelu:
    return x > 0 || isnan(x) ? x : 0;
  case HeedActivationSigmoid:
    return 1 / (1 + exp(-x));
  case HeedActivationTanh:
    return tanh(x);
  case HeedActivationSilu:
    return x / (1 + exp(-x));
  case HeedActivationGelu:
    return x * erfc(-x / sqrt(2)) / 2;
  case HeedActivationGeluTanh:
    return x / (1 + exp(-2 * sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
  case HeedActivationExp:
    return exp(x);
  case HeedActivationLog:
    return log(x);
  case HeedActivationSoftplus:
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
  default:
    return x;
  }
}

FUZZ(activation) {
  const size_t count = fuzz_is_large ? 20000 + fuzz_below(20000) : fuzz_size(80);
  HeedActivation a = (HeedActivation)fuzz_below(HEED_ACTIVATION_COUNT);
  HeedActivationSaved kept = HeedActivationSavedInput;
  fuzz_note("activation", a);
  FuzzArray x = FUZZ_FLOATS("x", FuzzRead, FuzzContiguous, count), y = FUZZ_FLOATS("y", FuzzWritten, FuzzContiguous, count),
            dy = FUZZ_FLOATS("dy", FuzzRead, FuzzContiguous, count), dx = FUZZ_FLOATS("dx", FuzzWritten, FuzzContiguous, count),
            oracle = FUZZ_DOUBLES("oracle", count), slope = FUZZ_DOUBLES("slope", count);
  for (size_t i = 0; i < count; i++) FUZZ_AT(float, x, i) = (float)(4 * fuzz_number());
  fuzz_fill(&dy, 1);
  if (a == HeedActivationLog)
    for (size_t i = 0; i < count; i++) FUZZ_AT(float, x, i) = 0.05f + fabsf(FUZZ_AT(float, x, i));
  for (size_t i = 0; i < count; i++) {
    const double v = (double)FUZZ_AT(float, x, i), h = 1e-5;
    FUZZ_AT(double, oracle, i) = activation(a, v);
    FUZZ_AT(double, slope, i) =
        (double)FUZZ_AT(float, dy, i) * (a == HeedActivationRelu ? v > 0 : (activation(a, v + h) - activation(a, v - h)) / (2 * h));
  }
  const float *input = x.data, *arrives = dy.data;
  size_t n = count;
  HeedStatus forward = HeedStatusOk, backward = HeedStatusOk;
  switch (fuzz_spoil(5)) {
  case 0:
    forward = backward = fuzz_enum(&a, HEED_ACTIVATION_COUNT);
    break;
  case 1:
    forward = backward = fuzz_null(&input, &x);
    break;
  case 2:
    backward = fuzz_null(&arrives, &dy);
    break;
  case 3:
    if (count > 0 && x.data && y.data && dx.data && dy.data) forward = backward = fuzz_huge(&n);
    break;
  case 4:
    backward = fuzz_enum(&kept, 2);
    break;
  default:
    break;
  }
  if (FUZZ_CALL(forward, heed_activation_forward(a, n, input, y.data)))
    fuzz_near(&y, &oracle, NULL, EPSILON * 16 * (a == HeedActivationExp ? 60 : 4));
  if (FUZZ_CALL(backward, heed_activation_backward(a, kept, n, input, arrives, dx.data)))
    fuzz_near(&dx, &slope, NULL, 3 * (1e-6 + 3e-7) * (a == HeedActivationExp ? 60 : a == HeedActivationLog ? 2000 : 1));
}

FUZZ(convert) {
  const size_t count = fuzz_is_large ? 140000 + fuzz_below(40000) : fuzz_size(80);
  FuzzArray x = FUZZ_FLOATS("floats", FuzzRead, FuzzContiguous, count),
            half = fuzz_array("bfloat16", FuzzWritten, FuzzContiguous, 2, FUZZ_SIZES(count)),
            back = FUZZ_FLOATS("floats again", FuzzWritten, FuzzContiguous, count), oracle = FUZZ_DOUBLES("oracle", count);
  fuzz_fill_special(&x, 2);
  for (size_t i = 0; i < count; i++) FUZZ_AT(double, oracle, i) = (double)FUZZ_AT(float, x, i);
  size_t n = count;
  const float *input = x.data;
  HeedStatus expected = HeedStatusOk;
  switch (fuzz_spoil(2)) {
  case 0:
    expected = fuzz_null(&input, &x);
    break;
  case 1:
    if (count > 0) expected = fuzz_huge(&n);
    break;
  default:
    break;
  }
  if (!FUZZ_CALL(expected, heed_convert_f32_to_bf16(n, input, half.data))) return;
  fuzz_keep(&half);
  if (FUZZ_CALL(HeedStatusOk, heed_convert_bf16_to_f32(n, half.data, back.data))) fuzz_near(&back, &oracle, NULL, 0x1p-9 * 6);
}

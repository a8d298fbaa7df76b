// Every entry point of products, conversions, arithmetic and images refuses what its header says, and writes nothing.

#include <math.h>

#include "arguments_support.h"
#include "heed/heed.h"

#define IN        inputs_f
#define OUT       outputs_f[0]
#define REF       outputs_d[0]
#define HUGE_SIZE ((size_t)1 << 61)
#define FAR       (PTRDIFF_MAX / 2)

// ---- Products ---------------------------------------------------------------------------------------------------------------------------

static const HeedGemmShape gemm = {.batch = 2,
                                   .m = 3,
                                   .n = 4,
                                   .k = 5,
                                   .a_batch = 15,
                                   .a_row = 5,
                                   .a_column = 1,
                                   .b_batch = 20,
                                   .b_row = 4,
                                   .b_column = 1,
                                   .c_batch = 12,
                                   .c_row = 4,
                                   .c_column = 1,
                                   .alpha = 1};
static const HeedGemmEpilogue epilogue = {.bias = inputs_f, .bias_column = 1};
static const uint16_t bf16[256];

TEST_ONCE(arguments_of_gemm) {
  static const struct {
    HeedStatus status;
    size_t m, k;
    ptrdiff_t a_row, c_row;
    float alpha, beta;
  } rows[] = {
      {HeedStatusBadShape, HUGE_SIZE, 5, 5, 4, 1, 0},
      {HeedStatusBadShape, 3, HUGE_SIZE, 5, 4, 1, 0},
      {HeedStatusBadStride, 3, 5, FAR, 4, 1, 0},
      {HeedStatusBadArgument, 3, 5, 5, 4, NAN, 0},
      {HeedStatusBadArgument, 3, 5, 5, 4, 1, INFINITY},
      {HeedStatusBadStride, 3, 5, 5, 3, 1, 0}, // of C: the last row, which the reference has not
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    HeedGemmShape s = gemm;
    s.m = rows[i].m, s.k = rows[i].k, s.a_row = rows[i].a_row, s.c_row = rows[i].c_row, s.alpha = rows[i].alpha, s.beta = rows[i].beta;
    if (rows[i].c_row == 4) GIVES_STATUS(rows[i].status, heed_gemm_reference(&s, IN, IN, REF));
    GIVES_STATUS(rows[i].status, heed_gemm_openblas(&s, IN, IN, OUT));
    for (int element = 0; element < HEED_ELEMENT_COUNT; element++) {
      s.element = (HeedElement)element;
      GIVES_STATUS(rows[i].status, heed_gemm(&s, NULL, IN, IN, OUT));
      GIVES_STATUS(rows[i].status, heed_gemm(&s, &epilogue, IN, IN, OUT));
      GIVES_STATUS(rows[i].status, heed_gemm_packed(&s, NULL, IN, IN, OUT));
    }
  }
  static const HeedElement unknown[] = {(HeedElement)HEED_ELEMENT_COUNT, (HeedElement)-1, (HeedElement)INT32_MAX};
  for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
    const HeedGemmShape *s = WITH(gemm, element = unknown[i]);
    GIVES(BadArgument, heed_gemm_reference(s, IN, IN, REF));
    GIVES(BadArgument, heed_gemm(s, &epilogue, IN, IN, OUT));
    GIVES(BadArgument, heed_gemm_packed(s, NULL, IN, IN, OUT));
    GIVES(BadArgument, heed_gemm_openblas(s, IN, IN, OUT));
    GIVES(BadArgument, heed_gemm_pack(4, 4, unknown[i], IN, 4, 1, OUT));
    GIVES_NUMBER(SIZE_MAX, heed_gemm_packed_size(4, 4, unknown[i]));
  }
  GIVES(BadArgument, heed_gemm_reference(WITH(gemm, element = HeedElementBfloat16), IN, IN, REF));
  GIVES(BadArgument, heed_gemm_openblas(WITH(gemm, element = HeedElementBfloat16), IN, IN, OUT));
  GIVES(BadArgument, heed_gemm_reference(NULL, IN, IN, REF));
  GIVES(BadArgument, heed_gemm_reference(&gemm, NULL, IN, REF));
  GIVES(BadArgument, heed_gemm_reference(&gemm, IN, NULL, REF));
  GIVES(BadArgument, heed_gemm_reference(&gemm, IN, IN, NULL));
  GIVES(BadArgument, heed_gemm(NULL, NULL, IN, IN, OUT));
  GIVES(BadArgument, heed_gemm(NULL, &epilogue, IN, IN, OUT));
  GIVES(BadArgument, heed_gemm(&gemm, NULL, NULL, IN, OUT));
  GIVES(BadArgument, heed_gemm(&gemm, NULL, IN, NULL, OUT));
  GIVES(BadArgument, heed_gemm(&gemm, &epilogue, IN, IN, NULL));
  GIVES(BadArgument, heed_gemm(&gemm, WITH(epilogue, activation = (HeedActivation)99), IN, IN, OUT));
  GIVES(BadArgument, heed_gemm(&gemm, WITH(epilogue, activation = (HeedActivation)-1), IN, IN, OUT));
  GIVES(BadStride, heed_gemm(&gemm, WITH(epilogue, bias_row = FAR), IN, IN, OUT));
  GIVES(BadArgument, heed_gemm(WITH(gemm, element = HeedElementBfloat16), NULL, NULL, bf16, OUT));
  GIVES(BadArgument, heed_gemm(WITH(gemm, element = HeedElementBfloat16), &epilogue, bf16, NULL, OUT));
  GIVES(BadArgument, heed_gemm_openblas(NULL, IN, IN, OUT));
  GIVES(BadArgument, heed_gemm_packed(NULL, NULL, IN, IN, OUT));
  GIVES(BadArgument, heed_gemm_packed(&gemm, NULL, IN, NULL, OUT));
  GIVES(BadArgument, heed_gemm_packed(&gemm, NULL, NULL, IN, OUT));
  GIVES_NUMBER(SIZE_MAX, heed_gemm_packed_size(SIZE_MAX, 64, HeedElementFloat32));
  GIVES_NUMBER(SIZE_MAX, heed_gemm_packed_size(4, SIZE_MAX, HeedElementBfloat16));
  GIVES_NUMBER(0, heed_gemm_packed_size(0, 4, HeedElementFloat32));
  GIVES(BadArgument, heed_gemm_pack(4, 4, HeedElementFloat32, NULL, 4, 1, OUT));
  GIVES(BadArgument, heed_gemm_pack(4, 4, HeedElementFloat32, IN, 4, 1, NULL));
  GIVES(BadShape, heed_gemm_pack(HUGE_SIZE, 4, HeedElementFloat32, IN, 4, 1, OUT));
  GIVES(BadStride, heed_gemm_pack(4, 4, HeedElementFloat32, IN, FAR, 1, OUT));
}

// ---- Conversions and activations --------------------------------------------------------------------------------------------------------

TEST_ONCE(arguments_of_elementwise_functions) {
  uint16_t *const half = (uint16_t *)(void *)outputs_f[0];
  GIVES(BadArgument, heed_convert_f32_to_bf16(4, NULL, half));
  GIVES(BadArgument, heed_convert_f32_to_bf16(4, IN, NULL));
  GIVES(BadShape, heed_convert_f32_to_bf16(SIZE_MAX, IN, half));
  GIVES(BadArgument, heed_convert_bf16_to_f32(4, NULL, OUT));
  GIVES(BadArgument, heed_convert_bf16_to_f32(4, bf16, NULL));
  GIVES(BadShape, heed_convert_bf16_to_f32(SIZE_MAX, bf16, OUT));
  GIVES(Ok, heed_convert_bf16_to_f32(0, NULL, NULL));
  GIVES(BadArgument, heed_activation_forward((HeedActivation)99, 4, IN, OUT));
  GIVES(BadArgument, heed_activation_forward((HeedActivation)-1, 4, IN, OUT));
  GIVES(BadArgument, heed_activation_forward(HeedActivationRelu, 4, NULL, OUT));
  GIVES(BadArgument, heed_activation_forward(HeedActivationRelu, 4, IN, NULL));
  GIVES(BadShape, heed_activation_forward(HeedActivationRelu, SIZE_MAX, IN, OUT));
  GIVES(BadArgument, heed_activation_backward((HeedActivation)99, HeedActivationSavedInput, 4, IN, IN, OUT));
  GIVES(BadArgument, heed_activation_backward(HeedActivationRelu, (HeedActivationSaved)2, 4, IN, IN, OUT));
  GIVES(NotSupported, heed_activation_backward(HeedActivationGelu, HeedActivationSavedOutput, 4, IN, IN, OUT));
  GIVES(BadArgument, heed_activation_backward(HeedActivationRelu, HeedActivationSavedInput, 4, NULL, IN, OUT));
  GIVES(BadArgument, heed_activation_backward(HeedActivationRelu, HeedActivationSavedInput, 4, IN, NULL, OUT));
  GIVES(BadArgument, heed_activation_backward(HeedActivationRelu, HeedActivationSavedInput, 4, IN, IN, NULL));
  GIVES(BadShape, heed_activation_backward(HeedActivationRelu, HeedActivationSavedInput, SIZE_MAX, IN, IN, OUT));
}

// ---- Arithmetic -------------------------------------------------------------------------------------------------------------------------

static const HeedArithmeticShape grid = {.axes = 2, .size = {3, 4}, .output = {4, 1}, .a = {4, 1}, .b = {4, 1}, .mask = {4, 1}};
static const HeedArithmeticInputs operands = {.a = inputs_f, .b = inputs_f, .mask = (const uint8_t *)inputs_f, .alpha = 1, .beta = 1};
static const HeedArithmeticReduce reduce = {.axes = 2, .size = {3, 4}, .input = {4, 1}, .output = {1, 0}, .reduced = {false, true}};
static const HeedArithmeticGather gather = {.outer = 2,
                                            .extent = 3,
                                            .count = 4,
                                            .inner = 2,
                                            .array_outer = 6,
                                            .array_axis = 2,
                                            .array_inner = 1,
                                            .taken_outer = 8,
                                            .taken_axis = 2,
                                            .taken_inner = 1,
                                            .index_axis = 1};

TEST_ONCE(arguments_of_arithmetic) {
  static const struct {
    HeedStatus status;
    size_t axes, size;
    ptrdiff_t output, a;
  } rows[] = {
      {HeedStatusBadShape, HEED_ARITHMETIC_AXES + 1, 3, 4, 4},
      {HeedStatusBadShape, SIZE_MAX, 3, 4, 4},
      {HeedStatusBadShape, 2, HUGE_SIZE, 4, 4},
      {HeedStatusBadStride, 2, 3, FAR, 4},
      {HeedStatusBadStride, 2, 3, 4, PTRDIFF_MIN},
      {HeedStatusBadStride, 2, 3, 0, 4},
      {HeedStatusBadStride, 2, 3, 3, 4},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    HeedArithmeticShape s = grid;
    HeedArithmeticReduce r = reduce;
    s.axes = r.axes = rows[i].axes, s.size[0] = r.size[0] = rows[i].size;
    s.output[0] = rows[i].output, r.output[0] = rows[i].output == 3 ? 0 : rows[i].output, s.a[0] = r.input[0] = rows[i].a;
    GIVES_STATUS(rows[i].status, heed_arithmetic_reference_forward(&s, HeedArithmeticAdd, &operands, REF));
    GIVES_STATUS(rows[i].status, heed_arithmetic_forward(&s, HeedArithmeticAdd, &operands, OUT));
    GIVES_STATUS(rows[i].status, heed_arithmetic_compare(&s, HeedArithmeticLess, &operands, (uint8_t *)OUT));
    GIVES_STATUS(rows[i].status, heed_arithmetic_select(&s, &operands, OUT));
    GIVES_STATUS(rows[i].status, heed_arithmetic_reference_reduce(&r, HeedArithmeticReductionSum, IN, REF));
    GIVES_STATUS(rows[i].status, heed_arithmetic_reduce(&r, HeedArithmeticReductionSum, IN, OUT));
    GIVES_STATUS(rows[i].status, heed_arithmetic_arg_maximum(&r, IN, outputs_32[0]));
  }
  GIVES(BadArgument, heed_arithmetic_reference_forward(NULL, HeedArithmeticAdd, &operands, REF));
  GIVES(BadArgument, heed_arithmetic_reference_forward(&grid, (HeedArithmeticOperation)99, &operands, REF));
  GIVES(BadArgument, heed_arithmetic_reference_forward(&grid, HeedArithmeticAdd, NULL, REF));
  GIVES(BadArgument, heed_arithmetic_reference_forward(&grid, HeedArithmeticAdd, WITH(operands, a = NULL), REF));
  GIVES(BadArgument, heed_arithmetic_reference_forward(&grid, HeedArithmeticAdd, WITH(operands, b = NULL), REF));
  GIVES(BadArgument, heed_arithmetic_reference_forward(&grid, HeedArithmeticAdd, &operands, NULL));
  GIVES(BadArgument, heed_arithmetic_forward(NULL, HeedArithmeticAdd, &operands, OUT));
  GIVES(BadArgument, heed_arithmetic_forward(&grid, (HeedArithmeticOperation)99, &operands, OUT));
  GIVES(BadArgument, heed_arithmetic_forward(&grid, (HeedArithmeticOperation)-1, &operands, OUT));
  GIVES(BadArgument, heed_arithmetic_forward(&grid, HeedArithmeticAdd, NULL, OUT));
  GIVES(BadArgument, heed_arithmetic_forward(&grid, HeedArithmeticAdd, WITH(operands, a = NULL), OUT));
  GIVES(BadArgument, heed_arithmetic_forward(&grid, HeedArithmeticAdd, WITH(operands, b = NULL), OUT));
  GIVES(BadArgument, heed_arithmetic_forward(&grid, HeedArithmeticAdd, &operands, NULL));
  GIVES(Ok, heed_arithmetic_forward(&grid, HeedArithmeticNegate, WITH(operands, b = NULL), OUT));
  GIVES(BadArgument, heed_arithmetic_compare(&grid, (HeedArithmeticComparison)6, &operands, (uint8_t *)OUT));
  GIVES(BadArgument, heed_arithmetic_compare(NULL, HeedArithmeticLess, &operands, (uint8_t *)OUT));
  GIVES(BadArgument, heed_arithmetic_compare(&grid, HeedArithmeticLess, WITH(operands, b = NULL), (uint8_t *)OUT));
  GIVES(BadArgument, heed_arithmetic_select(&grid, WITH(operands, mask = NULL), OUT));
  GIVES(BadArgument, heed_arithmetic_select(NULL, &operands, OUT));
  GIVES(BadArgument, heed_arithmetic_reference_reduce(NULL, HeedArithmeticReductionSum, IN, REF));
  GIVES(BadArgument, heed_arithmetic_reference_reduce(&reduce, (HeedArithmeticReduction)4, IN, REF));
  GIVES(BadArgument, heed_arithmetic_reference_reduce(&reduce, HeedArithmeticReductionSum, NULL, REF));
  GIVES(BadArgument, heed_arithmetic_reference_reduce(&reduce, HeedArithmeticReductionSum, IN, NULL));
  GIVES(BadShape, heed_arithmetic_reference_reduce(WITH(reduce, size[1] = 0), HeedArithmeticReductionMaximum, IN, REF));
  GIVES(BadShape, heed_arithmetic_reduce(WITH(reduce, size[1] = 0), HeedArithmeticReductionMaximum, IN, OUT));
  GIVES(BadShape, heed_arithmetic_arg_maximum(WITH(reduce, size[1] = 0), IN, outputs_32[0]));
  GIVES(BadArgument, heed_arithmetic_reduce(NULL, HeedArithmeticReductionSum, IN, OUT));
  GIVES(BadArgument, heed_arithmetic_reduce(&reduce, (HeedArithmeticReduction)4, IN, OUT));
  GIVES(BadArgument, heed_arithmetic_reduce(&reduce, HeedArithmeticReductionSum, NULL, OUT));
  GIVES(BadArgument, heed_arithmetic_reduce(&reduce, HeedArithmeticReductionSum, IN, NULL));
  GIVES(BadArgument, heed_arithmetic_arg_maximum(NULL, IN, outputs_32[0]));
  GIVES(BadArgument, heed_arithmetic_arg_maximum(&reduce, IN, NULL));
}

TEST_ONCE(arguments_of_gather) {
  static int32_t out_of_range[8] = {0, 0, 3, 0, 0, 0, 0, 0}, negative[8] = {0, -1};
  GIVES(Ok, heed_arithmetic_gather(&gather, IN, zeros_32, OUT));
  GIVES(BadArgument, heed_arithmetic_gather(NULL, IN, zeros_32, OUT));
  GIVES(BadArgument, heed_arithmetic_gather(&gather, NULL, zeros_32, OUT));
  GIVES(BadArgument, heed_arithmetic_gather(&gather, IN, NULL, OUT));
  GIVES(BadArgument, heed_arithmetic_gather(&gather, IN, zeros_32, NULL));
  GIVES(BadIndex, heed_arithmetic_gather(&gather, IN, out_of_range, OUT));
  GIVES(BadIndex, heed_arithmetic_gather(&gather, IN, negative, OUT));
  GIVES(BadIndex, heed_arithmetic_gather(WITH(gather, extent = 0), IN, zeros_32, OUT));
  GIVES(BadShape, heed_arithmetic_gather(WITH(gather, extent = HUGE_SIZE), IN, zeros_32, OUT));
  GIVES(BadStride, heed_arithmetic_gather(WITH(gather, index_outer = FAR), IN, zeros_32, OUT));
  GIVES(BadStride, heed_arithmetic_gather(WITH(gather, taken_axis = 0), IN, zeros_32, OUT));
  GIVES(BadArgument, heed_arithmetic_scatter_add(NULL, IN, zeros_32, OUT));
  GIVES(BadArgument, heed_arithmetic_scatter_add(&gather, NULL, zeros_32, OUT));
  GIVES(BadArgument, heed_arithmetic_scatter_add(&gather, IN, NULL, OUT));
  GIVES(BadArgument, heed_arithmetic_scatter_add(&gather, IN, zeros_32, NULL));
  GIVES(BadIndex, heed_arithmetic_scatter_add(&gather, IN, out_of_range, OUT));
  GIVES(BadIndex, heed_arithmetic_scatter_add(WITH(gather, extent = 0), IN, zeros_32, OUT));
  GIVES(BadStride, heed_arithmetic_scatter_add(WITH(gather, array_axis = 0), IN, zeros_32, OUT));
}

// ---- Images -----------------------------------------------------------------------------------------------------------------------------

static const HeedConvolutionShape convolution = {.batch = 2,
                                                 .input_channels = 2,
                                                 .output_channels = 4,
                                                 .groups = 1,
                                                 .height = 3,
                                                 .width = 5,
                                                 .kernel_height = 2,
                                                 .kernel_width = 3,
                                                 .stride_height = 1,
                                                 .stride_width = 1,
                                                 .dilation_height = 1,
                                                 .dilation_width = 1,
                                                 .input = {30, 15, 5, 1},
                                                 .output = {24, 6, 3, 1},
                                                 .d_input = {30, 15, 5, 1}};
static const HeedPoolingShape pooling = {.batch = 2,
                                         .channels = 2,
                                         .height = 3,
                                         .width = 5,
                                         .kernel_height = 2,
                                         .kernel_width = 3,
                                         .stride_height = 1,
                                         .stride_width = 1,
                                         .dilation_height = 1,
                                         .dilation_width = 1,
                                         .input = {30, 15, 5, 1},
                                         .output = {12, 6, 3, 1},
                                         .d_input = {30, 15, 5, 1}};

TEST_ONCE(arguments_of_convolution) {
  static HeedConvolutionShape spoilt[9];
  static const HeedStatus expected[9] = {HeedStatusBadShape, HeedStatusBadShape,  HeedStatusBadShape,
                                         HeedStatusBadShape, HeedStatusBadShape,  HeedStatusBadShape,
                                         HeedStatusBadShape, HeedStatusBadStride, HeedStatusBadStride};
  for (int i = 0; i < 9; i++) spoilt[i] = convolution;
  spoilt[0].groups = 0, spoilt[1].groups = 3, spoilt[2].kernel_width = 6, spoilt[3].stride_height = 0, spoilt[4].dilation_width = 0;
  spoilt[5].batch = HUGE_SIZE, spoilt[6].top = SIZE_MAX, spoilt[7].input.row = spoilt[7].d_input.row = FAR, spoilt[8].output.channel = FAR;
  for (int i = 0; i < 9; i++) {
    const HeedConvolutionShape *s = &spoilt[i];
    if (i != 8) GIVES_STATUS(expected[i], heed_convolution_reference_forward(s, IN, IN, NULL, REF));
    GIVES_STATUS(expected[i], heed_convolution_reference_backward(s, IN, IN, IN, REF, outputs_d[1], outputs_d[2]));
    GIVES_STATUS(expected[i], heed_convolution_forward(s, IN, IN, NULL, HeedActivationNone, OUT));
    GIVES_STATUS(expected[i], heed_convolution_input_backward(s, IN, IN, OUT));
    GIVES_STATUS(expected[i], heed_convolution_weight_backward(s, IN, IN, OUT));
    if (i != 7) GIVES_STATUS(expected[i], heed_convolution_bias_backward(s, IN, OUT));
  }
  GIVES(BadArgument, heed_convolution_reference_forward(NULL, IN, IN, NULL, REF));
  GIVES(BadArgument, heed_convolution_reference_forward(&convolution, NULL, IN, NULL, REF));
  GIVES(BadArgument, heed_convolution_reference_forward(&convolution, IN, NULL, NULL, REF));
  GIVES(BadArgument, heed_convolution_reference_forward(&convolution, IN, IN, NULL, NULL));
  GIVES(BadArgument, heed_convolution_reference_backward(NULL, IN, IN, IN, REF, REF, REF));
  GIVES(BadArgument, heed_convolution_reference_backward(&convolution, IN, IN, NULL, REF, REF, REF));
  GIVES(BadArgument, heed_convolution_reference_backward(&convolution, NULL, IN, IN, NULL, REF, NULL));
  GIVES(BadArgument, heed_convolution_forward(NULL, IN, IN, NULL, HeedActivationNone, OUT));
  GIVES(BadArgument, heed_convolution_forward(&convolution, NULL, IN, NULL, HeedActivationNone, OUT));
  GIVES(BadArgument, heed_convolution_forward(&convolution, IN, NULL, NULL, HeedActivationNone, OUT));
  GIVES(BadArgument, heed_convolution_forward(&convolution, IN, IN, NULL, HeedActivationNone, NULL));
  GIVES(BadArgument, heed_convolution_forward(&convolution, IN, IN, NULL, (HeedActivation)99, OUT));
  GIVES(BadStride, heed_convolution_forward(WITH(convolution, output.channel = 0), IN, IN, NULL, HeedActivationNone, OUT));
  GIVES(BadArgument, heed_convolution_input_backward(NULL, IN, IN, OUT));
  GIVES(BadArgument, heed_convolution_input_backward(&convolution, NULL, IN, OUT));
  GIVES(BadArgument, heed_convolution_input_backward(&convolution, IN, NULL, OUT));
  GIVES(BadArgument, heed_convolution_input_backward(&convolution, IN, IN, NULL));
  GIVES(BadStride, heed_convolution_input_backward(WITH(convolution, d_input.row = 0), IN, IN, OUT));
  GIVES(BadArgument, heed_convolution_weight_backward(NULL, IN, IN, OUT));
  GIVES(BadArgument, heed_convolution_weight_backward(&convolution, NULL, IN, OUT));
  GIVES(BadArgument, heed_convolution_weight_backward(&convolution, IN, NULL, OUT));
  GIVES(BadArgument, heed_convolution_weight_backward(&convolution, IN, IN, NULL));
  GIVES(BadArgument, heed_convolution_bias_backward(NULL, IN, OUT));
  GIVES(BadArgument, heed_convolution_bias_backward(&convolution, NULL, OUT));
  GIVES(BadArgument, heed_convolution_bias_backward(&convolution, IN, NULL));
  GIVES_NUMBER(0, heed_convolution_output_size(5, 6, 1, 1, 0, 0));
  GIVES_NUMBER(0, heed_convolution_output_size(5, 2, 0, 1, 0, 0));
  GIVES_NUMBER(0, heed_convolution_output_size(5, 2, 1, 1, SIZE_MAX, 0));
}

TEST_ONCE(arguments_of_pooling) {
  static HeedPoolingShape spoilt[9];
  static const HeedStatus expected[9] = {HeedStatusBadShape, HeedStatusBadShape,  HeedStatusBadShape,
                                         HeedStatusBadShape, HeedStatusBadShape,  HeedStatusBadShape,
                                         HeedStatusBadShape, HeedStatusBadStride, HeedStatusBadStride};
  for (int i = 0; i < 9; i++) spoilt[i] = pooling;
  spoilt[0].height = 0, spoilt[1].left = 2, spoilt[2].kernel_width = 6, spoilt[3].stride_height = 0, spoilt[4].dilation_width = 0;
  spoilt[5].batch = HUGE_SIZE, spoilt[6].adaptive = true, spoilt[7].input.row = spoilt[7].d_input.row = FAR, spoilt[8].output.channel = FAR;
  for (int i = 0; i < 9; i++) {
    const HeedPoolingShape *s = &spoilt[i];
    // The reference has strides for what it reads alone.
    if (i != 8) GIVES_STATUS(expected[i], heed_pooling_reference_average_forward(s, IN, REF));
    if (i != 7) GIVES_STATUS(expected[i], heed_pooling_reference_average_backward(s, IN, REF));
    GIVES_STATUS(expected[i], heed_pooling_max_forward(s, IN, OUT, outputs_32[0]));
    GIVES_STATUS(expected[i], heed_pooling_max_backward(s, IN, zeros_32, OUT));
    GIVES_STATUS(expected[i], heed_pooling_average_forward(s, IN, OUT));
    GIVES_STATUS(expected[i], heed_pooling_average_backward(s, IN, OUT));
  }
  static int32_t index[24];
  index[5] = 15;
  GIVES(BadArgument, heed_pooling_reference_average_forward(NULL, IN, REF));
  GIVES(BadArgument, heed_pooling_reference_average_forward(&pooling, NULL, REF));
  GIVES(BadArgument, heed_pooling_reference_average_forward(&pooling, IN, NULL));
  GIVES(BadArgument, heed_pooling_reference_average_backward(NULL, IN, REF));
  GIVES(BadArgument, heed_pooling_reference_average_backward(&pooling, NULL, REF));
  GIVES(BadArgument, heed_pooling_reference_average_backward(&pooling, IN, NULL));
  GIVES(BadArgument, heed_pooling_max_forward(NULL, IN, OUT, NULL));
  GIVES(BadArgument, heed_pooling_max_forward(&pooling, NULL, OUT, NULL));
  GIVES(BadArgument, heed_pooling_max_forward(&pooling, IN, NULL, NULL));
  GIVES(BadArgument, heed_pooling_max_backward(NULL, IN, zeros_32, OUT));
  GIVES(BadArgument, heed_pooling_max_backward(&pooling, NULL, zeros_32, OUT));
  GIVES(BadArgument, heed_pooling_max_backward(&pooling, IN, NULL, OUT));
  GIVES(BadIndex, heed_pooling_max_backward(&pooling, IN, index, OUT));
  GIVES(BadArgument, heed_pooling_max_backward(&pooling, IN, zeros_32, NULL));
  GIVES(BadArgument, heed_pooling_average_forward(NULL, IN, OUT));
  GIVES(BadArgument, heed_pooling_average_forward(&pooling, NULL, OUT));
  GIVES(BadArgument, heed_pooling_average_forward(&pooling, IN, NULL));
  GIVES(BadArgument, heed_pooling_average_backward(NULL, IN, OUT));
  GIVES(BadArgument, heed_pooling_average_backward(&pooling, NULL, OUT));
  GIVES(BadArgument, heed_pooling_average_backward(&pooling, IN, NULL));
}

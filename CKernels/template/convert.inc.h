// float32 and bfloat16 (promises: heed/convert.h), in plain loops that the compiler turns into vectors of the table's instruction set.

INLINE_KERNEL uint32_t float_bits(const float *x) {
  uint32_t bits;
  __builtin_memcpy(&bits, x, sizeof bits);
  return bits;
}

static void convert_f32_to_bf16(size_t count, const float *restrict input, uint16_t *restrict output) {
  for (size_t i = 0; i < count; i++) {
    const uint32_t bits = float_bits(input + i), nearest = bits + 0x7fff + (bits >> 16 & 1);
    output[i] = (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? bits >> 16 | 0x40 : nearest >> 16);
  }
}

static void convert_bf16_to_f32(size_t count, const uint16_t *restrict input, float *restrict output) {
  for (size_t i = 0; i < count; i++) {
    const uint32_t bits = (uint32_t)input[i] << 16;
    __builtin_memcpy(output + i, &bits, sizeof bits);
  }
}

#define CONVERT_KERNELS .f32_to_bf16 = convert_f32_to_bf16, .bf16_to_f32 = convert_bf16_to_f32

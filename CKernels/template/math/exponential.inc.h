// 2^x and e^x for kernels. The name tells the algorithm: t16 a table of 16 entries, p3 a polynomial of degree 3.

#ifndef HEED_EXPONENTIAL_INC_H
#define HEED_EXPONENTIAL_INC_H

// 2^(i/16)
static const float heed_exp2_table[16] __attribute__((aligned(64))) = {
    0x1.000000p+0f, 0x1.0b5586p+0f, 0x1.172b84p+0f, 0x1.2387a6p+0f, 0x1.306fe0p+0f, 0x1.3dea64p+0f, 0x1.4bfdaep+0f, 0x1.5ab07ep+0f,
    0x1.6a09e6p+0f, 0x1.7a1148p+0f, 0x1.8ace54p+0f, 0x1.9c4918p+0f, 0x1.ae89fap+0f, 0x1.c199bep+0f, 0x1.d5818ep+0f, 0x1.ea4afap+0f,
};

// 2^x for x <= 60, within 1.1 ulp; 0 below `lowest`, minus infinity included. That is -126 or above, so that no result is denormal: a
// multiplication with one takes an Intel processor a hundred times as long. NaN stays NaN. x = n + r with n a multiple of 1/16 (the magic
// number rounds: the last bit of its mantissa is worth 1/16) and |r| <= 1/32; the fraction of n looks up the table, its floor scales.
INLINE_KERNEL vf exp2_t16_p3(const float lowest, vf x) {
  const vm normal = vm_not(vf_less(x, vf_set1(lowest)));
#ifndef HEED_SCALES_DOWN_FROM_ANYWHERE
  x = vf_max(vf_set1(lowest), x);
#endif
  const vf magic = vf_set1(0x1.8p19f);
  const vf shifted = vf_add(x, magic);
  const vf n = vf_sub(shifted, magic);
  const vf r = vf_sub(x, n);
  const vf entry = vf_table16_down(heed_exp2_table, shifted);
  const vf slope = vf_fma(vf_fma(vf_set1(0x1.c6b46ap-5f), r, vf_set1(0x1.ebfff4p-3f)), r, vf_set1(0x1.62e430p-1f));
  return vf_scale_down(normal, vf_fma(vf_mul(entry, r), slope, entry), n);
}

#endif

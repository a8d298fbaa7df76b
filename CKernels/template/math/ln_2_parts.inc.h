// ln 2 in two parts (Cody and Waite's reduction, with the parts of Cephes' expf and logf). The first is 355/512: 9 bits, so that its
// product with an exponent, or with one in sixteenths (12 bits at most), is exact, with or without a fused multiply-add. The second is what
// is left of ln 2, rounded: off by at most 2^-38.

#ifndef HEED_MATH_LN_2_PARTS_INC_H
#define HEED_MATH_LN_2_PARTS_INC_H

#define LN_2_HIGH 0x1.63p-1f         // 355/512
#define LN_2_LOW  (-0x1.bd0106p-13f) // ln 2 - 355/512, rounded

#endif

// Sums of a row in 16 lanes, whatever the lanes of a vector: element i goes to lane i % 16, and then the upper half of the lanes is added
// to the lower one until one is left. So every table with a fused multiply-add has the same bits. A vocabulary has been included before.

#ifndef HEED_SIXTEEN_LANES_H
#define HEED_SIXTEEN_LANES_H

#define HEED_SUM_LANES 16                            // the lanes of the widest vocabulary
#define HEED_SUM_PARTS (HEED_SUM_LANES / HEED_LANES) // vectors that hold them

VOCABULARY float sixteen_lanes_sum(vf x[HEED_SUM_PARTS]) {
#pragma clang loop unroll(full)
  for (int half = HEED_SUM_PARTS / 2; half > 0; half /= 2)
#pragma clang loop unroll(full)
    for (int i = 0; i < half; i++) x[i] = vf_add(x[i], x[i + half]);
  return vf_reduce_add(x[0]);
}

// Of float64, twice as many vectors: the lower and the upper half of part 0, of part 1 ...
VOCABULARY double sixteen_lanes_sum_double(vd x[2 * HEED_SUM_PARTS]) {
#pragma clang loop unroll(full)
  for (int half = HEED_SUM_PARTS; half > 0; half /= 2)
#pragma clang loop unroll(full)
    for (int i = 0; i < half; i++) x[i] = vd_add(x[i], x[i + half]);
  return vd_reduce_add(x[0]);
}

// Of float32 in float64.
VOCABULARY double sixteen_lanes_sum_widened(const vf x[HEED_SUM_PARTS]) {
  vd wide[2 * HEED_SUM_PARTS];
#pragma clang loop unroll(full)
  for (int i = 0; i < HEED_SUM_PARTS; i++) wide[2 * i] = vd_low(x[i]), wide[2 * i + 1] = vd_high(x[i]);
  return sixteen_lanes_sum_double(wide);
}

// The same of numbers in two parts.
VOCABULARY double sixteen_lanes_sum_of_both(const vf x[HEED_SUM_PARTS], const vf rest[HEED_SUM_PARTS]) {
  vd wide[2 * HEED_SUM_PARTS];
#pragma clang loop unroll(full)
  for (int i = 0; i < HEED_SUM_PARTS; i++) {
    wide[2 * i] = vd_add(vd_low(x[i]), vd_low(rest[i]));
    wide[2 * i + 1] = vd_add(vd_high(x[i]), vd_high(rest[i]));
  }
  return sixteen_lanes_sum_double(wide);
}

#endif

// Private: a product seen from its other side.

#ifndef HEED_GEMM_ROLES_H
#define HEED_GEMM_ROLES_H

#include "heed/gemm.h"

// C^T = B^T A^T: each element is the same sum in the same order. A and B change places.
static inline HeedGemmShape heed_gemm_transposed(const HeedGemmShape *s) {
  HeedGemmShape t = *s;
  t.m = s->n, t.n = s->m;
  t.a_batch = s->b_batch, t.a_row = s->b_column, t.a_column = s->b_row;
  t.b_batch = s->a_batch, t.b_row = s->a_column, t.b_column = s->a_row;
  t.c_row = s->c_column, t.c_column = s->c_row;
  return t;
}

#endif

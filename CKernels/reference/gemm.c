// Matrix product in float64, one scalar step after the other: the specification of gemm.h in code, and the oracle of the tests.

#include "checks/gemm_checks.h"
#include "runtime/float_mode.h"

HeedStatus heed_gemm_reference(const HeedGemmShape *shape, const float *a, const float *b, double *c) {
  HEED_FLOAT_MODE();
  const HeedStatus status = heed_gemm_check(shape, a, b, c, false);
  if (status != HeedStatusOk) return status;
  const bool reads = heed_gemm_reads(shape);
  for (size_t batch = 0; batch < shape->batch; batch++) {
    for (size_t i = 0; i < shape->m; i++) {
      for (size_t j = 0; j < shape->n; j++) {
        double sum = 0;
        for (size_t k = 0; reads && k < shape->k; k++) {
          const double left = a[(ptrdiff_t)batch * shape->a_batch + (ptrdiff_t)i * shape->a_row + (ptrdiff_t)k * shape->a_column];
          const double right = b[(ptrdiff_t)batch * shape->b_batch + (ptrdiff_t)k * shape->b_row + (ptrdiff_t)j * shape->b_column];
          sum += left * right;
        }
        double *element = c + (batch * shape->m + i) * shape->n + j;
        const double product = reads ? (double)shape->alpha * sum : 0;
        *element = shape->beta == 0 ? product : product + (double)shape->beta * *element;
      }
    }
  }
  return HeedStatusOk;
}

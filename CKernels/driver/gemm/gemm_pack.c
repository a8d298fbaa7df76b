// Packing weights for the matrix product: one task a panel (layout: heed/gemm.h).

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "checks/array_checks.h"
#include "checks/element.h"
#include "heed/gemm.h"
#include "runtime/profile.h"
#include "runtime/sizes.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

typedef struct Call {
  const HeedKernels *kernels;
  size_t k, n, panel_bytes;
  const void *b;
  ptrdiff_t b_row, b_column;
  char *packed;
} Call;

// Elements of a panel's column, of 4 bytes each: terms, or two pairs of each four of them.
static size_t panel_depth(size_t k, HeedElement element) {
  return element == HeedElementBfloat16 ? heed_size_product(heed_divide_up(k, 4), 2) : k;
}

size_t heed_gemm_packed_size(size_t k, size_t n, HeedElement element) {
  if (!heed_element_exists(element)) return SIZE_MAX;
  const size_t panel = heed_size_product(panel_depth(k, element), HEED_GEMM_NR * sizeof(float));
  return heed_size_product(heed_divide_up(n, HEED_GEMM_NR), panel);
}

static size_t panel_columns(const Call *call, size_t panel) {
  const size_t left = call->n - panel * HEED_GEMM_NR;
  return left < HEED_GEMM_NR ? left : HEED_GEMM_NR;
}

// Weights are read from beginning to end once per token. With pages of 4 KiB that takes 1.4 times as long as with huge ones (64 MiB, Zen
// 4). This only asks for the huge pages that are wholly inside, before they are first written.
static void wish_for_huge_pages(void *packed, size_t bytes) {
#if defined(MADV_HUGEPAGE)
  const uintptr_t page = (uintptr_t)2 << 20, begin = heed_round_up((uintptr_t)packed, page),
                  end = ((uintptr_t)packed + bytes) / page * page;
  const int saved = errno;
  if (begin < end) madvise((void *)begin, end - begin, MADV_HUGEPAGE);
  errno = saved;
#else
  (void)packed, (void)bytes;
#endif
}

static void pack_f32(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const size_t columns = panel_columns(call, task);
  float *panel = (float *)(void *)(call->packed + task * call->panel_bytes);
  call->kernels->matrix.copy((const float *)call->b + (ptrdiff_t)(task * HEED_GEMM_NR) * call->b_column, call->b_row, call->b_column,
                             call->k, columns, panel, HEED_GEMM_NR, 1);
  if (columns < HEED_GEMM_NR)
    for (size_t k = 0; k < call->k; k++) memset(panel + k * HEED_GEMM_NR + columns, 0, (HEED_GEMM_NR - columns) * sizeof *panel);
}

static void pack_bf16(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const size_t columns = panel_columns(call, task);
  const uint16_t *b = (const uint16_t *)call->b + (ptrdiff_t)(task * HEED_GEMM_NR) * call->b_column;
  uint16_t *panel = (uint16_t *)(void *)(call->packed + task * call->panel_bytes);
  for (size_t i = 0; i < call->panel_bytes / sizeof *panel; i++) panel[i] = 0x8000; // -0
  // Few terms at a time, so that columns whose terms are contiguous are read from the cache.
  enum { terms = 32 };
  for (size_t first = 0; first < call->k; first += terms) {
    const size_t end = first + heed_size_min(call->k - first, terms);
    for (size_t j = 0; j < columns; j++)
      for (size_t k = first; k < end; k++) {
        const size_t pair = k / 4 * 2 + k % 2, upper = k % 4 < 2;
        panel[(pair * HEED_GEMM_NR + j) * 2 + upper] = b[(ptrdiff_t)k * call->b_row + (ptrdiff_t)j * call->b_column];
      }
  }
}

HeedStatus heed_gemm_pack(size_t k, size_t n, HeedElement element, const void *b, ptrdiff_t b_row, ptrdiff_t b_column, void *packed) {
  HEED_ENTRY();
  if (!heed_element_exists(element)) return HeedStatusBadArgument;
  const HeedArray B = {2, {k, n}, {b_row, b_column}};
  if (!heed_array_sizes_fit(&B) || heed_gemm_packed_size(k, n, element) > PTRDIFF_MAX) return HeedStatusBadShape;
  if (!heed_array_distances_fit(&B, sizeof(float))) return HeedStatusBadStride;
  if (k == 0 || n == 0) return HeedStatusOk;
  if (!b || !packed) return HeedStatusBadArgument;
  Call call = {.kernels = heed_kernels(),
               .k = k,
               .n = n,
               .panel_bytes = panel_depth(k, element) * HEED_GEMM_NR * sizeof(float),
               .b = b,
               .b_row = b_row,
               .b_column = b_column,
               .packed = packed};
  const size_t panels = heed_divide_up(n, HEED_GEMM_NR);
  wish_for_huge_pages(packed, panels * call.panel_bytes);
  heed_parallel_for(panels, heed_parallel_width(panels, 10.0 * (double)k * (double)n),
                    element == HeedElementBfloat16 ? pack_bf16 : pack_f32, &call);
  return HeedStatusOk;
}

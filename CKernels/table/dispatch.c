// The kernel table in use: one pointer, chosen at the first call.

#include "table/dispatch.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cpu.h"

static const HeedKernels *_Atomic current;

static const char *const names[HEED_ISA_COUNT] = {"generic", "avx2", "avx512", "avx512bf16"};

// Null where this build has no such table.
static const HeedKernels *table(HeedISA isa) {
  switch (isa) {
  case HeedISAGeneric:
    return &heed_kernels_generic;
#if defined(__x86_64__)
  case HeedISAAvx2:
    return &heed_kernels_avx2;
  case HeedISAAvx512:
    return &heed_kernels_avx512;
  case HeedISAAvx512bf16:
    return &heed_kernels_avx512bf16;
#else
  default:
    break;
#endif
  }
  return NULL;
}

const char *heed_isa_name(HeedISA isa) { return (unsigned)isa < HEED_ISA_COUNT ? names[isa] : "unknown"; }

bool heed_isa_named(const char *name, HeedISA *isa) {
  if (!name) return false;
  for (unsigned i = 0; i < HEED_ISA_COUNT; i++) {
    if (strcmp(name, names[i]) != 0) continue;
    if (isa) *isa = (HeedISA)i;
    return true;
  }
  return false;
}

bool heed_isa_available(HeedISA isa) {
  if ((unsigned)isa >= HEED_ISA_COUNT || !table(isa)) return false;
  const unsigned features = heed_cpu_features();
  switch (isa) {
  case HeedISAGeneric:
    return true;
  case HeedISAAvx2:
    return features & HEED_CPU_AVX2;
  case HeedISAAvx512:
    return features & HEED_CPU_AVX512;
  case HeedISAAvx512bf16:
    return (features & HEED_CPU_AVX512) && (features & HEED_CPU_AVX512_BF16);
  }
  return false;
}

const HeedKernels *heed_kernels_choose(const char *name) {
  HeedISA isa;
  if (heed_isa_named(name, &isa) && heed_isa_available(isa)) return table(isa);
  for (int i = HEED_ISA_COUNT - 1; i > 0; i--) {
    if (heed_isa_available((HeedISA)i)) return table((HeedISA)i);
  }
  return &heed_kernels_generic;
}

const HeedKernels *heed_kernels(void) {
  // The tables are constants: nothing is published with the pointer, so relaxed order is enough.
  const HeedKernels *kernels = atomic_load_explicit(&current, memory_order_relaxed);
  if (kernels) return kernels;
  const HeedKernels *chosen = heed_kernels_choose(getenv("HEED_ISA"));
  // Where heed_isa_select came in between, its choice stays.
  return atomic_compare_exchange_strong_explicit(&current, &kernels, chosen, memory_order_relaxed, memory_order_relaxed) ? chosen : kernels;
}

HeedISA heed_isa_current(void) { return heed_kernels()->isa; }

HeedStatus heed_isa_select(HeedISA isa) {
  if (!heed_isa_available(isa)) return HeedStatusNotSupported;
  atomic_store_explicit(&current, table(isa), memory_order_relaxed);
  return HeedStatusOk;
}

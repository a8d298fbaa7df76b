// Private: the first statement of an entry point. HEED_ENTRY() sets the floating-point mode and counts the time of the call under its name.

#ifndef HEED_PROFILE_H
#define HEED_PROFILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/float_mode.h"

typedef struct HeedProfileSite {
  const char *name;
  _Atomic uint64_t calls, nanoseconds;
  atomic_bool listed;
  struct HeedProfileSite *next; // written once, before the site is listed
} HeedProfileSite;

// A call in progress. A call without a site is not counted.
typedef struct HeedProfileSpan {
  HeedProfileSite *site;
  uint64_t begin;
} HeedProfileSpan;

extern atomic_bool heed_profile_counts;

HeedProfileSpan heed_profile_enter(HeedProfileSite *site);
void heed_profile_leave(HeedProfileSpan span);

static inline HeedProfileSpan heed_profile_begin(HeedProfileSite *site) {
  if (!atomic_load_explicit(&heed_profile_counts, memory_order_relaxed)) return (HeedProfileSpan){.site = NULL};
  return heed_profile_enter(site);
}

static inline void heed_profile_end(const HeedProfileSpan *span) {
  if (span->site) heed_profile_leave(*span);
}

#define HEED_ENTRY_IN(wanted)                                                                                                              \
  HEED_FLOAT_MODE_OF(wanted);                                                                                                              \
  static HeedProfileSite heed_site = {.name = __func__};                                                                                   \
  __attribute__((cleanup(heed_profile_end), unused)) const HeedProfileSpan heed_span = heed_profile_begin(&heed_site)

// The first statement of an entry point. While nothing is counted, it costs a load and a branch in addition to the mode.
#define HEED_ENTRY() HEED_ENTRY_IN(HEED_FLOAT_DEFAULT)

// The same for an entry point whose header says that numbers below 2^-126 in magnitude count as 0 and become 0, on every worker.
#define HEED_ENTRY_FLUSHING_DENORMALS() HEED_ENTRY_IN(HEED_FLOAT_FLUSHING)

// The same where that depends on an argument.
#define HEED_ENTRY_FLUSHING_DENORMALS_IF(flushes) HEED_ENTRY_IN((flushes) ? HEED_FLOAT_FLUSHING : HEED_FLOAT_DEFAULT)

#endif

// Measured peaks: the yardsticks that every benchmark divides by.
//
// Each thread is one task of a parallel call. The tasks meet before and after every slice, so a slice's rate is the work of all of them by
// the time from the first start to the last end; a thread that never came shows as a meeting that fails.

#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/clock.h"
#include "runtime/float_mode.h"
#include "runtime/threads/parallel.h"
#include "runtime/threads/thread_count.h"
#include "table/dispatch.h"

#define SLICE_SECONDS   0.5e-3 // of work between two looks at the clock
#define DEFAULT_SECONDS 2e-3   // where 0 is asked for
#define SECONDS_MAX     3600.0 // beyond, somebody has mistaken the unit
// How long threads wait for each other: far beyond the start of a sleeping thread, and of an oversubscribed one.
#define MEETING_NANOSECONDS   200000000u
#define SPINS_BEFORE_YIELDING 2000 // about 50 us
#define ATTEMPTS              3    // to start all threads together

#define READ_BYTES_UNIT    ((size_t)2 << 20) // a huge page
#define READ_RATE_EXPECTED 20e9              // bytes per second of one thread, for the length of a slice

// The work that one thread did in the current slice.
typedef struct Part {
  alignas(128) uint64_t start, end;
  double work;
} Part;

typedef struct Measurement {
  const HeedKernels *kernels;
  HeedPeak peak;
  size_t threads, slices;
  bool crowded;
  size_t rounds;     // of arithmetic in a slice
  const char *bytes; // of the buffer to read: each thread reads its own `bytes_each`, `bytes_slice` at a time, round and round
  size_t bytes_each, bytes_slice;
  Part *parts;
  double best; // written by thread 0
  alignas(128) atomic_size_t arrived;
  atomic_bool failed;
} Measurement;

static double run_rounds(const Measurement *m, size_t rounds) {
  return m->peak == HeedPeakDotBf16 ? m->kernels->peak.dot_bf16(rounds) : m->kernels->peak.fma_f32(rounds);
}

// The `number`-th time (from 1) that all threads meet. False where one did not come.
static bool meet(Measurement *m, size_t number) {
  atomic_fetch_add_explicit(&m->arrived, 1, memory_order_acq_rel);
  const uint64_t start = heed_nanoseconds();
  for (unsigned spins = 1; atomic_load_explicit(&m->arrived, memory_order_acquire) < number * m->threads; spins++) {
    if (atomic_load_explicit(&m->failed, memory_order_relaxed)) return false;
    // On a busy machine two of the threads may share a processor; then one that only spins keeps the other away for a whole tick.
    if (m->crowded || spins > SPINS_BEFORE_YIELDING) {
      sched_yield();
    } else {
      heed_pause();
    }
    if (spins % 64 == 0 && heed_nanoseconds() - start > MEETING_NANOSECONDS) {
      atomic_store_explicit(&m->failed, true, memory_order_relaxed);
      return false;
    }
  }
  return true;
}

static double slice_rate(const Measurement *m) {
  uint64_t start = UINT64_MAX, end = 0;
  double work = 0.0;
  for (size_t i = 0; i < m->threads; i++) {
    if (m->parts[i].start < start) start = m->parts[i].start;
    if (m->parts[i].end > end) end = m->parts[i].end;
    work += m->parts[i].work;
  }
  return end > start ? work / (double)(end - start) : 0.0; // per nanosecond: 10^9 a second
}

static void measure_thread(void *context, size_t task, size_t worker) {
  (void)worker;
  Measurement *m = context;
  Part *part = &m->parts[task];
  const char *begin = m->bytes + task * m->bytes_each;
  size_t offset = 0;
  for (size_t slice = 0; slice < m->slices; slice++) {
    if (!meet(m, 2 * slice + 1)) return;
    part->start = heed_nanoseconds();
    if (m->peak == HeedPeakReadMemory) {
      part->work = m->kernels->peak.read_memory(begin + offset, m->bytes_slice);
      offset += m->bytes_slice;
      if (offset + m->bytes_slice > m->bytes_each) offset = 0;
    } else {
      part->work = run_rounds(m, m->rounds);
    }
    part->end = heed_nanoseconds();
    if (!meet(m, 2 * slice + 2)) return;
    if (task != 0) continue;
    const double rate = slice_rate(m);
    if (rate > m->best) m->best = rate;
  }
}

// Rounds that last a slice, found by doubling; the shortest of two runs, as an interruption would make it too few.
static size_t rounds_of_slice(const Measurement *m) {
  size_t rounds = 256;
  for (;;) {
    uint64_t shortest = UINT64_MAX;
    for (int run = 0; run < 2; run++) {
      const uint64_t start = heed_nanoseconds();
      run_rounds(m, rounds);
      const uint64_t taken = heed_nanoseconds() - start;
      if (taken < shortest) shortest = taken;
    }
    if (shortest >= 20000 || rounds > SIZE_MAX / 4)
      return (size_t)((double)rounds * SLICE_SECONDS * 1e9 / (double)(shortest ? shortest : 1)) + 1;
    rounds *= 2;
  }
}

static bool is_measured(Measurement *m) {
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    atomic_store_explicit(&m->arrived, 0, memory_order_relaxed);
    atomic_store_explicit(&m->failed, false, memory_order_relaxed);
    m->best = 0.0;
    heed_parallel_for(m->threads, m->threads, measure_thread, m);
    if (!atomic_load_explicit(&m->failed, memory_order_relaxed)) return true;
  }
  return false;
}

static HeedStatus measure(Measurement *m) {
  m->parts = aligned_alloc(alignof(Part), m->threads * sizeof(Part));
  if (!m->parts) return HeedStatusOutOfMemory;
  memset(m->parts, 0, m->threads * sizeof(Part));
  const bool measured = is_measured(m);
  free(m->parts);
  return measured ? HeedStatusOk : HeedStatusNotSupported;
}

// Fresh pages that are only read are all the same page of zeros, which stays in the first cache. So every page is written once.
static HeedStatus measure_reading(Measurement *m) {
  const int saved = errno;
  m->bytes_each = heed_peak_buffer_bytes() / m->threads / 4096 * 4096;
  m->bytes_slice = (size_t)(SLICE_SECONDS * READ_RATE_EXPECTED) / 4096 * 4096;
  if (m->bytes_slice > m->bytes_each) m->bytes_slice = m->bytes_each;
  const size_t bytes = m->bytes_each * m->threads + READ_BYTES_UNIT;
  char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  errno = saved;
  if (map == MAP_FAILED) return HeedStatusOutOfMemory;
#if defined(MADV_HUGEPAGE)
  madvise(map, bytes, MADV_HUGEPAGE);
  errno = saved;
#endif
  for (size_t i = 0; i < bytes; i += 4096) ((volatile char *)map)[i] = 0;
  m->bytes = map + (READ_BYTES_UNIT - (uintptr_t)map % READ_BYTES_UNIT) % READ_BYTES_UNIT;
  const HeedStatus status = measure(m);
  munmap(map, bytes);
  return status;
}

HeedStatus heed_peak_measure(HeedPeak peak, size_t threads, double seconds, double *rate) {
  HEED_FLOAT_MODE();
  if (!rate || threads == 0 || threads > HEED_THREADS_MAX || !(seconds >= 0.0 && seconds <= SECONDS_MAX)) return HeedStatusBadArgument;
  if ((unsigned)peak > HeedPeakReadMemory) return HeedStatusBadArgument;
  Measurement m = {.kernels = heed_kernels(), .peak = peak, .threads = threads, .crowded = threads > heed_usable_processors()};
  if (peak == HeedPeakDotBf16 && !m.kernels->peak.dot_bf16) return HeedStatusNotSupported;
  m.slices = (size_t)((seconds > 0.0 ? seconds : DEFAULT_SECONDS) / SLICE_SECONDS + 0.5);
  if (m.slices == 0) m.slices = 1;
  if (peak != HeedPeakReadMemory) m.rounds = rounds_of_slice(&m);
  const HeedStatus status = peak == HeedPeakReadMemory ? measure_reading(&m) : measure(&m);
  if (status == HeedStatusOk) *rate = m.best;
  return status;
}

// Yardsticks over a caller's own buffers: how fast all threads read them, or copy one to another.

#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "runtime/clock.h"
#include "runtime/float_mode.h"
#include "runtime/sizes.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

#define BUFFER_BYTES_MIN ((size_t)64 << 20) // if the caches are small or their sizes unknown
// Pieces are handed out one by one, so that a thread that came late reads less. A copy is cut in one piece a thread instead: only a long
// one goes past the caches.
#define PIECE_BYTES ((size_t)1 << 20)
#define BYTES_MIN   4096 // a page

// A machine under a hypervisor may report no cache, or another than it has.
size_t heed_peak_buffer_bytes(void) {
  size_t bytes = BUFFER_BYTES_MIN;
#if defined(_SC_LEVEL3_CACHE_SIZE)
  const int saved = errno;
  const long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
  errno = saved;
  if (cache > 0 && (size_t)cache * 4 > bytes) bytes = (size_t)cache * 4;
#endif
  HeedMachine machine;
  heed_machine_describe(&machine);
  if (machine.memory_bytes > 0 && bytes > machine.memory_bytes / 8) bytes = machine.memory_bytes / 8;
  return bytes;
}

typedef struct Buffers {
  const HeedKernels *kernels;
  const void *const *sources; // of `bytes` each
  char *target;               // of a copy of the only source; null: only read
  size_t count, bytes, piece, pieces_each;
} Buffers;

static void visit_piece(void *context, size_t task, size_t worker) {
  (void)worker;
  const Buffers *b = context;
  const size_t first = task % b->pieces_each * b->piece, left = b->bytes - first, count = heed_size_min(left, b->piece);
  const char *source = (const char *)b->sources[task / b->pieces_each] + first;
  if (b->target) {
    memcpy(b->target + first, source, count);
  } else {
    b->kernels->peak.read_memory(source, count);
  }
}

static double visit(Buffers *buffers, size_t threads) {
  buffers->kernels = heed_kernels();
  buffers->pieces_each = heed_divide_up(buffers->bytes, buffers->piece);
  const uint64_t start = heed_nanoseconds();
  heed_parallel_for(buffers->count * buffers->pieces_each, threads, visit_piece, buffers);
  const uint64_t taken = heed_nanoseconds() - start;
  return (double)buffers->count * (double)buffers->bytes / (double)(taken ? taken : 1); // per nanosecond: 10^9 a second
}

static bool are_valid(const void *const *sources, size_t count, size_t bytes, size_t threads, const double *rate) {
  if (!sources || !rate || count == 0 || threads == 0 || threads > HEED_THREADS_MAX) return false;
  if (bytes < BYTES_MIN || bytes > PTRDIFF_MAX / count) return false;
  for (size_t i = 0; i < count; i++) {
    if (!sources[i]) return false;
  }
  return true;
}

HeedStatus heed_peak_read(const void *const *buffers, size_t count, size_t bytes, size_t threads, double *rate) {
  HEED_FLOAT_MODE();
  if (!are_valid(buffers, count, bytes, threads, rate)) return HeedStatusBadArgument;
  Buffers visited = {.sources = buffers, .count = count, .bytes = bytes, .piece = PIECE_BYTES};
  *rate = visit(&visited, threads);
  return HeedStatusOk;
}

HeedStatus heed_peak_copy(void *target, const void *source, size_t bytes, size_t threads, double *rate) {
  HEED_FLOAT_MODE();
  if (!target || !are_valid(&source, 1, bytes, threads, rate)) return HeedStatusBadArgument;
  const size_t share = heed_divide_up(bytes, threads), page = 4096;
  Buffers visited = {.sources = &source, .target = target, .count = 1, .bytes = bytes, .piece = heed_round_up(share, page)};
  *rate = 2.0 * visit(&visited, threads); // read and written
  return HeedStatusOk;
}

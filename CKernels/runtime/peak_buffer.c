// Yardsticks over a caller's own buffers: how fast all threads read them, or copy one to another.

#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "dispatch.h"
#include "parallel.h"

#define BUFFER_BYTES_MIN ((size_t)64 << 20)
// Pieces are handed out one by one, so that a thread that came late reads less. A copy is cut in one piece a thread instead: only a long
// one goes past the caches.
#define PIECE_BYTES ((size_t)1 << 20)
#define BYTES_MIN   4096

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
  const char *source;
  char *target; // null: only read
  size_t bytes, piece;
} Buffers;

static void visit_piece(void *context, size_t task, size_t worker) {
  (void)worker;
  const Buffers *b = context;
  const size_t first = task * b->piece, left = b->bytes - first, count = left < b->piece ? left : b->piece;
  if (b->target) {
    memcpy(b->target + first, b->source + first, count);
  } else {
    b->kernels->peak_read_memory(b->source + first, count);
  }
}

static HeedStatus visit(const Buffers *buffers, size_t threads, double *rate) {
  const uint64_t start = heed_nanoseconds();
  heed_parallel_for((buffers->bytes + buffers->piece - 1) / buffers->piece, threads, visit_piece, (void *)buffers);
  const uint64_t taken = heed_nanoseconds() - start;
  *rate = (double)buffers->bytes / (double)(taken ? taken : 1); // per nanosecond: 10^9 a second
  return HeedStatusOk;
}

static bool is_valid(const void *bytes, size_t count, size_t threads, const double *rate) {
  return bytes && rate && count >= BYTES_MIN && count <= PTRDIFF_MAX && threads > 0 && threads <= HEED_THREADS_MAX;
}

HeedStatus heed_peak_read(const void *bytes, size_t count, size_t threads, double *rate) {
  if (!is_valid(bytes, count, threads, rate)) return HeedStatusBadArgument;
  const Buffers buffers = {heed_kernels(), bytes, NULL, count, PIECE_BYTES};
  return visit(&buffers, threads, rate);
}

HeedStatus heed_peak_copy(void *target, const void *source, size_t count, size_t threads, double *rate) {
  if (!is_valid(source, count, threads, rate) || !target) return HeedStatusBadArgument;
  const size_t share = (count + threads - 1) / threads, page = 4096;
  const Buffers buffers = {heed_kernels(), source, target, count, (share + page - 1) / page * page};
  const HeedStatus status = visit(&buffers, threads, rate);
  *rate *= 2.0; // read and written
  return status;
}

// Private: lists of spans cut into chunks, one task per chunk. Chunks depend only on the spans' sizes.

#ifndef HEED_OPTIMIZER_CHUNKS_H
#define HEED_OPTIMIZER_CHUNKS_H

#include "heed/optimizer.h"
#include "runtime/scratch.h"
#include "runtime/sizes.h"
#include "runtime/threads/parallel.h"

typedef struct HeedOptimizerChunks {
  size_t spans, tasks, elements;
  size_t *first_task; // [spans + 1]: the first task of each span
} HeedOptimizerChunks;

typedef struct HeedOptimizerChunk {
  size_t span, begin, count;
} HeedOptimizerChunk;

static inline bool heed_optimizer_span_fits(size_t count) { return count <= PTRDIFF_MAX / sizeof(float); }

// Room for `first`, in scratch; to be popped. Counts are added one after the other with heed_optimizer_chunks_add.
static inline bool heed_optimizer_chunks_begin(HeedOptimizerChunks *chunks, size_t spans) {
  *chunks = (HeedOptimizerChunks){.first_task = heed_scratch_push(heed_size_product(heed_size_sum(spans, 1), sizeof(size_t)))};
  if (!chunks->first_task) return false;
  chunks->first_task[0] = 0;
  return true;
}

static inline void heed_optimizer_chunks_add(HeedOptimizerChunks *chunks, size_t count) {
  chunks->tasks += heed_divide_up(count, HEED_OPTIMIZER_CHUNK);
  chunks->elements += count;
  chunks->first_task[++chunks->spans] = chunks->tasks;
}

// The stretch of task `task`, found by bisection. `counts` holds the numbers that were added per span.
static inline size_t heed_optimizer_chunk_span(const HeedOptimizerChunks *chunks, size_t task) {
  size_t low = 0, high = chunks->spans;
  while (high - low > 1) {
    const size_t middle = low + (high - low) / 2;
    if (chunks->first_task[middle] <= task)
      low = middle;
    else
      high = middle;
  }
  return low;
}

static inline HeedOptimizerChunk heed_optimizer_chunk(const HeedOptimizerChunks *chunks, size_t task, size_t span, size_t count) {
  const size_t begin = (task - chunks->first_task[span]) * HEED_OPTIMIZER_CHUNK;
  return (HeedOptimizerChunk){span, begin, heed_size_min(count - begin, HEED_OPTIMIZER_CHUNK)};
}

static inline void heed_optimizer_chunks_run(const HeedOptimizerChunks *chunks, double flops_per_element, HeedTask task, void *context) {
  const double flops = flops_per_element * (double)chunks->elements;
  heed_parallel_for(chunks->tasks, heed_parallel_width(chunks->tasks, flops), task, context);
}

#endif

// Scratch memory: each thread has a stack of blocks and carves from the topmost.
//
// A push that does not fit adds a block, so that memory in use never moves. When the stack is empty again after it needed several blocks,
// one block that can hold the most ever carved replaces them. From the second call on there is one block, and nothing is allocated.
//
// A large block stays with its thread only while part of it is carved. Then it goes on a shelf, for whichever thread needs one next. So a
// task that moves between threads (Swift moves tasks at every await) has one block, not one per thread that it ever ran on. There are never
// more large blocks than were in use at one time.

#define _GNU_SOURCE
#include "runtime/scratch.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "runtime/stay_loaded.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define HEED_ASAN 1
#endif
#endif
#if !defined(HEED_ASAN)
#define ASAN_POISON_MEMORY_REGION(address, bytes)   ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)0)
#endif

#define BLOCK_BYTES_MIN ((size_t)64 << 10) // so that small pushes share a block
// From here on blocks are mapped, so that freeing one returns it to the system, and huge pages are asked for.
#define MAPPED_BYTES_MIN  ((size_t)1 << 20)
#define HUGE_PAGE_BYTES   ((size_t)2 << 20)
#define SCRATCH_BYTES_MAX ((size_t)PTRDIFF_MAX / 4)

#if defined(HEED_ASAN)
#define GAP_BYTES HEED_SCRATCH_ALIGNMENT // poisoned, behind everything that is carved
#else
#define GAP_BYTES 0
#endif

// The head of every block, one alignment unit long. `used` counts it.
typedef struct Block {
  struct Block *below;
  size_t size, used;
  bool mapped;
} Block;

#define HEAD_BYTES HEED_SCRATCH_ALIGNMENT
_Static_assert(sizeof(Block) <= HEAD_BYTES, "the head of a block fits before what is carved from it");

typedef struct Arena {
  Block *top;
  size_t held;     // bytes of all blocks
  size_t carved;   // bytes in use now, gaps and alignment included
  size_t high;     // most of those at one time since the last trim
  bool registered; // the blocks are freed when the thread ends
} Arena;

static _Thread_local Arena arena;

// Large blocks that no thread uses, linked by `below`; a leaf among locks.
static Block *shelf;
static pthread_mutex_t shelf_lock = PTHREAD_MUTEX_INITIALIZER;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_thread_end;
static bool key_exists;

// Of all threads. Counters only: nothing is published through them.
static atomic_size_t held_total, carved_total, carved_peak;
static _Atomic uint64_t allocations;

// ---- Blocks -----------------------------------------------------------------------------------------------------------------------------

// Mapped on a huge page's boundary where it is long enough to hold one.
static void *map_bytes(size_t bytes) {
  const size_t slack = bytes >= HUGE_PAGE_BYTES ? HUGE_PAGE_BYTES : 0;
  char *begin = mmap(NULL, bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED) return NULL;
  if (slack) {
    char *aligned = (char *)heed_round_up((uintptr_t)begin, HUGE_PAGE_BYTES);
    const size_t before = (size_t)(aligned - begin), after = slack - before;
    if (before) munmap(begin, before);
    if (after) munmap(aligned + bytes, after);
    begin = aligned;
  }
#if defined(MADV_HUGEPAGE)
  madvise(begin, bytes, MADV_HUGEPAGE);
#endif
  return begin;
}

// Bytes of a block from which `bytes` can be carved.
static size_t block_size(size_t bytes) {
  const size_t size = bytes + HEAD_BYTES < BLOCK_BYTES_MIN ? BLOCK_BYTES_MIN : bytes + HEAD_BYTES;
  return heed_round_up(size, size >= HUGE_PAGE_BYTES ? HUGE_PAGE_BYTES : 4096);
}

static Block *make_block(size_t size) {
  const bool mapped = size >= MAPPED_BYTES_MIN;
  Block *block = mapped ? map_bytes(size) : aligned_alloc(HEED_SCRATCH_ALIGNMENT, size);
  if (!block) return NULL;
  *block = (Block){.size = size, .used = HEAD_BYTES, .mapped = mapped};
  ASAN_POISON_MEMORY_REGION((char *)block + HEAD_BYTES, size - HEAD_BYTES);
  atomic_fetch_add_explicit(&held_total, size, memory_order_relaxed);
  atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
  return block;
}

static void destroy_block(Block *block) {
  const size_t size = block->size;
  atomic_fetch_sub_explicit(&held_total, size, memory_order_relaxed);
  ASAN_UNPOISON_MEMORY_REGION(block, size);
  if (block->mapped) {
    munmap(block, size);
  } else {
    free(block);
  }
}

static void stack_block(Block *block) {
  block->below = arena.top;
  arena.top = block;
  arena.held += block->size;
}

static Block *unstack_top(void) {
  Block *block = arena.top;
  arena.top = block->below;
  arena.held -= block->size;
  return block;
}

static void remove_top(void) { destroy_block(unstack_top()); }

static bool is_empty(const Block *block) { return block->used == HEAD_BYTES; }

// ---- The shelf --------------------------------------------------------------------------------------------------------------------------

static void shelve(Block *block) {
  pthread_mutex_lock(&shelf_lock);
  block->below = shelf;
  shelf = block;
  pthread_mutex_unlock(&shelf_lock);
}

static Block *unlink_block(Block **link) {
  Block *block = *link;
  if (block) *link = block->below;
  return block;
}

// Takes the smallest block of at least that many bytes off the shelf and returns it. If there is none, returns null and frees the largest
// of those that are too small: a larger one will take its place.
static Block *take_from_shelf(size_t size) {
  pthread_mutex_lock(&shelf_lock);
  Block **fitting = NULL, **small = NULL;
  for (Block **link = &shelf; *link; link = &(*link)->below) {
    const size_t has = (*link)->size;
    if (has >= size && (!fitting || has < (*fitting)->size)) fitting = link;
    if (has < size && (!small || has > (*small)->size)) small = link;
  }
  Block *block = fitting ? unlink_block(fitting) : NULL;
  Block *goes = !fitting && small ? unlink_block(small) : NULL;
  pthread_mutex_unlock(&shelf_lock);
  if (goes) destroy_block(goes);
  return block;
}

static void trim_shelf(size_t keep_bytes) {
  Block *gone = NULL;
  pthread_mutex_lock(&shelf_lock);
  for (Block **link = &shelf; *link;) {
    if ((*link)->size <= keep_bytes) {
      link = &(*link)->below;
      continue;
    }
    Block *block = unlink_block(link);
    block->below = gone;
    gone = block;
  }
  pthread_mutex_unlock(&shelf_lock);
  while (gone) destroy_block(unlink_block(&gone));
}

static bool add_block_of(size_t bytes) {
  const size_t size = block_size(bytes);
  Block *block = size >= MAPPED_BYTES_MIN ? take_from_shelf(size) : NULL;
  if (!block) block = make_block(size);
  if (block) stack_block(block);
  return block;
}

// Puts a block on top of the stack from which that much can be carved. At the bottom it holds as much as the thread ever carved, if memory
// allows.
static bool add_block(size_t bytes) { return (!arena.top && arena.high > bytes && add_block_of(arena.high)) || add_block_of(bytes); }

// ---- Ends of threads and processes ------------------------------------------------------------------------------------------------------

static void give_back(void *unused) {
  (void)unused;
  while (arena.top) remove_top();
  atomic_fetch_sub_explicit(&carved_total, arena.carved, memory_order_relaxed);
  // A later destructor of this thread may compute too; then it registers once more.
  arena = (Arena){0};
}

// The child's copy of the shelf is whole.
static void before_fork(void) { pthread_mutex_lock(&shelf_lock); }
static void after_fork_in_parent(void) { pthread_mutex_unlock(&shelf_lock); }

// Only this thread continues in the child: memory that other threads carved is no longer in use, though their blocks stay mapped.
static void after_fork_in_child(void) {
  size_t held = arena.held;
  for (const Block *block = shelf; block; block = block->below) held += block->size;
  pthread_mutex_unlock(&shelf_lock);
  atomic_store_explicit(&held_total, held, memory_order_relaxed);
  atomic_store_explicit(&carved_total, arena.carved, memory_order_relaxed);
  atomic_store_explicit(&carved_peak, arena.carved, memory_order_relaxed);
}

static void set_up(void) {
  heed_stay_loaded();
  key_exists = pthread_key_create(&at_thread_end, give_back) == 0;
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static void register_thread(void) {
  pthread_once(&once, set_up);
  // Without a key the blocks of this thread outlive it. That is a leak, but to refuse would be a failure.
  if (key_exists) pthread_setspecific(at_thread_end, &arena);
  arena.registered = true;
}

// ---- The stack --------------------------------------------------------------------------------------------------------------------------

static void raise_peak(size_t carved) {
  size_t peak = atomic_load_explicit(&carved_peak, memory_order_relaxed);
  while (carved > peak && !atomic_compare_exchange_weak_explicit(&carved_peak, &peak, carved, memory_order_relaxed, memory_order_relaxed)) {
  }
}

void *heed_scratch_push(size_t bytes) {
  if (bytes > SCRATCH_BYTES_MAX) return NULL;
  // A block of zero bytes has its own address too, so that pop finds it.
  bytes = heed_round_up(bytes ? bytes : 1, HEED_SCRATCH_ALIGNMENT);
  const size_t step = bytes + GAP_BYTES;
  if (!arena.registered) register_thread();
  if (arena.top && arena.top->size - arena.top->used < step) {
    // Frees an empty block that is too small, unless memory allows no more.
    if (is_empty(arena.top)) remove_top();
  }
  if ((!arena.top || arena.top->size - arena.top->used < step) && !add_block(step)) return NULL;
  char *carved = (char *)arena.top + arena.top->used;
  arena.top->used += step;
  arena.carved += step;
  if (arena.carved > arena.high) arena.high = arena.carved;
  raise_peak(step + atomic_fetch_add_explicit(&carved_total, step, memory_order_relaxed));
  ASAN_UNPOISON_MEMORY_REGION(carved, bytes);
  return carved;
}

// The stack is empty. One block, as large as the thread ever needed, replaces several blocks, and a large block goes on the shelf.
static void settle(void) {
  if (arena.top->below) {
    while (arena.top) remove_top();
    add_block(arena.high);
  }
  if (arena.top && arena.top->mapped) shelve(unstack_top());
}

void heed_scratch_pop(void *block) {
  if (!block) return;
  // An empty block may be above the one that is popped from. The next push that fits uses it.
  Block *owner = arena.top;
  while (owner && ((char *)block <= (char *)owner || (char *)block >= (char *)owner + owner->used)) owner = owner->below;
  assert(owner && "heed_scratch_pop: not a block of this thread that is in use");
  if (!owner) return;
  for (Block *above = arena.top; above != owner; above = above->below) {
    assert(is_empty(above) && "heed_scratch_pop: a block pushed later is still in use");
  }
  const size_t offset = (size_t)((char *)block - (char *)owner), freed = owner->used - offset;
  ASAN_POISON_MEMORY_REGION(block, freed);
  owner->used = offset;
  arena.carved -= freed;
  atomic_fetch_sub_explicit(&carved_total, freed, memory_order_relaxed);
  if (arena.carved == 0) settle();
}

// ---- Public functions -----------------------------------------------------------------------------------------------------------

void heed_scratch_statistics(HeedScratchStatistics *statistics) {
  if (!statistics) return;
  statistics->held_bytes = atomic_load_explicit(&held_total, memory_order_relaxed);
  statistics->peak_bytes = atomic_load_explicit(&carved_peak, memory_order_relaxed);
  statistics->allocations = atomic_load_explicit(&allocations, memory_order_relaxed);
}

void heed_scratch_reset_peak(void) {
  atomic_store_explicit(&carved_peak, atomic_load_explicit(&carved_total, memory_order_relaxed), memory_order_relaxed);
}

void heed_scratch_trim(size_t keep_bytes) {
  trim_shelf(keep_bytes);
  if (arena.held <= keep_bytes) return;
  while (arena.top && is_empty(arena.top)) remove_top();
  arena.high = arena.carved;
}

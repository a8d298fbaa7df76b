#include "CAllocationCounter.h"

#include <stddef.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HEED_SANITIZED 1
#endif
#endif

#if defined(__GLIBC__) && !defined(HEED_SANITIZED)

static _Thread_local uint64_t allocations, bytes;

static void count(size_t size) {
  allocations++;
  bytes += size;
}

// glibc's own functions under the names that it exports for this purpose. `free` stays as it is, for the memory is glibc's.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
  count(size);
  return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  count(number * size);
  return __libc_calloc(number, size);
}

void *realloc(void *block, size_t size) {
  count(size);
  return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
  count(size);
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **block, size_t alignment, size_t size) {
  void *memory = memalign(alignment, size);
  if (!memory) return 12; // ENOMEM
  *block = memory;
  return 0;
}

bool heed_allocations_are_counted(void) { return true; }
uint64_t heed_allocation_count(void) { return allocations; }
uint64_t heed_allocated_bytes(void) { return bytes; }

#else

bool heed_allocations_are_counted(void) { return false; }
uint64_t heed_allocation_count(void) { return 0; }
uint64_t heed_allocated_bytes(void) { return 0; }

#endif

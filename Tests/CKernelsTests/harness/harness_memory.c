// Guarded blocks and poison. See harness.h.

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"

// Quiet, with a payload no kernel makes.
#define POISON_BITS 0x7fc0dead

Guarded guarded_allocate(size_t bytes, GuardSide side) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  const size_t pages = (bytes + page - 1) / page + (bytes == 0);
  Guarded block = {NULL, NULL, (pages + 2) * page};
  block.map = mmap(NULL, block.map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block.map == MAP_FAILED) abort();
  char *inside = (char *)block.map + page;
  if (mprotect(inside, pages * page, PROT_READ | PROT_WRITE) != 0) abort();
  // What lies between the block and the other guard is poison too: a wrong read shows even where it does not fault.
  memset(inside, 0xff, pages * page);
  block.data = side == GuardEnd ? inside + pages * page - bytes : inside;
  return block;
}

void guarded_free(Guarded *block) {
  if (block->map) munmap(block->map, block->map_bytes);
  *block = (Guarded){NULL, NULL, 0};
}

void poison_floats(float *data, size_t count) {
  const uint32_t bits = POISON_BITS;
  for (size_t i = 0; i < count; i++) memcpy(data + i, &bits, sizeof bits);
}

bool is_poison(const float *data, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, data + i, sizeof bits);
    if (bits != POISON_BITS) return false;
  }
  return true;
}

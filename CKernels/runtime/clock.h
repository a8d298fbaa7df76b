// Private: a monotonic clock and the processor's hint for a spinning wait.

#ifndef HEED_CLOCK_H
#define HEED_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t heed_nanoseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void heed_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  __asm__ volatile("yield");
#endif
}

#endif

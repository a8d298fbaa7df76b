// Counts what the calling thread asks of the C allocator, by standing in for its functions in a test process.

#ifndef HEED_ALLOCATION_COUNTER_H
#define HEED_ALLOCATION_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

// Whether this platform's allocator can be counted (glibc, without AddressSanitizer).
bool heed_allocations_are_counted(void);

// How often the calling thread has asked for memory.
uint64_t heed_allocation_count(void);

// How many bytes the calling thread has asked for, given back or not.
uint64_t heed_allocated_bytes(void);

#endif

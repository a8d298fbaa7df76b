// What the tests of the runtime share: work, sleep, counting threads, child processes.

#ifndef HEED_RUNTIME_SUPPORT_H
#define HEED_RUNTIME_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>

// Keeps a core busy for `additions` dependent additions.
void burn(size_t additions);
void sleep_microseconds(size_t microseconds);

// Whether the library was built with OpenMP.
bool has_threads(void);

// Threads of this process now.
size_t count_threads(void);

// Processor seconds that this process took so far, all threads.
double processor_seconds(void);

// Tests named child_NAME do something only in a process that run_child(NAME) started: this very binary, with that test alone.
bool is_child(const char *name);

typedef struct ChildResult {
  int status;        // its exit status, or 128 + the signal that ended it, or -1 where it could not be started
  char output[4096]; // its standard output, cut off there
  char errors[4096]; // its standard error
} ChildResult;

// `variable` (or null) is set to `value` in the child's environment. Stops the child after 60 s.
ChildResult run_child(const char *name, const char *variable, const char *value);

#endif

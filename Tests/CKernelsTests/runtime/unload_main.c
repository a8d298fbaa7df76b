// dlopen, compute, dlclose, and what still points into the library then: the engine thread, destructors of threads that used scratch,
// handlers of fork(). A program of its own, which is linked with nothing of ours: unload LIBRARY. Ends with 0, or by the signal of a crash.

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "heed/gemm.h"

enum { SIZE = 256 };
static float a[SIZE * SIZE], b[SIZE * SIZE], c[SIZE * SIZE];

static const HeedGemmShape shape = {.batch = 1,
                                    .m = SIZE,
                                    .n = SIZE,
                                    .k = SIZE,
                                    .a_row = SIZE,
                                    .a_column = 1,
                                    .b_row = SIZE,
                                    .b_column = 1,
                                    .c_row = SIZE,
                                    .c_column = 1,
                                    .alpha = 1};

typedef union Symbol {
  void *address;
  HeedStatus (*gemm)(const HeedGemmShape *shape, const HeedGemmEpilogue *epilogue, const void *a, const void *b, float *c);
  HeedStatus (*set_threads)(size_t count);
} Symbol;

static pthread_barrier_t meeting;

// Computes with scratch of its own and ends only when the library was closed.
static void *compute_and_stay(void *gemm) {
  static float own[SIZE * SIZE];
  const Symbol product = {.address = gemm};
  if (product.gemm(&shape, NULL, a, b, own) != HeedStatusOk) exit(3);
  pthread_barrier_wait(&meeting);
  pthread_barrier_wait(&meeting);
  return NULL;
}

static void fork_once(void) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  int status = -1;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) exit(4);
}

static void open_compute_close(const char *path, size_t threads) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    fprintf(stderr, "%s\n", dlerror());
    exit(2);
  }
  const Symbol product = {.address = dlsym(library, "heed_gemm")}, set = {.address = dlsym(library, "heed_thread_count_set")};
  if (!product.address || !set.address || set.set_threads(threads) != HeedStatusOk) exit(2);
  pthread_t thread;
  if (pthread_create(&thread, NULL, compute_and_stay, product.address) != 0) exit(2);
  pthread_barrier_wait(&meeting);
  if (product.gemm(&shape, NULL, a, b, c) != HeedStatusOk) exit(3);
  dlclose(library);
  pthread_barrier_wait(&meeting);
  pthread_join(thread, NULL);
  fork_once();
  nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL); // the engine thread goes to sleep
}

int main(int count, char **arguments) {
  if (count != 2 || pthread_barrier_init(&meeting, NULL, 2) != 0) return 2;
  for (size_t i = 0; i < SIZE * SIZE; i++) a[i] = (float)(i % 7), b[i] = (float)(i % 5);
  for (size_t i = 0; i < 6; i++) open_compute_close(arguments[1], i % 2 ? 2 : 4);
  return 0;
}

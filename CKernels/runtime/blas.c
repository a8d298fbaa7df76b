// OpenBLAS, opened at the first call and never linked. So a machine need not have it, and an application can choose its kernels in the
// environment (OPENBLAS_CORETYPE) before it is loaded.

#define _GNU_SOURCE
#include "runtime/blas.h"

#if !defined(HEED_OPENBLAS)

HeedCblasSgemm heed_openblas_sgemm(void) { return NULL; }
const char *heed_openblas_description(void) { return NULL; }

#else

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// Address space that OpenBLAS takes for itself, and per processor: a thread's stack and a buffer.
#define LIBRARY_BYTES   ((size_t)96 << 20)
#define BYTES_EACH      ((size_t)64 << 20)
#define PROCESSORS_MOST 1024 // the most that OpenBLAS can be built for

static pthread_once_t once = PTHREAD_ONCE_INIT;
static HeedCblasSgemm sgemm;
static char description[128];

// dlsym gives a data pointer; POSIX promises that it holds a function's address.
typedef union Symbol {
  void *address;
  HeedCblasSgemm sgemm;
  char *(*text)(void);
  void (*set_number)(int);
} Symbol;

// Under a limit on the address space (`ulimit -v`) OpenBLAS asks for its buffers again and again, for ever. So it is not opened if there is
// no room for them. This only asks; it takes nothing.
static bool has_room(void) {
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  const size_t processors = online < 1 ? 1 : online > PROCESSORS_MOST ? PROCESSORS_MOST : (size_t)online;
  const size_t bytes = LIBRARY_BYTES + processors * BYTES_EACH;
  void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) return false;
  munmap(map, bytes);
  return true;
}

static void *open_library(void) {
#if defined(__APPLE__)
  const char *const names[] = {"libopenblas.0.dylib", "libopenblas.dylib"};
#else
  const char *const names[] = {"libopenblas.so.0", "libopenblas.so"};
#endif
  void *library = NULL;
  for (size_t i = 0; i < sizeof names / sizeof names[0] && !library; i++) library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  return library;
}

static void open_openblas(void) {
  const int saved = errno;
  void *library = has_room() ? open_library() : NULL;
  errno = saved;
  if (!library) return;
  const Symbol product = {.address = dlsym(library, "cblas_sgemm")}, set_threads = {.address = dlsym(library, "openblas_set_num_threads")};
  const Symbol config = {.address = dlsym(library, "openblas_get_config")}, core = {.address = dlsym(library, "openblas_get_corename")};
  const char *words = config.address ? config.text() : NULL;
  // A build with 64-bit integers has another calling convention.
  if (!product.address || !set_threads.address || !words || strstr(words, "USE64BITINT")) {
    dlclose(library);
    return;
  }
  set_threads.set_number(1);
  sgemm = product.sgemm;
  // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ...": the first two words.
  const size_t name = strcspn(words, " "), version = words[name] ? 1 + strcspn(words + name + 1, " ") : 0;
  snprintf(description, sizeof description, "%.*s (%s)", (int)(name + version), words, core.address ? core.text() : "unknown core");
}

HeedCblasSgemm heed_openblas_sgemm(void) {
  pthread_once(&once, open_openblas);
  return sgemm;
}

const char *heed_openblas_description(void) {
  pthread_once(&once, open_openblas);
  return sgemm ? description : NULL;
}

#endif

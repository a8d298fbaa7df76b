// Asks the loader to keep this shared object. The shared library is linked to stay in any case (CMakeLists.txt). This is for a plugin that
// contains the static library.

#define _GNU_SOURCE
#include "runtime/stay_loaded.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>

#if defined(__GLIBC__)
#include <link.h>
#endif

// The loader's name for the shared object, or null for the program itself.
static const char *own_name(void) {
  Dl_info info;
#if defined(__GLIBC__)
  struct link_map *map = NULL;
  if (!dladdr1((const void *)own_name, &info, (void **)&map, RTLD_DL_LINKMAP) || !map) return NULL;
  return map->l_name && map->l_name[0] != '\0' ? map->l_name : NULL;
#else
  return dladdr((const void *)own_name, &info) ? info.dli_fname : NULL;
#endif
}

static void stay(void) {
  const int saved = errno;
#if defined(RTLD_NODELETE) && defined(RTLD_NOLOAD)
  const char *name = own_name();
  if (name && !dlopen(name, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE)) (void)dlerror();
#else
  (void)own_name;
#endif
  errno = saved;
}

void heed_stay_loaded(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, stay);
}

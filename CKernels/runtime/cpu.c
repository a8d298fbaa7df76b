// Finds the machine's processors and memory, and which of them the operating system lets this process use.

#define _GNU_SOURCE
#include "runtime/cpu.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "runtime/cgroup.h"
#include "runtime/float_mode.h"

// ---- Features ---------------------------------------------------------------------------------------------------------------------------

#if defined(__x86_64__)

// The registers that the operating system saves when it switches threads.
static uint64_t saved_register_state(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

static unsigned read_features(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
  const unsigned needed = bit_FMA | bit_F16C | bit_OSXSAVE | bit_AVX;
  if ((c & needed) != needed) return 0;
  const uint64_t saved = saved_register_state(), ymm = 0x06, zmm = 0xe6; // zmm: also the masks, the upper halves, registers 16 to 31
  if ((saved & ymm) != ymm || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2)) return 0;
  unsigned features = HEED_CPU_AVX2;
  const unsigned avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
  if ((saved & zmm) != zmm || (b & avx512) != avx512) return features;
  features |= HEED_CPU_AVX512;
  const unsigned avx512_bf16 = 1u << 5;
  if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & avx512_bf16)) features |= HEED_CPU_AVX512_BF16;
  return features;
}

#else

static unsigned read_features(void) { return 0; }

#endif

unsigned heed_cpu_features(void) {
  // Asked only once, because under a hypervisor each cpuid takes tens of microseconds. The top bit says that the answer is known.
  static atomic_uint cache;
  const unsigned known = 1u << 31;
  unsigned features = atomic_load_explicit(&cache, memory_order_relaxed);
  if (!(features & known)) {
    features = read_features() | known;
    atomic_store_explicit(&cache, features, memory_order_relaxed);
  }
  return features & ~known;
}

// ---- The processor's name ---------------------------------------------------------------------------------------------------------------

#if defined(__x86_64__)

// 48 characters in registers; many processors pad them with blanks on either side.
static bool brand_string(char name[static 49]) {
  unsigned words[12];
  if ((unsigned)__get_cpuid_max(0x80000000u, NULL) < 0x80000004u) return false;
  for (unsigned i = 0; i < 3; i++) {
    if (!__get_cpuid(0x80000002u + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2], &words[4 * i + 3])) return false;
  }
  memcpy(name, words, 48);
  name[48] = '\0';
  return true;
}

#else

static bool brand_string(char name[static 49]) {
  (void)name;
  return false;
}

#endif

// The "model name" of /proc/cpuinfo (x86), or its "Model" (some ARM boards).
static bool name_from_cpuinfo(char *name, size_t capacity) {
  FILE *file = fopen("/proc/cpuinfo", "re");
  if (!file) return false;
  char line[256];
  bool found = false;
  while (!found && fgets(line, sizeof line, file)) {
    if (strncmp(line, "model name", 10) != 0 && strncmp(line, "Model", 5) != 0) continue;
    const char *colon = strchr(line, ':');
    if (!colon) continue;
    snprintf(name, capacity, "%s", colon + 1);
    found = true;
  }
  fclose(file);
  return found;
}

static void trim_blanks(char *text) {
  size_t begin = strspn(text, " \t\n"), end = strlen(text);
  while (end > begin && strchr(" \t\n", text[end - 1])) end--;
  memmove(text, text + begin, end - begin);
  text[end - begin] = '\0';
}

static void name_processor(char *name, size_t capacity) {
  char brand[49];
  if (brand_string(brand)) {
    trim_blanks(brand);
    snprintf(name, capacity, "%s", brand);
    if (name[0]) return;
  }
  if (name_from_cpuinfo(name, capacity)) {
    trim_blanks(name);
    if (name[0]) return;
  }
  struct utsname system;
  snprintf(name, capacity, "%s", uname(&system) >= 0 ? system.machine : "unknown");
}

// ---- The machine ------------------------------------------------------------------------------------------------------------------------

static size_t count_allowed(size_t online) {
#if defined(__linux__)
  // 65,536 processors: eight times as many as Linux can be built for. The kernel refuses a mask shorter than its own.
  unsigned long mask[1024] = {0};
  if (sched_getaffinity(0, sizeof mask, (cpu_set_t *)mask) == 0) {
    size_t count = 0;
    for (size_t i = 0; i < sizeof mask / sizeof mask[0]; i++) count += (size_t)__builtin_popcountl(mask[i]);
    if (count > 0) return count;
  }
#endif
  return online;
}

static size_t physical_memory(void) {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0 ? (size_t)pages * (size_t)page : 0;
}

void heed_machine_describe(HeedMachine *machine) {
  HEED_FLOAT_MODE();
  if (!machine) return;
  const int saved = errno;
  memset(machine, 0, sizeof *machine);
  name_processor(machine->processor, sizeof machine->processor);
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  machine->processors_online = online > 0 ? (size_t)online : 1;
  machine->processors_allowed = count_allowed(machine->processors_online);

  HeedCgroupLimits limits;
  heed_cgroup_limits("", &limits);
  machine->cgroup_quota = limits.processors;
  machine->usable = machine->processors_allowed;
  if (limits.processors > 0 && limits.processors < (double)machine->usable) machine->usable = (size_t)limits.processors;
  if (machine->usable == 0) machine->usable = 1;

  machine->memory_bytes = physical_memory();
  if (limits.memory_bytes > 0 && (limits.memory_bytes < machine->memory_bytes || machine->memory_bytes == 0)) {
    machine->memory_bytes = limits.memory_bytes;
  }
  errno = saved;
}

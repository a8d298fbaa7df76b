// What the runtime finds: control groups, the machine, numbers of threads, tables, peaks, OpenBLAS.

#define _GNU_SOURCE
#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "runtime/blas.h"
#include "runtime/cgroup.h"
#include "runtime/threads/thread_count.h"
#include "runtime_support.h"
#include "table/dispatch.h"

// ---- Control groups ---------------------------------------------------------------------------------------------------------------------

static char tree[64]; // a copy of the files that the parser reads

static void begin_tree(void) {
  strcpy(tree, "/tmp/heed-cgroup-XXXXXX");
  if (!mkdtemp(tree)) tree[0] = '\0';
}

static void put(const char *path, const char *text) {
  char full[512];
  snprintf(full, sizeof full, "%s%s", tree, path);
  for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    mkdir(full, 0700);
    *slash = '/';
  }
  FILE *file = fopen(full, "w");
  if (!file) {
    test_fail(__FILE__, __LINE__, "cannot write %s", full);
    return;
  }
  fputs(text, file);
  fclose(file);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk) {
  (void)status, (void)type, (void)walk;
  return remove(path);
}

static HeedCgroupLimits end_tree(void) {
  HeedCgroupLimits limits = {-1.0, 1};
  heed_cgroup_limits(tree, &limits);
  nftw(tree, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  return limits;
}

static void check_limits(HeedCgroupLimits limits, double processors, size_t memory, int line) {
  if (limits.processors != processors || limits.memory_bytes != memory) {
    test_fail(__FILE__, line, "%g processors and %zu bytes, expected %g and %zu", limits.processors, limits.memory_bytes, processors,
              memory);
  }
}

TEST_ONCE(cgroup_version_2) {
  begin_tree();
  put("/proc/self/cgroup", "0::/user.slice/app:1.scope\n"); // a colon is part of the path
  put("/proc/self/mountinfo",
      "24 30 0:22 / /proc rw - proc proc rw\n35 25 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
  put("/sys/fs/cgroup/user.slice/cpu.max", "250000 100000\n"); // the tighter quota lies further out
  put("/sys/fs/cgroup/user.slice/memory.max", "max\n");
  put("/sys/fs/cgroup/user.slice/app:1.scope/cpu.max", "400000 100000\n");
  put("/sys/fs/cgroup/user.slice/app:1.scope/memory.max", "1073741824\n");
  check_limits(end_tree(), 2.5, 1073741824, __LINE__);
}

TEST_ONCE(cgroup_version_2_without_limits) {
  begin_tree();
  put("/proc/self/cgroup", "0::/a\n");
  put("/proc/self/mountinfo", "35 25 0:30 / /sys/fs/cgroup rw - cgroup2 none rw\n");
  put("/sys/fs/cgroup/a/cpu.max", "max 100000\n");
  put("/sys/fs/cgroup/a/memory.max", "max\n");
  check_limits(end_tree(), 0.0, 0, __LINE__);
}

TEST_ONCE(cgroup_version_1_of_a_container) {
  begin_tree();
  put("/proc/self/cgroup",
      "12:memory:/docker/1f/sub\n4:cpu,cpuacct:/docker/1f\n3:cpuset:/docker/1f\n1:name=systemd:/docker/1f\n0::/system.slice\n");
  put("/proc/self/mountinfo", "40 39 0:31 /docker/1f /sys/fs/cgroup/cpu,cpuacct ro master:15 - cgroup cgroup rw,cpu,cpuacct\n"
                              "41 39 0:32 /docker/1f /sys/fs/cgroup/cpuset ro - cgroup cgroup rw,cpuset\n"
                              "42 39 0:33 /docker/1f /sys/fs/cgroup/the\\040memory ro - cgroup cgroup rw,memory\n");
  put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n");
  put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  put("/sys/fs/cgroup/cpuset/cpu.cfs_quota_us", "1\n"); // not the processor controller
  put("/sys/fs/cgroup/cpuset/cpu.cfs_period_us", "100000\n");
  put("/sys/fs/cgroup/the memory/memory.limit_in_bytes", "536870912\n");
  put("/sys/fs/cgroup/the memory/sub/memory.limit_in_bytes", "9223372036854771712\n"); // none
  check_limits(end_tree(), 0.5, 536870912, __LINE__);
}

TEST_ONCE(cgroup_outside_of_what_is_mounted) {
  begin_tree();
  put("/proc/self/cgroup", "4:cpu:/../other\n");
  put("/proc/self/mountinfo", "40 39 0:31 / /cg rw - cgroup cgroup rw,cpu\n");
  put("/cg/cpu.cfs_quota_us", "300000\n");
  put("/cg/cpu.cfs_period_us", "100000\n");
  put("/other/cpu.cfs_quota_us", "100000\n");
  put("/other/cpu.cfs_period_us", "100000\n");
  check_limits(end_tree(), 3.0, 0, __LINE__);
}

TEST_ONCE(cgroup_files_that_make_no_sense) {
  begin_tree();
  check_limits(end_tree(), 0.0, 0, __LINE__);
  begin_tree();
  put("/proc/self/cgroup", "\n0\n:::\n0::\n4:cpu\nabc:memory:relative\n0::/a\n");
  put("/proc/self/mountinfo",
      "\n - \n1 2 3 - cgroup2\n35 25 0:30 / /g rw - cgroup2 none rw\n36 25 0:30 / /h rw - cgroup none rw,cpu\nx - cgroup2 x\n");
  put("/g/a/cpu.max", "-5 100000\n");
  put("/g/cpu.max", "200000 0\n");
  put("/g/a/memory.max", "nonsense\n");
  put("/g/memory.max", "");
  check_limits(end_tree(), 0.0, 0, __LINE__);
}

// ---- The machine ------------------------------------------------------------------------------------------------------------------------

TEST_ONCE(machine_is_described) {
  HeedMachine machine;
  errno = 77;
  heed_machine_describe(&machine);
  CHECK(errno == 77);
  CHECK(machine.processor[0] && machine.processor[0] != ' ' && strlen(machine.processor) < sizeof machine.processor);
  CHECK(machine.processors_online >= 1 && machine.processors_allowed >= 1);
  CHECK(machine.usable >= 1 && machine.usable <= machine.processors_allowed);
  CHECK(machine.cgroup_quota >= 0.0);
  CHECK(machine.memory_bytes > (size_t)1 << 20);
}

TEST_ONCE(thread_count_texts) {
  const struct {
    const char *text;
    size_t count;
  } cases[] = {{"1", 1},   {"256", 256}, {"257", 0}, {"0", 0},  {"-1", 0},  {"", 0},    {"abc", 0}, {"4abc", 0},
               {"4,2", 4}, {" 3\t", 3},  {",4", 0},  {"+4", 0}, {"4.5", 0}, {"0x4", 0}, {"007", 7}, {"99999999999999999999999", 0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const size_t count = heed_thread_count_parse(cases[i].text);
    CHECK_MESSAGE(count == cases[i].count, "'%s' gives %zu", cases[i].text, count);
  }
  CHECK(heed_thread_count_parse(NULL) == 0);

  const char *const readable[] = {NULL, "0", "1", "4,2", " 4 , 2 ", "1000000", "007"};
  const char *const harmful[] = {
      "", " ", "abc", "-1", "+4", "4x", "x4", "0x4", "4.5", "4;2", ",", "4,", "4,,2", "4 2", "99999999999999999999"};
  for (size_t i = 0; i < sizeof readable / sizeof readable[0]; i++) {
    CHECK_MESSAGE(heed_openmp_can_read(readable[i]), "'%s'", readable[i] ? readable[i] : "(null)");
  }
  for (size_t i = 0; i < sizeof harmful / sizeof harmful[0]; i++) CHECK_MESSAGE(!heed_openmp_can_read(harmful[i]), "'%s'", harmful[i]);
}

TEST_ONCE(every_status_is_described) {
  for (int i = HeedStatusOk; i <= HeedStatusBadIndex; i++) {
    for (int j = HeedStatusOk; j < i; j++)
      CHECK(strcmp(heed_status_description((HeedStatus)i), heed_status_description((HeedStatus)j)) != 0);
  }
}

// ---- Tables -----------------------------------------------------------------------------------------------------------------------------

TEST(table_in_use_is_the_one_selected) {
  const HeedISA isa = heed_isa_current();
  CHECK(heed_isa_available(isa));
  CHECK(heed_kernels()->isa == isa);
  CHECK(heed_kernels()->lanes >= 4);
  HeedISA named = HeedISAGeneric;
  CHECK(heed_isa_named(heed_isa_name(isa), &named) && named == isa);
  CHECK(heed_kernels_choose(heed_isa_name(isa))->isa == isa);
}

TEST_ONCE(unknown_table_gives_the_best) {
  HeedISA isa = HeedISAAvx512;
  CHECK(!heed_isa_named("sse9", &isa) && isa == HeedISAAvx512);
  CHECK(!heed_isa_named("", &isa) && !heed_isa_named("AVX512", &isa) && !heed_isa_named(NULL, &isa));
  const HeedISA best = heed_kernels_choose(NULL)->isa;
  for (int other = 0; other < HEED_ISA_COUNT; other++) {
    if (heed_isa_available((HeedISA)other)) {
      CHECK(other <= (int)best);
    } else {
      const HeedISA before = heed_isa_current();
      CHECK(heed_isa_select((HeedISA)other) == HeedStatusNotSupported);
      CHECK(heed_isa_current() == before);
      CHECK(heed_kernels_choose(heed_isa_name((HeedISA)other))->isa == best);
    }
  }
  CHECK(heed_kernels_choose("sse9")->isa == best);
  CHECK(heed_isa_available(HeedISAGeneric));
}

// ---- Peaks ------------------------------------------------------------------------------------------------------------------------------

TEST(peaks_are_measured) {
  HeedMachine machine;
  heed_machine_describe(&machine);
  const char *const names[] = {"fma f32 GFLOP/s", "dot bf16 GFLOP/s", "read GB/s"};
  for (int peak = HeedPeakFmaF32; peak <= HeedPeakReadMemory; peak++) {
    for (size_t threads = 1; threads <= (has_threads() ? 3 : 1); threads++) {
      double rate = -1.0;
      const HeedStatus status = heed_peak_measure((HeedPeak)peak, threads, 0.0, &rate);
      if (peak == HeedPeakDotBf16 && !heed_kernels()->peak.dot_bf16) {
        CHECK(status == HeedStatusNotSupported && rate == -1.0);
        continue;
      }
      CHECK_MESSAGE(status == HeedStatusOk, "%s on %zu threads: %s", names[peak], threads, heed_status_description(status));
      CHECK_MESSAGE(isfinite(rate) && rate > 0.1 && rate < 1e5, "%s on %zu threads: %g", names[peak], threads, rate);
      printf("  %s, %s, %zu threads: %.1f\n", heed_isa_name(heed_isa_current()), names[peak], threads, rate);
    }
  }
}

TEST_ONCE(peak_arguments_are_checked) {
  double rate = 5.0;
  CHECK(heed_peak_measure(HeedPeakFmaF32, 0, 0.0, &rate) == HeedStatusBadArgument);
  CHECK(heed_peak_measure(HeedPeakFmaF32, HEED_THREADS_MAX + 1, 0.0, &rate) == HeedStatusBadArgument);
  CHECK(heed_peak_measure(HeedPeakFmaF32, 1, -1.0, &rate) == HeedStatusBadArgument);
  CHECK(heed_peak_measure(HeedPeakFmaF32, 1, (double)NAN, &rate) == HeedStatusBadArgument);
  CHECK(heed_peak_measure(HeedPeakFmaF32, 1, 0.0, NULL) == HeedStatusBadArgument);
  CHECK(rate == 5.0);
}

// Every byte is copied once, whatever the number of threads, and nothing behind the end.
TEST(peaks_over_buffers_of_any_size) {
  enum { LIMIT = 5 << 20 };
  unsigned char *source = malloc(LIMIT), *target = malloc(LIMIT + 64);
  if (!source || !target) {
    test_fail(__FILE__, __LINE__, "no memory");
    free(source);
    free(target);
    return;
  }
  for (size_t i = 0; i < LIMIT; i++) source[i] = (unsigned char)(i * 31 % 251);
  const size_t counts[] = {4096, 4097, 12345, (1 << 20) + 1, LIMIT - 7, LIMIT};
  for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
    for (size_t threads = 1; threads <= 5; threads++) {
      memset(target, 0xa5, LIMIT + 64);
      double read = -1.0, copied = -1.0;
      const void *const buffers[] = {source, target, source};
      CHECK(heed_peak_read(buffers, 3, counts[c], threads, &read) == HeedStatusOk && isfinite(read) && read > 0.0);
      CHECK(heed_peak_copy(target, source, counts[c], threads, &copied) == HeedStatusOk && isfinite(copied) && copied > 0.0);
      CHECK_MESSAGE(memcmp(target, source, counts[c]) == 0, "%zu bytes, %zu threads", counts[c], threads);
      CHECK_MESSAGE(target[counts[c]] == 0xa5 && target[counts[c] + 63] == 0xa5, "%zu bytes, %zu threads", counts[c], threads);
    }
  }
  double rate = 5.0;
  const void *const buffers[] = {source, NULL};
  CHECK(heed_peak_read(NULL, 1, 4096, 1, &rate) == HeedStatusBadArgument);
  CHECK(heed_peak_read(buffers, 2, 4096, 1, &rate) == HeedStatusBadArgument);
  CHECK(heed_peak_read(buffers, 0, 4096, 1, &rate) == HeedStatusBadArgument);
  CHECK(heed_peak_read(buffers, 1, 4095, 1, &rate) == HeedStatusBadArgument);
  CHECK(heed_peak_read(buffers, 1, SIZE_MAX, 1, &rate) == HeedStatusBadArgument);
  CHECK(heed_peak_read(buffers, 1, 4096, 0, &rate) == HeedStatusBadArgument);
  CHECK(heed_peak_read(buffers, 1, 4096, HEED_THREADS_MAX + 1, &rate) == HeedStatusBadArgument);
  CHECK(heed_peak_read(buffers, 1, 4096, 1, NULL) == HeedStatusBadArgument);
  CHECK(heed_peak_copy(NULL, source, 4096, 1, &rate) == HeedStatusBadArgument);
  CHECK(heed_peak_copy(target, NULL, 4096, 1, &rate) == HeedStatusBadArgument);
  CHECK(rate == 5.0);
  free(source);
  free(target);
}

TEST_ONCE(openblas_multiplies_where_it_is_there) {
  const HeedCblasSgemm sgemm = heed_openblas_sgemm();
  const char *description = heed_openblas_description();
  CHECK((sgemm != NULL) == (description != NULL));
  if (!sgemm) return;
  CHECK_MESSAGE(strncmp(description, "OpenBLAS ", 9) == 0 && strchr(description, '('), "%s", description);
  const float a[] = {1, 2, 3, 4, 5, 6}, b[] = {1, 0, 2, 1, 0, 3};
  float c[4] = {9, 9, 9, 9};
  sgemm(HEED_CBLAS_ROW_MAJOR, HEED_CBLAS_NO_TRANSPOSE, HEED_CBLAS_NO_TRANSPOSE, 2, 2, 3, 1.0f, a, 3, b, 2, 0.0f, c, 2);
  CHECK(c[0] == 5 && c[1] == 11 && c[2] == 14 && c[3] == 23);
}

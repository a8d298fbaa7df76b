// Registration, checks and main. See harness.h.

#include "harness.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "heed/runtime.h"

#define PRINTED_FAILURES 10

bool test_exhaustive = false;
uint64_t test_seed = 20170612;
bool test_case_chosen = false;
uint64_t test_case = 0;

static TestCase *tests = NULL;
static const TestCase *current = NULL;
static const char *current_table = "";
static pthread_mutex_t failure_lock = PTHREAD_MUTEX_INITIALIZER;
static size_t failures = 0, expected_failures = 0;
static bool expecting = false;

// Kept in the order of files and lines as far as constructors run in it: appended at the end.
void test_register(TestCase *test) {
  TestCase **end = &tests;
  while (*end) end = &(*end)->next;
  *end = test;
}

void test_fail(const char *file, int line, const char *format, ...) {
  pthread_mutex_lock(&failure_lock);
  if (expecting) {
    expected_failures++;
  } else if (failures++ < PRINTED_FAILURES) {
    const char *base = strrchr(file, '/');
    printf("  %s:%d: [%s] ", base ? base + 1 : file, line, current_table);
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf(" (seed %llu)\n", (unsigned long long)test_seed);
    fflush(stdout);
  }
  pthread_mutex_unlock(&failure_lock);
}

size_t test_failures(void) { return failures; }

void test_expect_failures_begin(void) {
  expecting = true;
  expected_failures = 0;
}

size_t test_expect_failures_end(void) {
  expecting = false;
  return expected_failures;
}

// What libomp allocates and forgets (its settings, teams of a process that forked) is not ours. AddressSanitizer calls this by name.
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libomp\n"; }
// Its summary of what it left out would look like a complaint of the library's on standard error.
const char *__lsan_default_options(void);
const char *__lsan_default_options(void) { return "print_suppressions=0"; }

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// Runs a test with the table in use; whether it passed.
static bool run(const TestCase *test, bool verbose) {
  current = test;
  failures = 0;
  const double start = seconds_now();
  test->function();
  const double seconds = seconds_now() - start;
  if (failures > 0) printf("FAILED %s [%s]: %zu checks\n", test->name, current_table, failures);
  if (failures == 0 && verbose) printf("passed %s [%s] in %.2f s\n", test->name, current_table, seconds);
  fflush(stdout);
  return failures == 0;
}

typedef struct Options {
  const char *filter, *table;
  bool list, verbose;
} Options;

static bool parse(int count, char **arguments, Options *options) {
  for (int i = 1; i < count; i++) {
    const char *option = arguments[i], *value = i + 1 < count ? arguments[i + 1] : NULL;
    if (strcmp(option, "--exhaustive") == 0) {
      test_exhaustive = true;
    } else if (strcmp(option, "--list") == 0) {
      options->list = true;
    } else if (strcmp(option, "--verbose") == 0) {
      options->verbose = true;
    } else if (value && strcmp(option, "-k") == 0) {
      options->filter = arguments[++i];
    } else if (value && strcmp(option, "--isa") == 0) {
      options->table = arguments[++i];
    } else if (value && strcmp(option, "--seed") == 0) {
      test_seed = strtoull(arguments[++i], NULL, 10);
    } else if (value && strcmp(option, "--case") == 0) {
      test_case = strtoull(arguments[++i], NULL, 10);
      test_case_chosen = true;
    } else {
      fprintf(stderr, "usage: %s [-k TEXT] [--isa NAME] [--seed N] [--case N] [--exhaustive] [--list] [--verbose]\n", arguments[0]);
      return false;
    }
  }
  return true;
}

static bool is_chosen(const TestCase *test, const Options *options) { return !options->filter || strstr(test->name, options->filter); }

int main(int count, char **arguments) {
  const char *exhaustive = getenv("HEED_TEST_EXHAUSTIVE");
  test_exhaustive = exhaustive && strcmp(exhaustive, "0") != 0 && *exhaustive;
  Options options = {NULL, NULL, false, false};
  if (!parse(count, arguments, &options)) return 64;
  if (options.list) {
    for (const TestCase *test = tests; test; test = test->next) printf("%s\n", test->name);
    return 0;
  }
  printf("seed %llu%s\n", (unsigned long long)test_seed, test_exhaustive ? ", exhaustive" : "");
  fflush(stdout); // a test may fork

  size_t passed = 0, failed = 0, tables = 0;
  for (int isa = 0; isa < HEED_ISA_COUNT; isa++) {
    current_table = heed_isa_name((HeedISA)isa);
    if (options.table && strcmp(options.table, current_table) != 0) continue;
    if (heed_isa_select((HeedISA)isa) != HeedStatusOk) {
      printf("this machine cannot run the table %s\n", current_table);
      continue;
    }
    tables++;
    for (const TestCase *test = tests; test; test = test->next) {
      if (!is_chosen(test, &options) || (test->once && tables > 1)) continue;
      if (run(test, options.verbose)) {
        passed++;
      } else {
        failed++;
      }
    }
  }
  printf("%zu passed, %zu failed\n", passed, failed);
  if (passed + failed == 0) fprintf(stderr, "no test was run\n");
  return failed > 0 || passed == 0;
}

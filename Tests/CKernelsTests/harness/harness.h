// The test harness: registration, checks, random numbers, guarded memory and comparers.
//
// A test binary is any number of files that include this header, linked with the harness_*.c files, which hold main:
//   TEST(name) { ... }       runs once for each table of kernels that the machine can run
//   TEST_ONCE(name) { ... }  runs once: for what no kernel table takes part in
// Options: -k TEXT (only tests whose name holds it), --isa NAME, --seed N, --case N, --exhaustive, --list, --verbose.

#ifndef HEED_TEST_HARNESS_H
#define HEED_TEST_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// ---- Tests ----------------------------------------------------------------------------------------------------------------------------

typedef void (*TestFunction)(void);

typedef struct TestCase {
  const char *name, *file;
  TestFunction function;
  bool once;
  struct TestCase *next;
} TestCase;

void test_register(TestCase *test);

#define TEST_CASE(test_name, run_once)                                                                                                     \
  static void test_name(void);                                                                                                             \
  __attribute__((constructor)) static void register_##test_name(void) {                                                                    \
    static TestCase test = {#test_name, __FILE__, test_name, run_once, NULL};                                                              \
    test_register(&test);                                                                                                                  \
  }                                                                                                                                        \
  static void test_name(void)
#define TEST(test_name)      TEST_CASE(test_name, false)
#define TEST_ONCE(test_name) TEST_CASE(test_name, true)

// The full cross of cases was asked for (--exhaustive, or HEED_TEST_EXHAUSTIVE=1 in the environment).
extern bool test_exhaustive;
// The seed of this run; printed with every failure.
extern uint64_t test_seed;
// The case that is to run alone (--case), in tests that have numbered ones.
extern bool test_case_chosen;
extern uint64_t test_case;

// Reports a failed check. At most 10 are printed for a test. May be called from any thread.
void test_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
// The number of checks that failed in the current test.
size_t test_failures(void);
// While open, failed checks are counted and not reported: for tests of the harness and of comparers. Closing gives the count.
void test_expect_failures_begin(void);
size_t test_expect_failures_end(void);

#define CHECK(condition)                                                                                                                   \
  do {                                                                                                                                     \
    if (!(condition)) test_fail(__FILE__, __LINE__, "%s", #condition);                                                                     \
  } while (0)
#define CHECK_MESSAGE(condition, ...)                                                                                                      \
  do {                                                                                                                                     \
    if (!(condition)) test_fail(__FILE__, __LINE__, __VA_ARGS__);                                                                          \
  } while (0)
#define REQUIRE(condition)                                                                                                                 \
  do {                                                                                                                                     \
    if (!(condition)) {                                                                                                                    \
      test_fail(__FILE__, __LINE__, "%s", #condition);                                                                                     \
      return;                                                                                                                              \
    }                                                                                                                                      \
  } while (0)

// ---- Random numbers: counter-based, so that a case is its seed and nothing else ---------------------------------------------------------

typedef struct Random {
  uint64_t seed, counter;
} Random;

// A generator of its own for each `stream` of the run.
Random random_stream(uint64_t stream);
uint64_t random_bits(Random *random);
uint64_t random_below(Random *random, uint64_t bound);             // 0 ... bound-1
int64_t random_between(Random *random, int64_t low, int64_t high); // both included
double random_uniform(Random *random);                             // [0, 1)
double random_normal(Random *random);                              // mean 0, variance 1

// ---- Memory -----------------------------------------------------------------------------------------------------------------------------

typedef enum GuardSide {
  GuardEnd,   // the block ends where a protected page begins: an access beyond the last byte is a fault
  GuardBegin, // the block begins where a protected page ends
} GuardSide;

typedef struct Guarded {
  void *data; // the block: aligned to 1 with GuardEnd (its size decides), to a page with GuardBegin
  void *map;
  size_t map_bytes;
} Guarded;

Guarded guarded_allocate(size_t bytes, GuardSide side);
void guarded_free(Guarded *block);

// NaN of a payload of its own in every float.
void poison_floats(float *data, size_t count);
// Whether every float still is that NaN, bit for bit.
bool is_poison(const float *data, size_t count);

// ---- Comparers --------------------------------------------------------------------------------------------------------------------------

#define EPSILON 0x1p-23

// Errors of x against a float64 reference r. Where r is NaN or infinite x must be the same, where r is finite x must be: else every error
// is infinite. Where |r| < 2^-126 a difference of 2^-149 counts as none.
typedef struct Errors {
  double normwise;     // ||x - r||2 / ||r||2
  double rowwise;      // the largest such error of a row
  double ulps;         // the largest |x - r| in units in the last place of r
  double maximum;      // max |x - r| / max |r|
  size_t worst_row;    // the row of rowwise, or of the first mismatch of NaN or infinity
  size_t worst_column; // its column of largest |x - r|
} Errors;

Errors compare_rows(const float *x, const double *r, size_t rows, size_t columns);

// C: max |x - r| / (eps * magnitude), magnitude = sum |a||b| of each element; infinite where x should be finite and is not.
double compare_to_magnitude(const float *x, const double *r, const double *magnitude, size_t count);

// The number of floats that differ in any bit; `first` (or null) receives the place of the first.
size_t differing_floats(const float *a, const float *b, size_t count, size_t *first);

#endif

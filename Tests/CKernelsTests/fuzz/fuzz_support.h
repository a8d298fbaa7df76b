// The fuzzer of descriptors: small random problems with random strides, masks and options, one in four with one thing wrong.
//
// A family's case builds its operands with fuzz_array, each between guard pages with NaN around and between its elements, spoils one thing
// or nothing (fuzz_spoil and what follows it tell the status that must come), and makes its calls with FUZZ_CALL: reference and driver must
// give that status, write the elements of their outputs and nothing else, and nothing at all when they refuse. A case in 64 is larger and
// runs once more on three threads, and on a machine with AVX-512 all run once more under the table for AVX2: both must give the same bits.
// What a right call wrote is held against the reference (fuzz_near).
//
// A case is its number and the seed: a failure, a crash too, names the command that runs it alone.

#ifndef HEED_FUZZ_SUPPORT_H
#define HEED_FUZZ_SUPPORT_H

#include <math.h>

#include "harness.h"
#include "heed/heed.h"

#define FUZZ_CASES            500    // of a family and table
#define FUZZ_CASES_EXHAUSTIVE 100000 // on the best table of the machine
#define FUZZ_RANK             6
#define FUZZ_HUGE             ((size_t)1 << 61)

// ---- Cases ------------------------------------------------------------------------------------------------------------------------------

// A test of a family: the block is one case.
#define FUZZ(name)                                                                                                                         \
  static void fuzz_case_##name(void);                                                                                                      \
  TEST(fuzz_##name) { fuzz_family("fuzz_" #name, fuzz_case_##name); }                                                                      \
  static void fuzz_case_##name(void)

void fuzz_family(const char *name, void (*one)(void));

size_t fuzz_below(size_t bound); // 0 ... bound-1
bool fuzz_one_in(size_t bound);  // true once in so many times
double fuzz_number(void);        // [-1, 1)
size_t fuzz_size(size_t most);   // 0 ... most, seldom 0, often few; in a large case up to 4 most
size_t fuzz_size_from_1(size_t most);
extern bool fuzz_is_large; // this case

// Names a number of the case, to be printed where it fails.
void fuzz_note(const char *name, double value);
// A failure of the case.
void fuzz_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

// ---- Operands ---------------------------------------------------------------------------------------------------------------------------

typedef enum FuzzUse { FuzzRead, FuzzWritten } FuzzUse;

typedef enum FuzzLayout {
  FuzzAny,        // any order of the dimensions, gaps, strides below 0, and of 0 where it is read
  FuzzRows,       // the same, but that the last dimension is contiguous
  FuzzContiguous, // row-major
} FuzzLayout;

typedef struct FuzzArray {
  const char *name;
  FuzzUse use;
  int rank;
  size_t size[FUZZ_RANK], element_bytes, count;
  ptrdiff_t stride[FUZZ_RANK];
  void *data;   // of the first element; of an empty array null, or a place that may not be touched
  bool repeats; // a stride of 0 makes elements share a place
} FuzzArray;

FuzzArray fuzz_array(const char *name, FuzzUse use, FuzzLayout layout, size_t element_bytes, int rank, const size_t *size);
#define FUZZ_SIZES(...)                                                                                                                    \
  (sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t)), (const size_t[]) { __VA_ARGS__ }
#define FUZZ_FLOATS(name, use, layout, ...) fuzz_array(name, use, layout, sizeof(float), FUZZ_SIZES(__VA_ARGS__))
// A result of a reference: contiguous float64.
#define FUZZ_DOUBLES(name, ...) fuzz_array(name, FuzzWritten, FuzzContiguous, sizeof(double), FUZZ_SIZES(__VA_ARGS__))

bool fuzz_is_empty(const FuzzArray *x);
// Element i of the row-major order.
void *fuzz_element(const FuzzArray *x, size_t i);
#define FUZZ_AT(type, array, i) (*(type *)fuzz_element(&(array), i))

// Numbers of the family of this case (uniform, small integers, with zeros) times the scale.
void fuzz_fill(const FuzzArray *x, double scale);
// From now on the numbers of this case are small integers times the scale.
void fuzz_fill_with_integers(void);
// Some elements NaN, infinite, -0 or denormal in one case of 16; whether it is.
bool fuzz_fill_special(const FuzzArray *x, double scale);
// Random whole numbers, low ... high, in an array of int32 or int64.
void fuzz_fill_integers(const FuzzArray *x, int64_t low, int64_t high);
void fuzz_fill_bytes(const FuzzArray *x, size_t one_in); // bytes: 1, or 0 one time in so many
// Another array with the same sizes and strides.
FuzzArray fuzz_like(const char *name, const FuzzArray *model, size_t element_bytes);
// The same numbers in bfloat16, with the same strides; the floats are rounded to them.
FuzzArray fuzz_bf16(const FuzzArray *x);

// ---- Spoiling: each of these does what its name says and returns the status that must come of it ----------------------------------------

// Which of `count` things is spoilt; -1: nothing, three times in four.
int fuzz_spoil(int count);
HeedStatus fuzz_huge(size_t *size);
// Of dimension `dim`. Ok where no element's place depends on it.
HeedStatus fuzz_far(ptrdiff_t *stride, const FuzzArray *x, int dim);
HeedStatus fuzz_overlap(ptrdiff_t *stride, const FuzzArray *x, int dim);
// BadArgument unless the array is empty.
HeedStatus fuzz_null(const void *pointer, const FuzzArray *x); // of the address of a pointer
HeedStatus fuzz_enum(void *value, int count);
HeedStatus fuzz_not_finite(float *value);
// One of the lengths, or of the indices, out of 0 ... most. Ok where there is none.
HeedStatus fuzz_length(const FuzzArray *x, int64_t most);
HeedStatus fuzz_index(const FuzzArray *x, int64_t most);

// ---- Calls ------------------------------------------------------------------------------------------------------------------------------

// Makes the call, which must give the status `expected`. What an earlier call wrote is undone first (but where it was kept); afterwards all
// operands are looked at.
// Returns whether the status is right and Ok.
#define FUZZ_CALL(expected, call)                                                                                                          \
  ({                                                                                                                                       \
    fuzz_begin_call(#call);                                                                                                                \
    HeedStatus fuzz_status = (call);                                                                                                       \
    bool fuzz_right = fuzz_after(#call, (expected), fuzz_status);                                                                          \
    for (int run = 0; fuzz_right && fuzz_status == HeedStatusOk && fuzz_again(#call, &run);) {                                             \
      fuzz_status = (call);                                                                                                                \
      fuzz_compare(#call, fuzz_status);                                                                                                    \
    }                                                                                                                                      \
    fuzz_right &&fuzz_status == HeedStatusOk;                                                                                              \
  })

void fuzz_before(void);
void fuzz_begin_call(const char *call); // the same, and tells of it where a case runs alone
bool fuzz_after(const char *call, HeedStatus expected, HeedStatus status);
// Whether the call is to run once more, on three threads or under another table; and back to how it was.
bool fuzz_again(const char *call, int *run);
void fuzz_compare(const char *call, HeedStatus status);

// Outputs that a later call reads keep what was written: they become inputs from now on.
void fuzz_keep(FuzzArray *x);
// The first element of a contiguous array as it was before the last call.
const void *fuzz_initial(const FuzzArray *x);
// And outputs once more, of which a call may overwrite some elements.
void fuzz_write_again(FuzzArray *x);

// Whether |x - r| <= factor * bound (null: 1) + 2^-142 for every element; NaN where the reference is NaN, infinite where it is.
bool fuzz_near(const FuzzArray *x, const FuzzArray *reference, const FuzzArray *bound, double factor);
// The same with one place of another array: bound[i / each].
bool fuzz_near_rows(const FuzzArray *x, const FuzzArray *reference, const FuzzArray *bound, size_t each, double factor);
// Whether ||x - r||2 <= factor eps ||r||2 (and 2^-142 an element).
bool fuzz_near_norm(const FuzzArray *x, const FuzzArray *reference, double factor);
// Whether the elements have the same bits.
bool fuzz_same(const FuzzArray *x, const FuzzArray *y);

#endif

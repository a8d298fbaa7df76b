// The fuzzer's cases, calls and failures. See fuzz_support.h.

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fuzz_memory.h"

#define NOTES         32
#define MOST_FAILURES 5 // of a family: what follows is mostly the same

bool fuzz_is_large;
size_t fuzz_kind;
static Random numbers;
static const char *family;
static size_t case_number, failed_cases;
static bool case_failed;
static struct Note {
  const char *name;
  double value;
} notes[NOTES];
static size_t note_count;

// ---- Cases ------------------------------------------------------------------------------------------------------------------------------

size_t fuzz_below(size_t bound) { return (size_t)random_below(&numbers, bound); }
bool fuzz_one_in(size_t bound) { return fuzz_below(bound) == 0; }
double fuzz_number(void) { return 2 * random_uniform(&numbers) - 1; }

size_t fuzz_size_from_1(size_t most) {
  if (fuzz_is_large) return 1 + fuzz_below(4 * most);
  return fuzz_one_in(3) ? 1 + fuzz_below(most) : 1 + fuzz_below(most < 4 ? most : 4);
}

size_t fuzz_size(size_t most) { return fuzz_one_in(40) ? 0 : fuzz_size_from_1(most); }

void fuzz_note(const char *name, double value) {
  if (note_count < NOTES) notes[note_count++] = (struct Note){name, value};
}

static int command(char *text, size_t bytes) {
  return snprintf(text, bytes, "heed_test_fuzz -k %s --isa %s --seed %llu --case %zu%s", family, heed_isa_name(heed_isa_current()),
                  (unsigned long long)test_seed, case_number, test_exhaustive ? " --exhaustive" : "");
}

static void print_case(void) {
  char text[256];
  command(text, sizeof text);
  printf("    to run it alone: %s\n   ", text);
  for (size_t i = 0; i < note_count; i++) printf(" %s %g", notes[i].name, notes[i].value);
  printf("\n");
  for (size_t i = 0; i < fuzz_operand_count; i++) {
    const FuzzArray *x = &fuzz_operands[i].array;
    printf("    %-20s", x->name);
    for (int d = 0; d < x->rank; d++) printf(" %zu*%td", x->size[d], x->stride[d]);
    printf("%s\n", x->data ? "" : " null");
  }
  fflush(stdout);
}

void fuzz_fail(const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  const bool first = !case_failed;
  case_failed = true;
  if (!first) return;
  test_fail(family, (int)case_number, "%s", text);
  print_case();
}

// A crash names its case, then takes its usual way.
static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
#define SIGNALS (sizeof signals / sizeof signals[0])
static struct sigaction usual[SIGNALS];

static void crashed(int signal) {
  char text[320] = "crashed: ";
  const int length = command(text + 9, sizeof text - 10);
  text[9 + length] = '\n';
  if (write(STDOUT_FILENO, text, (size_t)length + 10) < 0) _exit(1);
  for (size_t i = 0; i < SIGNALS; i++)
    if (signals[i] == signal) sigaction(signal, &usual[i], NULL);
}

static void run_case(size_t number, void (*one)(void)) {
  uint64_t stream = 0xf022;
  for (const char *c = family; *c; c++) stream = stream * 31 + (unsigned char)*c;
  numbers = random_stream(stream << 32 | number);
  case_number = number;
  fuzz_is_large = number % 64 == 63;
  fuzz_kind = fuzz_below(4);
  note_count = 0;
  case_failed = false;
  fuzz_memory_reset();
  one();
  failed_cases += case_failed;
}

void fuzz_family(const char *name, void (*one)(void)) {
  family = name;
  failed_cases = 0;
  // The machine's best table takes all; those that it has besides, a fifth.
  bool is_best = true;
  for (int isa = (int)heed_isa_current() + 1; isa < HEED_ISA_COUNT; isa++) is_best &= !heed_isa_available((HeedISA)isa);
  const size_t all = FUZZ_CASES_EXHAUSTIVE, count = !test_exhaustive ? FUZZ_CASES : is_best ? all : all / 5;
  const struct sigaction action = {.sa_handler = crashed};
  for (size_t i = 0; i < SIGNALS; i++) sigaction(signals[i], &action, &usual[i]);
  const size_t threads = heed_thread_count();
  heed_thread_count_set(1);
  if (test_case_chosen) {
    run_case((size_t)test_case, one);
  } else {
    for (size_t i = 0; i < count && failed_cases < MOST_FAILURES; i++) run_case(i, one);
  }
  heed_thread_count_set(threads);
  for (size_t i = 0; i < SIGNALS; i++) sigaction(signals[i], &usual[i], NULL);
}

// ---- Calls ------------------------------------------------------------------------------------------------------------------------------

void fuzz_before(void) {
  for (size_t i = 0; i < fuzz_operand_count; i++) {
    FuzzOperand *x = &fuzz_operands[i];
    if (x->written)
      memcpy(x->region, x->initial, x->bytes);
    else
      memcpy(x->initial, x->region, x->bytes);
    x->written = false;
  }
}

void fuzz_begin_call(const char *call) {
  if (test_case_chosen) {
    printf("%s\n", call);
    print_case();
  }
  fuzz_before();
}

// Whether only elements of outputs changed, or nothing where the call refused.
static void look(const char *call, bool refused) {
  for (size_t i = 0; i < fuzz_operand_count; i++) {
    FuzzOperand *x = &fuzz_operands[i];
    if (memcmp(x->region, x->initial, x->bytes) == 0) continue;
    x->written = true;
    if (refused || x->array.use == FuzzRead) {
      fuzz_fail("%s %s %s", call, refused ? "refuses and writes" : "changes its input", x->array.name);
      return;
    }
    static unsigned char allowed[FUZZ_SLOT_BYTES];
    memcpy(allowed, x->initial, x->bytes);
    for (size_t e = 0; e < x->array.count; e++) {
      unsigned char *from = fuzz_element(&x->array, e);
      memcpy(allowed + (from - x->region), from, x->array.element_bytes);
    }
    if (memcmp(x->region, allowed, x->bytes) != 0) fuzz_fail("%s writes beside the elements of %s", call, x->array.name);
  }
}

bool fuzz_after(const char *call, HeedStatus expected, HeedStatus status) {
  const HeedBadIndex index = heed_status_bad_index();
  if (status == HeedStatusBadIndex && (!index.array || (index.value >= 0 && (uint64_t)index.value < index.range)))
    fuzz_fail("%s: index %lld of %zu is refused", call, (long long)index.value, index.range);
  if (status != expected) fuzz_fail("%s: \"%s\" and not \"%s\"", call, heed_status_description(status), heed_status_description(expected));
  look(call, status != HeedStatusOk);
  return status == expected;
}

// How a call runs once more, and the table that it ran under before.
static const char *again;
static HeedISA table;

// The naive arm computes by what the compiler makes of plain loops, and lets the tables differ.
static bool is_naive(const char *call) { return strstr(call, "_naive_") != NULL; }

bool fuzz_again(const char *call, int *run) {
  table = heed_isa_current();
  again = NULL;
  while (!again && *run < 2) {
    if (*run == 0 && fuzz_is_large) again = "on three threads";
    if (*run == 1 && table > HeedISAAvx2 && !is_naive(call)) again = "under the table for AVX2";
    ++*run;
  }
  if (!again) return false;
  for (size_t i = 0; i < fuzz_operand_count; i++) memcpy(fuzz_operands[i].first_run, fuzz_operands[i].region, fuzz_operands[i].bytes);
  fuzz_before();
  if (*run == 1)
    heed_thread_count_set(3);
  else
    heed_isa_select(HeedISAAvx2);
  return true;
}

// Two NaN of a result may differ in their payload.
static bool same_bits(const FuzzOperand *x) {
  if (memcmp(x->first_run, x->region, x->bytes) == 0) return true;
  if (x->array.element_bytes != sizeof(float)) return false;
  for (size_t e = 0; e < x->array.count; e++) {
    const unsigned char *now = fuzz_element(&x->array, e);
    float a, b;
    memcpy(&a, now, sizeof a), memcpy(&b, x->first_run + (now - x->region), sizeof b);
    if (memcmp(&a, &b, sizeof a) != 0 && !(isnan(a) && isnan(b))) return false;
  }
  return true;
}

void fuzz_compare(const char *call, HeedStatus status) {
  heed_thread_count_set(1);
  heed_isa_select(table);
  if (status != HeedStatusOk) fuzz_fail("%s %s: \"%s\"", call, again, heed_status_description(status));
  for (size_t i = 0; i < fuzz_operand_count; i++) {
    fuzz_operands[i].written |= memcmp(fuzz_operands[i].initial, fuzz_operands[i].region, fuzz_operands[i].bytes) != 0;
    if (!same_bits(&fuzz_operands[i])) fuzz_fail("%s %s gives other bits in %s", call, again, fuzz_operands[i].array.name);
  }
}

void fuzz_keep(FuzzArray *x) {
  for (size_t i = 0; i < fuzz_operand_count; i++) {
    FuzzOperand *operand = &fuzz_operands[i];
    if (operand->array.data != x->data || operand->array.name != x->name) continue;
    memcpy(operand->initial, operand->region, operand->bytes);
    operand->array.use = x->use = FuzzRead;
    operand->written = false;
  }
}

void fuzz_write_again(FuzzArray *x) {
  for (size_t i = 0; i < fuzz_operand_count; i++)
    if (fuzz_operands[i].array.data == x->data && fuzz_operands[i].array.name == x->name) fuzz_operands[i].array.use = x->use = FuzzWritten;
}

const void *fuzz_initial(const FuzzArray *x) {
  for (size_t i = 0; i < fuzz_operand_count; i++) {
    const FuzzOperand *operand = &fuzz_operands[i];
    if (operand->array.data == x->data && operand->array.name == x->name)
      return x->data ? operand->initial + ((unsigned char *)x->data - operand->region) : NULL;
  }
  return NULL;
}

// ---- Results ----------------------------------------------------------------------------------------------------------------------------

// What denormal results may err by: a rounding a term.
#define FUZZ_LEAST 0x1p-142

static bool is_near(double x, double r, double bound) {
  if (isnan(r)) return isnan(x);
  if (isinf(r)) return x == r;
  return fabs(x - r) <= bound + FUZZ_LEAST;
}

bool fuzz_near_rows(const FuzzArray *x, const FuzzArray *reference, const FuzzArray *bound, size_t each, double factor) {
  for (size_t i = 0; i < x->count; i++) {
    const double found = (double)*(float *)fuzz_element(x, i), r = *(double *)fuzz_element(reference, i);
    const double most = bound ? factor * *(double *)fuzz_element(bound, i / each) : factor;
    if (is_near(found, r, most)) continue;
    fuzz_fail("%s, element %zu of %zu: %.9g and not %.9g, more than %.3g apart", x->name, i, x->count, found, r, most);
    return false;
  }
  return true;
}

bool fuzz_near(const FuzzArray *x, const FuzzArray *reference, const FuzzArray *bound, double factor) {
  return fuzz_near_rows(x, reference, bound, 1, factor);
}

bool fuzz_near_norm(const FuzzArray *x, const FuzzArray *reference, double factor) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < x->count; i++) {
    const double found = (double)*(float *)fuzz_element(x, i), r = *(double *)fuzz_element(reference, i);
    if (isnan(r) || isinf(r)) {
      if (is_near(found, r, 0)) continue;
      fuzz_fail("%s, element %zu of %zu: %.9g and not %.9g", x->name, i, x->count, found, r);
      return false;
    }
    error += (found - r) * (found - r), norm += r * r;
  }
  if (sqrt(error) <= factor * EPSILON * sqrt(norm) + FUZZ_LEAST * (double)x->count) return true;
  fuzz_fail("%s: an error of %.3g eps of its norm %.3g, more than %.3g", x->name, sqrt(error / norm) / EPSILON, sqrt(norm), factor);
  return false;
}

bool fuzz_same(const FuzzArray *x, const FuzzArray *y) {
  for (size_t i = 0; i < x->count; i++) {
    if (memcmp(fuzz_element(x, i), fuzz_element(y, i), x->element_bytes) == 0) continue;
    fuzz_fail("%s differs from %s in element %zu", x->name, y->name, i);
    return false;
  }
  return true;
}

// ---- Spoiling ---------------------------------------------------------------------------------------------------------------------------

int fuzz_spoil(int count) {
  const int kind = fuzz_one_in(4) ? (int)fuzz_below((size_t)count) : -1;
  fuzz_note("spoilt", kind);
  return kind;
}

HeedStatus fuzz_huge(size_t *size) {
  static const size_t sizes[] = {FUZZ_HUGE, FUZZ_HUGE + 1, SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 4 + 1};
  *size = sizes[fuzz_below(5)];
  return HeedStatusBadShape;
}

static bool moves(const FuzzArray *x, int dim) { return x->count > 0 && x->size[dim] > 1; }

HeedStatus fuzz_far(ptrdiff_t *stride, const FuzzArray *x, int dim) {
  static const ptrdiff_t far[] = {PTRDIFF_MAX, PTRDIFF_MIN, PTRDIFF_MIN + 1, PTRDIFF_MAX / 2, -(PTRDIFF_MAX / 2)};
  if (!moves(x, dim)) return HeedStatusOk;
  *stride = x->element_bytes == 1 ? PTRDIFF_MIN : far[fuzz_below(5)]; // one step of bytes may be as far as PTRDIFF_MAX
  return HeedStatusBadStride;
}

HeedStatus fuzz_overlap(ptrdiff_t *stride, const FuzzArray *x, int dim) {
  if (!moves(x, dim)) return HeedStatusOk;
  *stride = 0;
  // Or that of another dimension: two elements meet where both move.
  for (int d = 0; d < x->rank && fuzz_one_in(2); d++)
    if (d != dim && moves(x, d)) *stride = x->stride[d];
  return HeedStatusBadStride;
}

HeedStatus fuzz_null(const void *pointer, const FuzzArray *x) {
  const void *none = NULL;
  memcpy((void *)(uintptr_t)pointer, &none, sizeof none);
  return x->count > 0 ? HeedStatusBadArgument : HeedStatusOk;
}

HeedStatus fuzz_enum(void *value, int count) {
  const int values[] = {count, count + 1, -1, INT32_MAX, INT32_MIN, 256};
  int other = values[fuzz_below(6)];
  if (other >= 0 && other < count) other = count;
  memcpy(value, &other, sizeof other);
  return HeedStatusBadArgument;
}

HeedStatus fuzz_not_finite(float *value) {
  static const float values[] = {NAN, INFINITY, -INFINITY};
  *value = values[fuzz_below(3)];
  return HeedStatusBadArgument;
}

HeedStatus fuzz_length(const FuzzArray *x, int64_t most) {
  const int64_t values[] = {-1, most + 1, INT64_MIN, INT64_MAX, INT32_MIN};
  if (x->count == 0) return HeedStatusOk;
  const int64_t value = values[fuzz_below(x->element_bytes == 8 ? 5 : 2)];
  void *at = fuzz_element(x, fuzz_below(x->count));
  if (x->element_bytes == 8)
    *(int64_t *)at = value;
  else
    *(int32_t *)at = (int32_t)value;
  return HeedStatusBadArgument;
}

HeedStatus fuzz_index(const FuzzArray *x, int64_t most) { return fuzz_length(x, most) == HeedStatusOk ? HeedStatusOk : HeedStatusBadIndex; }

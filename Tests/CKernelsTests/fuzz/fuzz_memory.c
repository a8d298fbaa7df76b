// The fuzzer's operands: slots of guarded memory that are used again by every case. See fuzz_support.h.

#include "fuzz_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MARGIN 64 // bytes beside an operand, on the side without a guard, that are looked at too
#define POISON 0xff

// Pages that are written are the only ones that the system gives: a case uses few.
typedef struct Slot {
  unsigned char *block, *initial, *first_run; // the block lies between two guards
} Slot;

static Slot slots[FUZZ_SLOTS];
FuzzOperand fuzz_operands[FUZZ_SLOTS];
size_t fuzz_operand_count;

void fuzz_memory_reset(void) { fuzz_operand_count = 0; }

static unsigned char *map(size_t bytes) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) abort();
  return memory;
}

static Slot *slot_at(size_t i) {
  Slot *slot = &slots[i];
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  if (!slot->block) {
    slot->block = map(FUZZ_SLOT_BYTES + 2 * page) + page;
    if (mprotect(slot->block - page, page, PROT_NONE) || mprotect(slot->block + FUZZ_SLOT_BYTES, page, PROT_NONE)) abort();
    slot->initial = map(FUZZ_SLOT_BYTES);
    slot->first_run = map(FUZZ_SLOT_BYTES);
  }
  return slot;
}

// ---- Strides ----------------------------------------------------------------------------------------------------------------------------

// UndefinedBehaviorSanitizer reports the address one step behind the last element where it overflows, though nothing is read there.
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
#define FARTHEST_IDLE_STRIDE 1000
#endif
#endif
#ifndef FARTHEST_IDLE_STRIDE
#define FARTHEST_IDLE_STRIDE PTRDIFF_MAX
#endif

// Of a dimension that moves nothing: anything.
static ptrdiff_t idle_stride(void) {
  static const ptrdiff_t odd[] = {0, 1, -1, 7, -13, FARTHEST_IDLE_STRIDE, -FARTHEST_IDLE_STRIDE, -FARTHEST_IDLE_STRIDE - 1};
  return odd[fuzz_below(sizeof odd / sizeof odd[0])];
}

// Chooses strides; returns the elements from the lowest to the highest, and the place of the first in `first`.
static size_t choose_strides(FuzzArray *x, FuzzLayout layout, size_t *first) {
  int order[FUZZ_RANK];
  for (int i = 0; i < x->rank; i++) order[i] = x->rank - 1 - i; // the innermost first
  const bool free = layout != FuzzContiguous && !fuzz_one_in(4), tight = fuzz_one_in(2), turned = fuzz_one_in(2), shared = fuzz_one_in(4);
  const int kept = layout == FuzzRows ? 1 : 0;
  for (int i = x->rank - 1; free && turned && i > kept; i--) {
    const int j = kept + (int)fuzz_below((size_t)(i + 1 - kept)), other = order[i];
    order[i] = order[j], order[j] = other;
  }
  size_t span = 0;
  *first = 0;
  for (int i = 0; i < x->rank; i++) {
    const int d = order[i];
    const bool rows = layout == FuzzRows && d == x->rank - 1;
    size_t step = span + 1;
    if (free && !tight && !rows) step += fuzz_below(4);
    if (free && shared && !rows && x->use == FuzzRead && x->size[d] > 1 && fuzz_one_in(2)) step = 0, x->repeats = true;
    const bool falls = free && !rows && fuzz_one_in(5);
    x->stride[d] = falls ? -(ptrdiff_t)step : (ptrdiff_t)step;
    if (falls) *first += step * (x->size[d] - 1);
    span += step * (x->size[d] - 1);
    if (free && !rows && x->size[d] == 1 && fuzz_one_in(8)) x->stride[d] = idle_stride();
  }
  return span + 1;
}

// Gives the array a slot; `first` is the place of its first element among `elements`.
static void place(FuzzArray *x, size_t elements, size_t first) {
  const size_t bytes = elements * x->element_bytes;
  if (fuzz_operand_count == FUZZ_SLOTS || bytes + MARGIN > FUZZ_SLOT_BYTES) {
    fprintf(stderr, "the fuzzer has no room for %s of %zu bytes\n", x->name, bytes);
    abort();
  }
  Slot *slot = slot_at(fuzz_operand_count);
  const bool begins = fuzz_one_in(2);
  unsigned char *at = begins ? slot->block : slot->block + FUZZ_SLOT_BYTES - bytes;
  x->data = bytes == 0 && fuzz_one_in(2) ? NULL : at + first * x->element_bytes;
  FuzzOperand *operand = &fuzz_operands[fuzz_operand_count++];
  *operand = (FuzzOperand){.region = begins ? at : at - MARGIN,
                           .bytes = bytes + MARGIN,
                           .elements = elements,
                           .first = first,
                           .initial = slot->initial,
                           .first_run = slot->first_run};
  memset(operand->region, POISON, operand->bytes);
  operand->array = *x;
}

static const FuzzOperand *model_of(const FuzzArray *x) {
  for (size_t i = 0; i < fuzz_operand_count; i++)
    if (fuzz_operands[i].array.data == x->data && fuzz_operands[i].array.name == x->name) return &fuzz_operands[i];
  abort();
}

FuzzArray fuzz_array(const char *name, FuzzUse use, FuzzLayout layout, size_t element_bytes, int rank, const size_t *size) {
  FuzzArray x = {.name = name, .use = use, .rank = rank, .element_bytes = element_bytes, .count = 1};
  for (int i = 0; i < rank; i++) x.size[i] = size[i], x.count *= size[i];
  size_t elements = 0, first = 0;
  if (x.count > 0) {
    elements = choose_strides(&x, layout, &first);
  } else {
    for (int i = 0; i < rank; i++) x.stride[i] = layout == FuzzRows && i == rank - 1 ? 1 : (ptrdiff_t)fuzz_below(9) - 4;
    if (use == FuzzWritten || layout == FuzzContiguous)
      for (int i = rank - 1, step = 1; i >= 0; step *= (int)size[i--]) x.stride[i] = step;
  }
  place(&x, elements, first);
  return x;
}

FuzzArray fuzz_like(const char *name, const FuzzArray *model, size_t element_bytes) {
  const FuzzOperand *operand = model_of(model);
  FuzzArray x = *model;
  x.name = name, x.element_bytes = element_bytes;
  place(&x, operand->elements, operand->first);
  return x;
}

// ---- Elements ---------------------------------------------------------------------------------------------------------------------------

bool fuzz_is_empty(const FuzzArray *x) { return x->count == 0; }

void *fuzz_element(const FuzzArray *x, size_t i) {
  ptrdiff_t place = 0;
  for (int d = x->rank - 1; d >= 0; d--) {
    const size_t index = i % x->size[d];
    if (index > 0) place += (ptrdiff_t)index * x->stride[d];
    i /= x->size[d];
  }
  return (char *)x->data + place * (ptrdiff_t)x->element_bytes;
}

// The kind of numbers of the case: chosen once, by its number.
static double number(void) {
  switch (fuzz_kind) {
  case 0:
    return (double)fuzz_below(7) - 3;
  case 1:
    return fuzz_one_in(3) ? 0 : fuzz_number();
  default:
    return fuzz_number();
  }
}

void fuzz_fill(const FuzzArray *x, double scale) {
  for (size_t i = 0; i < x->count; i++) *(float *)fuzz_element(x, i) = (float)(scale * number());
}

void fuzz_fill_with_integers(void) { fuzz_kind = 0; }

bool fuzz_fill_special(const FuzzArray *x, double scale) {
  static const float special[] = {NAN, INFINITY, -INFINITY, -0.0f, 0x1p-140f, -0x1.8p-149f};
  fuzz_fill(x, scale);
  if (!fuzz_one_in(16)) return false;
  for (size_t i = 0; i < x->count; i++)
    if (fuzz_one_in(12)) *(float *)fuzz_element(x, i) = special[fuzz_below(6)];
  return true;
}

void fuzz_fill_integers(const FuzzArray *x, int64_t low, int64_t high) {
  for (size_t i = 0; i < x->count; i++) {
    const int64_t value = low + (int64_t)fuzz_below((size_t)(high - low) + 1);
    if (x->element_bytes == 4)
      *(int32_t *)fuzz_element(x, i) = (int32_t)value;
    else
      *(int64_t *)fuzz_element(x, i) = value;
  }
}

void fuzz_fill_bytes(const FuzzArray *x, size_t one_in) {
  for (size_t i = 0; i < x->count; i++) *(uint8_t *)fuzz_element(x, i) = !fuzz_one_in(one_in);
}

FuzzArray fuzz_bf16(const FuzzArray *x) {
  FuzzArray half = fuzz_like(x->name, x, sizeof(uint16_t));
  for (size_t i = 0; i < x->count; i++) {
    float *value = fuzz_element(x, i);
    heed_convert_f32_to_bf16(1, value, fuzz_element(&half, i));
    heed_convert_bf16_to_f32(1, fuzz_element(&half, i), value);
  }
  return half;
}

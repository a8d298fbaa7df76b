// Private: the floating-point mode that kernels compute in, whatever mode the calling thread is in.
//
// The caller's control word (x86: MXCSR, arm64: FPCR) decides how results are rounded, whether denormal numbers count as 0 and whether an
// inexact result ends the process. Every entry point that computes begins with HEED_FLOAT_MODE() (HEED_ENTRY() has it), which sets the
// engine's own mode (round to nearest, keep denormals, trap nothing) and restores the caller's mode when the function returns. A parallel
// call hands the mode of its calling thread to the workers (parallel.c), so a call computes in one mode on all of them.
//
// Exception flags are only added: the caller's flags stay set, and the flags that the call raised on any worker are set afterwards. Setting
// a flag does not trap.
//
// The compiler knows nothing of modes. Numbers that are stored, and the status, are computed between the two changes of mode, because the
// changes are memory barriers behind branches. A floating-point number that is returned needs HEED_FLOAT_COMPUTED (clang did move a
// conversion).

#ifndef HEED_FLOAT_MODE_H
#define HEED_FLOAT_MODE_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__SSE2__)

#define HEED_FLOAT_FLAGS    0x003fu // raised exceptions
#define HEED_FLOAT_CONTROLS 0xffc0u // denormals are zeros, masks, rounding, flush to zero
#define HEED_FLOAT_DEFAULT  0x1f80u // all masked, to nearest, denormals kept
#define HEED_FLOAT_FLUSHING 0x9fc0u // the same, but denormal results become 0 and denormal operands count as 0

static inline uint32_t heed_float_control(void) { return __builtin_ia32_stmxcsr() & HEED_FLOAT_CONTROLS; }
static inline uint32_t heed_float_flags(void) { return __builtin_ia32_stmxcsr() & HEED_FLOAT_FLAGS; }

static inline void heed_float_set_control(uint32_t control) {
  __builtin_ia32_ldmxcsr((__builtin_ia32_stmxcsr() & ~HEED_FLOAT_CONTROLS) | control);
}
static inline void heed_float_set(uint32_t control, uint32_t flags) {
  __builtin_ia32_ldmxcsr((__builtin_ia32_stmxcsr() & ~(HEED_FLOAT_CONTROLS | HEED_FLOAT_FLAGS)) | control | flags);
}

#elif defined(__aarch64__)

#define HEED_FLOAT_FLAGS    0x0000009fu
#define HEED_FLOAT_CONTROLS 0x07c8bf07u // AHP, DN, FZ, rounding, FZ16, traps, EBF, NEP, AH, FIZ
#define HEED_FLOAT_DEFAULT  0x00000000u
#define HEED_FLOAT_FLUSHING 0x01000000u // FZ: operands and results

static inline uint64_t heed_float_read_control(void) {
  uint64_t value;
  __asm__ volatile("mrs %0, fpcr" : "=r"(value));
  return value;
}

static inline uint64_t heed_float_read_status(void) {
  uint64_t value;
  __asm__ volatile("mrs %0, fpsr" : "=r"(value));
  return value;
}

static inline uint32_t heed_float_control(void) { return (uint32_t)heed_float_read_control() & HEED_FLOAT_CONTROLS; }
static inline uint32_t heed_float_flags(void) { return (uint32_t)heed_float_read_status() & HEED_FLOAT_FLAGS; }

static inline void heed_float_set_control(uint32_t control) {
  const uint64_t value = (heed_float_read_control() & ~(uint64_t)HEED_FLOAT_CONTROLS) | control;
  __asm__ volatile("msr fpcr, %0" ::"r"(value) : "memory");
}

static inline void heed_float_set(uint32_t control, uint32_t flags) {
  heed_float_set_control(control);
  const uint64_t value = (heed_float_read_status() & ~(uint64_t)HEED_FLOAT_FLAGS) | flags;
  __asm__ volatile("msr fpsr, %0" ::"r"(value) : "memory");
}

#else // a processor whose control word is not known here keeps the caller's mode

#define HEED_FLOAT_FLAGS    0u
#define HEED_FLOAT_CONTROLS 0u
#define HEED_FLOAT_DEFAULT  0u
#define HEED_FLOAT_FLUSHING 0u

static inline uint32_t heed_float_control(void) { return 0; }
static inline uint32_t heed_float_flags(void) { return 0; }
static inline void heed_float_set_control(uint32_t control) { (void)control; }
static inline void heed_float_set(uint32_t control, uint32_t flags) { (void)control, (void)flags; }

#endif

// Whether this thread already computes for the engine: an entry point that is called by another one, or by a task, stays in the outer
// call's mode.
extern _Thread_local bool heed_float_entered;

// The calling thread's own controls, to be set again.
typedef struct HeedFloatMode {
  uint32_t before;
  bool entered, changed;
} HeedFloatMode;

static inline HeedFloatMode heed_float_mode_begin(uint32_t wanted) {
  if (heed_float_entered) return (HeedFloatMode){0};
  heed_float_entered = true;
  const uint32_t before = heed_float_control();
  if (before != wanted) {
    heed_float_set_control(wanted);
    __asm__ volatile("" ::: "memory");
  }
  return (HeedFloatMode){before, true, before != wanted};
}

static inline void heed_float_mode_end(const HeedFloatMode *mode) {
  if (!mode->entered) return;
  heed_float_entered = false;
  if (mode->changed) {
    __asm__ volatile("" ::: "memory");
    heed_float_set_control(mode->before);
  }
}

#define HEED_FLOAT_MODE_OF(wanted)                                                                                                         \
  __attribute__((cleanup(heed_float_mode_end), unused)) const HeedFloatMode heed_float_mode = heed_float_mode_begin(wanted)

// The first statement of a function that computes and is called from outside. If the caller is already in the right mode, it costs one
// reading of the control word (about 1 ns).
#define HEED_FLOAT_MODE() HEED_FLOAT_MODE_OF(HEED_FLOAT_DEFAULT)

// Makes the compiler compute a variable here, not where it is used.
#define HEED_FLOAT_COMPUTED(variable) __asm__ volatile("" : "+m"(variable))

// HEED_FLOAT_MODE() for functions whose header says that numbers below 2^-126 in magnitude count as 0 and become 0.
#define HEED_FLOAT_MODE_FLUSHING_DENORMALS() HEED_FLOAT_MODE_OF(HEED_FLOAT_FLUSHING)

#endif

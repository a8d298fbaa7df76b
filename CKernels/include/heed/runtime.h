// The runtime: status codes, instruction sets, threads, scratch memory, measured peaks.
//
// Everything here may be called from any thread at any time, also from inside a parallel region of another library and after fork().
// Nothing prints, exits, sets errno or changes the environment. What gradients do to what their outputs hold stands here once, for the
// backward passes of all families ("Gradients").
//
// A shared object that this code is part of stays in the process from its first use on, whoever calls dlclose(): threads that sleep in it
// and threads that used it outlive the call.
//
// Every entry point of every header computes in the same floating-point mode, whichever the caller is in (rounding, flush to zero,
// denormals are zeros, exceptions that trap): to nearest, with denormals but where a header says otherwise, nothing trapped. The caller's
// mode is as before afterwards; exception flags are only ever added.

#ifndef HEED_RUNTIME_H
#define HEED_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__has_attribute) && __has_attribute(enum_extensibility)
#define HEED_CLOSED __attribute__((enum_extensibility(closed)))
#else
#define HEED_CLOSED
#endif

// ---- Status -------------------------------------------------------------------------------------------------------------------------

// What an entry point returns. Anything but `HeedStatusOk` means that no output was touched.
typedef enum HEED_CLOSED HeedStatus {
  HeedStatusOk = 0,
  HeedStatusBadShape,     // sizes that contradict each other, or whose product does not fit in memory
  HeedStatusBadStride,    // strides that this variant does not support, or outputs that overlap themselves
  HeedStatusBadArgument,  // a null pointer where data is needed, a scale that is not finite, a length out of range
  HeedStatusNotSupported, // asked for something that this variant does not give (weights from the tiled arm, say)
  HeedStatusOutOfMemory,  // scratch memory was not to be had
} HeedStatus;

// A short English sentence, without a full stop; never null.
const char *heed_status_description(HeedStatus status);

// ---- Elements ---------------------------------------------------------------------------------------------------------------------------

// What the numbers of an array are, where a descriptor lets that vary; float32 where it says nothing. Strides count elements of either
// size.
typedef enum HEED_CLOSED HeedElement {
  HeedElementFloat32 = 0,
  HeedElementBfloat16, // uint16_t, the upper half of a float32 (convert.h)
} HeedElement;

#define HEED_ELEMENT_COUNT 2

// ---- Gradients --------------------------------------------------------------------------------------------------------------------------
//
// A gradient overwrites its output: what that held, NaN too, has no effect, and a gradient to which nothing contributes (of a batch of
// nothing, say, or of a table's row that no token names) is 0.
//
// The gradients of parameters may accumulate instead, over several batches or several uses of one parameter. `accumulate`, the last member
// of the shape that the backward pass takes, is then true: the gradient is added to what its output holds, and where nothing contributes,
// the output keeps what it holds. It concerns these gradients, and no other of the same call:
//
//   HeedNormShape              of the weight and the bias
//   HeedEmbeddingShape         of the table (dense)
//   HeedConvolutionShape       of the weight and the bias
//   HeedRecurrentShape         of w_ih, w_hh, b_ih and b_hh
//   HeedScoredAttentionShape   of weight, query_weight, key_weight and score_weight
//   HeedLossNegativeSamplingShape  of the two tables (dense)
//
// The sum is rounded once or, where a product is long, after each block of its terms. Added to zeros, a gradient has the bits that
// overwriting gives it, but for the sign of a zero. NaN and infinities follow IEEE.
//
// A linear layer's weight gradient is a matrix product, which accumulates by its `beta` (gemm.h); heed_arithmetic_scatter_add always adds.

// ---- Instruction sets -----------------------------------------------------------------------------------------------------------------

// The kernel tables. A later one includes what the earlier ones need.
typedef enum HEED_CLOSED HeedISA {
  HeedISAGeneric = 0, // plain C vectors of the baseline (SSE2 on x86-64, NEON on arm64)
  HeedISAAvx2,        // AVX2 and FMA
  HeedISAAvx512,      // AVX-512 F, BW, DQ, VL
  HeedISAAvx512bf16,  // the same with AVX512_BF16
} HeedISA;

#define HEED_ISA_COUNT 4

// "generic", "avx2", "avx512", "avx512bf16".
const char *heed_isa_name(HeedISA isa);

// The table of that name, stored in `isa` unless that is null; false where there is none of that name (`isa` is then left alone).
bool heed_isa_named(const char *name, HeedISA *isa);

// Whether this processor and its operating system can run the table.
bool heed_isa_available(HeedISA isa);

// The table in use. It is chosen at the first call: the one that the environment variable HEED_ISA names, if this machine can run it,
// else the best one the machine can run.
HeedISA heed_isa_current(void);

// Uses another table from now on, for every thread. `HeedStatusNotSupported` where the machine cannot run it. Calls that are under way
// finish with the table they began with.
HeedStatus heed_isa_select(HeedISA isa);

// ---- The machine ----------------------------------------------------------------------------------------------------------------------

typedef struct HeedMachine {
  char processor[96];        // the processor's own name, or the architecture's
  size_t processors_online;  // as the operating system counts them
  size_t processors_allowed; // those in this process's affinity mask
  double cgroup_quota;       // processors that the control group (v1 or v2, any ancestor) allows; 0 where there is no limit
  size_t usable;             // max(1, min(allowed, floor(quota))): the default number of threads
  size_t memory_bytes;       // memory of the machine or, if smaller, the limit of the control group
} HeedMachine;

// Reads the machine afresh at every call. Nothing where the pointer is null.
void heed_machine_describe(HeedMachine *machine);

// ---- Threads --------------------------------------------------------------------------------------------------------------------------

#define HEED_THREADS_MAX 256 // scratch and tables per worker stay small

// Number of threads a parallel call uses: what was set, else OMP_NUM_THREADS if its first number is from 1 to HEED_THREADS_MAX (capped at
// `usable`), else `usable`. The environment and the machine are read once. Always 1 where the library was built without OpenMP.
// At most 2 where OMP_NUM_THREADS is no list of decimal numbers ("abc", "-1", ""): libomp aborts on such a value, so it is not started.
size_t heed_thread_count(void);

// Sets the number of threads for every later call, honoured above the number of processors too; 0 returns to the default.
// `HeedStatusBadArgument` above HEED_THREADS_MAX. The bits of every result are the same for every number.
HeedStatus heed_thread_count_set(size_t count);

// "libomp.so.5 (OpenMP 202011)", the runtime's file and the version that the library was compiled for, or "none" where the library was
// built without OpenMP. Static storage.
const char *heed_openmp_description(void);

// ---- Scratch --------------------------------------------------------------------------------------------------------------------------

// Scratch memory belongs to the thread that calls; it grows to the largest call so far and is kept, so that a call in steady state
// allocates nothing. Blocks of a MiB and more are kept for whichever thread calls next: there are as many as were in use at one time. They
// are returned by `heed_scratch_trim`, smaller ones also when their thread ends.
typedef struct HeedScratchStatistics {
  size_t held_bytes;    // held now, by all threads
  size_t peak_bytes;    // most that calls carved out at one time since the last reset, summed over all threads
  uint64_t allocations; // how often memory was asked from the system since the process began
} HeedScratchStatistics;

void heed_scratch_statistics(HeedScratchStatistics *statistics); // nothing where it is null
void heed_scratch_reset_peak(void);

// Gives the calling thread's scratch back to the system where it is larger than `keep_bytes`, and the blocks larger than that which no
// thread uses.
void heed_scratch_trim(size_t keep_bytes);

// ---- Measured peaks -------------------------------------------------------------------------------------------------------------------

typedef enum HEED_CLOSED HeedPeak {
  HeedPeakFmaF32 = 0, // GFLOP/s of float32 multiply-adds in registers with the table in use (a multiply-add is 2)
  HeedPeakDotBf16,    // GFLOP/s of bfloat16 dot products accumulating in float32
  HeedPeakReadMemory, // GB/s (10^9 bytes) reading a buffer four times the last cache (at least 64 MiB, at most 1/8 of memory)
} HeedPeak;

// Measures on `threads` threads at once for about `seconds` (0 = 2 ms of work) and stores the rate of the fastest slice of half a
// millisecond in `rate`. Memory is taken for the call and touched first, which costs more than the reading.
//   HeedStatusBadArgument   threads = 0 or above HEED_THREADS_MAX; seconds negative, NaN or above an hour; `rate` null
//   HeedStatusNotSupported  the table in use has no such instruction, or that many threads were not to be had at once (another call was
//                           using them, the library was built without OpenMP)
//   HeedStatusOutOfMemory   the buffer
HeedStatus heed_peak_measure(HeedPeak peak, size_t threads, double seconds, double *rate);

// Bytes that no cache keeps: four times the last cache, at least 64 MiB, at most 1/8 of memory.
size_t heed_peak_buffer_bytes(void);

// Reads `count` buffers of `bytes` each, or copies one, once on up to `threads` threads and stores the rate in GB/s: what an operation
// over the same bytes is held against. A copy counts what it reads and what it writes; its buffers may not overlap. What lies in a cache
// is read from there, and fresh pages cost their first touch: warm up as the operation was.
//   HeedStatusBadArgument   a null pointer; no buffer, buffers of fewer than 4096 bytes or of more than PTRDIFF_MAX together; threads = 0
//                           or above HEED_THREADS_MAX
HeedStatus heed_peak_read(const void *const *buffers, size_t count, size_t bytes, size_t threads, double *rate);
HeedStatus heed_peak_copy(void *target, const void *source, size_t bytes, size_t threads, double *rate);

// ---- Time in entry points ---------------------------------------------------------------------------------------------------------------

// What the calls of one entry point took since counting was started.
typedef struct HeedProfileEntry {
  const char *name;     // of the function; static storage
  uint64_t calls;       // that returned
  uint64_t nanoseconds; // of the monotonic clock, from their beginnings to their ends, added up over all threads that called
} HeedProfileEntry;

// Sets all counts to zero and counts the entry points of every family from now on, on every thread; those of this header are not
// counted. A call counts for the entry point that was called from outside: what that one asks of others is its own time. Costs two
// readings of the clock a call, and a load and a branch while nothing is counted. Calls that are under way as counting starts or stops may
// be left out.
void heed_profile_start(void);
void heed_profile_stop(void);

// Stores what was counted, of at most `capacity` entry points (of none where `entries` is null), in no particular order; those that were
// not called are left out. Returns how many there are.
size_t heed_profile_read(HeedProfileEntry *entries, size_t capacity);

// ---- OpenBLAS -------------------------------------------------------------------------------------------------------------------------

// Opens OpenBLAS at the first call if the library was built with it and the machine has it. "OpenBLAS 0.3.21 (SkylakeX)" or null.
const char *heed_openblas_description(void);

#ifdef __cplusplus
}
#endif

#endif

// The runtime: status codes, instruction sets, threads, scratch memory, measured peaks.
//
// Everything here may be called from any thread at any time, also from inside a parallel region of another library and after fork().
// Nothing prints, exits, sets errno or changes the environment. The section "Gradients" says, for the backward passes of all families,
// whether a gradient overwrites its output or is added to it.
//
// A shared object that contains this code stays in the process after its first use, even if dlclose() is called: threads may sleep in it,
// and threads that used it outlive the call.
//
// Every entry point of every header computes in the same floating-point mode, whatever the caller's mode is: it rounds to nearest, keeps
// denormals unless a header says otherwise, and traps no exceptions. The caller's mode (rounding, flush to zero, denormals are zeros,
// traps) is restored afterwards. Exception flags are only added, never cleared.

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

// The result of an entry point. Unless it is `HeedStatusOk`, no output was touched.
typedef enum HEED_CLOSED HeedStatus {
  HeedStatusOk = 0,
  HeedStatusBadShape,     // sizes that contradict each other, or whose product does not fit in memory
  HeedStatusBadStride,    // strides that this variant does not support, or outputs that overlap themselves
  HeedStatusBadArgument,  // a null pointer where data is needed, a scale that is not finite, a length out of range
  HeedStatusNotSupported, // this variant does not offer what was asked for (e.g. weights from tiled attention)
  HeedStatusOutOfMemory,  // the system gave no scratch memory
  HeedStatusBadIndex,     // an index is out of range (e.g. a token that is not a row of the table); heed_status_bad_index tells which
} HeedStatus;

// A short English sentence, without a full stop; never null.
const char *heed_status_description(HeedStatus status);

// An index that is out of range.
typedef struct HeedBadIndex {
  const char *array; // the name of the parameter or member that holds the index, such as "ids" or "targets"; static storage
  int64_t value;
  size_t place; // the position of the index in the array, from 0, in the order of the array's axes
  size_t range; // the index must be at least 0 and below this
} HeedBadIndex;

// Returns the index that caused the latest HeedStatusBadIndex on the calling thread: the first of its array that is out of range. Before
// there was one, `array` is null.
HeedBadIndex heed_status_bad_index(void);

// ---- Elements ---------------------------------------------------------------------------------------------------------------------------

// The type of an array's numbers, if a descriptor has a member for it. All other arrays are float32. Strides count elements of that type.
typedef enum HEED_CLOSED HeedElement {
  HeedElementFloat32 = 0,
  HeedElementBfloat16, // uint16_t, the upper half of a float32 (convert.h)
} HeedElement;

#define HEED_ELEMENT_COUNT 2

// ---- Gradients --------------------------------------------------------------------------------------------------------------------------
//
// A gradient overwrites its output: the output's old contents, even NaN, have no effect. A gradient to which nothing contributes is 0 (e.g.
// in an empty batch, or for a row of a table that no token names).
//
// The gradients of parameters may accumulate instead, over several batches or several uses of one parameter. To ask for that, set
// `accumulate`, the last member of the shape that the backward pass takes. The gradient is then added to what its output holds, and if
// nothing contributes, the output stays as it is. `accumulate` affects only these gradients of a call:
//
//   HeedNormShape              of the weight and the bias
//   HeedEmbeddingShape         of the table (dense)
//   HeedConvolutionShape       of the weight and the bias
//   HeedRecurrentShape         of w_ih, w_hh, b_ih and b_hh
//   HeedScoredAttentionShape   of weight, query_weight, key_weight and score_weight
//   HeedLossNegativeSamplingShape  of the two tables (dense)
//   HeedCrfShape               of the transitions, the start and the end
//
// The sum is rounded once or, if a product is long, after each block of its terms. Added to zeros, a gradient has the same bits as if it
// overwrote, except for the sign of a zero. NaN and infinities follow IEEE.
//
// The weight gradient of a linear layer is a matrix product, which accumulates by its `beta` (gemm.h). heed_arithmetic_scatter_add always
// adds.

// ---- Instruction sets -----------------------------------------------------------------------------------------------------------------

// The tables of kernels, one per instruction set. Each one needs all that the earlier ones need.
//
// Bits. Every table but the generic one has a fused multiply-add, and these tables give the same bits: in every function that computes in
// float32, but for the naive variants of attention and products by OpenBLAS. Where the lanes of a vector are summed, it is in the order of
// 16 lanes, whatever the vector has. The generic table rounds products and sums one by one, so its bits are others. Functions of the C
// library (logarithms of sums, sines of positions) are those of the machine.
typedef enum HEED_CLOSED HeedISA {
  HeedISAGeneric = 0, // plain C vectors of the baseline (SSE2 on x86-64, NEON on arm64)
  HeedISAAvx2,        // AVX2 and FMA
  HeedISAAvx512,      // AVX-512 F, BW, DQ, VL
  HeedISAAvx512bf16,  // the same with AVX512_BF16
} HeedISA;

#define HEED_ISA_COUNT 4

// The name of a table: "generic", "avx2", "avx512" or "avx512bf16".
const char *heed_isa_name(HeedISA isa);

// Stores the table of that name in `isa`, unless `isa` is null. Returns false, and leaves `isa` unchanged, if no table has that name.
bool heed_isa_named(const char *name, HeedISA *isa);

// Returns whether this processor and its operating system can run the table.
bool heed_isa_available(HeedISA isa);

// Returns the table in use. The first call chooses it: the table that the environment variable HEED_ISA names, if this machine can run it,
// else the best one that the machine can run.
HeedISA heed_isa_current(void);

// Uses another table from now on, for every thread. Returns `HeedStatusNotSupported` if the machine cannot run it. Calls in progress finish
// with the table they began with.
HeedStatus heed_isa_select(HeedISA isa);

// ---- The machine ----------------------------------------------------------------------------------------------------------------------

typedef struct HeedMachine {
  char processor[96];        // the processor's own name, or the architecture's
  size_t processors_online;  // as the operating system counts them
  size_t processors_allowed; // those in this process's affinity mask
  double cgroup_quota;       // processors that the control group (v1 or v2, any ancestor) allows; 0 for no limit
  size_t usable;             // max(1, min(allowed, floor(quota))): the default number of threads
  size_t memory_bytes;       // memory of the machine or, if smaller, the limit of the control group
} HeedMachine;

// Describes the machine, which it reads again at every call. Does nothing if the pointer is null.
void heed_machine_describe(HeedMachine *machine);

// ---- Threads --------------------------------------------------------------------------------------------------------------------------

#define HEED_THREADS_MAX 256 // a limit that keeps scratch and tables per worker small

// Returns the number of threads that a parallel call uses: the number that was set; else OMP_NUM_THREADS if its first number is from 1 to
// HEED_THREADS_MAX (capped at `usable`); else `usable`. The environment and the machine are read once. The number is always 1 if the
// library was built without OpenMP. It is at most 2 if OMP_NUM_THREADS is not a list of decimal numbers ("abc", "-1", ""): libomp aborts on
// such a value, so it is not started.
size_t heed_thread_count(void);

// Sets the number of threads for every later call. A number above that of the processors is honoured too; 0 returns to the default. Returns
// `HeedStatusBadArgument` above HEED_THREADS_MAX. The bits of every result are the same for every number.
HeedStatus heed_thread_count_set(size_t count);

// Returns the file of the OpenMP runtime and the version that the library was compiled for, e.g. "libomp.so.5 (OpenMP 202011)", or "none"
// if the library was built without OpenMP. Static storage.
const char *heed_openmp_description(void);

// ---- Scratch --------------------------------------------------------------------------------------------------------------------------

// Scratch memory belongs to the calling thread. It grows to the largest call so far and is kept, so that a call in steady state allocates
// nothing. Blocks of a MiB and more are kept for whichever thread calls next: there are as many as were in use at one time. All blocks are
// returned by `heed_scratch_trim`, and smaller ones also when their thread ends.
typedef struct HeedScratchStatistics {
  size_t held_bytes;    // bytes held now, by all threads
  size_t peak_bytes;    // the most that calls used at one time since the last reset, summed over all threads
  uint64_t allocations; // how often the system was asked for memory since the process began
} HeedScratchStatistics;

void heed_scratch_statistics(HeedScratchStatistics *statistics); // does nothing if it is null
void heed_scratch_reset_peak(void);

// Returns memory to the system: the calling thread's scratch if it is larger than `keep_bytes`, and those larger blocks that no thread
// uses.
void heed_scratch_trim(size_t keep_bytes);

// ---- Measured peaks -------------------------------------------------------------------------------------------------------------------

typedef enum HEED_CLOSED HeedPeak {
  HeedPeakFmaF32 = 0, // GFLOP/s of float32 multiply-adds in registers with the table in use (a multiply-add is 2)
  HeedPeakDotBf16,    // GFLOP/s of bfloat16 dot products accumulating in float32
  HeedPeakReadMemory, // GB/s (10^9 bytes) reading a buffer four times the last cache (at least 64 MiB, at most 1/8 of memory)
} HeedPeak;

// Measures on `threads` threads at once for about `seconds` (0 = 2 ms of work) and stores the rate of the fastest slice of half a
// millisecond in `rate`. The call allocates its memory and touches it first, which takes longer than the reading.
//   HeedStatusBadArgument   threads = 0 or above HEED_THREADS_MAX; seconds negative, NaN or above an hour; `rate` null
//   HeedStatusNotSupported  the table in use has no such instruction, or not so many threads were free at once (another call was using
//                           them, or the library was built without OpenMP)
//   HeedStatusOutOfMemory   the buffer
HeedStatus heed_peak_measure(HeedPeak peak, size_t threads, double seconds, double *rate);

// Returns a number of bytes that no cache can keep: four times the last cache, at least 64 MiB, at most 1/8 of memory.
size_t heed_peak_buffer_bytes(void);

// Reads `count` buffers of `bytes` each, or copies one, once, on up to `threads` threads, and stores the rate in GB/s. It is the rate to
// compare an operation with that moves the same bytes. A copy counts the bytes that it reads and those that it writes; its buffers may not
// overlap. Data in a cache is read from the cache, and the first touch of fresh pages takes time: warm up in the same way as the operation.
//   HeedStatusBadArgument   a null pointer; no buffer, buffers of fewer than 4096 bytes or of more than PTRDIFF_MAX together; threads = 0
//                           or above HEED_THREADS_MAX
HeedStatus heed_peak_read(const void *const *buffers, size_t count, size_t bytes, size_t threads, double *rate);
HeedStatus heed_peak_copy(void *target, const void *source, size_t bytes, size_t threads, double *rate);

// ---- Time in entry points ---------------------------------------------------------------------------------------------------------------

// The time that the calls of one entry point took since counting was started.
typedef struct HeedProfileEntry {
  const char *name;     // name of the function; static storage
  uint64_t calls;       // calls that have returned
  uint64_t nanoseconds; // from beginning to end by the monotonic clock, added up over all calling threads
} HeedProfileEntry;

// Sets all counts to zero and counts the entry points of every family from now on, on every thread. Those of this header are not counted. A
// call counts for the entry point that was called from outside, including the time of other entry points that this one calls. While
// counting is on, each call reads the clock twice; while it is off, each call costs one load and one branch. Calls in progress when
// counting starts or stops may be left out.
void heed_profile_start(void);
void heed_profile_stop(void);

// Stores the counts of at most `capacity` entry points (of none if `entries` is null), in no particular order. Entry points that were not
// called are left out. Returns the number of those that were called.
size_t heed_profile_read(HeedProfileEntry *entries, size_t capacity);

// ---- OpenBLAS -------------------------------------------------------------------------------------------------------------------------

// Opens OpenBLAS at the first call, if the library was built with it and the machine has it. Returns e.g. "OpenBLAS 0.3.21 (SkylakeX)", or
// null.
const char *heed_openblas_description(void);

#ifdef __cplusplus
}
#endif

#endif

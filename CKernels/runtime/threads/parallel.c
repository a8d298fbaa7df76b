// Parallel regions: the only file with OpenMP pragmas.
//
// libomp keeps a team of workers for every thread that ever opened a region. So one thread of ours, the engine thread, opens all regions,
// and a gate lets one region run at a time. The calling thread works too:
//
//   caller  publishes the job (IDLE -> POSTED), wakes the engine thread and takes tasks at once, as worker 0
//   engine  takes the job (POSTED -> ENTERED), opens a region whose members take tasks too, as workers 1 ... width-1, then says DONE
//   caller  out of tasks: withdraws the job (POSTED -> IDLE) if the engine has not come yet, else waits until DONE
//
// So a short job never waits for a thread that sleeps. A thread that waits spins for a while, as work comes in bursts, then sleeps.

#define _GNU_SOURCE
#include "runtime/threads/parallel.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "runtime/clock.h"
#include "runtime/float_mode.h"
#include "runtime/sizes.h"
#include "runtime/stay_loaded.h"
#include "runtime/threads/sleep.h"
#include "runtime/threads/thread_count.h"
#include "runtime/threads/thread_supply.h"

_Thread_local bool heed_float_entered;

static _Thread_local int inline_depth; // nesting of tasks that this thread runs by itself

static void run_inline(size_t count, HeedTask task, void *context) {
  inline_depth++;
  for (size_t i = 0; i < count; i++) task(context, i, 0);
  inline_depth--;
}

#if !defined(_OPENMP)

void heed_parallel_for(size_t count, size_t width, HeedTask task, void *context) {
  (void)width;
  run_inline(count, task, context);
}

bool heed_parallel_is_task(void) { return inline_depth > 0; }

const char *heed_openmp_description(void) { return "none"; }

#else

// The toolchain ships no omp.h. Functions that only libomp has are weak symbols, so that another runtime with libomp's entry points works
// too.
extern int omp_get_thread_num(void);
extern void omp_set_dynamic(int enabled);
extern void kmp_set_blocktime(int milliseconds) __attribute__((weak));
extern void kmp_set_warnings_off(void) __attribute__((weak));
extern size_t kmp_get_stacksize_s(void) __attribute__((weak));

// 1 ms: longer than the gaps between the kernels of a model's step, short enough to leave an idle process asleep.
#define SPIN_NANOSECONDS         1000000u
// If there are more threads than processors, the thread that is waited for may need this very processor.
#define SPIN_NANOSECONDS_CROWDED 5000u
#define PAUSES_PER_LOOK_AT_CLOCK 32 // about a microsecond
// libomp's own calls stay far below this; the tasks are the same that run on callers with 512 KiB.
#define ENGINE_STACK_BYTES       ((size_t)2 << 20)
// libomp's own default, used if libomp does not say.
#define OPENMP_STACK_BYTES       ((size_t)4 << 20)
// libomp gives later threads a little more.
#define OPENMP_STACK_SLACK       ((size_t)256 << 10)
// How long a refusal is remembered: another refusal costs some 50 us.
#define REFUSAL_NANOSECONDS      100000000u

enum { IDLE, POSTED, ENTERED, AWAITED, DONE }; // AWAITED: ENTERED, and the caller sleeps

static struct {
  alignas(HEED_LINE_PAIR) atomic_bool taken; // the gate

  // Written by whoever holds the gate, while the state is IDLE.
  alignas(HEED_LINE_PAIR) HeedTask task;
  void *context;
  size_t count, width;
  uint32_t float_control; // the caller's: all workers compute in its mode
  bool crowded;
  bool engine_exists;
  uint64_t engine_refused; // when, or 0

  // The engine thread's own: the largest team that there was, which libomp keeps; a larger one that was refused, and when.
  alignas(HEED_LINE_PAIR) size_t team;
  uint64_t team_refused;

  alignas(HEED_LINE_PAIR) _Atomic uint32_t state;
  alignas(HEED_LINE_PAIR) atomic_size_t next;     // the first task not yet handed out
  alignas(HEED_LINE_PAIR) atomic_size_t finished; // members that left the region
  _Atomic uint32_t float_flags;                   // exceptions that the workers other than the caller raised
  alignas(HEED_LINE_PAIR) _Atomic uint32_t engine_sleeps;
} shared;

static _Thread_local int depth; // of tasks of regions on this thread

bool heed_parallel_is_task(void) { return depth > 0 || inline_depth > 0; }

static void take_tasks(size_t worker) {
  const HeedTask task = shared.task;
  void *const context = shared.context;
  const size_t count = shared.count;
  depth++;
  for (;;) {
    const size_t i = atomic_fetch_add_explicit(&shared.next, 1, memory_order_relaxed);
    if (i >= count) break;
    task(context, i, worker);
  }
  depth--;
}

// A worker other than the caller. It computes in the caller's mode, whatever mode its thread was in, and reports the exceptions that it
// raised.
static void take_tasks_of_caller(size_t worker) {
  heed_float_set(shared.float_control, 0);
  heed_float_entered = true;
  take_tasks(worker);
  heed_float_entered = false;
  const uint32_t raised = heed_float_flags();
  if (raised & ~atomic_load_explicit(&shared.float_flags, memory_order_relaxed))
    atomic_fetch_or_explicit(&shared.float_flags, raised, memory_order_relaxed);
}

// ---- The engine thread ------------------------------------------------------------------------------------------------------------------

static bool is_recent(uint64_t refusal) { return refusal && heed_nanoseconds() - refusal < REFUSAL_NANOSECONDS; }

// How many of `wanted` members libomp can have without being refused a thread, because it would then end the process. Threads that others
// start at the same time cannot be foreseen, so this asks for one thread more.
static size_t supplied_members(size_t wanted) {
  const size_t team = shared.team ? shared.team : 1; // this thread is a member
  if (wanted <= team || is_recent(shared.team_refused)) return wanted < team ? wanted : team;
  size_t stack = kmp_get_stacksize_s ? kmp_get_stacksize_s() : 0;
  if (stack == 0) stack = OPENMP_STACK_BYTES;
  const size_t asked = wanted - team + 1, given = heed_thread_supply(asked, stack + OPENMP_STACK_SLACK);
  const size_t members = given == asked ? wanted : given > 0 ? team + given - 1 : team;
  shared.team_refused = given == asked ? 0 : heed_nanoseconds();
  shared.team = members;
  return members;
}

// Nothing is captured: the members read all they need from `shared`, after an acquiring load of the state and before a releasing count. So
// these atomics are enough to guarantee the order. A function of its own, never inlined: the compiler calls libomp, which starts it, where
// a function that holds a region begins.
static __attribute__((noinline)) void open_region(int members) {
#pragma omp parallel num_threads(members) default(none) shared(shared)
  {
    (void)atomic_load_explicit(&shared.state, memory_order_acquire);
    take_tasks_of_caller(1 + (size_t)omp_get_thread_num());
    atomic_fetch_add_explicit(&shared.finished, 1, memory_order_release);
  }
  (void)atomic_load_explicit(&shared.finished, memory_order_acquire);
}

static void wait_for_job(bool crowded) {
  const uint64_t limit = crowded ? SPIN_NANOSECONDS_CROWDED : SPIN_NANOSECONDS;
  uint64_t start = heed_nanoseconds();
  for (;;) {
    for (int i = 0; i < PAUSES_PER_LOOK_AT_CLOCK; i++) {
      if (atomic_load_explicit(&shared.state, memory_order_relaxed) == POSTED) return;
      heed_pause();
    }
    if (heed_nanoseconds() - start < limit) continue;
    // Either this thread sees the job, or the caller sees that this thread sleeps: both store first and load then.
    atomic_store_explicit(&shared.engine_sleeps, 1, memory_order_seq_cst);
    while (atomic_load_explicit(&shared.engine_sleeps, memory_order_seq_cst) &&
           atomic_load_explicit(&shared.state, memory_order_seq_cst) != POSTED) {
      heed_sleep_while(&shared.engine_sleeps, 1);
    }
    atomic_store_explicit(&shared.engine_sleeps, 0, memory_order_relaxed);
    start = heed_nanoseconds();
  }
}

static void *engine_main(void *unused) {
  (void)unused;
  // A thread begins in its creator's mode. libomp and the threads that it starts should not compute in that mode.
  heed_float_set_control(HEED_FLOAT_DEFAULT);
  const bool openmp = heed_width_limit() > 2;
  // OMP_NUM_THREADS decides nothing here, so libomp need not complain about it on this process's standard error.
  if (openmp && kmp_set_warnings_off) kmp_set_warnings_off();
  if (openmp) omp_set_dynamic(0);
  int blocktime = -1;
  bool crowded = false;
  for (;;) {
    wait_for_job(crowded);
    uint32_t expected = POSTED;
    if (!atomic_compare_exchange_strong_explicit(&shared.state, &expected, ENTERED, memory_order_acq_rel, memory_order_relaxed)) continue;
    crowded = shared.crowded;
    if (openmp && blocktime != !crowded && kmp_set_blocktime) kmp_set_blocktime(blocktime = !crowded);
    const size_t members = openmp ? supplied_members(shared.width - 1) : 1;
    if (members > 1) {
      open_region((int)members);
    } else {
      take_tasks_of_caller(1);
    }
    // From here on the caller may publish the next job.
    if (atomic_exchange_explicit(&shared.state, DONE, memory_order_acq_rel) == AWAITED) heed_sleep_wake(&shared.state);
  }
  return NULL;
}

// The child of fork() has one thread; whatever the others held is free, and a job that they were part of is over.
static void after_fork_in_child(void) {
  heed_sleep_after_fork();
  atomic_store_explicit(&shared.state, IDLE, memory_order_relaxed);
  atomic_store_explicit(&shared.engine_sleeps, 0, memory_order_relaxed);
  shared.engine_exists = false;
  shared.engine_refused = 0;
  shared.team = 0;
  shared.team_refused = 0;
  atomic_store_explicit(&shared.taken, false, memory_order_release);
}

static void prepare_process(void) {
  heed_stay_loaded();
  pthread_atfork(NULL, NULL, after_fork_in_child);
}

// False where the system gives no thread. The engine and its team take no signals: those belong to the application's threads.
static bool start_engine(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, prepare_process);
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  sigset_t all, before;
  sigfillset(&all);
  pthread_t thread;
  const bool started = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
                       pthread_attr_setstacksize(&attributes, ENGINE_STACK_BYTES) == 0 && pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
  bool created = false;
  if (started) {
    created = pthread_create(&thread, &attributes, engine_main, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
  pthread_attr_destroy(&attributes);
  return created;
}

// ---- The caller -------------------------------------------------------------------------------------------------------------------------

// IDLE means the same as DONE here: a task called fork() and this is the child.
static bool job_is_over(void) {
  const uint32_t state = atomic_load_explicit(&shared.state, memory_order_acquire);
  return state == DONE || state == IDLE;
}

static void wait_for_engine(bool crowded) {
  const uint64_t limit = crowded ? SPIN_NANOSECONDS_CROWDED : SPIN_NANOSECONDS, start = heed_nanoseconds();
  do {
    for (int i = 0; i < PAUSES_PER_LOOK_AT_CLOCK; i++) {
      if (job_is_over()) return;
      heed_pause();
    }
  } while (heed_nanoseconds() - start < limit);
  uint32_t expected = ENTERED;
  atomic_compare_exchange_strong_explicit(&shared.state, &expected, AWAITED, memory_order_acq_rel, memory_order_acquire);
  while (!job_is_over()) heed_sleep_while(&shared.state, AWAITED);
}

void heed_parallel_for(size_t count, size_t width, HeedTask task, void *context) {
  if (width > count) width = count;
  if (width > heed_width_limit()) width = heed_width_limit();
  if (width <= 1 || depth > 0 || atomic_load_explicit(&shared.taken, memory_order_relaxed) ||
      atomic_exchange_explicit(&shared.taken, true, memory_order_acquire)) {
    run_inline(count, task, context);
    return;
  }
  if (!shared.engine_exists && !is_recent(shared.engine_refused)) {
    shared.engine_exists = start_engine();
    shared.engine_refused = shared.engine_exists ? 0 : heed_nanoseconds();
  }
  if (!shared.engine_exists) {
    atomic_store_explicit(&shared.taken, false, memory_order_release);
    run_inline(count, task, context);
    return;
  }
  const bool crowded = width > heed_usable_processors();
  shared.task = task;
  shared.context = context;
  shared.count = count;
  shared.width = width;
  shared.crowded = crowded;
  shared.float_control = heed_float_control();
  atomic_store_explicit(&shared.float_flags, 0, memory_order_relaxed);
  atomic_store_explicit(&shared.next, 0, memory_order_relaxed);
  atomic_store_explicit(&shared.state, POSTED, memory_order_seq_cst);
  if (atomic_load_explicit(&shared.engine_sleeps, memory_order_seq_cst) &&
      atomic_exchange_explicit(&shared.engine_sleeps, 0, memory_order_seq_cst)) {
    heed_sleep_wake(&shared.engine_sleeps);
  }
  take_tasks(0);
  uint32_t expected = POSTED;
  if (!atomic_compare_exchange_strong_explicit(&shared.state, &expected, IDLE, memory_order_acq_rel, memory_order_acquire)) {
    wait_for_engine(crowded);
    const uint32_t raised = atomic_load_explicit(&shared.float_flags, memory_order_relaxed), own = heed_float_flags();
    if (raised & ~own) heed_float_set(shared.float_control, own | raised);
    atomic_store_explicit(&shared.state, IDLE, memory_order_relaxed);
  }
  atomic_store_explicit(&shared.taken, false, memory_order_release);
}

// ---- Description ------------------------------------------------------------------------------------------------------------------------

static char description[96];

// The file name says which runtime was found. The date is the version of OpenMP for which the compiler compiled this file.
static void describe_openmp(void) {
  Dl_info info;
  const char *name = "OpenMP runtime";
  if (dladdr((const void *)(uintptr_t)omp_get_thread_num, &info) && info.dli_fname) {
    const char *slash = strrchr(info.dli_fname, '/');
    name = slash ? slash + 1 : info.dli_fname;
  }
  snprintf(description, sizeof description, "%.64s (OpenMP %d)", name, _OPENMP);
}

const char *heed_openmp_description(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, describe_openmp);
  return description;
}

#endif

// What the tests of arguments share: rows of a table, each a call that must be refused with a status and write nothing.

#ifndef HEED_ARGUMENTS_SUPPORT_H
#define HEED_ARGUMENTS_SUPPORT_H

#include <setjmp.h>

#include "harness.h"
#include "heed/runtime.h"

// What the calls read and write. Inputs hold numbers, integers zeros; outputs are poisoned before every call and looked at after it.
#define ARGUMENTS_COUNT 4096
extern float inputs_f[ARGUMENTS_COUNT], outputs_f[4][ARGUMENTS_COUNT];
extern double outputs_d[4][ARGUMENTS_COUNT];
extern int64_t zeros_64[64], outputs_64[2][64];
extern int32_t zeros_32[64], outputs_32[2][64];

// A copy of a descriptor with one thing changed.
#define WITH(base, change)                                                                                                                 \
  ({                                                                                                                                       \
    static __typeof__(((void)0, (base))) changed; /* the comma takes the const away */                                                     \
    changed = (base);                                                                                                                      \
    changed.change;                                                                                                                        \
    (const __typeof__(changed) *)&changed;                                                                                                 \
  })

extern sigjmp_buf arguments_crash;
void arguments_begin(void);
void arguments_end(const char *file, int line, const char *call, HeedStatus expected, HeedStatus status, bool crashed);

// One row: the call gives this status (Ok too: then what it writes is not looked at) and never crashes.
#define GIVES_NAMED(expected, call, name)                                                                                                  \
  do {                                                                                                                                     \
    arguments_begin();                                                                                                                     \
    if (sigsetjmp(arguments_crash, 1) == 0)                                                                                                \
      arguments_end(__FILE__, __LINE__, name, (expected), (call), false);                                                                  \
    else                                                                                                                                   \
      arguments_end(__FILE__, __LINE__, name, (expected), HeedStatusOk, true);                                                             \
  } while (0)
#define GIVES(expected, call)        GIVES_NAMED(HeedStatus##expected, call, #call)
#define GIVES_STATUS(expected, call) GIVES_NAMED(expected, call, #call)

// The same for a call that gives a number: a size, say.
#define GIVES_NUMBER(expected, call)                                                                                                       \
  GIVES_NAMED(HeedStatusOk, ((call) == (expected) ? HeedStatusOk : HeedStatusBadArgument), #call " == " #expected)

#endif

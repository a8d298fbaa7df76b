// Private: the table of kernels. One per instruction set, filled in kernels_*.c, chosen once in dispatch.c.

#ifndef HEED_DISPATCH_H
#define HEED_DISPATCH_H

#include "table/kernels.h"

// The table in use. Read it once at the start of an entry point.
const HeedKernels *heed_kernels(void);

// The table of that name, if there is one and this machine can run it, else the best that it can run. `name` may be null.
const HeedKernels *heed_kernels_choose(const char *name);

#endif

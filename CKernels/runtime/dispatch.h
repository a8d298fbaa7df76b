// Private: the table of kernels. One per instruction set, filled in isa/, chosen once in dispatch.c.

#ifndef HEED_DISPATCH_H
#define HEED_DISPATCH_H

#include "kernels.h"

// The table in use. Read it once at the start of an entry point.
const HeedKernels *heed_kernels(void);

#endif

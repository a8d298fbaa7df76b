// Private: numbers of mathematics and of float32 that several families need. A number that only one function needs is defined beside that
// function.

#ifndef HEED_CONSTANTS_H
#define HEED_CONSTANTS_H

#include <float.h>

#define HEED_LOG2_E 0x1.71547652b82fep+0 // log2 e
#define HEED_LN_2   0x1.62e42fefa39efp-1 // ln 2
#define HEED_LOWEST (-FLT_MAX)           // a maximum begins with it, and no score may be smaller

#endif

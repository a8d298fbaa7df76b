// The words for HeedStatus.

#include "heed/runtime.h"

const char *heed_status_description(HeedStatus status) {
  switch (status) {
  case HeedStatusOk:
    return "ok";
  case HeedStatusBadShape:
    return "the sizes contradict each other, or their product does not fit in memory";
  case HeedStatusBadStride:
    return "the strides are not supported here, or make an output overlap itself";
  case HeedStatusBadArgument:
    return "an argument is null where data is needed, not finite, or out of range";
  case HeedStatusNotSupported:
    return "this variant or this machine does not offer what was asked for";
  case HeedStatusOutOfMemory:
    return "there is no memory for scratch";
  }
  return "unknown status"; // a number from outside the enumeration
}

// The words for HeedStatus, and the index that was refused last.

#include "runtime/bad_index.h"

static _Thread_local HeedBadIndex latest;

HeedBadIndex heed_status_bad_index(void) { return latest; }

HeedStatus heed_bad_index(const char *array, int64_t value, size_t place, size_t range) {
  latest = (HeedBadIndex){array, value, place, range};
  return HeedStatusBadIndex;
}

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
  case HeedStatusBadIndex:
    return "an index is out of range";
  }
  return "unknown status"; // a number from outside the enumeration
}

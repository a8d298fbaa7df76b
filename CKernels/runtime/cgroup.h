// Private: the limits that Linux control groups set.

#ifndef HEED_CGROUP_H
#define HEED_CGROUP_H

#include "heed/runtime.h"

typedef struct HeedCgroupLimits {
  double processors;   // 0 for no limit
  size_t memory_bytes; // 0 for no limit
} HeedCgroupLimits;

// Returns the tightest limits of this process's groups and of all groups that contain them, version 1, version 2 or both. `root` is put
// before every path that is read: "" for the machine, or a folder with a copy of its files for a test. May change errno.
void heed_cgroup_limits(const char *root, HeedCgroupLimits *limits);

#endif

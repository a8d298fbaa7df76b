// The limits of control groups.
//
// /proc/self/cgroup names the process's group in each hierarchy:     4:cpu,cpuacct:/system.slice/app.service     (v2: 0::/path)
// /proc/self/mountinfo says where a hierarchy is mounted, and which of its groups is at the mount:
//                                   33 24 0:29 /docker/1f /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct   (v2: - cgroup2)
// A group's limits are files in its folder. The limits of the groups around it hold too, up to the mount.

#define _GNU_SOURCE
#include "runtime/cgroup.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_CAPACITY 4096 // Linux's PATH_MAX

typedef struct Search {
  const char *root; // before every path
  HeedCgroupLimits *limits;
  bool unified;           // version 2
  const char *controller; // version 1: "cpu" or "memory"
  char group[PATH_CAPACITY];
} Search;

static bool list_contains(const char *list, const char *word) {
  const size_t length = strlen(word);
  for (const char *item = list;; item++) {
    const size_t n = strcspn(item, ",");
    if (n == length && memcmp(item, word, n) == 0) return true;
    item += n;
    if (!*item) return false;
  }
}

// Reads up to two numbers from a file of one line; "max" counts as -1. Returns the number of numbers.
static int read_numbers(const char *folder, const char *name, double numbers[2]) {
  char path[PATH_CAPACITY + 64], text[128];
  if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path) return 0;
  FILE *file = fopen(path, "re");
  if (!file) return 0;
  const char *line = fgets(text, sizeof text, file);
  fclose(file);
  int count = 0;
  while (line && count < 2) {
    line += strspn(line, " \t\n");
    char *end = NULL;
    if (strncmp(line, "max", 3) == 0) {
      numbers[count] = -1.0;
      end = (char *)line + 3;
    } else {
      numbers[count] = strtod(line, &end);
      if (end == line) break;
    }
    count++;
    line = end;
  }
  return count;
}

static void limit_processors(HeedCgroupLimits *limits, double quota, double period) {
  if (!(quota > 0.0) || !(period > 0.0)) return;
  const double processors = quota / period;
  if (limits->processors == 0.0 || processors < limits->processors) limits->processors = processors;
}

static void limit_memory(HeedCgroupLimits *limits, double bytes) {
  // Version 1 says "no limit" by the largest multiple of the page size.
  if (!(bytes > 0.0) || bytes >= 0x1p62) return;
  if (limits->memory_bytes == 0 || (size_t)bytes < limits->memory_bytes) limits->memory_bytes = (size_t)bytes;
}

static void read_group(const Search *search, const char *folder) {
  double numbers[2], period[2];
  if (search->unified) {
    if (read_numbers(folder, "cpu.max", numbers) == 2) limit_processors(search->limits, numbers[0], numbers[1]);
    if (read_numbers(folder, "memory.max", numbers) >= 1) limit_memory(search->limits, numbers[0]);
  } else if (strcmp(search->controller, "cpu") == 0) {
    if (read_numbers(folder, "cpu.cfs_quota_us", numbers) >= 1 && read_numbers(folder, "cpu.cfs_period_us", period) >= 1) {
      limit_processors(search->limits, numbers[0], period[0]);
    }
  } else if (read_numbers(folder, "memory.limit_in_bytes", numbers) >= 1) {
    limit_memory(search->limits, numbers[0]);
  }
}

// The group's path below the mount, which shows the hierarchy from `mount_root` on. A group outside the mounted part ("/../x" in a cgroup
// namespace) is seen only through the mount itself.
static const char *path_below(const char *group, const char *mount_root) {
  const size_t length = strcmp(mount_root, "/") == 0 ? 0 : strlen(mount_root);
  if (strncmp(group, mount_root, length) != 0 || (group[length] != '/' && group[length] != '\0')) return "";
  if (strstr(group + length, "/..")) return "";
  return strcmp(group + length, "/") == 0 ? "" : group + length;
}

static void walk_up(const Search *search, const char *mount_root, const char *mount_point) {
  char folder[PATH_CAPACITY];
  const int top = snprintf(folder, sizeof folder, "%s%s", search->root, mount_point);
  if (top < 0 || (size_t)top >= sizeof folder) return;
  const char *below = path_below(search->group, mount_root);
  if (strlen(below) >= sizeof folder - (size_t)top) return;
  strcpy(folder + top, below);
  for (;;) {
    read_group(search, folder);
    char *slash = strrchr(folder + top, '/');
    if (!slash) return;
    *slash = '\0';
  }
}

// In mountinfo, blank, tab, newline and backslash are written as \040 and so on.
static void unescape(char *text) {
  char *out = text;
  for (const char *in = text; *in; out++) {
    if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' && in[3] >= '0' && in[3] <= '7') {
      *out = (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0'));
      in += 4;
    } else {
      *out = *in++;
    }
  }
  *out = '\0';
}

// One line of mountinfo: id, parent, device, root, mount point, options, optional fields, "-", type, source, super options.
static void visit_mount(const Search *search, char *line) {
  char *separator = strstr(line, " - ");
  if (!separator) return;
  *separator = '\0';
  char *rest = NULL, *type = strtok_r(separator + 3, " \n", &rest);
  strtok_r(NULL, " \n", &rest);
  const char *super_options = strtok_r(NULL, " \n", &rest);
  if (!type) return;
  if (search->unified ? strcmp(type, "cgroup2") != 0
                      : strcmp(type, "cgroup") != 0 || !super_options || !list_contains(super_options, search->controller)) {
    return;
  }
  strtok_r(line, " ", &rest);
  for (int i = 0; i < 2; i++) strtok_r(NULL, " ", &rest);
  char *mount_root = strtok_r(NULL, " ", &rest), *mount_point = strtok_r(NULL, " ", &rest);
  if (!mount_root || !mount_point) return;
  unescape(mount_root);
  unescape(mount_point);
  walk_up(search, mount_root, mount_point);
}

static FILE *open_below(const char *root, const char *name) {
  char path[PATH_CAPACITY];
  if ((size_t)snprintf(path, sizeof path, "%s%s", root, name) >= sizeof path) return NULL;
  return fopen(path, "re");
}

static void visit_mounts(const Search *search) {
  FILE *file = open_below(search->root, "/proc/self/mountinfo");
  if (!file) return;
  char *line = NULL;
  size_t capacity = 0;
  while (getline(&line, &capacity, file) > 0) visit_mount(search, line);
  free(line);
  fclose(file);
}

// One line of cgroup: id, controllers (none for version 2), path. The path may hold colons.
static void visit_membership(Search *search, char *line) {
  line[strcspn(line, "\n")] = '\0';
  char *controllers = strchr(line, ':');
  if (!controllers) return;
  char *path = strchr(++controllers, ':');
  if (!path) return;
  *path++ = '\0';
  if (strlen(path) >= sizeof search->group) return;
  strcpy(search->group, path);
  search->unified = controllers[0] == '\0';
  if (search->unified) visit_mounts(search);
  const char *const wanted[] = {"cpu", "memory"};
  for (size_t i = 0; i < 2 && !search->unified; i++) {
    search->controller = wanted[i];
    if (list_contains(controllers, wanted[i])) visit_mounts(search);
  }
}

void heed_cgroup_limits(const char *root, HeedCgroupLimits *limits) {
  *limits = (HeedCgroupLimits){0};
  FILE *file = open_below(root, "/proc/self/cgroup");
  if (!file) return;
  Search search = {.root = root, .limits = limits};
  char *line = NULL;
  size_t capacity = 0;
  while (getline(&line, &capacity, file) > 0) visit_membership(&search, line);
  free(line);
  fclose(file);
}

// What the tests of the runtime share. See runtime_support.h.

#define _GNU_SOURCE
#include "runtime_support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "heed/runtime.h"

#define CHILD_VARIABLE "HEED_TEST_CHILD"

void burn(size_t additions) {
  volatile double sum = 0.0;
  for (size_t i = 0; i < additions; i++) sum = sum + 1.0;
}

void sleep_microseconds(size_t microseconds) {
  const struct timespec duration = {(time_t)(microseconds / 1000000), (long)(microseconds % 1000000) * 1000};
  nanosleep(&duration, NULL);
}

bool has_threads(void) { return strcmp(heed_openmp_description(), "none") != 0; }

size_t count_threads(void) {
  DIR *folder = opendir("/proc/self/task");
  if (!folder) return 0;
  size_t count = 0;
  for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

double processor_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

bool is_child(const char *name) {
  const char *value = getenv(CHILD_VARIABLE);
  return value && strcmp(value, name) == 0;
}

static void read_file(FILE *file, char *text, size_t capacity) {
  rewind(file);
  text[fread(text, 1, capacity - 1, file)] = '\0';
  fclose(file);
}

ChildResult run_child(const char *name, const char *variable, const char *value) {
  ChildResult result = {.status = -1};
  FILE *output = tmpfile(), *errors = tmpfile();
  if (!output || !errors) return result;
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    char test[128];
    snprintf(test, sizeof test, "child_%s", name);
    dup2(fileno(output), STDOUT_FILENO);
    dup2(fileno(errors), STDERR_FILENO);
    setenv(CHILD_VARIABLE, name, 1);
    if (variable) setenv(variable, value, 1);
    alarm(60);
    execl("/proc/self/exe", "child", "-k", test, (char *)NULL);
    _exit(127);
  }
  int status = 0;
  if (child > 0) {
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  read_file(output, result.output, sizeof result.output);
  read_file(errors, result.errors, sizeof result.errors);
  return result;
}

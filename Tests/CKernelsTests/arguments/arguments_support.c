// Rows of a table of arguments. See arguments_support.h.

#include "arguments_support.h"

#include <signal.h>
#include <string.h>

float inputs_f[ARGUMENTS_COUNT], outputs_f[4][ARGUMENTS_COUNT];
double outputs_d[4][ARGUMENTS_COUNT];
int64_t zeros_64[64], outputs_64[2][64];
int32_t zeros_32[64], outputs_32[2][64];
sigjmp_buf arguments_crash;

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE};
static struct sigaction before[3];

static void jump(int signal) {
  (void)signal;
  siglongjmp(arguments_crash, 1);
}

void arguments_begin(void) {
  poison_floats(outputs_f[0], sizeof outputs_f / sizeof(float));
  memset(outputs_d, 0x5a, sizeof outputs_d);
  memset(outputs_64, 0x5a, sizeof outputs_64);
  memset(outputs_32, 0x5a, sizeof outputs_32);
  struct sigaction action = {.sa_handler = jump};
  for (int i = 0; i < 3; i++) sigaction(signals[i], &action, &before[i]);
}

static bool is_filled(const void *data, size_t bytes) {
  const unsigned char *x = data;
  for (size_t i = 0; i < bytes; i++)
    if (x[i] != 0x5a) return false;
  return true;
}

void arguments_end(const char *file, int line, const char *call, HeedStatus expected, HeedStatus status, bool crashed) {
  for (int i = 0; i < 3; i++) sigaction(signals[i], &before[i], NULL);
  if (crashed) {
    test_fail(file, line, "%s crashes", call);
    return;
  }
  if (status != expected)
    test_fail(file, line, "%s: \"%s\" and not \"%s\"", call, heed_status_description(status), heed_status_description(expected));
  if (status == HeedStatusOk) return;
  const bool untouched = is_poison(outputs_f[0], sizeof outputs_f / sizeof(float)) && is_filled(outputs_d, sizeof outputs_d) &&
                         is_filled(outputs_64, sizeof outputs_64) && is_filled(outputs_32, sizeof outputs_32);
  if (!untouched) test_fail(file, line, "%s writes although it refuses", call);
}

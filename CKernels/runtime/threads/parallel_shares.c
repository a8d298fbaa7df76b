// Tasks handed out by shares: a worker begins with its own, so that from call to call a core meets the memory that it met before, and one
// long stretch of it.

#include <stdalign.h>
#include <stdatomic.h>

#include "runtime/sizes.h"
#include "runtime/threads/parallel.h"

#define SHARES_MAX 64 // if there are more workers, some begin with a share that another has begun

typedef struct Share {
  alignas(HEED_LINE_PAIR) atomic_size_t next; // the first task not yet handed out
  size_t end;
} Share;

typedef struct Team {
  size_t shares;
  HeedTask task;
  void *context;
  Share share[SHARES_MAX];
} Team;

// One member, which may be any worker. It takes its own share first, and then what the others have left.
static void take_shares(void *context, size_t member, size_t worker) {
  (void)member;
  Team *team = context;
  for (size_t i = 0; i < team->shares; i++) {
    Share *share = &team->share[(worker + i) % team->shares];
    while (atomic_load_explicit(&share->next, memory_order_relaxed) < share->end) {
      const size_t task = atomic_fetch_add_explicit(&share->next, 1, memory_order_relaxed);
      if (task < share->end) team->task(team->context, task, worker);
    }
  }
}

void heed_parallel_shares(size_t count, size_t width, HeedTask task, void *context) {
  if (width > count) width = count;
  if (width <= 1) {
    heed_parallel_for(count, width, task, context);
    return;
  }
  Team team = {.shares = heed_size_min(width, SHARES_MAX), .task = task, .context = context};
  const size_t each = count / team.shares, more = count % team.shares; // the first `more` shares have one task more
  for (size_t s = 0; s < team.shares; s++) {
    atomic_init(&team.share[s].next, s * each + heed_size_min(s, more));
    team.share[s].end = (s + 1) * each + heed_size_min(s + 1, more);
  }
  heed_parallel_for(width, width, take_shares, &team);
}

// Private: sleeping until a 32-bit word changes (a futex, or its equivalent on other systems).

#ifndef HEED_SLEEP_H
#define HEED_SLEEP_H

#include <stdatomic.h>
#include <stdint.h>

// Sleeps while `*word` is `value`. May return early, so call it in a loop that looks at the word. Does not change errno.
void heed_sleep_while(_Atomic uint32_t *word, uint32_t value);

// Wakes the threads that sleep on `word`; change the word first.
void heed_sleep_wake(_Atomic uint32_t *word);

// Forgets whatever other threads held: for the child of fork().
void heed_sleep_after_fork(void);

#endif

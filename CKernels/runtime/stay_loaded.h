// Private: keeps the code of this library in the process.

#ifndef HEED_STAY_LOADED_H
#define HEED_STAY_LOADED_H

// From now on dlclose() does not unload the shared object that contains this code. Called before anything that outlives a call points into
// it: one of our threads, or a destructor that runs when a thread ends. Does nothing in a program that is linked with the library.
void heed_stay_loaded(void);

#endif

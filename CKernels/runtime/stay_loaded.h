// Private: keeps the code of this library in the process.

#ifndef HEED_STAY_LOADED_H
#define HEED_STAY_LOADED_H

// From now on dlclose() leaves the shared object that this code is part of where it is. Called before anything that outlives a call points
// into it: a thread of ours, a destructor that runs as a thread ends. Does nothing in a program that is linked with the library.
void heed_stay_loaded(void);

#endif

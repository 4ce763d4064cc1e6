#ifndef FRAMEPORT_SHM_GUARD_H
#define FRAMEPORT_SHM_GUARD_H

#include <stddef.h>
#include <stdint.h>

// fp_guard_add watches size bytes from start on, which are mapped. It returns a number
// for the calls below, or -errno: -ENOSPC when too many are watched.
int fp_guard_add(uintptr_t start, size_t size);

// fp_guard_remove ends that. Nobody may use the memory any more.
void fp_guard_remove(int guard);

// fp_guard_broken says whether the memory was replaced.
int fp_guard_broken(int guard);

#endif

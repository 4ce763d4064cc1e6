#ifndef FP_DL_BRIDGE_H
#define FP_DL_BRIDGE_H

#include <stddef.h>

// Opens path and returns its handle, or NULL with the linker's message in error.
// dlerror's text belongs to the thread, so it is copied in the same call.
void *fp_dl_open(const char *path, char *error, size_t size);

// Returns the address of name in library, or NULL.
void *fp_dl_symbol(void *library, const char *name);

// Returns the file that library was loaded from, or NULL. It lives as long as library.
const char *fp_dl_file(void *library);

#endif

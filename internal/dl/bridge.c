#define _GNU_SOURCE
#include "bridge.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>

void *fp_dl_open(const char *path, char *error, size_t size) {
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		const char *text = dlerror();
		snprintf(error, size, "%s", text != NULL ? text : "unknown error");
	}
	return library;
}

void *fp_dl_symbol(void *library, const char *name) { return dlsym(library, name); }

const char *fp_dl_file(void *library) {
	struct link_map *map = NULL;
	return dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 && map != NULL ? map->l_name : NULL;
}

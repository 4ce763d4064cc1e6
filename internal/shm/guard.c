#define _GNU_SOURCE
#include "guard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define GUARDS 4096

// A signal handler has nothing but global variables, and may take no lock. A guard is
// free when end is 0. The handler looks at start and end only while somebody uses the
// memory between them, so a guard that it finds is not being removed.
static struct {
	atomic_uintptr_t start, end;
	atomic_int broken;
} guards[GUARDS];

static pthread_mutex_t adding = PTHREAD_MUTEX_INITIALIZER;
static int installed; // under adding
static struct sigaction before;

// replace puts private memory in the place of the guard's. The mark comes first: whoever
// writes to the new memory and looks afterwards finds it.
static int replace(int g) {
	uintptr_t start = atomic_load(&guards[g].start);
	size_t size = atomic_load(&guards[g].end) - start;
	atomic_store(&guards[g].broken, 1);
	return mmap((void *)start, size, PROT_READ | PROT_WRITE, // NOLINT: the address is the memory's own
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

static int find(uintptr_t address) {
	for (int g = 0; g < GUARDS; g++) {
		uintptr_t end = atomic_load(&guards[g].end);
		if (end != 0 && address < end && address >= atomic_load(&guards[g].start)) {
			return g;
		}
	}
	return -1;
}

static void on_bus(int number, siginfo_t *info, void *context) {
	if (info->si_code > 0) { // from the kernel: the address is one
		int error = errno;
		int g = find((uintptr_t)info->si_addr);
		int replaced = g >= 0 && replace(g);
		errno = error;
		if (replaced) {
			return; // and the instruction runs again
		}
	}
	if (before.sa_flags & SA_SIGINFO) {
		before.sa_sigaction(number, info, context);
	} else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
		before.sa_handler(number);
	} else {
		sigaction(SIGBUS, &before, NULL); // the instruction runs again, and ends the process
	}
}

// install is called once, long after Go has set its own handlers.
static int install(void) {
	if (sigaction(SIGBUS, NULL, &before) != 0) {
		return -errno;
	}
	// As Go wants it of every handler: on the alternate stack, since goroutines' are small,
	// and not interrupted.
	struct sigaction ours = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
	sigfillset(&ours.sa_mask);
	return sigaction(SIGBUS, &ours, NULL) == 0 ? 0 : -errno;
}

int fp_guard_add(uintptr_t start, size_t size) {
	int result = 0;
	pthread_mutex_lock(&adding);
	if (!installed) {
		result = install();
		installed = result == 0;
	}
	if (result == 0) {
		result = -ENOSPC;
		for (int g = 0; g < GUARDS; g++) {
			if (atomic_load(&guards[g].end) == 0) {
				atomic_store(&guards[g].broken, 0);
				atomic_store(&guards[g].start, start);
				atomic_store(&guards[g].end, start + size);
				result = g;
				break;
			}
		}
	}
	pthread_mutex_unlock(&adding);
	return result;
}

void fp_guard_remove(int guard) { atomic_store(&guards[guard].end, 0); }

int fp_guard_broken(int guard) { return atomic_load(&guards[guard].broken); }

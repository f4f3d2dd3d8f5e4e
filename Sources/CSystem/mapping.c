#define _GNU_SOURCE
#include "CSystem.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Mappings are looked up in a signal handler, so they stand in a fixed table of atomics. */
enum { mappings_at_once = 256 };

static struct {
  atomic_bool taken;
  _Atomic(uintptr_t) start; /* 0 while nothing is mapped */
  _Atomic(size_t) length;
  _Atomic(size_t) faults;
  _Atomic(size_t) first_fault;
} mappings[mappings_at_once];

static struct sigaction previous;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void bus_error(int signal, siginfo_t *info, void *context) {
  int saved = errno;
  uintptr_t at = (uintptr_t)info->si_addr;
  for (int slot = 0; slot < mappings_at_once; slot++) {
    uintptr_t start = atomic_load(&mappings[slot].start);
    size_t length = atomic_load(&mappings[slot].length);
    if (start == 0 || at < start || at >= start + length) continue;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t bad = at & ~(uintptr_t)(page - 1);
    if (mmap((void *)bad, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) break;
    atomic_fetch_add(&mappings[slot].faults, 1);
    size_t offset = bad - start;
    size_t first = atomic_load(&mappings[slot].first_fault);
    while (offset < first && !atomic_compare_exchange_weak(&mappings[slot].first_fault, &first, offset)) continue;
    errno = saved;
    return;
  }
  /* Not one of ours: as if this handler were not here. */
  if (previous.sa_flags & SA_SIGINFO) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  } else {
    sigaction(signal, &previous, NULL);
  }
  errno = saved;
}

static void install(void) {
  struct sigaction action = {0};
  action.sa_sigaction = bus_error;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &previous);
}

static size_t with_slack(size_t length) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return (length + page - 1) / page * page + page;
}

void *csystem_map(int fd, size_t length, int *slot) {
  pthread_once(&once, install);
  int own = -1;
  for (int candidate = 0; candidate < mappings_at_once && own < 0; candidate++) {
    bool expected = false;
    if (atomic_compare_exchange_strong(&mappings[candidate].taken, &expected, true)) own = candidate;
  }
  if (own < 0) {
    errno = ENOBUFS;
    return NULL;
  }
  /* A page of zeros stands behind the file, so that whole words can be read up to its end. */
  void *start = mmap(NULL, with_slack(length), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start != MAP_FAILED && mmap(start, length, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
    int saved = errno;
    munmap(start, with_slack(length));
    errno = saved;
    start = MAP_FAILED;
  }
  if (start == MAP_FAILED) {
    atomic_store(&mappings[own].taken, false);
    return NULL;
  }
  atomic_store(&mappings[own].faults, 0);
  atomic_store(&mappings[own].first_fault, SIZE_MAX);
  atomic_store(&mappings[own].length, length);
  atomic_store(&mappings[own].start, (uintptr_t)start);
  *slot = own;
  return start;
}

size_t csystem_map_faults(int slot, size_t *first) {
  *first = atomic_load(&mappings[slot].first_fault);
  return atomic_load(&mappings[slot].faults);
}

void csystem_unmap(int slot) {
  void *start = (void *)atomic_exchange(&mappings[slot].start, 0);
  munmap(start, with_slack(atomic_load(&mappings[slot].length)));
  atomic_store(&mappings[slot].taken, false);
}

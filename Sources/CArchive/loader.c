#include "CArchive.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

static carchive_api api;
static char problem_text[256];
static int loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
  static const char *const names[] = {"libarchive.so.13", "libarchive.so", "libarchive.13.dylib", "libarchive.dylib",
                                      "/opt/homebrew/opt/libarchive/lib/libarchive.13.dylib"};
  void *library = NULL;
  for (size_t i = 0; library == NULL && i < sizeof names / sizeof *names; i++)
    library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    snprintf(problem_text, sizeof problem_text, "%s", dlerror());
    return;
  }
#define CARCHIVE_LOAD(name)                                                                  \
  if ((*(void **)&api.name = dlsym(library, #name)) == NULL) {                               \
    snprintf(problem_text, sizeof problem_text, "the libarchive here lacks %s", #name);      \
    return;                                                                                  \
  }
  CARCHIVE_FUNCTIONS(CARCHIVE_LOAD)
  loaded = 1;
}

const carchive_api *carchive_load(const char **problem) {
  pthread_once(&once, load);
  if (loaded) return &api;
  *problem = problem_text;
  return NULL;
}

#define _GNU_SOURCE
#include "CArchive.h"

#include <dlfcn.h>
#include <locale.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

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

static locale_t utf8;
static pthread_once_t utf8_once = PTHREAD_ONCE_INIT;

static void make_utf8(void) {
  static const char *const names[] = {"C.UTF-8", "C.utf8", "en_US.UTF-8"};
  for (size_t i = 0; utf8 == (locale_t)0 && i < sizeof names / sizeof *names; i++)
    utf8 = newlocale(LC_CTYPE_MASK, names[i], (locale_t)0);
}

void *carchive_enter_utf8(void) {
  pthread_once(&utf8_once, make_utf8);
  return utf8 == (locale_t)0 ? NULL : (void *)uselocale(utf8);
}

void carchive_leave_utf8(void *previous) {
  if (previous != NULL) uselocale((locale_t)previous);
}

#include "CCrypto.h"

#include <dlfcn.h>
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define FUNCTIONS(X) X(EVP_MD_CTX_new) X(EVP_MD_CTX_free) X(EVP_sha256) X(EVP_DigestInit_ex) X(EVP_DigestUpdate) X(EVP_DigestFinal_ex)

static struct {
#define FIELD(name) __typeof__(&name) name;
  FUNCTIONS(FIELD)
} api;
static char problem_text[256];
static int loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
  static const char *const names[] = {"libcrypto.so.3", "libcrypto.so.1.1", "libcrypto.so", "libcrypto.3.dylib",
                                      "/opt/homebrew/opt/openssl@3/lib/libcrypto.3.dylib"};
  void *library = NULL;
  for (size_t i = 0; library == NULL && i < sizeof names / sizeof *names; i++)
    library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    snprintf(problem_text, sizeof problem_text, "%s", dlerror());
    return;
  }
#define LOAD(name)                                                                        \
  if ((*(void **)&api.name = dlsym(library, #name)) == NULL) {                            \
    snprintf(problem_text, sizeof problem_text, "the libcrypto here lacks %s", #name);    \
    return;                                                                               \
  }
  FUNCTIONS(LOAD)
  loaded = 1;
}

ccrypto_sha256 *ccrypto_sha256_new(const char **problem) {
  pthread_once(&once, load);
  *problem = problem_text;
  if (!loaded) return NULL;
  errno = 0;
  EVP_MD_CTX *context = api.EVP_MD_CTX_new();
  if (context == NULL || api.EVP_DigestInit_ex(context, api.EVP_sha256(), NULL) != 1) {
    api.EVP_MD_CTX_free(context);
    *problem = errno == ENOMEM ? strerror(ENOMEM) : "libcrypto does not offer SHA-256";
    return NULL;
  }
  return (ccrypto_sha256 *)context;
}

int ccrypto_sha256_update(ccrypto_sha256 *state, const void *bytes, size_t count) {
  return api.EVP_DigestUpdate((EVP_MD_CTX *)state, bytes, count);
}

int ccrypto_sha256_final(ccrypto_sha256 *state, unsigned char digest[32]) {
  return api.EVP_DigestFinal_ex((EVP_MD_CTX *)state, digest, NULL);
}

int ccrypto_sha256_reset(ccrypto_sha256 *state) {
  // Without a name the context keeps its algorithm, which to look up takes longer than to hash a small file.
  return api.EVP_DigestInit_ex((EVP_MD_CTX *)state, NULL, NULL);
}

void ccrypto_sha256_free(ccrypto_sha256 *state) { api.EVP_MD_CTX_free((EVP_MD_CTX *)state); }

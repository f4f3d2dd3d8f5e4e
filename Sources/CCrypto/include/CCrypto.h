/* SHA-256 from libcrypto, loaded when it is first needed: only runs that touch an archive need it. */
#ifndef DBMEND_CCRYPTO_H
#define DBMEND_CCRYPTO_H

#include <stddef.h>

/* A running SHA-256, or NULL with a sentence in `*problem` when libcrypto is not there. */
typedef struct ccrypto_sha256 ccrypto_sha256;
ccrypto_sha256 *ccrypto_sha256_new(const char **problem);

/* 1 on success, 0 when libcrypto refuses. */
int ccrypto_sha256_update(ccrypto_sha256 *state, const void *bytes, size_t count);
int ccrypto_sha256_final(ccrypto_sha256 *state, unsigned char digest[32]);
/* Starts afresh. */
int ccrypto_sha256_reset(ccrypto_sha256 *state);
void ccrypto_sha256_free(ccrypto_sha256 *state);

#endif

/* What a shared object exports to be a plugin of dbmend. The message is JSON, the same that a program gets on its standard input and
   writes to its standard output: docs/plugin-message.md tells it field by field. This file may be copied into any project. */
#ifndef DBMEND_PLUGIN_H
#define DBMEND_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface, which dbmend hands over with every call. */
#define DBMEND_PLUGIN_ABI 1

/* Takes the reply: `length` bytes of JSON in UTF-8, which need not end with a zero and are copied before it returns. To be called exactly
   once for each call of dbmend_plugin. */
typedef void (*dbmend_plugin_reply)(void *context, const char *json, size_t length);

/* Answers one request: `length` bytes of JSON in UTF-8, which end with a zero that does not count. `context` is to be handed on to
   `reply`. Returns 0; or another number, without having called `reply`, where `abi` is a version that the plugin does not know.
   Called on the only thread of a process of its own, in an empty folder, which goes away afterwards: what it writes to its standard
   output is no reply, and an end of the process or a crash harms nothing else. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
int dbmend_plugin(uint32_t abi, const char *request, size_t length, dbmend_plugin_reply reply, void *context);

#ifdef __cplusplus
}
#endif

#endif

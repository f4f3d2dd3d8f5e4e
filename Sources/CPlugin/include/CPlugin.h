/* Calls a plugin that is a shared object, in this process. */
#ifndef DBMEND_CPLUGIN_H
#define DBMEND_CPLUGIN_H

#include "dbmend_plugin.h"

/* Why a plugin could not be called. */
typedef enum {
  cplugin_replied = 0,
  cplugin_not_loaded,   /* dlopen failed; `said` tells */
  cplugin_no_function,  /* it exports no dbmend_plugin */
  cplugin_refused,      /* it returned something else than 0 */
} cplugin_result;

/* Loads a shared object and has it answer a request. What the loader says goes to `said`, cut to `size` bytes. */
cplugin_result cplugin_call(const char *file, const char *request, size_t length, dbmend_plugin_reply reply, void *context,
                            char *said, size_t size, int *returned);

#endif

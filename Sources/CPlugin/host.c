#include "CPlugin.h"

#include <dlfcn.h>
#include <stdio.h>

typedef int (*plugin)(uint32_t, const char *, size_t, dbmend_plugin_reply, void *);

cplugin_result cplugin_call(const char *file, const char *request, size_t length, dbmend_plugin_reply reply, void *context,
                            char *said, size_t size, int *returned) {
  void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    snprintf(said, size, "%s", dlerror());
    return cplugin_not_loaded;
  }
  plugin answer = (plugin)dlsym(library, "dbmend_plugin");
  if (!answer) return cplugin_no_function;
  *returned = answer(DBMEND_PLUGIN_ABI, request, length, reply, context);
  return *returned == 0 ? cplugin_replied : cplugin_refused;
}

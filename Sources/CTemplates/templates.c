#include "CTemplates.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const char c_check[] = {
#embed "../../examples/plugins/c/ledger.c"
    , 0};
static const char c_repair[] = {
#embed "../../examples/plugins/c/clear-references.c"
    , 0};
static const char python_check[] = {
#embed "../../examples/plugins/python/future-times.py"
    , 0};
static const char python_repair[] = {
#embed "../../examples/plugins/python/clear-references.py"
    , 0};
static const char sh_check[] = {
#embed "../../examples/plugins/sh/blank-texts.sh"
    , 0};
static const char sh_repair[] = {
#embed "../../examples/plugins/sh/clear-references.sh"
    , 0};
static const char swift_check[] = {
#embed "../../examples/plugins/swift/file-types.swift"
    , 0};
static const char swift_repair[] = {
#embed "../../examples/plugins/swift/clear-references.swift"
    , 0};
static const char header[] = {
#embed "../CPlugin/include/dbmend_plugin.h"
    , 0};
static const char sqlite_header[] = {
#embed "../../examples/plugins/swift/CSQLite/CSQLite.h"
    , 0};
static const char sqlite_map[] = {
#embed "../../examples/plugins/swift/CSQLite/module.modulemap"
    , 0};

const char *const ctemplates_c_check = c_check;
const char *const ctemplates_c_repair = c_repair;
const char *const ctemplates_python_check = python_check;
const char *const ctemplates_python_repair = python_repair;
const char *const ctemplates_sh_check = sh_check;
const char *const ctemplates_sh_repair = sh_repair;
const char *const ctemplates_swift_check = swift_check;
const char *const ctemplates_swift_repair = swift_repair;
const char *const ctemplates_header = header;
const char *const ctemplates_sqlite_header = sqlite_header;
const char *const ctemplates_sqlite_map = sqlite_map;

/* The files of examples/plugins, from which `dbmend plugins new` writes others, as the compiler puts them into the program. */
#ifndef DBMEND_CTEMPLATES_H
#define DBMEND_CTEMPLATES_H

/* Their texts, each ended by a zero. */
extern const char *const ctemplates_c_check;
extern const char *const ctemplates_c_repair;
extern const char *const ctemplates_python_check;
extern const char *const ctemplates_python_repair;
extern const char *const ctemplates_sh_check;
extern const char *const ctemplates_sh_repair;
extern const char *const ctemplates_swift_check;
extern const char *const ctemplates_swift_repair;

/* What shared objects are written against. */
extern const char *const ctemplates_header;

/* The module that lets Swift call SQLite. */
extern const char *const ctemplates_sqlite_header;
extern const char *const ctemplates_sqlite_map;

#endif

#include <sqlite3.h>

/* Calls that Swift cannot make: variadic ones, and constants that are casts. */

/* Refuse what a hostile file may try: its own functions, views and triggers as they were written, writes to shadow
   tables, and settings that change the file behind SQL. Errors are left out: an older library knows fewer switches. */
static inline void csqlite_harden(sqlite3 *db) {
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)0);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)0);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, (int *)0);
}

/* Let the schema table be written on this connection; the library refuses that while it is defensive. */
static inline void csqlite_allow_schema_writes(sqlite3 *db, int on) {
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, !on, (int *)0);
  sqlite3_db_config(db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, on, (int *)0);
}

/* Have the library count no memory; to be called before anything else of it. */
static inline int csqlite_leave_out_statistics(void) { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }
/* New databases get schema format 1, as every SQLite made them before 2006; tests make such files. */
static inline void csqlite_use_old_format(sqlite3 *db) {
  sqlite3_db_config(db, SQLITE_DBCONFIG_LEGACY_FILE_FORMAT, 1, (int *)0);
}

static const int csqlite_ioerr_read = SQLITE_IOERR_READ;
static const int csqlite_ioerr_short_read = SQLITE_IOERR_SHORT_READ;
static const int csqlite_ioerr_fstat = SQLITE_IOERR_FSTAT;

/* A repair for dbmend: references to rows that are gone are cleared, and kept in a table of their own. Changes SQLite with libsqlite3,
   and reads JSON with libjansson (Debian: libsqlite3-dev, libjansson-dev). */
#include "dbmend_plugin.h"

#include <jansson.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char description[] =
    "{\"id\": \"clear-references\", \"kind\": \"repair\", \"title\": \"clears references to rows that are gone\","
    " \"discussion\": \"A foreign key that points to no row becomes NULL, where its column allows that; what stood there is kept in "
    "the table cleared_references. Rows stay.\","
    " \"mends\": [\"foreign-key.violated\"], \"loss\": \"rows\", \"kinds\": [\"sqlite\"], \"needs\": [],"
    " \"examples\": ["
    "  {\"title\": \"an order of a user who is gone\", \"finds\": [\"foreign-key.violated\"],"
    "   \"script\": \"create table users(id integer primary key);"
    " create table orders(id integer primary key, user_id integer references users(id));"
    " insert into users values(1); insert into orders(user_id) values(1), (2);\"},"
    "  {\"title\": \"orders of users who are there\","
    "   \"script\": \"create table users(id integer primary key);"
    " create table orders(id integer primary key, user_id integer references users(id));"
    " insert into users values(1); insert into orders(user_id) values(1), (null);\"}]}";

/* Each column that may be NULL and holds references to rows that are gone, with the numbers of its rows. */
static const char broken[] =
    "create temp table broken as"
    " select c.\"table\" as tbl, l.\"from\" as col, c.rowid as num"
    " from pragma_foreign_key_check as c, pragma_foreign_key_list(c.\"table\") as l, pragma_table_info(c.\"table\") as i"
    " where l.id = c.fkid and i.name = l.\"from\" and i.\"notnull\" = 0 and i.pk = 0 and c.rowid is not null;"
    "create table if not exists cleared_references(\"table\" text, \"row\" integer, \"column\" text, value)";

/* A reply that it could not be done. */
static json_t *failed(const char *format, ...) {
  char said[1000];
  va_list values;
  va_start(values, format);
  vsnprintf(said, sizeof said, format, values);
  va_end(values);
  json_t *text = json_string(said); /* nothing, where it is no UTF-8 */
  return json_pack("{s:{s:o}}", "error", "said", text ? text : json_string("what went wrong is no UTF-8"));
}

/* A text in an object; "" where there is none. */
static const char *text(json_t *object, const char *key) {
  const char *value = json_string_value(json_object_get(object, key));
  return value ? value : "";
}

/* Runs statements that sqlite3_mprintf wrote; whether it could. */
static int run(sqlite3 *database, char *statements) {
  int result = statements ? sqlite3_exec(database, statements, NULL, NULL, NULL) : SQLITE_NOMEM;
  sqlite3_free(statements);
  return result == SQLITE_OK;
}

/* Clears the references of one column. */
static int clear(sqlite3 *database, const char *table, const char *column) {
  return run(database, sqlite3_mprintf(
      "insert into cleared_references select %Q, rowid, %Q, \"%w\" from \"%w\""
      "  where rowid in (select num from broken where tbl = %Q and col = %Q);"
      "update \"%w\" set \"%w\" = null where rowid in (select num from broken where tbl = %Q and col = %Q)",
      table, column, column, table, table, column, table, column, table, column));
}

static json_t *repair(json_t *request) {
  const char *path = text(request, "copy");
  if (!*path) return failed("the request names no working copy");
  sqlite3 *database = NULL;
  sqlite3_stmt *columns = NULL;
  json_t *notes = json_array(), *reply;
  int is_well = sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
                sqlite3_exec(database, "begin immediate", NULL, NULL, NULL) == SQLITE_OK &&
                sqlite3_exec(database, broken, NULL, NULL, NULL) == SQLITE_OK &&
                sqlite3_prepare_v2(database, "select tbl, col, count(*) from broken group by 1, 2", -1, &columns, NULL) == SQLITE_OK;
  while (is_well && sqlite3_step(columns) == SQLITE_ROW) {
    const char *table = (const char *)sqlite3_column_text(columns, 0), *column = (const char *)sqlite3_column_text(columns, 1);
    is_well = clear(database, table, column);
    char *note = sqlite3_mprintf("%d references in %s.%s were cleared; cleared_references has them",
                                 sqlite3_column_int(columns, 2), table, column);
    json_array_append_new(notes, json_string(note)); /* of a name that is no UTF-8, none */
    sqlite3_free(note);
  }
  if (sqlite3_finalize(columns) != SQLITE_OK) is_well = 0;
  if (is_well) is_well = sqlite3_exec(database, "commit", NULL, NULL, NULL) == SQLITE_OK;
  reply = is_well ? json_pack("{s:O}", "notes", notes) : failed("%s cannot be mended: %s", path, sqlite3_errmsg(database));
  json_decref(notes);
  sqlite3_close(database);
  return reply;
}

static json_t *answer(const char *request_text, size_t length) {
  json_error_t trouble;
  json_t *request = json_loadb(request_text, length, 0, &trouble), *reply;
  const char *method = text(request, "method"), *plugin = text(request, "plugin");
  long long version = json_integer_value(json_object_get(request, "dbmend"));
  if (!request)
    reply = failed("the request is no JSON: %s", trouble.text);
  else if (version != 1)
    reply = failed("this plugin knows version 1 of the message, not %lld", version);
  else if (strcmp(method, "describe") == 0)
    reply = json_loads(description, 0, NULL);
  else if (strcmp(method, "repair") == 0 && strcmp(plugin, "clear-references") == 0)
    reply = repair(request);
  else
    reply = failed("this plugin cannot do '%.100s' for '%.100s'", method, plugin);
  json_decref(request);
  return reply;
}

int dbmend_plugin(uint32_t abi, const char *request, size_t length, dbmend_plugin_reply reply, void *context) {
  if (abi != DBMEND_PLUGIN_ABI) return 1;
  json_t *value = answer(request, length);
  char *json = json_dumps(value, JSON_COMPACT);
  if (json) reply(context, json, strlen(json));
  free(json);
  json_decref(value);
  return json ? 0 : 1;
}

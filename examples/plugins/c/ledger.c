/* A check for dbmend: the entries of every transaction in the books add up to nothing. Reads SQLite with libsqlite3, and JSON with
   libjansson (Debian: libsqlite3-dev, libjansson-dev). */
#include "dbmend_plugin.h"

#include <jansson.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char description[] =
    "{\"id\": \"ledger\", \"kind\": \"check\", \"title\": \"the entries of every transaction add up to nothing\","
    " \"discussion\": \"Double-entry bookkeeping: what one account loses another gains. Reads the named table once.\","
    " \"kinds\": [\"sqlite\"], \"needs\": [\"snapshot\"],"
    " \"finds\": [{\"code\": \"ledger.unbalanced\", \"severity\": \"error\", \"meaning\": \"transactions that create or destroy money\"}],"
    " \"options\": {"
    "  \"table\": {\"type\": \"text\", \"required\": true, \"meaning\": \"the table of entries\"},"
    "  \"transaction\": {\"type\": \"text\", \"default\": \"transaction_id\", \"meaning\": \"the column that says whose entry it is\"},"
    "  \"amount\": {\"type\": \"text\", \"default\": \"amount\", \"meaning\": \"the column of amounts\"}},"
    " \"examples\": ["
    "  {\"title\": \"transactions that add up\", \"options\": {\"table\": \"entries\"},"
    "   \"script\": \"create table entries(transaction_id integer, amount integer); insert into entries values(1, 500), (1, -500);\"},"
    "  {\"title\": \"a transaction that lost an entry\", \"options\": {\"table\": \"entries\"}, \"finds\": [\"ledger.unbalanced\"],"
    "   \"script\": \"create table entries(transaction_id integer, amount integer); insert into entries values(1, 500), (1, -500), (2, 70);\"},"
    "  {\"title\": \"names that hold quotes\", \"finds\": [\"ledger.unbalanced\"],"
    "   \"options\": {\"table\": \"it's \\\"so\\\"\", \"amount\": \"how \\\"much\\\"\", \"transaction\": \"of\"},"
    "   \"script\": \"create table \\\"it's \\\"\\\"so\\\"\\\"\\\"(of integer, \\\"how \\\"\\\"much\\\"\\\"\\\" real); insert into \\\"it's \\\"\\\"so\\\"\\\"\\\" values(1, 0.5);\"}]}";

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

static json_t *check(json_t *request) {
  json_t *options = json_object_get(request, "options");
  const char *path = text(json_object_get(request, "store"), "snapshot"), *table = text(options, "table");
  sqlite3 *database = NULL;
  sqlite3_stmt *statement = NULL;
  json_t *findings = json_array(), *reply;

  /* %w writes a name as it stands between double quotes; with the table before it, a column is never taken for a text. */
  char *query = sqlite3_mprintf(
      "select count(*), group_concat(of || ' by ' || sum, ', ') filter (where place <= 5) from ("
      " select of, sum, row_number() over (order by of) as place from ("
      "  select t.\"%w\" as of, sum(t.\"%w\") as sum from \"%w\" as t group by 1) where abs(sum) > 1e-9)",
      text(options, "transaction"), text(options, "amount"), table);
  if (sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
      sqlite3_prepare_v2(database, query, -1, &statement, NULL) != SQLITE_OK || sqlite3_step(statement) != SQLITE_ROW) {
    reply = failed("the entries in %s cannot be read: %s", path, sqlite3_errmsg(database));
  } else {
    int count = sqlite3_column_int(statement, 0);
    if (count > 0) {
      const char *first = (const char *)sqlite3_column_text(statement, 1);
      json_t *evidence = json_string(first ? first : "");
      char message[100];
      snprintf(message, sizeof message, "%d transactions do not add up to nothing", count);
      json_array_append_new(findings, json_pack("{s:s, s:s, s:s, s:i, s:o*}", "code", "ledger.unbalanced", "message", message,
                                                "table", table, "count", count, "evidence", evidence));
    }
    reply = json_pack("{s:O}", "findings", findings);
  }
  json_decref(findings);
  sqlite3_finalize(statement);
  sqlite3_close(database);
  sqlite3_free(query);
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
  else if (strcmp(method, "check") == 0 && strcmp(plugin, "ledger") == 0)
    reply = check(request);
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

// Made by scripts/plugin-templates of the files in examples/plugins; do not change it by hand.
// swift-format-ignore-file

extension PluginTemplate {
  /// Every example.
  static let all: [PluginTemplate] = [
    PluginTemplate(
      kind: .check, language: .swift, name: "file-types",
      text: ###"""
    /// A check for dbmend: files of a folder are what their names say. It is built as a shared object that brings all of Swift along.
    import FoundationEssentials

    let description = #"""
      {"id": "file-types", "kind": "check", "title": "files are what their names say",
       "discussion": "Holds the first bytes of pictures, documents and archives against the ends of their names: an upload that broke off, or an error page that was saved as a picture, begins otherwise.",
       "kinds": ["folder"], "needs": ["snapshot"],
       "finds": [{"code": "file-types.mismatch", "severity": "warning", "meaning": "a file is not what its name says"}],
       "options": {"only": {"type": "list", "of": "text", "meaning": "the ends of names to look at, such as png; all that it knows where left out"}},
       "examples": [
        {"title": "files that are what they seem", "kind": "folder", "script": "a/photo.gif: GIF89a\nmanual.PDF: %PDF-1.7\nnotes.txt: anything"},
        {"title": "a picture that is none", "kind": "folder", "script": "photo.gif: GIF89a\nlogo.png: <html>404</html>", "finds": ["file-types.mismatch"]},
        {"title": "pictures that nobody asked for", "kind": "folder", "script": "logo.png: <html>404</html>", "options": {"only": ["pdf"]}}]}
      """#

    /// What files begin with, by the ends of their names.
    let beginnings: [String: [UInt8]] = [
      "png": [0x89, 0x50, 0x4E, 0x47], "jpg": [0xFF, 0xD8, 0xFF], "jpeg": [0xFF, 0xD8, 0xFF], "gif": Array("GIF8".utf8),
      "pdf": Array("%PDF-".utf8), "zip": Array("PK".utf8), "gz": [0x1F, 0x8B],
    ]

    struct Request: Decodable {
      struct Store: Decodable { var snapshot: String }
      struct Options: Decodable { var only: [String]? }
      var dbmend: Int
      var method: String
      var plugin: String?
      var options: Options?
      var store: Store?
    }

    struct Finding: Encodable {
      var code = "file-types.mismatch"
      var message: String
      var file: String
    }

    struct Trouble: Error, Encodable {
      var said: String
    }

    func check(_ request: Request) throws -> [String: [Finding]] {
      guard let folder = request.store?.snapshot else { throw Trouble(said: "the request names no copy of the store") }
      let only = request.options?.only ?? Array(beginnings.keys)
      var findings: [Finding] = []
      for path in try FileManager.default.subpathsOfDirectory(atPath: folder).sorted() {
        let end = path.split(separator: ".").last.map { $0.lowercased() } ?? ""
        guard only.contains(end), let beginning = beginnings[end] else { continue }
        let file = folder + "/" + path
        // Only files: what a link leads to may be anywhere.
        let attributes = try FileManager.default.attributesOfItem(atPath: file)
        guard attributes[.type] as? FileAttributeType == .typeRegular else { continue }
        let content = try Data(contentsOf: URL(filePath: file), options: .alwaysMapped)
        guard !content.starts(with: beginning) else { continue }
        findings.append(Finding(message: "\(path) does not begin as a file of type \(end) does", file: path))
      }
      return ["findings": findings]
    }

    /// The reply to a request, whatever it is.
    func answer(_ bytes: Data) -> String {
      func json(_ value: some Encodable) throws -> String { String(decoding: try JSONEncoder().encode(value), as: UTF8.self) }
      do {
        let request = try JSONDecoder().decode(Request.self, from: bytes)
        switch (request.dbmend, request.method, request.plugin) {
        case (1, "describe", _): return description
        case (1, "check", "file-types"): return try json(check(request))
        case (1, let method, _): throw Trouble(said: "this plugin cannot do '\(method)'")
        default: throw Trouble(said: "this plugin knows version 1 of the message, not \(request.dbmend)")
        }
      } catch {
        let trouble = error as? Trouble ?? Trouble(said: "\(error)")
        return (try? json(["error": trouble])) ?? #"{"error": {"said": "what went wrong cannot be said"}}"#
      }
    }

    public typealias Reply = @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, Int) -> Void

    /// What dbmend calls: see dbmend_plugin.h.
    @_cdecl("dbmend_plugin")
    public func dbmendPlugin(
      _ abi: UInt32, _ request: UnsafePointer<CChar>, _ length: Int, _ reply: Reply, _ context: UnsafeMutableRawPointer?
    ) -> Int32 {
      guard abi == 1 else { return 1 }
      let text = answer(Data(bytes: request, count: length))
      text.withCString { reply(context, $0, text.utf8.count) }
      return 0
    }

    """###),
    PluginTemplate(
      kind: .check, language: .c, name: "ledger",
      text: ###"""
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

    """###),
    PluginTemplate(
      kind: .check, language: .python, name: "future-times",
      text: ###"""
    #!/usr/bin/env python3
    """A check for dbmend: no time lies in the future. Needs nothing but Python 3.8."""
    import json
    import sqlite3
    import sys
    import time
    import urllib.parse

    DESCRIPTION = {
        "id": "future-times",
        "kind": "check",
        "title": "no time in the columns that are named lies in the future",
        "discussion": "A clock that ran wild leaves times behind which sort before all others for years. Reads each named table "
        "once. Times may be text that SQLite reads as one, or numbers: seconds, or milliseconds, since 1970.",
        "kinds": ["sqlite"],
        "needs": ["snapshot"],
        "finds": [{"code": "future-times.ahead", "severity": "warning", "meaning": "times lie in the future"}],
        "options": {
            "columns": {"type": "map", "of": "text", "required": True, "meaning": "from a table to its column of times"},
            "tolerance": {"type": "duration", "default": "1h", "meaning": "how far ahead a time may be"},
        },
        "examples": [
            {
                "title": "times that have been",
                "script": "create table events(id integer primary key, at text);"
                "insert into events(at) values('2024-02-29 12:00:00'), (1700000000), (1700000000000), (null), ('never');",
                "options": {"columns": {"events": "at"}},
            },
            {
                "title": "times that will be",
                "script": "create table events(id integer primary key, at text);"
                "insert into events(at) values('2024-02-29 12:00:00'), ('9024-02-29 12:00:00');",
                "options": {"columns": {"events": "at"}, "tolerance": "1d"},
                "finds": ["future-times.ahead"],
            },
            {
                "title": "names that hold quotes",
                "script": 'create table "it\'s ""so"""("at ""last""" integer); insert into "it\'s ""so""" values(99999999999);',
                "options": {"columns": {'it\'s "so"': 'at "last"'}},
                "finds": ["future-times.ahead"],
            },
        ],
    }


    def check(request):
        """What the check finds in a copy of the store."""
        options = request["options"]
        limit = time.time() + options["tolerance"]
        path = urllib.parse.quote(request["store"]["snapshot"])
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        findings = []
        for table, column in options["columns"].items():
            at = f"t.{quoted(column)}"
            # Digits alone are a number, whatever the column's type made of them; those beyond the year 5138 are milliseconds.
            number = f"cast({at} as real) / (case when cast({at} as real) > 1e11 then 1000 else 1 end)"
            seconds = f"case when {at} glob '*[^0-9.]*' then cast(strftime('%s', {at}) as real) else {number} end"
            count, latest = database.execute(
                f"select count(*), max({at}) from {quoted(table)} as t where {seconds} > ?", (limit,)
            ).fetchone()
            if count:
                findings.append(
                    {
                        "code": "future-times.ahead",
                        "message": f"times in {table}.{column} lie in the future",
                        "table": table,
                        "column": column,
                        "count": count,
                        "evidence": f"the latest is {latest}",
                    }
                )
        return {"findings": findings}


    def quoted(name):
        """A name as SQL writes it."""
        return '"' + name.replace('"', '""') + '"'


    def answer(request):
        """The reply to a request."""
        if request["dbmend"] != 1:
            raise ValueError(f"this plugin knows version 1 of the message, not {request['dbmend']}")
        if request["method"] == "describe":
            return DESCRIPTION
        if request["plugin"] != DESCRIPTION["id"] or request["method"] != "check":
            raise ValueError(f"this plugin cannot do '{request['method']}' for '{request['plugin']}'")
        return check(request)


    try:
        reply = answer(json.load(sys.stdin))
    except Exception as trouble:  # Whatever the request was, the reply says what became of it.
        reply = {"error": {"said": f"{type(trouble).__name__}: {trouble}"}}
    print(json.dumps(reply))

    """###),
    PluginTemplate(
      kind: .check, language: .sh, name: "blank-texts",
      text: ###"""
    #!/bin/sh
    # A check for dbmend: no text is blank where one should stand. Needs the program sqlite3, which reads and writes the JSON, too.
    set -u
    sql() { sqlite3 -batch -bail -noheader "$@" 2>trouble; }

    # A part of the request, by its path.
    request() { sql :memory: "select json_extract(cast(readfile('request.json') as text), '$1')"; }

    # Replies that it could not be done; with what SQLite said of it, if anything.
    fail() {
      said=$(printf '%s: %s' "$1" "$(cat trouble)" | tr '\n' ' ' | sed "s/'/''/g")
      sqlite3 :memory: "select json_object('error', json_object('said', trim('$said', ': ')))"
      exit 0
    }

    describe() {
      cat <<'END'
    {"id": "blank-texts", "kind": "check", "title": "no text is blank in the columns that are named",
     "discussion": "NULL is no blank text: it says that nothing is known. Reads each named table once.",
     "kinds": ["sqlite"], "needs": ["snapshot"],
     "finds": [{"code": "blank-texts.blank", "severity": "warning", "meaning": "texts are blank where one should stand"}],
     "options": {"columns": {"type": "map", "of": "text", "required": true, "meaning": "from a table to its column of texts"}},
     "examples": [
      {"title": "texts that say something", "options": {"columns": {"users": "name"}},
       "script": "create table users(id integer primary key, name text); insert into users(name) values('Ada'), (null);"},
      {"title": "texts that are blank", "options": {"columns": {"users": "name"}}, "finds": ["blank-texts.blank"],
       "script": "create table users(id integer primary key, name text); insert into users(name) values('Ada'), (''), ('  ');"},
      {"title": "names that hold quotes", "options": {"columns": {"it's \"so\"": "a \"name\""}}, "finds": ["blank-texts.blank"],
       "script": "create table \"it's \"\"so\"\"\"(\"a \"\"name\"\"\" text); insert into \"it's \"\"so\"\"\" values('');"}]}
    END
    }

    check() {
      snapshot=$(request '$.store.snapshot')
      [ -f "$snapshot" ] || fail "there is no copy of the store at '$snapshot'"
      # SQLite writes the query, since it knows best how names and texts are quoted in it.
      sql :memory: "
        select 'select json_object(''findings'', json_group_array(json(finding))) from (select null as finding where 0'
          || coalesce(group_concat(printf('
            union all select json_object(''code'', ''blank-texts.blank'', ''table'', %Q, ''column'', %Q, ''count'', n,
              ''message'', n || %Q) from (select count(*) as n from \"%w\" as t where trim(t.\"%w\") = '''') where n > 0',
            key, value, printf('texts are blank in %s.%s', key, value), key, value), ''), '') || ');'
        from json_each(cast(readfile('request.json') as text), '$.options.columns')" >query.sql || fail "the options"
      sql -safe -readonly "$snapshot" <query.sql >reply.json || fail "the copy of the store cannot be read"
      cat reply.json
    }

    cat >request.json
    : >trouble
    version=$(request '$.dbmend') || fail "the request is no JSON"
    [ "$version" = 1 ] || fail "this plugin knows version 1 of the message, not '$version'"
    method=$(request '$.method')
    [ "$method" = describe ] && { describe; exit; }
    plugin=$(request '$.plugin')
    [ "$plugin $method" = "blank-texts check" ] || fail "this plugin cannot do '$method' for '$plugin'"
    check

    """###),
    PluginTemplate(
      kind: .repair, language: .swift, name: "clear-references",
      text: ###"""
    /// A repair for dbmend: references to rows that are gone are cleared, and kept in a table of their own. It is built as a shared object
    /// that brings all of Swift along; CSQLite leads to the system's libsqlite3 (Debian: libsqlite3-dev).
    import CSQLite
    import FoundationEssentials

    let description = #"""
      {"id": "clear-references", "kind": "repair", "title": "clears references to rows that are gone",
       "discussion": "A foreign key that points to no row becomes NULL, where its column allows that; what stood there is kept in the table cleared_references. Rows stay.",
       "mends": ["foreign-key.violated"], "loss": "rows", "kinds": ["sqlite"], "needs": [],
       "examples": [
        {"title": "an order of a user who is gone", "finds": ["foreign-key.violated"],
         "script": "create table users(id integer primary key); create table orders(id integer primary key, user_id integer references users(id)); insert into users values(1); insert into orders(user_id) values(1), (2);"},
        {"title": "orders of users who are there",
         "script": "create table users(id integer primary key); create table orders(id integer primary key, user_id integer references users(id)); insert into users values(1); insert into orders(user_id) values(1), (null);"}]}
      """#

    struct Request: Decodable {
      var dbmend: Int
      var method: String
      var plugin: String?
      var copy: String?
    }

    struct Reply: Encodable {
      var notes: [String]
    }

    struct Trouble: Error, Encodable {
      var said: String
    }

    /// A database that is open for writing.
    final class Database {
      private var handle: OpaquePointer?

      init(_ path: String) throws {
        guard sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK else {
          throw Trouble(said: "cannot open \(path): \(String(cString: sqlite3_errmsg(handle)))")
        }
      }

      deinit { sqlite3_close(handle) }

      /// Runs one statement; its rows, as texts.
      @discardableResult
      func run(_ statement: String) throws -> [[String]] {
        var prepared: OpaquePointer?
        defer { sqlite3_finalize(prepared) }
        var rows: [[String]] = []
        var result = sqlite3_prepare_v2(handle, statement, -1, &prepared, nil)
        if result == SQLITE_OK { result = sqlite3_step(prepared) }
        while result == SQLITE_ROW {
          rows.append(
            (0..<sqlite3_column_count(prepared)).map { sqlite3_column_text(prepared, $0).map { String(cString: $0) } ?? "" })
          result = sqlite3_step(prepared)
        }
        guard result == SQLITE_DONE else { throw Trouble(said: String(cString: sqlite3_errmsg(handle))) }
        return rows
      }
    }

    /// A name, or a text, as SQL writes it.
    func name(_ text: String) -> String { "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\"" }
    func value(_ text: String) -> String { "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'" }

    func repair(_ request: Request) throws -> Reply {
      guard let copy = request.copy else { throw Trouble(said: "the request names no working copy") }
      let database = try Database(copy)
      try database.run("begin immediate")
      // Each column that may be NULL and holds references to rows that are gone, with the numbers of its rows.
      try database.run(
        """
        create temp table broken as
        select c."table" as tbl, l."from" as col, c.rowid as num
        from pragma_foreign_key_check as c, pragma_foreign_key_list(c."table") as l, pragma_table_info(c."table") as i
        where l.id = c.fkid and i.name = l."from" and i."notnull" = 0 and i.pk = 0 and c.rowid is not null
        """)
      try database.run(#"create table if not exists cleared_references("table" text, "row" integer, "column" text, value)"#)
      var notes: [String] = []
      for row in try database.run("select tbl, col, count(*) from broken group by 1, 2") {
        let (table, column) = (row[0], row[1])
        let these = "rowid in (select num from broken where tbl = \(value(table)) and col = \(value(column)))"
        try database.run(
          """
          insert into cleared_references
          select \(value(table)), rowid, \(value(column)), \(name(column)) from \(name(table)) where \(these)
          """)
        try database.run("update \(name(table)) set \(name(column)) = null where \(these)")
        notes.append("\(row[2]) references in \(table).\(column) were cleared; cleared_references has them")
      }
      try database.run("commit")
      return Reply(notes: notes)
    }

    /// The reply to a request, whatever it is.
    func answer(_ bytes: Data) -> String {
      func json(_ value: some Encodable) throws -> String { String(decoding: try JSONEncoder().encode(value), as: UTF8.self) }
      do {
        let request = try JSONDecoder().decode(Request.self, from: bytes)
        switch (request.dbmend, request.method, request.plugin) {
        case (1, "describe", _): return description
        case (1, "repair", "clear-references"): return try json(repair(request))
        case (1, let method, _): throw Trouble(said: "this plugin cannot do '\(method)'")
        default: throw Trouble(said: "this plugin knows version 1 of the message, not \(request.dbmend)")
        }
      } catch {
        let trouble = error as? Trouble ?? Trouble(said: "\(error)")
        return (try? json(["error": trouble])) ?? #"{"error": {"said": "what went wrong cannot be said"}}"#
      }
    }

    public typealias ReplyFunction = @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, Int) -> Void

    /// What dbmend calls: see dbmend_plugin.h.
    @_cdecl("dbmend_plugin")
    public func dbmendPlugin(
      _ abi: UInt32, _ request: UnsafePointer<CChar>, _ length: Int, _ reply: ReplyFunction, _ context: UnsafeMutableRawPointer?
    ) -> Int32 {
      guard abi == 1 else { return 1 }
      let text = answer(Data(bytes: request, count: length))
      text.withCString { reply(context, $0, text.utf8.count) }
      return 0
    }

    """###),
    PluginTemplate(
      kind: .repair, language: .c, name: "clear-references",
      text: ###"""
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

    """###),
    PluginTemplate(
      kind: .repair, language: .python, name: "clear-references",
      text: ###"""
    #!/usr/bin/env python3
    """A repair for dbmend: references to rows that are gone are cleared, and kept in a table of their own. Needs Python 3.8."""
    import json
    import sqlite3
    import sys

    DESCRIPTION = {
        "id": "clear-references",
        "kind": "repair",
        "title": "clears references to rows that are gone",
        "discussion": "A foreign key that points to no row becomes NULL, where its column allows that; what stood there is kept in "
        "the table cleared_references. Rows stay.",
        "mends": ["foreign-key.violated"],
        "loss": "rows",
        "kinds": ["sqlite"],
        "needs": [],
        "examples": [
            {
                "title": "an order of a user who is gone",
                "script": "create table users(id integer primary key);"
                "create table orders(id integer primary key, user_id integer references users(id));"
                "insert into users values(1); insert into orders(user_id) values(1), (2);",
                "finds": ["foreign-key.violated"],
            },
            {
                "title": "orders of users who are there",
                "script": "create table users(id integer primary key);"
                "create table orders(id integer primary key, user_id integer references users(id));"
                "insert into users values(1); insert into orders(user_id) values(1), (null);",
            },
        ],
    }

    # Each column that may be NULL and holds references to rows that are gone, with the numbers of its rows.
    BROKEN = """
        create temp table broken as
        select c."table" as tbl, l."from" as col, c.rowid as num
        from pragma_foreign_key_check as c, pragma_foreign_key_list(c."table") as l, pragma_table_info(c."table") as i
        where l.id = c.fkid and i.name = l."from" and i."notnull" = 0 and i.pk = 0 and c.rowid is not null
    """


    def repair(request):
        """Mends the working copy."""
        database = sqlite3.connect("file:" + request["copy"].replace("%", "%25").replace("?", "%3f") + "?mode=rw", uri=True)
        rows, notes = {}, []
        with database:  # All of it, or nothing.
            database.execute(BROKEN)
            database.execute('create table if not exists cleared_references("table" text, "row" integer, "column" text, value)')
            for table, column in database.execute("select distinct tbl, col from broken order by 1, 2").fetchall():
                these = "rowid in (select num from broken where tbl = ?1 and col = ?2)"
                database.execute(
                    f"insert into cleared_references select ?1, rowid, ?2, {quoted(column)} from {quoted(table)} where {these}",
                    (table, column),
                )
                done = database.execute(f"update {quoted(table)} set {quoted(column)} = null where {these}", (table, column))
                notes.append(f"{done.rowcount} references in {table}.{column} were cleared; cleared_references has them")
                rows[table] = {"kept": database.execute(f"select count(*) from {quoted(table)}").fetchone()[0]}
        return {"rows": rows, "notes": notes}


    def quoted(name):
        """A name as SQL writes it."""
        return '"' + name.replace('"', '""') + '"'


    def answer(request):
        """The reply to a request."""
        if request["dbmend"] != 1:
            raise ValueError(f"this plugin knows version 1 of the message, not {request['dbmend']}")
        if request["method"] == "describe":
            return DESCRIPTION
        if request["plugin"] != DESCRIPTION["id"] or request["method"] != "repair":
            raise ValueError(f"this plugin cannot do '{request['method']}' for '{request['plugin']}'")
        return repair(request)


    try:
        reply = answer(json.load(sys.stdin))
    except Exception as trouble:  # Whatever the request was, the reply says what became of it.
        reply = {"error": {"said": f"{type(trouble).__name__}: {trouble}"}}
    print(json.dumps(reply))

    """###),
    PluginTemplate(
      kind: .repair, language: .sh, name: "clear-references",
      text: ###"""
    #!/bin/sh
    # A repair for dbmend: references to rows that are gone are cleared, and kept in a table of their own. Needs the program sqlite3, which
    # reads and writes the JSON, too.
    set -u
    sql() { sqlite3 -batch -bail -noheader "$@" 2>trouble; }

    # A part of the request, by its path.
    request() { sql :memory: "select json_extract(cast(readfile('request.json') as text), '$1')"; }

    # Replies that it could not be done; with what SQLite said of it, if anything.
    fail() {
      said=$(printf '%s: %s' "$1" "$(cat trouble)" | tr '\n' ' ' | sed "s/'/''/g")
      sqlite3 :memory: "select json_object('error', json_object('said', trim('$said', ': ')))"
      exit 0
    }

    describe() {
      cat <<'END'
    {"id": "clear-references", "kind": "repair", "title": "clears references to rows that are gone",
     "discussion": "A foreign key that points to no row becomes NULL, where its column allows that; what stood there is kept in the table cleared_references. Rows stay.",
     "mends": ["foreign-key.violated"], "loss": "rows", "kinds": ["sqlite"], "needs": [],
     "examples": [
      {"title": "an order of a user who is gone", "finds": ["foreign-key.violated"],
       "script": "create table users(id integer primary key); create table orders(id integer primary key, user_id integer references users(id)); insert into users values(1); insert into orders(user_id) values(1), (2);"},
      {"title": "orders of users who are there",
       "script": "create table users(id integer primary key); create table orders(id integer primary key, user_id integer references users(id)); insert into users values(1); insert into orders(user_id) values(1), (null);"}]}
    END
    }

    # Each column that may be NULL and holds references to rows that are gone, with the numbers of its rows.
    broken='create temp table broken as
      select c."table" as tbl, l."from" as col, c.rowid as num
      from pragma_foreign_key_check as c, pragma_foreign_key_list(c."table") as l, pragma_table_info(c."table") as i
      where l.id = c.fkid and i.name = l."from" and i."notnull" = 0 and i.pk = 0 and c.rowid is not null;'

    repair() {
      copy=$(request '$.copy')
      [ -f "$copy" ] || fail "there is no working copy at '$copy'"
      # SQLite writes the statements, since it knows best how names and texts are quoted in them.
      {
        echo 'begin immediate;'
        echo "$broken"
        echo 'create table if not exists cleared_references("table" text, "row" integer, "column" text, value);'
        sql -safe "$copy" "$broken
          select printf('insert into cleared_references select %Q, rowid, %Q, \"%w\" from \"%w\"
              where rowid in (select num from broken where tbl = %Q and col = %Q);
            update \"%w\" set \"%w\" = null where rowid in (select num from broken where tbl = %Q and col = %Q);',
            tbl, col, col, tbl, tbl, col, tbl, col, tbl, col)
          from (select distinct tbl, col from broken)" || echo 'this is no statement;'
        echo "select json_object('notes', json_group_array(n || ' references in ' || tbl || '.' || col ||
            ' were cleared; cleared_references has them'))
          from (select tbl, col, count(*) as n from broken group by 1, 2);"
        echo 'commit;'
      } >statements.sql
      [ -s trouble ] && fail "the working copy cannot be read"
      sql -safe "$copy" <statements.sql >reply.json || fail "the working copy cannot be mended"
      cat reply.json
    }

    cat >request.json
    : >trouble
    version=$(request '$.dbmend') || fail "the request is no JSON"
    [ "$version" = 1 ] || fail "this plugin knows version 1 of the message, not '$version'"
    method=$(request '$.method')
    [ "$method" = describe ] && { describe; exit; }
    plugin=$(request '$.plugin')
    [ "$plugin $method" = "clear-references repair" ] || fail "this plugin cannot do '$method' for '$plugin'"
    repair

    """###),
  ]

  /// What shared objects are written against.
  static let header = ###"""
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

    """###

  /// What lets Swift call SQLite: the files of a module, by their paths.
  static let moduleOfSQLite = [
    ("CSQLite/CSQLite.h", ###"""
    #include <sqlite3.h>

    """###),
    ("CSQLite/module.modulemap", ###"""
    module CSQLite [system] {
      header "CSQLite.h"
      link "sqlite3"
    }

    """###),
  ]
}

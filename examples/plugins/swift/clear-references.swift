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

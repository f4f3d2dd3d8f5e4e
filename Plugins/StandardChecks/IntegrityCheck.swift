import MendKit

/// The store's structures and contents, held against each other by its driver.
public struct IntegrityCheck: Check {
  /// What the check says of itself.
  public let description = PluginDescription(
    id: "integrity",
    title: "the store's pages, tables and indexes are sound and agree with each other",
    discussion: """
      Has the store's driver verify the whole store: the file's structure, every table and every index. `level: full` \
      also holds the contents against each other, each index against its table among them; `quick` leaves that out. Both \
      read the whole file.

      SQLite files are read natively, each page once and in order, which on large files takes a small part \
      of the time of SQLite's own check. \
      What the records alone do not tell (indexes on expressions, CHECK constraints, virtual tables) SQLite itself is \
      asked about, for that table only.

      Of a DuckDB file every block in use is held against its checksum, and then the engine reads every value of every column and \
      holds it against the range that it noted when it wrote the value, and some hundred rows are looked up through each index on \
      one column; `quick` leaves both out.

      Of an H2 database every chunk and every page is read natively, keys and values to their last byte; in one that was closed, \
      each index is held against its table. Then the engine reads every table and large object; `quick` leaves both out.

      PostgreSQL databases are verified by the extension amcheck: each table, each b-tree index against its table, the server's own \
      catalogs, and the number of rows that a table has against the number that an index knows. In indexes of other kinds some hundred \
      rows of the table are looked up. Where the extension is not there and may not be used, every row is read instead.

      Where nothing was committed since the newest good archive was taken (the file's size, time, change counter and log are \
      those that the archive was taken of), each page is also held against the checksum that the archive has of it: one that \
      differs was changed by the disk, whatever its content looks like.

      Of a folder every file is read and held against that archive. One of another content with the same size and time of change \
      was changed by the disk. What was written, added and removed since is information; a rule makes errors of it: \
      `{ when: { code: file.removed }, severity: error }`.

      For each cause the first five places are reported one by one, and the rest is counted.
      """,
    kind: .check,
    finds: [
      FindingDescription(
        "index.entry-missing", .error, "a row has no entry in an index: queries by it do not find the row"),
      FindingDescription("index.entry-extra", .error, "an index has an entry for which there is no row"),
      FindingDescription("index.entry-count", .error, "an index has more or fewer entries than its table has rows"),
      FindingDescription("index.not-unique", .error, "a unique index holds a key twice"),
      FindingDescription("index.not-sorted", .error, "the entries of an index are not in their order"),
      FindingDescription("index.malformed", .error, "the pages of an index are damaged"),
      FindingDescription(
        "index.invalid", .error, "the engine does not use an index, since it was not built to its end"),
      FindingDescription("checksum.failures", .warning, "the server has met pages whose data checksum is wrong"),
      FindingDescription("table.malformed", .error, "the pages of a table are damaged"),
      FindingDescription(
        "page.blank", .warning, "a page of a table is all zeros, and nothing tells whether rows stood there"),
      FindingDescription("page.stale", .error, "a page of a table is probably from before a commit"),
      FindingDescription(
        "page.rotten", .error,
        "a page is not what it was in the newest good archive, though nothing was committed since"),
      FindingDescription("page.unused", .error, "a page belongs to nothing: what it held is cut off"),
      FindingDescription("page.duplicate-reference", .error, "a page belongs to two owners"),
      FindingDescription("freelist.malformed", .error, "the list of free pages is damaged"),
      FindingDescription("pointer-map.malformed", .error, "a pointer map is wrong about a page"),
      FindingDescription("header.malformed", .error, "a field of the file header is wrong"),
      FindingDescription("file.tail", .warning, "the file goes on beyond the end of the database"),
      FindingDescription("text.invalid", .warning, "a text is not valid in the database's encoding", or: [.error]),
      FindingDescription("text.encoding", .error, "a text of a document is not in UTF-8"),
      FindingDescription("document.duplicate-key", .warning, "an object of a document has a key twice"),
      FindingDescription(
        "document.lone-surrogate", .warning, "an escape in a document stands for half a character"),
      FindingDescription("file.byte-order-mark", .error, "a byte order mark stands before the text", isOfStore: true),
      FindingDescription("file.nul-tail", .error, "NUL bytes fill the file behind the text", isOfStore: true),
      FindingDescription(
        "file.rotten", .error,
        "a file of a folder is not what it was in the newest good archive, though nobody wrote it"),
      FindingDescription("file.unreadable", .error, "a file of a folder cannot be read to its end"),
      FindingDescription("file.removed", .info, "a file of the newest good archive is not there any more"),
      FindingDescription("file.changed", .info, "a file was written to since the newest good archive"),
      FindingDescription("file.added", .info, "a file is not in the newest good archive"),
      FindingDescription("file.special", .info, "a socket, pipe or device stands in a folder, and is left alone"),
      FindingDescription(
        "file.malformed", .fatal, "the file is damaged where no table or index can be named", or: [.error]),
      FindingDescription(
        "file.not-a-database", .fatal, "the engine does not know the file as one of its own", isOfStore: true),
      FindingDescription("file.encrypted", .fatal, "the file looks encrypted", isOfStore: true),
      FindingDescription(
        "row.contradicted", .error, "an index holds another value of a row than the row has; either may be right"),
      FindingDescription("row.refuted", .error, "a row is in its table but in none of the table's several indexes"),
      FindingDescription("column.null", .error, "a NULL stands in a column that is declared NOT NULL"),
      FindingDescription("column.type", .error, "a value has another type than its column allows"),
      FindingDescription("key.null", .error, "a NULL stands in a primary key"),
      FindingDescription("check.violated", .error, "a row breaks a CHECK constraint"),
      FindingDescription(
        "table.unverified", .info, "neither the driver nor the engine can tell whether a table is sound"),
      FindingDescription("virtual-table.malformed", .error, "a module finds its virtual table damaged"),
      FindingDescription("schema.mismatch", .error, "a row of the schema table does not agree with its own definition"),
      FindingDescription("schema.malformed", .fatal, "the definitions of the tables cannot be read"),
      FindingDescription(
        "schema.unsupported", .fatal, "the definitions are for a newer engine; the file itself may be sound"),
    ],
    options: [
      OptionDescription(
        "level", .choice(["full", "quick"]), default: .string("full"),
        "how much is verified: full holds indexes against their tables and rows against their constraints; quick "
          + "looks at the structure of the file alone"),
      OptionDescription(
        "engine", .choice(["native", "sqlite", "pg_amcheck"]), default: .string("native"),
        "who verifies: native is dbmend's own way; sqlite asks SQLite's own check, pg_amcheck runs that program, for who wants "
          + "to compare"),
    ],
    examples: Self.examples)

  /// The check.
  public init() {}

  /// What the driver's verification finds.
  public func findings(in context: CheckContext, options: Options) throws(Problem) -> [Finding] {
    let request = IntegrityRequest(
      isFull: options.string("level") != "quick", asksEngine: options.string("engine") != "native",
      findingsPerCause: Wording.few, workers: context.workers, progress: context.progress)
    let session = try context.session()
    var findings = try session.verifyIntegrity(request)
    context.account = session.verificationAccount
    if request.isFull, let session = session as? any RotSession, let notes = try? context.backups?.notes() {
      findings += try session.rottenParts(notes, limit: Wording.few)
    }
    return findings
  }
}

extension IntegrityCheck {
  private static let orders = """
    create table orders(id integer primary key, sku text, quantity integer not null);
    insert into orders(sku, quantity) values('bolt', 4), ('nut', 9), ('screw', 2), ('washer', 7);
    """

  private static let files = """
    a.txt: what was written first
    b/c.json: {"name": "Ada"}
    """

  private static let table = """
    create table orders as select i as id, 'sku number ' || i * 7919 % 10007 as sku from range(20000) r(i); checkpoint;
    """

  private static let examples = [
    Example("a folder of which an archive was taken", kind: "folder", script: files, afterBackup: ""),
    Example(
      "a folder that was written to since", kind: "folder", script: files, afterBackup: "new.txt: more",
      damage: [.within("a.txt", .truncate(to: 4), keepsTime: false), .within("b/c.json", .remove, keepsTime: false)],
      finds: ["file.added", "file.changed", "file.removed"]),
    Example(
      "a folder in which the disk changed a file", kind: "folder", script: files, afterBackup: "",
      damage: [.within("a.txt", .replace("first", with: "frist"), keepsTime: true)], finds: ["file.rotten"]),
    Example("a healthy table with an index", script: orders + "create index orders_sku on orders(sku);"),
    Example(
      "an index that lacks the entries of two rows",
      script: orders + """
        create index orders_sku on orders(sku) where id < 3;
        pragma writable_schema = on;
        update sqlite_schema set sql = 'create index orders_sku on orders(sku)' where name = 'orders_sku';
        """,
      finds: ["index.entry-missing"]),
    Example(
      "the same under `level: quick`, which does not hold indexes against tables",
      script: orders + """
        create index orders_sku on orders(sku) where id < 3;
        pragma writable_schema = on;
        update sqlite_schema set sql = 'create index orders_sku on orders(sku)' where name = 'orders_sku';
        """,
      options: [OptionPair("level", .string("quick"))]),
    Example(
      "a NULL in a column that became NOT NULL",
      script: """
        create table orders(id integer primary key, sku text);
        insert into orders(sku) values('bolt'), (null);
        pragma writable_schema = on;
        update sqlite_schema set sql = 'create table orders(id integer primary key, sku text not null)'
        where name = 'orders';
        """,
      finds: ["column.null"]),
    Example(
      "a row that breaks a CHECK constraint",
      script: """
        create table orders(id integer primary key, quantity integer check(quantity > 0));
        pragma ignore_check_constraints = on;
        insert into orders(quantity) values(3), (-1);
        """,
      finds: ["check.violated"]),
    Example(
      "a value of another type in a strict table",
      script: """
        create table orders(id integer primary key, quantity text);
        insert into orders(quantity) values('many');
        pragma writable_schema = on;
        update sqlite_schema set sql = 'create table orders(id integer primary key, quantity integer) strict'
        where name = 'orders';
        """,
      finds: ["column.type"]),
    Example(
      "a unique index with a key twice",
      script: orders + """
        insert into orders(sku, quantity) values('bolt', 1);
        create index orders_sku on orders(sku);
        pragma writable_schema = on;
        update sqlite_schema set sql = 'create unique index orders_sku on orders(sku)' where name = 'orders_sku';
        """,
      finds: ["index.not-unique"]),
    Example(
      "an index whose definition is lost",
      script: orders + """
        create index orders_sku on orders(sku);
        pragma writable_schema = on;
        delete from sqlite_schema where name = 'orders_sku';
        """,
      finds: ["page.unused"]),
    Example(
      "two tables of which the schema says that they have the same root page",
      script: orders + """
        create table other(id integer primary key, sku text, quantity integer not null);
        pragma writable_schema = on;
        update sqlite_schema set rootpage = (select rootpage from sqlite_schema where name = 'orders')
        where name = 'other';
        """,
      finds: ["page.duplicate-reference", "page.unused"]),
    Example(
      "a table whose root page is noise", script: orders,
      damage: [.overwrite(offset: 4096, bytes: [7, 7, 7, 7, 7, 7, 7, 7])],
      finds: ["table.malformed"]),
    Example(
      "an index whose root page is noise", script: orders + "create index orders_sku on orders(sku);",
      damage: [.overwrite(offset: 8192, bytes: [7, 7, 7, 7, 7, 7, 7, 7])],
      finds: ["index.malformed"]),
    Example(
      "an index with an entry for a row that is gone",
      script: orders + """
        create index orders_sku on orders(sku);
        create table other(id integer primary key, sku text, quantity integer not null);
        insert into other select * from orders where id < 4;
        pragma writable_schema = on;
        update sqlite_schema set rootpage = (
          select max(rootpage) + min(rootpage) from sqlite_schema where name in ('orders', 'other')
        ) - rootpage where name in ('orders', 'other');
        """,
      finds: ["index.entry-extra"]),
    Example(
      "a row that is in none of two indexes",
      script: orders + """
        create index orders_sku on orders(sku) where id < 4;
        create index orders_quantity on orders(quantity) where id < 4;
        pragma writable_schema = on;
        update sqlite_schema set sql = replace(sql, ' where id < 4', '') where type = 'index';
        """,
      finds: ["index.entry-missing", "row.refuted", "page.stale"]),
    Example(
      "a header that counts free pages which are not there", script: orders,
      damage: [.overwrite(offset: 36, bytes: [0, 0, 0, 5])], finds: ["freelist.malformed"]),
    Example(
      "an index with a value that changed in the table and in the index alike, and now stands in the wrong place",
      script: orders + "create index orders_sku on orders(sku);", damage: [.replace("bolt", with: "zolt")],
      finds: ["index.not-sorted"]),
    Example(
      "a pointer map that is wrong about a page", script: "pragma auto_vacuum = full;" + orders,
      damage: [.overwrite(offset: 4096, bytes: [5])], finds: ["pointer-map.malformed"]),
    Example(
      "a header that asks for incremental vacuum in a file without pointer maps", script: orders,
      damage: [.overwrite(offset: 64, bytes: [0, 0, 0, 1])], finds: ["header.malformed"]),
    Example(
      "a file that goes on beyond the last page of the database", script: orders,
      damage: [.overwrite(offset: 8192, bytes: [UInt8](repeating: 0, count: 4096))], finds: ["file.tail"]),
    Example(
      "a text that is no UTF-8", script: orders + "update orders set sku = cast(x'626ff674' as text) where id = 1;",
      finds: ["text.invalid"]),
    Example("a DuckDB database", kind: "duckdb", script: table),
    Example(
      "a DuckDB database with a changed byte in a block of a table", kind: "duckdb", script: table,
      damage: [.overwrite(offset: 12_288 + 262_144 + 60, bytes: [0xA5, 0xA5])], finds: ["table.malformed"]),
    Example("a document in JSON", kind: "json", script: #"{"users": [{"name": "Ada"}], "theme": "dark"}"#),
    Example(
      "a document that is torn", kind: "json", script: #"{"users": [{"name": "Ada"}], "theme": "da"#,
      finds: ["file.malformed"]),
    Example(
      "a document that other tools stumble over", kind: "json",
      script: "\u{FEFF}" + #"{"a": 1, "a": 2, "b": "\uD800"}"#,
      finds: ["file.byte-order-mark", "document.duplicate-key", "document.lone-surrogate"]),
    Example(
      "a document with a text in Latin-1, and zeros behind it", kind: "json", script: #"{"name": "Xndr"}"# + "   ",
      damage: [.overwrite(offset: 10, bytes: [0xC4]), .overwrite(offset: 16, bytes: [0, 0, 0])],
      finds: ["text.encoding", "file.nul-tail"]),
    Example(
      "an index of a constraint that the schema table has under another table",
      script: """
        create table orders(id integer primary key, sku text unique); create table other(x);
        pragma writable_schema = on;
        update sqlite_schema set tbl_name = 'other' where name = 'sqlite_autoindex_orders_1';
        """,
      finds: ["schema.mismatch"]),
    Example(
      "a virtual table of a module that is not here",
      script: orders + """
        pragma writable_schema = on;
        insert into sqlite_schema values('table', 'geo', 'geo', 0, 'create virtual table geo using spatial(x)');
        """,
      finds: ["table.unverified"]),
  ]
}

import MendKit

/// DuckDB databases for tests, made and asked by DuckDB's own client.
public enum DuckDBFile {
  /// The client; nil, with a message on standard error, where it is not installed. In CI that is a failure.
  public static func client() throws -> String? {
    let found = try TestSupport.run(
      "sh", "-c", "command -v duckdb || ls $HOME/.local/bin/duckdb $HOME/.duckdb/cli/latest/duckdb 2>/dev/null")
    if let path = found.output.split(separator: "\n").first { return behindScript(String(path)) }
    if getenv("CI") != nil { throw PreparationFailed("no duckdb client: scripts/bootstrap --tests installs it") }
    let message =
      "no duckdb client here: tests of DuckDB databases check nothing; scripts/bootstrap --tests installs it\n"
    _ = write(STDERR_FILENO, message, message.utf8.count)
    return nil
  }

  /// Whether tests of DuckDB databases can run.
  public static var isHere: Bool {
    get throws { try client() != nil }
  }

  /// pip's script takes far longer to start than the program that it starts.
  private static func behindScript(_ path: String) -> String {
    let asked = try? TestSupport.run(
      "sh", "-c",
      "python3 -c 'import duckdb_cli, os; print(os.path.join(os.path.dirname(duckdb_cli.__file__), \"duckdb\"))' 2>/dev/null"
    )
    let program = asked?.output.split(separator: "\n").first.map(String.init) ?? path
    return access(program, X_OK) == 0 ? program : path
  }

  private static let program = try? client()

  /// Runs SQL on a database, which is made where it is not there; what the client wrote, as CSV without a header.
  @discardableResult
  public static func run(_ path: String, _ sql: String) throws -> String {
    guard let program else { throw PreparationFailed("no duckdb client") }
    let result = try TestSupport.run(
      [program, "-init", "/dev/null", "-batch", "-csv", "-noheader", "-bail", path], input: sql)
    guard result.exit == 0 else { throw PreparationFailed("duckdb \(path): \(result.errors)") }
    return result.output
  }

  /// The output of a query, without line ends around it, asked of a copy of the database and its log.
  public static func value(_ path: String, _ query: String) throws -> String {
    let folder = try TemporaryFolder("dbmend-duckdb-query")
    for suffix in ["", ".wal"] where FileStatus.exists(path + suffix) {
      try folder.write(try FileHandle.read(path + suffix).readAll(limit: 1 << 30), to: "copy.db" + suffix)
    }
    let output = try run(folder.file("copy.db"), query)
    return output.split(separator: "\n").joined(separator: " ")
  }

  /// Leaves transactions in the log beside a database, as an application does that ends without a checkpoint.
  public static func leaveInLog(_ path: String, _ sql: String) throws {
    try run(path, "PRAGMA disable_checkpoint_on_shutdown; SET wal_autocheckpoint = '1TB';\n" + sql)
  }

  /// A content sum of a table: equal for equal rows, in whatever order.
  public static func sum(_ path: String, _ table: String) throws -> String {
    try value(path, "SELECT count(*), bit_xor(hash(\(table))) FROM \(table)")
  }

  /// Overwrites a part of a block, or of the rest of the file, with a byte.
  public static func damage(_ path: String, at offset: Int, count: Int, with byte: UInt8 = 0xA5) throws {
    try FileHandle.update(path).write([UInt8](repeating: byte, count: count), at: offset)
  }

  /// Where a block of the default size begins.
  public static func block(_ number: Int) -> Int { 12_288 + number * 262_144 }

  /// A block that holds values of a column.
  public static func block(_ path: String, _ table: String, _ column: String) throws -> Int {
    let text = try value(
      path,
      "SELECT block_id FROM pragma_storage_info('\(table)') WHERE column_name = '\(column)' AND block_id >= 0 ORDER BY ALL LIMIT 1"
    )
    guard let number = Int(text) else { throw PreparationFailed("no block of \(table).\(column): \(text)") }
    return number
  }
}

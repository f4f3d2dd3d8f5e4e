import MendKit

/// A database as `pg_dump` writes it in its custom format: what `pg_restore` opens. Not compressed, since an archive is.
struct DumpFile {
  let address: PostgresAddress
  let patience: Double

  init(_ address: PostgresAddress, patience: Double) {
    self.address = address
    self.patience = patience
  }

  /// Writes it to a new file. Tables of which `without` gives the names in SQL come with their definition alone.
  /// Ends before it is whole where `signal` is given.
  func write(
    to path: String, without: [String] = [], snapshot: String? = nil, until signal: StopSignal? = nil
  ) throws(ServerFailure) {
    var words = [
      // What lasts is the archive, which is synced.
      "--format=custom", "--compress=0", "--no-sync", "-w", "--file=" + path, "-d", address.uri,
      "--lock-wait-timeout=\(max(1, Int(patience * 1000)))",
    ]
    for table in without { words.append("--exclude-table-data=" + table) }
    if let snapshot { words.append("--snapshot=" + snapshot) }
    let outcome: ClientProgram.Outcome
    do throws(Problem) {
      var variables = address.environment(patience: patience)
      // A dump is in the encoding of its database: of SQL_ASCII nobody knows what it is.
      variables.updateValue(nil, forKey: "PGCLIENTENCODING")
      outcome = try PostgresPrograms.dump().run(words, environment: variables, until: signal)
    } catch {
      throw ServerFailure(state: error.kind == .unsupported ? "engine" : "", message: error.said)
    }
    guard outcome.isSuccess else {
      try? Paths.removeFile(path)
      throw Self.failure(outcome.lastWords)
    }
    do throws(Problem) {
      try Self.settleTime(of: path)
    } catch {
      throw ServerFailure(state: "", message: error.said)
    }
  }

  /// pg_dump tells no SQLSTATE.
  private static func failure(_ words: String) -> ServerFailure {
    let damage = ServerFailure.damages + ["server closed the connection"]
    // Without a SQLSTATE it is a connection that was not made.
    var state = words.contains("connection to server") ? "" : "58000"
    if damage.contains(where: { words.contains($0) }) { state = "XX001" }
    // A row that the server cannot hand over, whatever it says of it.
    if words.contains("Dumping the contents of table"), words.contains("ERROR:"),
      !["canceling statement", "out of memory", "terminating connection"].contains(where: { words.contains($0) })
    {
      state = "XX001"
    }
    if words.contains("permission denied") || words.contains("row-level security") { state = "42501" }
    if words.contains("lock timeout") || words.contains("could not obtain lock") { state = "55P03" }
    if words.contains("No space left") { state = "53100" }
    return ServerFailure(state: state, message: words)
  }

  /// The head of a dump says when it was made; the manifest does, too. With one time in all of them, dumps of the same content
  /// are the same bytes, and need not be archived twice.
  ///
  /// `PGDMP`, three bytes of version, the sizes of numbers and offsets, the format; then how it is compressed, and seven
  /// numbers of the time: each a byte for the sign and then the bytes, the lowest first (`WriteHead` in `pg_backup_archiver.c`).
  private static func settleTime(of path: String) throws(Problem) {
    let file = try FileHandle.update(path)
    defer { file.close() }
    let head = try file.read(64, at: 0)
    guard head.count == 64, head.starts(with: Array("PGDMP".utf8)), head[5] == 1, head[8] == 4 else { return }
    // From version 1.15 on the compression is one byte.
    let start = head[6] >= 15 ? 12 : 16
    let time: [UInt8] = [0, 0, 0, 1, 0, 100, 0]
    var bytes: [UInt8] = []
    for number in time { bytes += [0, number, 0, 0, 0] }
    try file.write(bytes, at: start)
  }
}

import MendKit

/// A database for an archive: a dump that `pg_restore` opens; where a table cannot be read to its end, the dump is without
/// its rows, and those that can be read lie beside it, with a list of the rest.
struct DatabaseSnapshot: Sendable {
  fileprivate let address: PostgresAddress
  private let staging: String
  fileprivate let patience: Double

  init(_ address: PostgresAddress, staging: String, patience: Double) {
    self.address = address
    self.staging = staging
    self.patience = patience
  }

  func make(_ form: SnapshotForm) throws(Problem) -> StoreSnapshot {
    let stamp = try DatabaseStamp.read(address, patience: patience)
    // Of a damaged database it is first looked what can be read: pg_dump hands over what no pg_restore takes.
    if form == .consistent { return try snapshot([path], stamp, try dump()) }
    let remains = DatabaseRemains(address, patience: patience)
    return try snapshot(try remains.write(to: path), stamp)
  }

  /// Where the dump goes.
  private var path: String { Paths.join(staging, Self.memberName(address)) }

  /// Writes the dump, and reads it; how many rows it has of each table.
  private func dump(until signal: StopSignal? = nil) throws(Problem) -> [String: Int]? {
    // To read a row that is damaged may give anything, or end the server's process, and with it all sessions.
    // A dump would be without rows that an index knows, and nobody would look for these in the pages.
    let damaged = Set(DamagedItems.tables(of: address)).union(RowsByIndex.remembered(of: address.uri).keys).sorted()
    guard damaged.isEmpty else {
      throw Problem(
        .damaged, tried: "dump", on: address.uri,
        said: "rows of \(damaged.joined(separator: ", ")) are damaged", code: "store.unreadable")
    }
    do throws(ServerFailure) {
      try DumpFile(address, patience: patience).write(to: path, until: signal)
    } catch {
      if error.state == "engine" { _ = try PostgresPrograms.dump() }
      throw error.problem("dump", on: address.uri)
    }
    let content = try DumpContent(path)
    // Of a dump in a form that is not known here nobody has read the texts.
    let unread = content == nil && DumpsUnderWay.share(of: address)?.readsTexts == true
    let invalid = unread ? try tablesWithInvalidTexts() : content?.invalid ?? []
    if !invalid.isEmpty {
      try? Paths.removeFile(path)
      throw Problem(
        .damaged, tried: "dump", on: address.uri,
        said:
          "a text in \(invalid.joined(separator: ", ")) is not valid in the database's encoding, so that it cannot be restored",
        code: "store.unreadable")
    }
    return content?.rows
  }

  /// Asks the server itself.
  private func tablesWithInvalidTexts() throws(Problem) -> [String] {
    let connection = try ServerConnection(address, .view, patience: patience)
    defer { connection.end() }
    do throws(ServerFailure) {
      var names: [String] = []
      for relation in try DatabaseCatalog(connection).relations where relation.holdsRows && !relation.texts.isEmpty {
        if try !InvalidTexts(connection, relation).findings(shown: 1).isEmpty { names.append(relation.table.name) }
      }
      return names
    } catch {
      throw error.problem("read the texts of", on: address.uri)
    }
  }

  /// A dump that is being written.
  final class UnderWay: SnapshotUnderWay {
    private let whole: DatabaseSnapshot
    private let stamp: StoreStamp
    private let signal = StopSignal()
    private let dump: Workers.Pending<Result<[String: Int]?, Problem>>

    /// Begins it. The stamp was read before.
    init(_ snapshot: DatabaseSnapshot, _ stamp: StoreStamp, encoding: String) {
      whole = snapshot
      self.stamp = stamp
      let (address, patience) = (snapshot.address, snapshot.patience)
      let schema = Workers.begin { SchemaDump(address, patience: patience).text }
      DumpsUnderWay.begin(DumpsUnderWay.Share(schema: schema, readsTexts: encoding == "UTF8"), of: address)
      dump = Workers.begin { [signal] in
        do throws(Problem) {
          return .success(try snapshot.dump(until: signal))
        } catch {
          return .failure(error)
        }
      }
    }

    func finish() throws(Problem) -> StoreSnapshot {
      defer { DumpsUnderWay.end(whole.address) }
      return try whole.snapshot([whole.path], stamp, try dump.value.get())
    }

    func giveUp() {
      signal.give()
      _ = dump.value
      DumpsUnderWay.end(whole.address)
    }
  }

  /// The name of the dump in an archive.
  static func memberName(_ address: PostgresAddress) -> String {
    let name = address.database ?? "database"
    return String(name.map { $0 == "/" || $0 == "\0" ? "_" : $0 }) + ".dump"
  }

  private func snapshot(
    _ files: [String], _ stamp: StoreStamp, _ rows: [String: Int]? = nil
  ) throws(Problem) -> StoreSnapshot {
    var members: [SnapshotMember] = []
    for path in files {
      let file = try FileHandle.read(path)
      members.append(
        SnapshotMember(
          name: Paths.name(of: path), size: try file.status().size,
          attributes: FileAttributes(user: geteuid(), group: getegid(), mode: 0o600)
        ) { offset, buffer throws(Problem) in try file.read(into: buffer, at: offset) })
    }
    return StoreSnapshot(
      members: SnapshotMembers(members), stamp: stamp, rows: rows,
      release: { for path in files { try? Paths.removeFile(path) } })
  }
}

import MendKit

/// A database for an archive: a dump that `pg_restore` opens; where a table cannot be read to its end, the dump is without
/// its rows, and those that can be read lie beside it, with a list of the rest.
struct DatabaseSnapshot {
  private let address: PostgresAddress
  private let staging: String
  private let patience: Double

  init(_ address: PostgresAddress, staging: String, patience: Double) {
    self.address = address
    self.staging = staging
    self.patience = patience
  }

  func make(_ form: SnapshotForm) throws(Problem) -> StoreSnapshot {
    let stamp = try DatabaseStamp.read(address, patience: patience)
    let dump = Paths.join(staging, Self.memberName(address))
    do throws(ServerFailure) {
      try DumpFile(address, patience: patience).write(to: dump)
      do throws(Problem) { return try snapshot([dump], stamp) } catch {
        throw ServerFailure(state: "file", message: error.said)
      }
    } catch {
      if error.state == "engine" { _ = try PostgresPrograms.dump() }
      guard form == .raw, error.isDamage else { throw error.problem("dump", on: address.uri) }
    }
    let remains = DatabaseRemains(address, patience: patience)
    return try snapshot(try remains.write(to: dump), stamp)
  }

  /// The name of the dump in an archive.
  static func memberName(_ address: PostgresAddress) -> String {
    let name = address.database ?? "database"
    return String(name.map { $0 == "/" || $0 == "\0" ? "_" : $0 }) + ".dump"
  }

  private func snapshot(_ files: [String], _ stamp: StoreStamp) throws(Problem) -> StoreSnapshot {
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
      members: SnapshotMembers(members), stamp: stamp, release: { for path in files { try? Paths.removeFile(path) } })
  }
}

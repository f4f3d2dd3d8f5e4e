import MendKit
import Synchronization

/// Dumps that are being written while the checks of their databases run: what is read of them anyway the checks need not read, too.
enum DumpsUnderWay {
  /// What a dump comes with.
  struct Share: Sendable {
    /// The definitions of the same time.
    var schema: Workers.Pending<String?>
    /// Whether all texts are held against the database's encoding once the dump is written.
    var readsTexts: Bool
  }

  private static let shares = Mutex<[String: Share]>([:])

  static func begin(_ share: Share, of address: PostgresAddress) { shares.withLock { $0[address.uri] = share } }

  /// What there is of a database.
  static func share(of address: PostgresAddress) -> Share? { shares.withLock { $0[address.uri] } }

  static func end(_ address: PostgresAddress) { shares.withLock { $0[address.uri] = nil } }
}

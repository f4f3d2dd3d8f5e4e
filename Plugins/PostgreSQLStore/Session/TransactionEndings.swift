/// How a transaction ended.
enum TransactionEnding: Equatable { case committed, aborted }

/// What the server knows of the ends of transactions whose numbers rows have. A row notes the end of its own only when somebody reads
/// it.
final class TransactionEndings {
  private let connection: ServerConnection
  private var known: [UInt32: TransactionEnding?] = [:]
  private var next: Int64?

  init(_ connection: ServerConnection) { self.connection = connection }

  /// How the transaction of this number ended; nil where it goes on, never began, or is too long ago.
  func ending(of number: UInt32) -> TransactionEnding? {
    if let ending = known[number] { return ending }
    let ending = try? ask(number)
    known[number] = .some(ending ?? nil)
    return ending ?? nil
  }

  private func ask(_ number: UInt32) throws(ServerFailure) -> TransactionEnding? {
    if next == nil {
      next = try connection.value("select pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())").flatMap {
        Int64($0)
      }
    }
    guard let next else { return nil }
    // The numbers in rows begin anew every four thousand million.
    var whole = (next & ~0xFFFF_FFFF) | Int64(number)
    if whole >= next { whole -= 1 << 32 }
    guard whole > 0 else { return nil }
    let status = try connection.value("select pg_catalog.pg_xact_status('\(whole)'::pg_catalog.xid8)")
    return status == "committed" ? .committed : status == "aborted" ? .aborted : nil
  }
}

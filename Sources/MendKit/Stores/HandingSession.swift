/// A session on a store of which a full verification reads every byte that an archive takes up. It hands what it reads to an archive
/// that is written meanwhile: everything is read once, and what is archived is what was verified.
public protocol HandingSession: StoreSession {
  /// Has the next full verification call `taker`, at most once, with a snapshot of the store. Within that call the snapshot's members
  /// are to be read in their order; those that are not read then the verification reads by itself.
  func handOver(to taker: @escaping (StoreSnapshot) -> Void)
}

/// A driver of documents, which are held in memory whole: one whose bytes somebody has read need not be read again.
public protocol DocumentDriver: Driver {
  /// A session on a document of a path, of which these are the bytes.
  func open(_ path: String, holding bytes: [UInt8]) -> any StoreSession
}

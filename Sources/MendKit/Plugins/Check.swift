/// Reads a store and produces findings; never changes anything. One check, one file; it describes itself.
public protocol Check: Sendable {
  /// What the check says of itself.
  var description: PluginDescription { get }

  /// Whether the check looks at the file in its place (its owner, the room on its volume) rather than at the content.
  /// Such a check is not run on a working copy.
  var looksAtPlace: Bool { get }

  /// The findings in one store. Throws a `Problem` when the store cannot be checked at all.
  func findings(in context: CheckContext, options: Options) throws(Problem) -> [Finding]
}

extension Check {
  /// Most checks look at the content.
  public var looksAtPlace: Bool { false }
}

/// What a check may know of the store that it looks at.
public final class CheckContext {
  /// Which store it is.
  public let store: StoreIdentity
  /// The path to read: the store's own, or a working copy's.
  public let path: String
  /// The driver that the store's kind names, nil when no driver knows the file.
  public let driver: (any Driver)?
  /// The beginning of the file, as it was read to choose the driver; nil where it could not be read.
  public let head: FileHead?
  /// The archives of the store.
  public let backups: (any Backups)?
  /// Where archives are kept, whether or not the folder is there yet; nil where no archive would be taken.
  public let repository: String?
  /// The folder of the configuration, from which a check resolves relative paths that its options name; nil without one.
  public let folder: String?
  /// How long to wait for a lock, in seconds.
  public let patience: Double
  /// Whether the session may keep the store's writers waiting while it lasts. Where it may not, and one of them writes, the
  /// view is given up with a problem of kind `changing`.
  public let holdsWriters: Bool
  /// The number of threads that a check of this store may use; 1 where several stores are checked at once.
  public let workers: Int
  /// What the checks before this one found in the same store, in this run.
  public var previous: [Finding] = []
  /// Set by a check that verifies the store in more than one way, for the report; empty again before the next check.
  public var account: VerificationAccount?
  /// Set by a check that has something to say beyond its findings, in a line for the report; empty again before the next check.
  public var said: String?
  /// Set by a check that measures something, for the report; empty again before the next check.
  public var measures: [Measure] = []
  /// Called now and then with how far a long check is, from 0 to 1.
  public let progress: @Sendable (Double) -> Void

  private let taker: ((StoreSnapshot) -> Void)?
  private var copy: SnapshotCopy?
  private var opened: Result<any StoreSession, Problem>?

  /// A context; see the properties. What a full verification reads of the store is handed to `taker`, where the store's kind
  /// allows it (`HandingSession`).
  public init(
    store: StoreIdentity, path: String, driver: (any Driver)?, head: FileHead? = nil,
    backups: (any Backups)? = nil,
    repository: String? = nil, folder: String? = nil, patience: Double = 5, holdsWriters: Bool = true,
    workers: Int = Workers.processors, taker: ((StoreSnapshot) -> Void)? = nil,
    progress: @escaping @Sendable (Double) -> Void = { _ in }
  ) {
    self.store = store
    self.path = path
    self.taker = taker
    self.driver = driver
    self.head = head
    self.backups = backups
    self.repository = repository
    self.folder = folder
    self.patience = patience
    self.holdsWriters = holdsWriters
    self.workers = workers
    self.progress = progress
  }

  /// The store, open for reading: one consistent view that all checks of a run share. Opened at the first call; when that
  /// fails, every call throws the same problem.
  public func session() throws(Problem) -> any StoreSession {
    if let opened { return try opened.get() }
    let result: Result<any StoreSession, Problem>
    if let driver {
      do throws(Problem) {
        let session =
          holdsWriters ? try driver.open(path, patience: patience) : try driver.openUnheld(path, patience: patience)
        if let taker { (session as? any HandingSession)?.handOver(to: taker) }
        result = .success(session)
      } catch {
        result = .failure(error)
      }
    } else {
      result = .failure(
        Problem(
          .damaged, tried: "open", on: path, said: "no driver here knows a file of this kind",
          advice: "Name its kind in the configuration, or check that it is a database at all.",
          code: "file.unknown-kind"))
    }
    opened = result
    return try result.get()
  }

  /// The store as one that answers SQL; nil when its kind does not.
  public func sqlSession() throws(Problem) -> (any SQLSession)? { try session() as? any SQLSession }

  /// A copy of the store as one consistent state, for who must not touch the store itself; nobody else's, and gone when the session
  /// ends. Made at the first call, and again where its files were changed since.
  public func snapshotCopy() throws(Problem) -> SnapshotCopy {
    if let copy, copy.isUntouched { return copy }
    guard let driver else {
      _ = try session()
      throw Problem(.unsupported, tried: "copy", on: path, said: "no driver here knows a file of this kind")
    }
    copy = nil
    let made = try SnapshotCopy(of: path, driver, patience: patience)
    copy = made
    return made
  }

  /// Ends the session, if one was opened: its locks are let go, and a working copy can be written to.
  public func end() {
    copy = nil
    openSession?.end()
    opened = nil
  }

  /// Whether the store was opened, and the session if so, without opening it.
  public var openSession: (any StoreSession)? { opened.flatMap { try? $0.get() } }
}

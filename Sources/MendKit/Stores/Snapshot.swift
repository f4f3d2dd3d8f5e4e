/// What identifies the state of a live store cheaply. Stamps are compared, and kept in manifests.
public struct StoreStamp: Sendable, Hashable {
  /// Size of the main file in bytes.
  public var size: Int
  /// Time of its last change, in nanoseconds since 1970.
  public var modified: Int64
  /// The file's number on its volume.
  public var inode: UInt64
  /// The engine's own counter of changes, where it has one.
  public var changeCounter: UInt32?
  /// What identifies the log's content: for SQLite the WAL's two salts and its size in bytes, empty without a log.
  public var log: [UInt64]

  /// A stamp; see the properties.
  public init(size: Int, modified: Int64, inode: UInt64, changeCounter: UInt32?, log: [UInt64]) {
    self.size = size
    self.modified = modified
    self.inode = inode
    self.changeCounter = changeCounter
    self.log = log
  }

  /// Whether nothing was committed between two stamps of a store, which may have been copied with its times in between.
  public func isSameState(as other: StoreStamp) -> Bool {
    size == other.size && modified == other.modified && changeCounter == other.changeCounter && log == other.log
  }
}

/// A store as an archive takes it up: members that are read front to back, and the state that they are of.
public final class StoreSnapshot {
  /// The files, the main one first.
  public let members: [SnapshotMember]
  /// The state of the live store that the members show.
  public let stamp: StoreStamp
  /// Where the main file's content stands as a file of its own until the snapshot is closed; nil when it is read from the
  /// live store.
  public let stagedPath: String?
  private let annotation: () throws(Problem) -> [UInt8]?
  private let confirmation: () throws(Problem) -> Void
  private let release: () -> Void
  private var isReleased = false

  /// A snapshot. `notes` gives what the driver noted of the main member while it was read; `confirm` throws a problem of kind `changing` when the members, once read, turn out not to be of one
  /// state; `release` lets locks and files go.
  public init(
    members: [SnapshotMember], stamp: StoreStamp, stagedPath: String? = nil,
    notes: @escaping () throws(Problem) -> [UInt8]? = { () throws(Problem) -> [UInt8]? in nil },
    confirm: @escaping () throws(Problem) -> Void = {},
    release: @escaping () -> Void = {}
  ) {
    self.members = members
    self.stamp = stamp
    self.stagedPath = stagedPath
    annotation = notes
    confirmation = confirm
    self.release = release
  }

  /// What the driver noted of the main member, in a form of its own, when that was read front to back: of a database, sums of
  /// its pages and the tree that each belongs to. An archive keeps it. nil where there is nothing to note.
  public func notes() throws(Problem) -> [UInt8]? { try annotation() }

  /// To be called when every member was read to its end: what was read is one consistent state.
  public func confirm() throws(Problem) { try confirmation() }

  /// Lets locks and files go; nothing can be read afterwards. Safe to call twice.
  public func close() {
    guard !isReleased else { return }
    isReleased = true
    release()
  }

  deinit { close() }
}

/// One file of a snapshot.
public struct SnapshotMember {
  /// The name within the archive: a relative path.
  public var name: String
  /// Size in bytes.
  public var size: Int
  /// Owner, mode and extended attributes of the live file.
  public var attributes: FileAttributes
  /// Reads up to the buffer's count of bytes from an offset; the count, 0 at the end.
  public var read: (_ offset: Int, _ buffer: UnsafeMutableRawBufferPointer) throws(Problem) -> Int

  /// A member; see the properties.
  public init(
    name: String, size: Int, attributes: FileAttributes,
    read: @escaping (_ offset: Int, _ buffer: UnsafeMutableRawBufferPointer) throws(Problem) -> Int
  ) {
    self.name = name
    self.size = size
    self.attributes = attributes
    self.read = read
  }

  /// Hands over the member's bytes, front to back, until `each` says false; whether all of them were handed over.
  public func read(_ each: (UnsafeRawBufferPointer) throws(Problem) -> Bool) throws(Problem) -> Bool {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 512 << 10, alignment: 4096)
    defer { buffer.deallocate() }
    var offset = 0
    while offset < size {
      let count = try read(offset, buffer)
      if count == 0 { break }
      guard try each(UnsafeRawBufferPointer(rebasing: buffer[..<count])) else { return false }
      offset += count
    }
    return true
  }

  /// Writes the member to a new file, which must not exist yet; not synced.
  public func write(to path: String) throws(Problem) {
    let file = try FileHandle.create(path, mode: 0o600)
    defer { file.close() }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    var offset = 0
    while offset < size {
      let count = try read(offset, buffer)
      if count == 0 { break }
      try file.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: offset)
      offset += count
    }
  }
}

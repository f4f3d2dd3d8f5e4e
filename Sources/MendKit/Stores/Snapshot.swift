import CSystem

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
  /// The files, the main one first. Of a folder: the folder itself, and then everything in it by its path.
  public let members: SnapshotMembers
  /// Whether the members are a folder with what is in it: there may be many of them, which an archive lists apart.
  public let isFolder: Bool
  /// The state of the live store that the members show.
  public let stamp: StoreStamp
  /// Where the main file's content stands as a file of its own until the snapshot is closed; nil when it is read from the
  /// live store.
  public let stagedPath: String?
  /// The rows of each table as the members have them, where the driver counted them there; nil where it did not.
  public let rows: [String: Int]?
  private let excerpts: () -> [[UInt8]]
  private let annotation: () throws(Problem) -> [UInt8]?
  private let confirmation: () throws(Problem) -> Void
  private let release: () -> Void
  private var isReleased = false

  /// A snapshot. `sample` gives pieces of the content; `notes` gives what the driver noted of the main member while it was read;
  /// `confirm` throws a problem of kind `changing` when the members, once read, turn out not to be of one state; `release` lets
  /// locks and files go.
  public init(
    members: SnapshotMembers, isFolder: Bool = false, stamp: StoreStamp, stagedPath: String? = nil,
    rows: [String: Int]? = nil, sample: @escaping () -> [[UInt8]] = { [] },
    notes: @escaping () throws(Problem) -> [UInt8]? = { () throws(Problem) -> [UInt8]? in nil },
    confirm: @escaping () throws(Problem) -> Void = {},
    release: @escaping () -> Void = {}
  ) {
    self.members = members
    self.isFolder = isFolder
    self.stamp = stamp
    self.stagedPath = stagedPath
    self.rows = rows
    excerpts = sample
    annotation = notes
    confirmation = confirm
    self.release = release
  }

  /// Some pieces of the content from here and there, for whoever wants to know what it is like before it reads all of it; none where
  /// only reading all of it can tell.
  public func sample() -> [[UInt8]] { excerpts() }

  /// What the driver noted of the main member, in a form of its own, when that was read front to back: of a database, sums of
  /// its pages and the tree that each belongs to. An archive keeps it. nil where there is nothing to note.
  public func notes() throws(Problem) -> [UInt8]? { try annotation() }

  /// To be called when every member was read to its end: what was read is one consistent state.
  public func confirm() throws(Problem) { try confirmation() }

  /// Writes all members into a folder, where nothing of their names stands yet; not synced. The paths of the files, the main one
  /// first; of a folder its own alone, and what is in it has the owners, modes and times of the live one.
  public func write(into folder: String) throws(Problem) -> [String] {
    var paths: [String] = []
    if isFolder {
      try writeTree(into: folder)
      if let main = members.first { paths = [Paths.join(folder, main.name)] }
    } else {
      for member in members where !member.name.contains("/") && member.name != ".." && !member.name.isEmpty {
        let path = Paths.join(folder, member.name)
        if paths.isEmpty, let stagedPath {
          try Durable.rename(stagedPath, to: path)
        } else {
          try member.write(to: path)
        }
        paths.append(path)
      }
    }
    try confirm()
    return paths
  }

  /// Lets locks and files go; nothing can be read afterwards. Safe to call twice.
  public func close() {
    guard !isReleased else { return }
    isReleased = true
    release()
  }

  deinit { close() }
}

/// The members of a snapshot, each made when it is asked for: of a folder there may be more than one would hold at once.
public struct SnapshotMembers: RandomAccessCollection, ExpressibleByArrayLiteral {
  /// How many there are.
  public let count: Int
  private let member: (Int) -> SnapshotMember

  /// So many members, each given by its number from 0.
  public init(count: Int, _ member: @escaping (Int) -> SnapshotMember) {
    self.count = count
    self.member = member
  }

  /// These members.
  public init(arrayLiteral members: SnapshotMember...) { self.init(members) }

  /// These members.
  public init(_ members: [SnapshotMember]) { self.init(count: members.count) { members[$0] } }

  /// 0.
  public var startIndex: Int { 0 }
  /// The number of members.
  public var endIndex: Int { count }
  /// The member of a number.
  public subscript(position: Int) -> SnapshotMember { member(position) }
}

/// One member of a snapshot: a file, or, of a folder, also a folder or a link in it.
public struct SnapshotMember {
  /// The name within the archive: a relative path.
  public var name: String
  /// What it is.
  public var kind: MemberKind
  /// Size in bytes; 0 of what is no file.
  public var size: Int
  /// Owner, mode and extended attributes of the live file.
  public var attributes: FileAttributes
  /// Time of the last change, in nanoseconds since 1970; nil for that of the snapshot.
  public var modified: Int64?
  /// All of its content, where the driver has that in memory; it is not read then.
  public var bytes: ArraySlice<UInt8>?
  /// The file whose content the member is, byte for byte. A copy on the same volume may share its blocks.
  public var live: FileHandle?
  /// Reads up to the buffer's count of bytes from an offset; the count, 0 at the end.
  public var read: (_ offset: Int, _ buffer: UnsafeMutableRawBufferPointer) throws(Problem) -> Int

  /// A member; see the properties.
  public init(
    name: String, kind: MemberKind = .file, size: Int, attributes: FileAttributes, modified: Int64? = nil,
    read: @escaping (_ offset: Int, _ buffer: UnsafeMutableRawBufferPointer) throws(Problem) -> Int
  ) {
    self.name = name
    self.kind = kind
    self.size = size
    self.attributes = attributes
    self.modified = modified
    self.read = read
  }

  /// A member whose content is in memory.
  public init(name: String, bytes: ArraySlice<UInt8>, attributes: FileAttributes, modified: Int64?) {
    self.init(name: name, size: bytes.count, attributes: attributes, modified: modified) {
      (offset, buffer) throws(Problem) in
      let part = bytes.dropFirst(offset).prefix(buffer.count)
      buffer.copyBytes(from: part)
      return part.count
    }
    self.bytes = bytes
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

  /// Writes the member, which is a file, to a new one, which must not exist yet; not synced. Runs of zeros become holes. Where the
  /// file system can, the new file shares the blocks of the live one, and takes neither time nor room.
  public func write(to path: String) throws(Problem) {
    let file = try FileHandle.create(path, mode: 0o600)
    defer { file.close() }
    if let live, csystem_clone_file(live.descriptor, file.descriptor) == 0 {
      if try file.status().size == size, try live.status().modified == modified { return }
      try file.truncate(to: 0)
    }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    var offset = 0
    while offset < size {
      let count = try read(offset, buffer)
      if count == 0 { break }
      try file.writeSparsely(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: offset)
      offset += count
    }
    try file.truncate(to: offset)
  }
}

/// What a member of a snapshot or of an archive is.
public enum MemberKind: Sendable, Hashable {
  /// A file with its content.
  case file
  /// A folder; what is in it are members of their own.
  case folder
  /// A symbolic link, and what it says. It is never followed.
  case link(String)
}

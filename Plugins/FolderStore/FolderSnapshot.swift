import MendKit

/// A folder on its way into an archive: each file is opened when its turn comes.
final class FolderSnapshot {
  private let content: FolderContent
  private let isRaw: Bool
  private let staging: String?
  /// The entries that are taken up: what is neither file, folder nor link has no content to keep.
  private let taken: [Int]
  private let ahead: ReadAhead?
  private let shared: SharedReading?

  /// A snapshot of what is in a folder, or, with `sharing`, of what a verification reads in it.
  init(
    _ content: FolderContent, isRaw: Bool = false, staging: String? = nil, sharing shared: SharedReading? = nil
  ) throws(Problem) {
    self.content = content
    self.isRaw = isRaw
    self.staging = staging
    self.shared = shared
    if !isRaw, let problem = content.problems.first { throw Self.asDamage(problem) }
    taken = content.entries.indices.filter { index in
      let entry = content.entries[index]
      switch entry.status.kind {
      case .folder, .link: return true
      case .file: return !isRaw || access(Paths.join(content.path, entry.path), R_OK) == 0
      case .socket, .pipe, .device: return false
      }
    }
    ahead = isRaw || staging != nil || shared != nil ? nil : ReadAhead(content, taken)
  }

  private static func asDamage(_ problem: Problem) -> Problem {
    guard problem.kind == .system else { return problem }
    var problem = problem
    problem.kind = .damaged
    return problem
  }

  func snapshot() -> StoreSnapshot {
    let name = Paths.name(of: content.path)
    let members = SnapshotMembers(count: taken.count + 1) { [self] position in
      position == 0
        ? folder("", as: name) : member(position - 1, as: name)
    }
    return StoreSnapshot(members: members, isFolder: true, stamp: content.stamp, sample: { [self] in sample() })
  }

  private static let piecesOfSample = 32
  private static let pieceOfSample = 4096

  /// What stands at places that are spread evenly over all bytes of the folder.
  private func sample() -> [[UInt8]] {
    let step = content.bytes / Self.piecesOfSample
    guard step >= Self.pieceOfSample else { return [] }
    var pieces: [[UInt8]] = []
    var passed = 0
    for index in content.files {
      let (size, path) = (content.entries[index].status.size, content.entries[index].path)
      while pieces.count < Self.piecesOfSample, passed + size > pieces.count * step {
        let offset = min(max(0, pieces.count * step - passed), max(0, size - Self.pieceOfSample))
        let file = try? FileHandle.open(
          Paths.join(content.path, path), O_RDONLY | O_NONBLOCK | O_NOFOLLOW, tried: "open")
        pieces.append((try? file?.read(Self.pieceOfSample, at: offset)) ?? [])
      }
      passed += size
    }
    return pieces
  }

  /// The member at a place among those that are taken up.
  private func member(_ place: Int, as folderName: String) -> SnapshotMember {
    let entry = content.entries[taken[place]]
    let name = folderName + "/" + entry.path
    switch entry.status.kind {
    case .folder: return folder(entry.path, as: name)
    case .link: return link(entry, as: name)
    default:
      let index = taken[place]
      guard let file = shared.map({ $0.file(index) }) ?? ahead?.file(at: place) else {
        return self.file(entry, index, as: name)
      }
      return SnapshotMember(
        name: name, bytes: file.bytes, attributes: file.attributes, modified: file.status.modified)
    }
  }

  private static let nothing: @Sendable (Int, UnsafeMutableRawBufferPointer) throws(Problem) -> Int = {
    (_, _) throws(Problem) in
    0
  }

  /// A member that cannot be given: whoever reads it is told why.
  private static func failing(_ problem: Problem, _ name: String) -> SnapshotMember {
    SnapshotMember(name: name, size: 1, attributes: FileAttributes(user: 0, group: 0, mode: 0)) {
      (_, _) throws(Problem) in throw problem
    }
  }

  private func folder(_ path: String, as name: String) -> SnapshotMember {
    do throws(Problem) {
      let file = try FileHandle.open(
        path.isEmpty ? content.path : Paths.join(content.path, path), O_RDONLY | O_DIRECTORY, tried: "open the folder")
      defer { file.close() }
      return SnapshotMember(
        name: name, kind: .folder, size: 0, attributes: try FileAttributes(of: file),
        modified: try file.status().modified,
        read: Self.nothing)
    } catch {
      return Self.failing(error, name)
    }
  }

  private func link(_ entry: FolderWalk.Entry, as name: String) -> SnapshotMember {
    do throws(Problem) {
      let target = try Paths.linkTarget(Paths.join(content.path, entry.path))
      let status = entry.status
      return SnapshotMember(
        name: name, kind: .link(target), size: 0,
        attributes: FileAttributes(user: status.user, group: status.group, mode: status.mode),
        modified: status.modified, read: Self.nothing)
    } catch {
      return Self.failing(error, name)
    }
  }

  private func file(_ entry: FolderWalk.Entry, _ index: Int, as name: String) -> SnapshotMember {
    do throws(Problem) {
      let live = try FileHandle.open(
        Paths.join(content.path, entry.path), O_RDONLY | O_NONBLOCK | O_NOFOLLOW, tried: "open")
      var status = try live.status()
      guard status.kind == .file else { throw Self.changing(live.path) }
      var file = live
      var size = status.size
      if let staging {
        file = try copy(live, into: staging)
        status = try live.status()
        size = try file.status().size
      }
      let isRaw = isRaw
      let sum = shared == nil ? nil : try RunningSum(of: live.path)
      let content = SparseFile(file, file === live ? status : try file.status())
      var member = SnapshotMember(
        name: name, size: size, attributes: try FileAttributes(of: live, status), modified: status.modified
      ) { [file, size, status, shared] (offset, buffer) throws(Problem) in
        if offset >= size { return 0 }
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, size - offset)])
        let count =
          try isRaw ? Self.readRaw(content, into: part, at: offset, of: size) : content.read(into: part, at: offset)
        // A file that was written to while it was read is no state that it ever had.
        if file === live, offset + count >= size, try !Self.isUnchanged(live, status) { throw Self.changing(live.path) }
        if let sum, let shared {
          sum.update(UnsafeRawBufferPointer(rebasing: part[..<count]))
          if offset + count >= size { shared.note(index, sum.value) }
        }
        return count
      }
      if file === live, !isRaw { member.live = live }
      return member
    } catch {
      return Self.failing(error, name)
    }
  }

  private static func isUnchanged(_ file: FileHandle, _ status: FileStatus) throws(Problem) -> Bool {
    let now = try file.status()
    return now.size == status.size && now.modified == status.modified
  }

  private static func changing(_ path: String) -> Problem {
    Problem(
      .changing, tried: "read one state of", on: path, said: "another process wrote to it meanwhile",
      advice: "Run dbmend again when the application is less busy, or exclude the file.", code: "store.changing")
  }

  /// How often a file is copied that another process writes to meanwhile.
  private static let tries = 20

  /// One state of a file, in a file of the staging folder that has no name any more.
  private func copy(_ live: FileHandle, into folder: String) throws(Problem) -> FileHandle {
    let path = Paths.join(folder, "file")
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 512 << 10, alignment: 4096)
    defer { buffer.deallocate() }
    for _ in 0..<Self.tries {
      let before = try live.status()
      let content = SparseFile(live, before)
      let copy = try FileHandle.create(path, mode: 0o600)
      try Paths.removeFile(path)
      var offset = 0
      while true {
        let count =
          try isRaw
          ? Self.readRaw(content, into: buffer, at: offset, of: before.size) : content.read(into: buffer, at: offset)
        if count == 0 { break }
        try copy.writeSparsely(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: offset)
        offset += count
      }
      try copy.truncate(to: offset)
      if offset == before.size, try Self.isUnchanged(live, before) { return copy }
    }
    throw Self.changing(live.path)
  }

  /// Reads what the disk gives; a block that it does not give is zeros.
  private static func readRaw(
    _ file: SparseFile, into buffer: UnsafeMutableRawBufferPointer, at offset: Int, of size: Int
  ) throws(Problem) -> Int {
    do throws(Problem) {
      return try file.read(into: buffer, at: offset)
    } catch {
      guard error.code == "disk.read-error" else { throw error }
    }
    let count = min(buffer.count, max(0, size - offset))
    let block = 4096
    for start in stride(from: 0, to: count, by: block) {
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[start..<min(start + block, count)])
      let read = (try? file.read(into: part, at: offset + start)) ?? 0
      UnsafeMutableRawBufferPointer(rebasing: part[read...]).initializeMemory(as: UInt8.self, repeating: 0)
    }
    return count
  }
}

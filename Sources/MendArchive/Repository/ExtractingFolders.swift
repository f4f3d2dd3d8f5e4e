import MendKit

extension Repository {
  /// Writes an archived folder into a folder, with owners, modes, attributes and times as the listing has them.
  static func extractFolder(
    _ record: Record, _ manifest: Manifest, into output: ExtractionFolder, isDurable: Bool
  ) throws(Problem) -> ExtractedMember {
    do throws(Problem) {
      try Paths.makeFolder(output.path, mode: 0o700)
      guard let folder = manifest.listing?.folder, let listing = try listing(of: record) else {
        throw .archive("extract the archive", record.path, "it lists no files")
      }
      let writing = TreeWriting(output)
      let scan = Scan(
        expected: manifest, path: record.path, depth: .sha256, tried: "extract the archive", listing: listing,
        target: { (member, _) throws(Problem) in
          Scan.plain(member.name).hasPrefix(folder + "/") ? try output.create(member.name) : nil
        },
        finish: { (_, file) throws(Problem) in try writing.finish(file) },
        place: { (listed) throws(Problem) in try writing.place(listed) })
      _ = try scan.run()
      let attributes =
        writing.folders.first?.attributes ?? FileAttributes(user: geteuid(), group: getegid(), mode: 0o700)
      try writing.finishFolders()
      if isDurable { try Durable.syncVolume(of: output.path) }
      return ExtractedMember(name: folder, path: Paths.join(output.path, folder), attributes: attributes)
    } catch {
      output.discard()
      throw error
    }
  }

  /// Writes some files and links of an archived folder into a folder that is there, under their names in the archive. Each file is
  /// compared with its SHA-256. Throws where one of them is not in the archive.
  public static func extract(_ record: Record, files: Set<String>, into folder: String) throws(Problem) -> [ListedFile]
  {
    let tried = "extract files of the archive"
    guard var listing = try listing(of: record) else { throw .archive(tried, record.path, "it is of no folder") }
    var wanted: [String: ListedFile] = [:]
    var flaw: String?
    do throws(FileListing.Flaw) {
      while let listed = try listing.next() {
        guard files.contains(listed.name) else { continue }
        flaw = flaw ?? MemberName.flaw(listed.name)
        wanted[listed.name] = listed
      }
    } catch {
      flaw = error.said
    }
    if let flaw { throw .archive(tried, record.path, flaw) }
    let output = ExtractionFolder(folder)
    let writing = TreeWriting(output)
    let reader = try TarReader(record.path)
    let lane = try HashLane(sha256: true)
    var extracted: [ListedFile] = []
    do throws(Problem) {
      while extracted.count < files.count, let entry = try reader.next() {
        guard let listed = wanted.removeValue(forKey: Scan.plain(entry.name)) else { continue }
        if listed.kind == .file, entry.kind == .file {
          try writing.place(listed)
          try copy(listed, from: reader, lane, to: try output.create(listed.name), writing, record)
        } else if listed.kind != .file {
          try writing.place(listed)
        }
        extracted.append(listed)
      }
    } catch {
      output.discard()
      throw error
    }
    guard extracted.count == files.count else {
      output.discard()
      let missing = files.subtracting(extracted.map(\.name)).min() ?? ""
      throw .archive(tried, record.path, "it does not hold \(MemberName.shown(missing))")
    }
    try writing.finishFolders()
    return extracted
  }

  private static func copy(
    _ listed: ListedFile, from reader: TarReader, _ lane: HashLane, to file: FileHandle, _ writing: TreeWriting,
    _ record: Record
  ) throws(Problem) {
    let shown = MemberName.shown(listed.name)
    var offset = 0
    while true {
      let buffer = lane.next()
      let count = try reader.read(into: buffer)
      if count == 0 { break }
      guard offset + count <= listed.size else {
        throw .archive("extract files of the archive", record.path, "the member \(shown) goes on behind its size")
      }
      lane.submit(count)
      try file.writeSparsely(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: offset)
      offset += count
    }
    try file.truncate(to: offset)
    guard offset == listed.size, try lane.finish().sha256 == listed.sha256 else {
      throw .archive(
        "extract files of the archive", record.path, "the member \(shown) was altered: its SHA-256 is not the listing's"
      )
    }
    try writing.finish(file)
  }
}

/// Gives what is extracted of a folder the attributes and times that the listing has.
private final class TreeWriting {
  private let output: ExtractionFolder
  private(set) var folders: [ListedFile] = []
  private var current: ListedFile?

  init(_ output: ExtractionFolder) { self.output = output }

  /// Makes a folder or a link; of a file, remembers what to give it once it is written.
  func place(_ listed: ListedFile) throws(Problem) {
    current = listed
    switch listed.kind {
    case .file: return
    case .folder:
      try output.makeFolder(listed.name)
      folders.append(listed)
    case .link(let target):
      try output.link(listed.name, to: target)
      FileTimes.set(listed.modified, ofLink: Paths.join(output.path, listed.name))
      _ = lchown(Paths.join(output.path, listed.name), listed.attributes.user, listed.attributes.group)
    }
  }

  func finish(_ file: FileHandle) throws(Problem) {
    guard let current else { return }
    try current.attributes.applyAsAllowed(to: file)
    FileTimes.set(current.modified, of: file)
  }

  /// The folders come last, the innermost first: one that may not be written to could not be filled, and filling one changes its
  /// time.
  func finishFolders() throws(Problem) {
    for folder in folders.reversed() {
      let handle = try FileHandle.open(
        Paths.join(output.path, folder.name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, tried: "open the folder")
      defer { handle.close() }
      try folder.attributes.applyAsAllowed(to: handle)
      FileTimes.set(folder.modified, of: handle)
    }
  }
}

import MendKit

/// Puts what frames the chunks of a copy right, without the engine: the headers of the file, and headers and footers of chunks.
struct ChunkMending {
  private let file: StoreFile
  private let survey: FileSurvey

  /// What can be done.
  enum Plan: Equatable {
    /// Nothing is wrong with the frames, or nothing can be done about it.
    case nothing
    /// Everything that is damaged can be written anew from what the rest says.
    case renew
    /// The header or the footer of the newest chunk is damaged, and everything else of it is there.
    case complete(Chunk)
    /// The newest version all of whose chunks and pages are whole is this older one.
    case older(Int)
    /// Both headers are lost; the newest version that is in the file is this one, and nothing tells of a newer one.
    case headers(Int)
  }

  init(_ handle: FileHandle) throws(Problem) {
    file = try StoreFile(handle)
    survey = try FileSurvey.make(handle)
  }

  /// What would be done.
  func plan() throws(Problem) -> Plan {
    guard !survey.isSound || survey.headers.newest == nil else { return .nothing }
    if survey.headers.newest == nil {
      guard let best = try newestWhole(below: .max) else { return .nothing }
      guard try hasTracesOf(newerThan: best.version) else { return .headers(best.version) }
      return try newestWhole(below: .max, withTables: true).map { .older($0.version) } ?? .nothing
    }
    guard survey.damages.contains(where: { $0.kind == .version }) else {
      // Of a store that was not closed no header tells which version was its newest.
      if let header = survey.headers.newest, !header.isClean, survey.damages.allSatisfy({ $0.kind == .header }),
        let found = survey.newest?.last.version, try hasTracesOf(newerThan: found)
      {
        return .older(found)
      }
      return survey.damages.allSatisfy { $0.kind == .header || $0.kind == .chunk } ? .renew : .nothing
    }
    if let chunk = try LostFrame(file).chunk() { return .complete(chunk) }
    return try newestWhole(below: .max, withTables: true).map { .older($0.version) } ?? .nothing
  }

  /// Carries the plan out on the file, which is open for writing; what was done, in words.
  func run() throws(Problem) -> [String] {
    switch try plan() {
    case .nothing: return []
    case .renew:
      var notes: [String] = []
      if let newest = survey.newest {
        for chunk in newest.broken { try renew(chunk) }
        if !newest.broken.isEmpty {
          notes.append("wrote headers and footers of \(newest.broken.count) chunks anew, as the layout has them")
        }
        if survey.headers.isClean, try renewUnused(newest) {
          notes.append("wrote headers and footers of chunks anew of which nothing is in use, and which H2 looks at")
        }
        if !survey.headers.damaged.isEmpty {
          try file.handle.write(
            StoreHeaders.bytes(for: newest.last, like: survey.headers.newest, format: file.format), at: 0)
          notes.append("wrote \(survey.headers.damaged.joined(separator: " and ")) anew")
        }
      }
      try file.handle.sync()
      return notes
    case .complete(let chunk):
      try renew(chunk)
      try file.handle.write(StoreHeaders.bytes(for: chunk, like: survey.headers.newest, format: file.format), at: 0)
      try file.handle.sync()
      return ["wrote the header and the footer of the newest chunk anew, as the rest of it has them"]
    case .older(let version), .headers(let version):
      try open(at: version)
      return ["set the headers to version \(version), the newest one all of whose chunks and pages are whole"]
    }
  }

  /// The last chunk of the newest version below a number that is whole down to its pages. One from before the first table is of no
  /// use to who wants his tables back: `withTables` passes it over.
  func newestWhole(below limit: Int, withTables: Bool = false) throws(Problem) -> Chunk? {
    let chunks = VersionSearch.sorted(try file.wholeChunks())
    var known: [Int: Chunk] = [:]
    for chunk in chunks.reversed() { known[chunk.id] = chunk }
    for chunk in chunks.prefix(Self.mostTried) where chunk.version < limit {
      guard case .success(let version) = try StoreVersion.read(chunk, in: file, known: known), version.broken.isEmpty,
        // A layout that names no maps is of a store that was being made.
        version.roots.count > 1
      else { continue }
      if withTables, try !version.hasTables(in: file) { continue }
      var walker = PageWalker(file, version, try MapTypes(version, meta: version.meta(in: file), in: file))
      for (map, root) in version.roots { _ = try walker.walk(root, of: map) }
      if walker.flaws.isEmpty { return chunk }
    }
    return nil
  }

  /// The newest version that is whole, has tables, and is not above a number.
  func version(at number: Int) throws(Problem) -> StoreVersion? {
    guard let last = try newestWhole(below: number + 1, withTables: true) else { return nil }
    var known: [Int: Chunk] = [:]
    for chunk in try VersionSearch.sorted(file.wholeChunks()).reversed() { known[chunk.id] = chunk }
    guard case .success(let version) = try StoreVersion.read(last, in: file, known: known) else { return nil }
    return version
  }

  private static let mostTried = 200

  /// Whether the file holds the header or the footer of a chunk of a newer version, which is not whole.
  private func hasTracesOf(newerThan version: Int) throws(Problem) -> Bool {
    for block in 2..<max(2, file.blocks) {
      if let header = try file.header(at: block), header.version > version { return true }
      if let footer = try file.footer(before: block + 1), footer.version > version { return true }
    }
    return false
  }

  /// Writes headers for a version, and over the frames of every chunk of a newer one, which H2 would take up instead.
  private func open(at version: Int) throws(Problem) {
    guard let last = try newestWhole(below: version + 1), last.version == version else { return }
    let zeros = [UInt8](repeating: 0, count: Chunk.footerSize)
    for block in 2..<max(2, file.blocks) {
      let start = block * StoreHeaders.blockSize
      let isKept = last.block <= block && block < last.block + last.length
      guard !isKept else { continue }
      if let header = try file.header(at: block), header.version > version { try file.handle.write(zeros, at: start) }
      if let footer = try file.footer(before: block + 1), footer.version > version {
        try file.handle.write(zeros, at: start + StoreHeaders.blockSize - Chunk.footerSize)
      }
    }
    try file.handle.write(StoreHeaders.bytes(for: last, like: survey.headers.newest, format: file.format), at: 0)
    try file.handle.sync()
  }

  /// Writes headers and footers of chunks of which nothing is in use: nobody reads their pages. Whether there were any.
  private func renewUnused(_ version: StoreVersion) throws(Problem) -> Bool {
    var isChanged = false
    for chunk in version.brokenUnused {
      let others = version.chunks.values.filter {
        $0.block < chunk.block + chunk.length && chunk.block < $0.block + $0.length
      }
      guard others.isEmpty, chunk.block + chunk.length <= file.blocks else { continue }
      try file.handle.write(Array((Self.header(of: chunk) + "\n").utf8), at: chunk.start)
      try file.handle.write(
        Self.footer(of: chunk, format: file.format), at: chunk.start + chunk.size - Chunk.footerSize)
      isChanged = true
    }
    return isChanged
  }

  private static func header(of chunk: Chunk) -> String {
    func hexadecimal(_ number: Int) -> String { String(number, radix: 16) }
    return
      "chunk:\(hexadecimal(chunk.id)),block:\(hexadecimal(chunk.block)),len:\(hexadecimal(chunk.length)),map:0,max:0,"
      + "pages:\(hexadecimal(chunk.pages)),root:\(String(chunk.root, radix: 16)),time:\(String(chunk.time, radix: 16)),"
      + "version:\(hexadecimal(chunk.version)),toc:\(hexadecimal(chunk.contents))"
  }

  /// Writes the header and the footer of a chunk as the layout has it.
  private func renew(_ chunk: Chunk) throws(Problem) {
    var reader = ByteReader(try file.handle.read(chunk.pages * 8, at: chunk.start + chunk.contents))
    var first = chunk.size
    while let entry = reader.number(8) { first = min(first, PagePosition(entry).offset) }
    let text = Self.header(of: chunk)
    guard
      try file.header(at: chunk.block, id: chunk.id) != nil || (text.utf8.count < first && first <= Chunk.longestHeader)
    else { return }
    if try file.header(at: chunk.block, id: chunk.id) == nil {
      let padding = [UInt8](repeating: 0x20, count: first - 1 - text.utf8.count)
      try file.handle.write(Array(text.utf8) + padding + [0x0A], at: chunk.start)
    }
    let footer = Self.footer(of: chunk, format: file.format)
    try file.handle.write(footer, at: chunk.start + chunk.size - Chunk.footerSize)
  }

  /// The footer of a chunk, as H2 writes it.
  static func footer(of chunk: Chunk, format: Int) -> [UInt8] {
    func hexadecimal(_ number: Int) -> String { String(number, radix: 16) }
    var text =
      format > 2
      ? "chunk:\(hexadecimal(chunk.id)),len:\(hexadecimal(chunk.length)),version:\(hexadecimal(chunk.version))"
      : "chunk:\(hexadecimal(chunk.id)),block:\(hexadecimal(chunk.block)),version:\(hexadecimal(chunk.version))"
    text += ",fletcher:\(String(Fletcher.sum(Array(text.utf8)[...]), radix: 16))"
    return Array(text.utf8) + [UInt8](repeating: 0x20, count: Chunk.footerSize - 1 - text.utf8.count) + [0x0A]
  }
}

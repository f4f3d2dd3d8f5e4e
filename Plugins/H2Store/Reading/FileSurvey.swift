import MendKit

/// What a pass over a store's headers, chunks and pages found, without its engine.
struct FileSurvey {
  /// The headers.
  let headers: StoreHeaders
  /// The newest version that the file tells of; nil where its layout cannot be read.
  private(set) var newest: StoreVersion?
  /// What is damaged of it.
  private(set) var damages: [Damage] = []
  /// The newest version all of whose chunks are in order, where that is an older one.
  private(set) var older: StoreVersion?
  /// Entries of each map of the newest version, by its name, where it could be read to its end.
  private(set) var entries: [String: Int] = [:]
  /// Entries that the roots of the maps say to be below them, by the maps' names.
  private(set) var declared: [String: Int] = [:]
  /// Indexes whose entries are not those that their tables ask for, by their maps' names: the columns that they were taken to have.
  private(set) var disagreeing: [String: [Int]] = [:]
  /// Indexes that hold exactly what their tables ask for, by their maps' names, likewise.
  private(set) var agreeing: [String: [Int]] = [:]
  /// What the maps are of.
  private(set) var objects = ObjectNames()
  /// Pages in use that were looked at.
  private(set) var pages = 0

  /// One thing that is not what was written.
  struct Damage: Hashable {
    /// Sort of the damage.
    enum Kind: Hashable { case header, version, chunk, page }
    var kind: Kind
    /// The chunk's number.
    var chunk: Int?
    /// The map's name, where a page of one is damaged.
    var map: String?
    /// Where it is in the file.
    var byte: Int?
    /// A sentence.
    var said: String
  }

  /// Whether nothing is wrong.
  var isSound: Bool { damages.isEmpty }

  /// Looks at a file; at what stands in its pages as well, unless only what frames them is asked for. Throws where that cannot be
  /// read at all.
  static func make(_ handle: FileHandle, readsContent: Bool = true) throws(Problem) -> FileSurvey {
    let file = try StoreFile(handle)
    var survey = FileSurvey(headers: file.headers)
    try survey.findVersion(file)
    if let newest = survey.newest { try survey.walk(newest, file, readsContent: readsContent) }
    return survey
  }

  private init(headers: StoreHeaders) {
    self.headers = headers
    if headers.newest != nil {
      for (number, header) in headers.headers.enumerated() where header == nil {
        damages.append(
          Damage(
            kind: .header, byte: number * StoreHeaders.blockSize,
            said: "the \(number == 0 ? "first" : "second") header of the file is damaged (its checksum is wrong)"))
      }
    }
  }

  private mutating func findVersion(_ file: StoreFile) throws(Problem) {
    let candidates = try VersionSearch(file).candidates()
    let said = headers.newest
    var known: [Int: Chunk] = [:]
    for chunk in candidates.reversed() { known[chunk.id] = chunk }
    var failed: (chunk: Chunk, flaw: PageFlaw)?
    for chunk in candidates {
      switch try StoreVersion.read(chunk, in: file, known: known) {
      case .failure(let flaw): failed = failed ?? (chunk, flaw)
      case .success(let version):
        // What comes after the version of the header was never completed; what the header names was.
        let wasCompleted = said.map { chunk.version <= $0.version } ?? true
        if !version.broken.isEmpty, !wasCompleted, newest == nil { continue }
        if newest == nil, failed == nil || !wasCompleted || (failed?.chunk.version ?? 0) > (said?.version ?? Int.max) {
          newest = version
          noteBroken(version)
          if version.broken.isEmpty { break }
        } else if version.broken.isEmpty {
          older = version
        }
      }
      if newest?.broken.isEmpty ?? false || older != nil { break }
    }
    noteVersion(said, failed)
  }

  private mutating func noteVersion(_ said: StoreHeaders.Header?, _ failed: (chunk: Chunk, flaw: PageFlaw)?) {
    if let said, let found = newest?.last.version ?? older?.last.version, found < said.version {
      damages.append(
        Damage(
          kind: .version, chunk: said.chunk, byte: said.block * StoreHeaders.blockSize,
          said:
            "the chunk \(said.chunk) of version \(said.version), which the header names, is damaged; the newest one that "
            + "can be read is of version \(found)"))
    } else if let failed, newest == nil || failed.chunk.version <= (said?.version ?? 0) {
      damages.append(
        Damage(
          kind: .version, chunk: failed.chunk.id, byte: failed.chunk.start,
          said:
            "the layout of version \(failed.chunk.version) in chunk \(failed.chunk.id) cannot be read: a page is damaged, "
            + failed.flaw.said))
    } else if newest == nil, older == nil {
      damages.append(Damage(kind: .version, said: "no chunk of the file is whole"))
    }
  }

  private mutating func noteBroken(_ version: StoreVersion) {
    for chunk in version.brokenUnused where headers.isClean {
      damages.append(
        Damage(
          kind: .chunk, chunk: chunk.id, byte: chunk.start,
          said:
            "the header or the footer of chunk \(chunk.id), at block \(chunk.block), is not what was written: nothing of it is in use, but "
            + "H2 takes it for a sign of a crash, and would open an older version without a word"))
    }
    for chunk in version.broken {
      damages.append(
        Damage(
          kind: .chunk, chunk: chunk.id, byte: chunk.start,
          said:
            "the header or the footer of chunk \(chunk.id), \(chunk.length) blocks from block \(chunk.block) on, is not what "
            + "was written"))
    }
  }

  /// Pages of one map that are named one by one.
  private static let mostNamed = 100

  private mutating func walk(_ version: StoreVersion, _ file: StoreFile, readsContent: Bool) throws(Problem) {
    let meta = try version.meta(in: file)
    let names = StoreVersion.names(meta)
    let types = readsContent ? try MapTypes(version, meta: meta, in: file) : MapTypes()
    if let list = names.first(where: { $0.value == "table.0" })?.key {
      objects = try ObjectNames(version, map: list, types, in: file)
    }
    var walker = PageWalker(file, version, types)
    var comparison = IndexComparison(names, objects, types, isClosed: headers.isClean)
    for (map, root) in version.roots.sorted(by: { $0.key < $1.key }) {
      let name = map == 0 ? "layout" : map == version.metaMap ? "meta" : names[map] ?? "map \(map)"
      let before = walker.flaws.count
      walker.sums = comparison.sums(of: map)
      let count = try walker.walk(root, of: map)
      if walker.flaws.count == before {
        entries[name] = count
        comparison.take(walker.sums, of: map)
      }
      if case .success(let page) = try PageReader(file, chunks: version.chunks).page(root, of: map, whole: false) {
        declared[name] = root.isNode ? page.children.reduce(0) { $0 &+ $1.entries } : page.keys
      }
      for flaw in walker.flaws[before...].prefix(Self.mostNamed) {
        damages.append(
          Damage(
            kind: .page, chunk: flaw.position.chunk, map: name, byte: flaw.byte,
            said: "a page of \(words(name)) in chunk \(flaw.position.chunk) is damaged: \(flaw.said)"))
      }
    }
    pages = walker.pages
    (agreeing, disagreeing) = comparison.results()
  }

  /// What a map is of, for a sentence.
  private func words(_ map: String) -> String {
    guard let object = objects[map] else { return map }
    return object.index.map { "the index \($0) of \(object.table)" } ?? "the table \(object.table)"
  }
}

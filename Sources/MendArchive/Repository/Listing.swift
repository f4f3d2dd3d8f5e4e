import MendKit

extension Repository {
  /// Every archive of the folder, in the order in which they were taken, whatever the clock said then. Opens no
  /// archive beside which a readable copy of its manifest stands. An archive that cannot be used is among them, with
  /// its problem, and so is one of which only the manifest's copy is left. A folder that is not there has no
  /// archives.
  public func records() throws(Problem) -> [Record] {
    guard FileStatus.exists(path) else { return [] }
    var stems: Set<String> = []
    for name in try Paths.names(in: path) where !name.hasPrefix(".") {
      for suffix in [ArchiveFile.suffix, ArchiveFile.copySuffix] where name.hasSuffix(suffix) {
        stems.insert(String(name.dropLast(suffix.count)))
      }
    }
    return stems.map { stem in
      let archive = Paths.join(path, stem + ArchiveFile.suffix)
      let record = Self.record(of: archive)
      // A device may do what it did not do before.
      return record.problem?.kind == .system ? Self.record(of: archive) : record
    }.sorted(by: Self.isBefore)
  }

  /// The archives of one store, by the identity in their manifests, in the order in which they were taken. Throws where it is this
  /// machine that keeps one from being read: whose that is is not known.
  public func records(of store: StoreIdentity) throws(Problem) -> [Record] {
    let records = try records()
    for record in records {
      if let problem = record.problem, problem.isOfMachine { throw problem }
    }
    return records.filter { $0.manifest?.store == store }
  }

  /// How many archives there are, and how many bytes they take together. Opens nothing.
  public func usage() throws(Problem) -> (archives: Int, bytes: Int) {
    guard FileStatus.exists(path) else { return (0, 0) }
    var archives = 0
    var bytes = 0
    for name in try Paths.names(in: path) where !name.hasPrefix(".") && name.hasSuffix(ArchiveFile.suffix) {
      guard let status = try? FileStatus.of(Paths.join(path, name)), status.kind == .file else { continue }
      archives += 1
      bytes += status.size
    }
    return (archives, bytes)
  }

  /// The archive under any path, in a repository or not, with or without a copy of its manifest beside it. Throws where
  /// there is none, or where what is there is no archive of dbmend.
  public static func open(archiveAt path: String) throws(Problem) -> Record {
    let size = try ArchiveFile.open(path).status().size
    if let (manifest, seal) = readCopy(of: path) {
      return sealed(Record(path: path, size: size, manifest: manifest, seal: seal))
    }
    return Record(path: path, size: size, manifest: try Scan.manifest(inside: path))
  }

  private static func record(of path: String) -> Record {
    let copy = readCopy(of: path)
    var record = Record(path: path, size: nil, manifest: copy?.manifest, seal: copy?.seal)
    do throws(Problem) {
      record.size = try ArchiveFile.open(path).status().size
      if record.manifest == nil { record.manifest = try Scan.manifest(inside: path) }
    } catch {
      record.problem = error
    }
    return sealed(record)
  }

  /// The record, with a problem where the file has not the size that it had when it was written.
  private static func sealed(_ record: Record) -> Record {
    var record = record
    if record.problem == nil, let size = record.size, let seal = record.seal, size != seal.size {
      record.problem = .archive(
        "use the archive", record.path, "it has \(size) bytes, and had \(seal.size) when it was written")
    }
    return record
  }

  /// What the copy beside an archive says; nil where there is none or it makes no sense, so that the archive is asked.
  static func readCopy(of path: String) -> (manifest: Manifest, seal: Seal?)? {
    guard let file = try? ArchiveFile.open(ArchiveFile.copy(of: path)),
      let bytes = try? file.readAll(limit: Manifest.largestText)
    else { return nil }
    return try? Manifest.parse(bytes)
  }

  /// By sequence; those that tell none come first, so that the last of a list is the newest that is known.
  private static func isBefore(_ one: Record, _ other: Record) -> Bool {
    let first = one.manifest?.sequence ?? -1
    let second = other.manifest?.sequence ?? -1
    return first != second ? first < second : one.path < other.path
  }
}

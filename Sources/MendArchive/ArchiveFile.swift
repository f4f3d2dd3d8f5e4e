import MendKit

/// Names and files of archives.
enum ArchiveFile {
  static let suffix = ".tar.zst"
  static let copySuffix = ".manifest.json"
  static let notesSuffix = ".pages"
  static let partialSuffix = ".partial"

  /// The manifest's copy that stands beside an archive.
  static func copy(of archive: String) -> String { stem(of: archive) + copySuffix }

  /// What the driver noted of the content, once more beside the archive.
  static func notes(of archive: String) -> String { stem(of: archive) + notesSuffix }

  private static func stem(of archive: String) -> String {
    archive.hasSuffix(suffix) ? String(archive.dropLast(suffix.count)) : archive
  }

  /// `<environment>_<store>_<YYYYMMDD_HHMMSS>`: what people look for. Nothing is ever read out of it again.
  static func stem(for store: StoreIdentity, taken: Int64) -> String {
    "\(plain(store.environment))_\(plain(store.name))_\(UTCTime(seconds: taken).compact)"
  }

  /// A name that is safe in every file system and shell: letters, digits, `.`, `_` and `-`, at most 80 of them.
  private static func plain(_ name: String) -> String {
    var text = ""
    for character in name.prefix(80) {
      let isSafe = character.isASCII && (character.isLetter || character.isNumber || "._-".contains(character))
      text.append(isSafe ? character : "-")
    }
    if text.hasPrefix(".") { text = "-" + text.dropFirst() }
    return text.isEmpty ? "-" : text
  }

  /// Opens an archive's file, which must be a regular one: a pipe under such a name would be waited for without end.
  static func open(_ path: String) throws(Problem) -> FileHandle {
    let file: FileHandle
    do throws(Problem) {
      file = try FileHandle.open(path, O_RDONLY | O_NONBLOCK, tried: "open the archive")
    } catch {
      guard error.kind == .missing else { throw error }
      throw .archive("open the archive", path, "there is no such file", advice: "See dbmend list for those there are.")
    }
    guard try file.status().kind == .file else {
      throw .archive("open the archive", path, "it is not a regular file", advice: nil)
    }
    return file
  }
}

extension Problem {
  /// What to do about an archive that cannot be relied on.
  static let archiveAdvice =
    "Use another archive (dbmend list shows them). What can still be read of this one: "
    + "zstd -dc ARCHIVE | tar -xf -"

  /// What kept libarchive from its work where that is no matter of the archive, by its error number: memory.
  static func ofLibrary(_ number: Int32, _ tried: String, _ path: String) -> Problem? {
    number == ENOMEM ? SystemError.problem(tried, path, number) : nil
  }

  /// An archive that is missing, truncated or altered.
  static func archive(
    _ tried: String, _ path: String, _ said: String, advice: String? = archiveAdvice
  ) -> Problem {
    Problem(.archive, tried: tried, on: path, said: said, advice: advice)
  }
}

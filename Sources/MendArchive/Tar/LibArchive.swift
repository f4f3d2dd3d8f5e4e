import CArchive
import MendKit

/// libarchive, loaded when an archive is first written or read.
enum LibArchive {
  /// libarchive's functions.
  static func functions() throws(Problem) -> UnsafePointer<carchive_api> {
    var said: UnsafePointer<CChar>?
    if let functions = carchive_load(&said) { return functions }
    throw Problem(
      .unsupported, tried: "load", on: "libarchive", said: said.map { String(cString: $0) } ?? "it is not there",
      advice: "Install libarchive (Debian: libarchive13).")
  }

  /// Runs calls that convert names in a UTF-8 locale, whatever the program's own is.
  static func inUTF8<R>(_ body: () -> R) -> R {
    let previous = carchive_enter_utf8()
    defer { carchive_leave_utf8(previous) }
    return body()
  }

  // From archive.h; macros with casts are not imported.
  static let endOfArchive: Int32 = 1
  static let ok: Int32 = 0
  /// Something was worth a remark, but the call did its work.
  static let warn: Int32 = -20
  static let fatal: Int = -30
  static let zstd: Int32 = 14

  /// The part of a mode that tells files, folders and links apart, as archive_entry.h has it.
  static let regularFile: UInt32 = 0o100000
  static let folder: UInt32 = 0o040000
  static let symbolicLink: UInt32 = 0o120000
}

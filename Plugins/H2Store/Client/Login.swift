import CSystem
import MendKit

/// Who opens a database. A password is never on a command line, where every user of the machine could read it.
struct Login: Sendable, Hashable {
  /// The user's name.
  var user = "SA"
  /// A file whose first line is the password; nil for what the environment's `H2_PASSWORD` says, or none.
  var passwordFile: String?

  /// Whether there is no password, whatever the environment says: of a user that is made for one piece of work.
  var isWithoutPassword = false

  /// The password.
  func password() throws(Problem) -> String {
    guard !isWithoutPassword else { return "" }
    guard let passwordFile else { return getenv("H2_PASSWORD").map { String(cString: $0) } ?? "" }
    let bytes = try FileHandle.read(passwordFile).readAll(limit: 64 << 10)
    return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }, as: UTF8.self)
  }
}

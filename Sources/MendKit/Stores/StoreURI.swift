import Synchronization

/// The URI of a server's database, as a store's path. A password never stands in one that is shown or written down: it is
/// taken out where the URI is read, and kept in this process's memory for the driver.
public enum StoreURI {
  private static let passwords = Mutex<[String: String]>([:])

  /// Whether a path is a URI, such as `postgresql://host/name`, rather than that of a file.
  public static func isURI(_ path: String) -> Bool {
    let scheme = path.prefix { $0 != ":" }
    guard let first = scheme.first, first.isASCII, first.isLetter else { return false }
    return path.dropFirst(scheme.count).hasPrefix("://")
      && scheme.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
  }

  /// The URI without its password, which is remembered. What is no URI stays as it is.
  public static func withoutPassword(_ written: String) -> String {
    guard isURI(written), let start = written.firstRange(of: "://")?.upperBound else { return written }
    var password: String?
    let head = String(written[..<start])
    let parts = written[start...].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    var place = parts.first.map(String.init) ?? ""
    if let (before, secret, after) = credentials(in: place) {
      password = secret
      place = before + after
    }
    var result = head + place
    if parts.count == 2 {
      var kept: [Substring] = []
      for pair in parts[1].split(separator: "&") {
        if pair.lowercased().hasPrefix("password=") {
          password = decoded(String(pair.dropFirst("password=".count)))
        } else {
          kept.append(pair)
        }
      }
      if !kept.isEmpty { result += "?" + kept.joined(separator: "&") }
    }
    if let password { remember(password, for: result) }
    return result
  }

  /// The password that a URI was written with; nil where it had none.
  public static func password(of uri: String) -> String? { passwords.withLock { $0[uri] } }

  /// Remembers a password for a URI, for as long as the process lives.
  public static func remember(_ password: String, for uri: String) { passwords.withLock { $0[uri] = password } }

  /// `user:password@host` in three parts: what stands before the password, the password, and what follows.
  private static func credentials(in place: String) -> (String, String, String)? {
    guard let at = place.lastIndex(of: "@"), let colon = place[..<at].firstIndex(of: ":") else { return nil }
    let secret = place[place.index(after: colon)..<at]
    // `host:5432/na@me` has a port and no password.
    if let slash = secret.firstIndex(of: "/"), secret[..<slash].allSatisfy({ $0.isNumber }) { return nil }
    if let slash = place.firstIndex(of: "/"), slash < colon { return nil }
    return (String(place[..<colon]), decoded(String(secret)), String(place[at...]))
  }

  /// A text with `%20` and its like decoded; what is no such thing stays.
  public static func decoded(_ text: String) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A text as a part of a URI: all but letters, digits and `-._~` is encoded.
  public static func encoded(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
      let isPlain =
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || Array("-._~".utf8).contains(byte)
      if isPlain {
        result.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        let digits = String(byte, radix: 16, uppercase: true)
        result += "%" + (digits.count == 1 ? "0" : "") + digits
      }
    }
    return result
  }
}

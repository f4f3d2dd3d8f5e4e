import CCrypto
import CXXHash
import MendKit
import TestSupport

/// An archive that dbmend wrote, taken apart, so that others can be made of it that dbmend would never write.
struct GenuineArchive {
  let members: [(name: String, content: [UInt8])]
  /// What stands in it as its manifest.
  let manifest: JSONValue
  let bytes: [UInt8]

  /// The store's file.
  var main: (name: String, content: [UInt8]) { members[0] }

  init(_ path: String) throws {
    let folder = try TemporaryFolder("dbmend-genuine")
    let unpacked = try run("zstd", "-dqf", path, "-o", folder.file("tar"))
    guard unpacked.exit == 0 else { throw PreparationFailed("zstd -d \(path): \(unpacked.errors)") }
    let all = TarMember.members(of: try folder.read("tar"))
    guard let last = all.last, last.name == "manifest.json", all.count > 1 else {
      throw PreparationFailed("\(path) has not the members of an archive")
    }
    members = all.dropLast()
    manifest = try JSONValue(parsing: last.content)
    bytes = try FileHandle.read(path).readAll(limit: 1 << 30)
  }

  /// The members as they are, but for the main one, and without the manifest.
  func tarMembers(main replaced: [TarMember]? = nil) -> [TarMember] {
    (replaced ?? [TarMember(main.name, main.content)]) + members.dropFirst().map { TarMember($0.name, $0.content) }
  }

  /// The archive of members with a manifest behind them.
  func packed(_ members: [TarMember], _ manifest: String, window: UInt8 = 11) -> [UInt8] {
    Zstd.frame(TarMember.tar(members + [TarMember("manifest.json", Array(manifest.utf8))]), window: window)
  }

  /// The manifest with the value at a path replaced; nil takes the key away.
  func manifest(_ path: [String], _ value: JSONValue?) -> String { manifest.replacing(path[...], value).text() }

  /// The manifest with the main member under another name, and of other content.
  func manifest(main name: String, _ content: [UInt8]? = nil) -> String {
    let value = content ?? main.content
    var changed = manifest.replacing(["members", "0", "name"], .string(name))
    changed = changed.replacing(["members", "0", "size"], .integer(value.count))
    changed = changed.replacing(["members", "0", "sha256"], .string(Self.sha256(value)))
    return changed.replacing(["members", "0", "xxh3"], .string(Self.xxh3(value))).text()
  }

  /// SHA-256 in hexadecimal.
  static func sha256(_ bytes: [UInt8]) -> String {
    var problem: UnsafePointer<CChar>?
    guard let state = ccrypto_sha256_new(&problem) else { return "" }
    defer { ccrypto_sha256_free(state) }
    var digest = [UInt8](repeating: 0, count: 32)
    _ = ccrypto_sha256_update(state, bytes, bytes.count)
    _ = ccrypto_sha256_final(state, &digest)
    return Hexadecimal.text(digest)
  }

  /// XXH3 with 128 bits in hexadecimal.
  static func xxh3(_ bytes: [UInt8]) -> String {
    let sum = XXH3_128bits(bytes, bytes.count)
    return [sum.high64, sum.low64].map { number in
      let text = String(number, radix: 16)
      return String(repeating: "0", count: 16 - text.count) + text
    }.joined()
  }
}

extension JSONValue {
  /// The value with what stands at a path of keys and numbers replaced; nil takes it away. A key that is not there is added.
  func replacing(_ path: ArraySlice<String>, _ value: JSONValue?) -> JSONValue {
    guard let key = path.first else { return value ?? .null }
    let rest = path.dropFirst()
    switch self {
    case .object(var members):
      if let index = members.firstIndex(where: { $0.key == key }) {
        if rest.isEmpty, value == nil {
          members.remove(at: index)
        } else {
          members[index].value = members[index].value.replacing(rest, value)
        }
      } else if let value {
        members.append(JSONMember(key, JSONValue.object([]).replacing(rest, value)))
      }
      return .object(members)
    case .array(var items):
      guard let index = Int(key), index <= items.count else { return self }
      if index == items.count { return .array(items + [value ?? .null]) }
      if rest.isEmpty, value == nil {
        items.remove(at: index)
      } else {
        items[index] = items[index].replacing(rest, value)
      }
      return .array(items)
    default: return value ?? self
    }
  }
}

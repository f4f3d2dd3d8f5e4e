import MendArchive
import MendKit

/// A file of plugins from outside, as the configuration or the command line names it.
public struct PluginFile: Sendable, Hashable {
  /// The path as the user wrote it, for messages.
  public var writtenPath: String
  /// The path from the root.
  public var path: String
  /// What the file's SHA-256 has to be, in hexadecimal; nil where nothing pins it.
  public var sha256: String?
  /// What each call of it may take.
  public var limits: ConfinedProgram.Limits
  /// The variables of this process that it gets, by their names.
  public var passes: [String]
  /// Variables that it gets with these values.
  public var variables: [String: String]
  /// Where it may write, beside the folder that each call has for itself.
  public var writes: [String]
  /// Whether its checks run without being named in the configuration, as far as they need no options.
  public var runsUnnamed: Bool
  /// The file that names it; its owner may own the plugin, too.
  public var namedBy: String?

  /// A file of plugins; see the properties.
  public init(
    _ writtenPath: String, path: String, sha256: String? = nil, limits: ConfinedProgram.Limits = .plugin,
    passes: [String] = [], variables: [String: String] = [:], writes: [String] = [], runsUnnamed: Bool = false,
    namedBy: String? = nil
  ) {
    self.writtenPath = writtenPath
    self.path = path
    self.sha256 = sha256
    self.limits = limits
    self.passes = passes
    self.variables = variables
    self.writes = writes
    self.runsUnnamed = runsUnnamed
    self.namedBy = namedBy
  }

  /// The file's name without `lib` before and the suffix behind: what stands for a plugin that does not say its own.
  var stem: String {
    let name = Paths.name(of: path)
    let stem = name.firstIndex(of: ".").map { String(name[..<$0]) } ?? name
    return stem.hasPrefix("lib") && stem.count > 3 ? String(stem.dropFirst(3)) : stem
  }

  /// Whether a file is a shared object, rather than a program: what the system can load, and not start by itself.
  var isSharedObject: Bool {
    get throws(Problem) {
      let file = try FileHandle.read(path)
      defer { file.close() }
      return ELFFile.isSharedObject(try file.read(4096, at: 0))
    }
  }
}

extension ConfinedProgram.Limits {
  /// What a call of a plugin may take where nothing else is said.
  public static let plugin = ConfinedProgram.Limits()
}

/// What the beginning of an ELF file tells (System V ABI, chapters 4 and 5).
enum ELFFile {
  /// Whether the bytes are the beginning of a shared object without an interpreter: a program that may be put anywhere in memory
  /// has the same type, but names the loader that starts it.
  static func isSharedObject(_ bytes: [UInt8]) -> Bool {
    guard bytes.count >= 52, bytes[0..<4] == [0x7F, 0x45, 0x4C, 0x46] else { return false }
    let isLarge = bytes[4] == 2
    let isBigEndian = bytes[5] == 2
    func number(_ at: Int, _ count: Int) -> Int {
      guard at >= 0, at + count <= bytes.count else { return -1 }
      let part = bytes[at..<at + count]
      return (isBigEndian ? Array(part) : part.reversed()).reduce(0) { $0 << 8 | Int($1) }
    }
    let sharedObject = 3
    guard number(16, 2) == sharedObject else { return false }
    let headers = isLarge ? number(32, 6) : number(28, 4)
    let size = number(isLarge ? 54 : 42, 2)
    let count = number(isLarge ? 56 : 44, 2)
    guard size > 0, count >= 0 else { return false }
    let interpreter = 3
    return !(0..<min(count, 64)).contains { number(headers + $0 * size, 4) == interpreter }
  }
}

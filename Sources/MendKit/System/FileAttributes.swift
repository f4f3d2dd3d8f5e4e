import CSystem

/// What a file carries beside its content: owner, group, mode, and extended attributes (access control lists are among
/// them on Linux, as `system.posix_acl_access`).
public struct FileAttributes: Sendable, Hashable {
  /// Owner.
  public var user: UInt32
  /// Group.
  public var group: UInt32
  /// The lower twelve mode bits.
  public var mode: Int
  /// Extended attributes by name.
  public var extended: [String: [UInt8]]

  /// Attributes; see the properties.
  public init(user: UInt32, group: UInt32, mode: Int, extended: [String: [UInt8]] = [:]) {
    self.user = user
    self.group = group
    self.mode = mode
    self.extended = extended
  }

  /// The attributes of an open file.
  public init(of file: FileHandle) throws(Problem) { try self.init(of: file, try file.status()) }

  /// The attributes of an open file, of which this is the status.
  public init(of file: FileHandle, _ status: FileStatus) throws(Problem) {
    self.init(user: status.user, group: status.group, mode: status.mode)
    let size = csystem_list_attributes(file.descriptor, nil, 0)
    if size < 0 {
      if errno == ENOTSUP || errno == ENOSYS { return }
      throw SystemError.problem("list the extended attributes of", file.path)
    }
    guard size > 0 else { return }
    var names = [CChar](repeating: 0, count: size)
    let listed = csystem_list_attributes(file.descriptor, &names, names.count)
    guard listed >= 0 else { throw SystemError.problem("list the extended attributes of", file.path) }
    for part in names[..<listed].split(separator: 0) {
      let name = String(decoding: part.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let length = csystem_get_attribute(file.descriptor, name, nil, 0)
      guard length >= 0 else { continue }
      var value = [UInt8](repeating: 0, count: length)
      let got = csystem_get_attribute(file.descriptor, name, &value, length)
      guard got >= 0 else { throw SystemError.problem("read the attribute \(name) of", file.path) }
      extended[name] = Array(value[..<got])
    }
  }

  /// Gives the attributes to an open file. Throws where this user may not: a file that changed its owner or lost its
  /// access control list would be a different file to the application.
  public func apply(to file: FileHandle) throws(Problem) {
    let now = try FileAttributes(of: file)
    if now.user != user || now.group != group {
      guard fchown(file.descriptor, user, group) == 0 else {
        throw SystemError.problem("give owner \(user) and group \(group) to", file.path)
      }
    }
    // After the owner, whose change clears the set-user-id bits; before the lists, which may narrow the mode.
    guard fchmod(file.descriptor, mode_t(mode)) == 0 else { throw SystemError.problem("set the mode of", file.path) }
    for name in now.extended.keys where extended[name] == nil {
      _ = csystem_remove_attribute(file.descriptor, name)
    }
    for (name, value) in extended where now.extended[name] != value {
      guard csystem_set_attribute(file.descriptor, name, value, value.count) == 0 else {
        throw SystemError.problem("set the attribute \(name) of", file.path)
      }
    }
  }

  /// Gives the attributes to an open file, but for the owner where this user may not: what an ordinary user unpacks is its own.
  public func applyAsAllowed(to file: FileHandle) throws(Problem) {
    do throws(Problem) {
      try apply(to: file)
    } catch {
      guard error.kind == .denied, geteuid() != 0 else { throw error }
      let now = try file.status()
      try FileAttributes(user: now.user, group: now.group, mode: mode & 0o777, extended: [:]).apply(to: file)
    }
  }
}

extension FileAttributes {
  /// The extended attributes as a JSON object of hexadecimal digits; nil where there are none.
  public var extendedJSON: JSONValue? {
    guard !extended.isEmpty else { return nil }
    return .object(
      extended.sorted { $0.key < $1.key }.map { JSONMember($0.key, .string(Hexadecimal.text($0.value))) })
  }

  /// The extended attributes of such an object, none without one; nil where one of them is not hexadecimal.
  public static func extended(_ value: JSONValue?) -> [String: [UInt8]]? {
    var extended: [String: [UInt8]] = [:]
    for member in value?.members ?? [] {
      guard let bytes = member.value.string.flatMap(Hexadecimal.bytes) else { return nil }
      extended[member.key] = bytes
    }
    return extended
  }
}

/// The time of the last change, as backups and restores keep it.
public enum FileTimes {
  /// Sets the time of an open file, in nanoseconds since 1970. A file system that does not keep such times is no error.
  public static func set(_ modified: Int64, of file: FileHandle) {
    _ = futimens(file.descriptor, times(modified))
  }

  /// Sets the time of a link itself.
  public static func set(_ modified: Int64, ofLink path: String) {
    _ = utimensat(AT_FDCWD, path, times(modified), AT_SYMLINK_NOFOLLOW)
  }

  private static func times(_ modified: Int64) -> [timespec] {
    // Rounded down without a subtraction: an archive may name the earliest time that there is.
    let (seconds, rest) = modified.quotientAndRemainder(dividingBy: 1_000_000_000)
    let time = timespec(
      tv_sec: Int(rest < 0 ? seconds - 1 : seconds), tv_nsec: Int(rest < 0 ? rest + 1_000_000_000 : rest))
    return [time, time]
  }
}

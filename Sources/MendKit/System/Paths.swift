import CSystem

/// Paths as text.
public enum Paths {
  /// The part before the last slash; `.` for a bare name, `/` for a top one.
  public static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The part behind the last slash.
  public static func name(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return path }
    return String(path[path.index(after: slash)...])
  }

  /// A path below a folder; an absolute one stays as it is.
  public static func join(_ folder: String, _ path: String) -> String {
    if path.hasPrefix("/") { return path }
    if folder.isEmpty || folder == "." { return path }
    return folder.hasSuffix("/") ? folder + path : folder + "/" + path
  }

  /// The folder in which the process runs.
  public static var current: String {
    guard let buffer = getcwd(nil, 0) else { return "/" }
    defer { free(buffer) }
    return String(cString: buffer)
  }

  /// The path from the root, without `.`, `..` and double slashes; links are not looked at.
  public static func absolute(_ path: String) -> String {
    if isPlain(path) { return path }
    var parts: [Substring] = []
    for part in join(current, path).split(separator: "/") {
      if part == "." { continue }
      if part == ".." {
        _ = parts.popLast()
      } else {
        parts.append(part)
      }
    }
    return "/" + parts.joined(separator: "/")
  }

  /// Whether a path is from the root, and surely holds nothing to be taken out.
  private static func isPlain(_ path: String) -> Bool {
    var last: UInt8 = 0
    for byte in path.utf8 {
      if last == UInt8(ascii: "/"), byte == last || byte == UInt8(ascii: ".") { return false }
      if last == 0, byte != UInt8(ascii: "/") { return false }
      last = byte
    }
    return last != UInt8(ascii: "/") && last != 0
  }

  /// The path from the root with every link resolved. Where the last part does not exist, its folder is resolved.
  public static func resolved(_ path: String) -> String {
    if let buffer = realpath(path, nil) {
      defer { free(buffer) }
      return String(cString: buffer)
    }
    let absolute = absolute(path)
    let folder = folder(of: absolute)
    guard folder != absolute else { return absolute }
    return join(resolved(folder), name(of: absolute))
  }

  /// The names in a folder, sorted; `.` and `..` left out.
  public static func names(in folder: String) throws(Problem) -> [String] {
    guard let stream = opendir(folder) else { throw SystemError.problem("list", folder) }
    defer { closedir(stream) }
    return try names(stream, folder)
  }

  /// The names in an open folder, likewise.
  public static func names(in folder: FileHandle) throws(Problem) -> [String] {
    let own = fcntl(folder.descriptor, F_DUPFD_CLOEXEC, 0)
    guard own >= 0 else { throw SystemError.problem("list", folder.path) }
    guard let stream = fdopendir(own) else {
      let number = errno
      close(own)
      throw SystemError.problem("list", folder.path, number)
    }
    defer { closedir(stream) }
    return try names(stream, folder.path)
  }

  private static func names(_ stream: OpaquePointer, _ folder: String) throws(Problem) -> [String] {
    var names: [String] = []
    while true {
      // A folder that ends and one that the disk does not give to its end differ in this alone.
      errno = 0
      guard let entry = readdir(stream) else {
        guard errno == 0 else { throw SystemError.problem("list", folder) }
        break
      }
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)) {
          String(cString: $0)
        }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// Makes a folder and those above it that are missing. Folders made here are synced into their parents.
  public static func makeFolder(_ path: String, mode: Int = 0o755) throws(Problem) {
    if mkdir(path, mode_t(mode)) == 0 {
      try Durable.syncFolder(folder(of: absolute(path)))
      return
    }
    let number = errno
    if number == EEXIST {
      if let status = try? FileStatus.of(path), status.kind == .folder { return }
      throw Problem(
        .system, tried: "make the folder", on: path, said: "a file of that name stands there",
        advice: "Name another folder, or move the file away.")
    }
    guard number == ENOENT, path != "/", !path.isEmpty else {
      throw SystemError.problem("make the folder", path, number)
    }
    let above = folder(of: absolute(path))
    try makeFolder(above, mode: mode)
    guard mkdir(path, mode_t(mode)) == 0 || errno == EEXIST else { throw SystemError.problem("make the folder", path) }
    try Durable.syncFolder(above)
  }

  /// Makes a folder of a name that nobody has: `PREFIX` and six characters, for the owner alone.
  public static func makeTemporaryFolder(_ prefix: String) throws(Problem) -> String {
    var template = Array((prefix + "XXXXXX").utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError.problem("make a temporary folder at", prefix) }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Removes a file, if it is there.
  public static func removeFile(_ path: String) throws(Problem) {
    guard unlink(path) == 0 || errno == ENOENT else { throw SystemError.problem("remove", path) }
  }

  /// Removes a folder and what is in it, without following links; what is not there is no error.
  public static func removeTree(_ path: String) throws(Problem) {
    guard let status = try? FileStatus.of(path, followLinks: false) else { return }
    guard status.kind == .folder else { return try removeFile(path) }
    try removeFolder(path.utf8.map { CChar(bitPattern: $0) })
  }

  /// Removes a folder of a path in bytes: what a program left in it may have a name that is no text.
  private static func removeFolder(_ path: [CChar]) throws(Problem) {
    func problem() -> Problem {
      SystemError.problem("remove", String(decoding: path.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
    guard let stream = opendir(path + [0]) else { throw problem() }
    var names: [[CChar]] = []
    while let entry = readdir(stream) {
      names.append(
        withUnsafePointer(to: &entry.pointee.d_name) { pointer in
          pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)) {
            Array(UnsafeBufferPointer(start: $0, count: strlen($0)))
          }
        })
    }
    closedir(stream)
    let (dot, slash) = (CChar(bitPattern: UInt8(ascii: ".")), CChar(bitPattern: UInt8(ascii: "/")))
    for name in names where name != [dot] && name != [dot, dot] {
      let inner = path + [slash] + name
      var status = stat()
      guard lstat(inner + [0], &status) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        try removeFolder(inner)
      } else if unlink(inner + [0]) != 0, errno != ENOENT {
        throw problem()
      }
    }
    guard rmdir(path + [0]) == 0 || errno == ENOENT else { throw problem() }
  }
}

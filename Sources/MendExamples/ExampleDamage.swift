import MendKit

extension Example.Damage {
  /// Does the damage to a file.
  public func apply(to path: String) throws {
    switch self {
    case .overwrite(let offset, let bytes): try FileHandle.update(path).write(bytes, at: offset)
    case .truncate(let size): try FileHandle.update(path).truncate(to: size)
    case .remove: try Paths.removeFile(path)
    case .beside(let suffix, let damage): try damage.apply(to: path + suffix)
    case .mode(let mode):
      guard chmod(path, mode_t(mode)) == 0 else { throw PreparationFailed("cannot set the mode of \(path)") }
    case .within(let name, let damage, let keepsTime):
      let file = Paths.join(path, name)
      let modified = try FileStatus.of(file).modified
      try damage.apply(to: file)
      guard FileStatus.exists(file) else { return }
      if keepsTime { FileTimes.set(modified, of: try FileHandle.read(file)) }
    case .replace(let old, let new):
      let (old, new) = (Array(old.utf8), Array(new.utf8))
      guard old.count == new.count, !old.isEmpty else { throw PreparationFailed("texts of different lengths") }
      let file = try FileHandle.update(path)
      let bytes = try file.readAll(limit: 1 << 30)
      var found = 0
      for start in bytes.indices.dropLast(old.count - 1) where bytes[start..<start + old.count].elementsEqual(old) {
        try file.write(new, at: start)
        found += 1
      }
      guard found > 0 else { throw PreparationFailed("\(path) does not hold the text to be replaced") }
    }
  }
}

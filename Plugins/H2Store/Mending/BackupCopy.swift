import MendKit

/// A backup of a damaged database, in a file of its own.
struct BackupCopy {
  /// Where the engine opens it.
  let place: EnginePlace
  let survey: FileSurvey
  /// The file as it was before the engine opened it.
  let handle: FileHandle

  /// Puts the backup into a folder of its own below the given one; nil where there is none.
  init?(_ aid: SalvageAid, in folder: String) throws(Problem) {
    guard let path = try aid.backup() else { return nil }
    place = try EnginePlace(in: folder)
    try Durable.rename(path, to: place.file)
    handle = try FileHandle.read(place.file)
    survey = try FileSurvey.make(handle)
  }

  /// The version that it is of.
  var version: Int { survey.newest?.last.version ?? 0 }

  /// Whether it is of the same database. A new one that was made of another's content is not the same.
  func isOf(_ headers: StoreHeaders) -> Bool {
    guard let created = headers.newest?.created else { return false }
    return survey.headers.newest?.created == created
  }
}

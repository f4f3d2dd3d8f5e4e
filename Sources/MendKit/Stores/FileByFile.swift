/// A driver whose stores are folders, each file of which is archived and mended by itself.
public protocol FileByFileDriver: Driver {
  /// What of a folder is not as an archive has it. Reads every file.
  func differences(of path: String, from notes: BackupNotes) throws(Problem) -> [FileDifference]

  /// Why a damaged file is what is left of another one, and was written by nobody since; nil where that is not certain.
  func remnant(_ file: String, of archived: String) throws(Problem) -> String?

  /// Puts files of an archive, which were written into a folder under their names in the listing, into a working copy.
  func take(_ files: [ListedFile], from folder: String, into copy: String) throws(Problem)
}

/// One file, folder or link of a store that is not as an archive has it.
public struct FileDifference: Sendable, Hashable {
  /// What became of it.
  public enum Kind: Sendable, Hashable {
    /// Its content changed, but not its size and its time of change: nobody wrote it.
    case rotten
    /// The disk does not give it, and its time of change is the archive's: nobody wrote it.
    case unreadable
    /// It is damaged, and all that is left of it is the archive's: nobody wrote it.
    case torn
    /// Somebody wrote it.
    case changed
    /// It is not there any more.
    case removed
    /// The archive does not have it.
    case added
  }

  /// The path below the folder.
  public var path: String
  /// What became of it.
  public var kind: Kind
  /// What the archive has; nil where it was added.
  public var listed: ListedFile?
  /// What differs, in a few words.
  public var what: String

  /// A difference; see the properties.
  public init(_ path: String, _ kind: Kind, _ listed: ListedFile?, _ what: String) {
    self.path = path
    self.kind = kind
    self.listed = listed
    self.what = what
  }
}

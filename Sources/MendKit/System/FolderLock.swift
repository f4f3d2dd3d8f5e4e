import CSystem

/// Locks on folders, held by the open folder: a process that dies lets go of them.
public enum FolderLock {
  /// Locks a folder against all others who lock it so, for as long as what is returned is open; nil where another has locked it,
  /// or the folder is not there, or the file system has no such locks.
  public static func take(_ path: String) -> FileHandle? {
    guard let folder = try? FileHandle.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, tried: "open the folder") else {
      return nil
    }
    guard csystem_lock_folder(folder.descriptor) == 0 else {
      folder.close()
      return nil
    }
    return folder
  }
}

import CSystem

/// Turns `errno` into problems that say what to do next.
public enum SystemError {
  /// What the system says of an error number.
  public static func text(_ number: Int32) -> String { String(cString: strerror(number)) }

  /// The problem for an error number, with the kind and the advice that fit it.
  public static func problem(_ tried: String, _ path: String, _ number: Int32 = errno) -> Problem {
    let kind: Problem.Kind
    var advice: String?
    var code: FindingCode?
    switch number {
    case ENOENT, ENOTDIR:
      kind = .missing
      code = "file.missing"
      advice = "Check the path; dbmend creates no store where none is."
    case EACCES, EPERM:
      kind = .denied
      code = "file.permission"
      advice = "Run dbmend as the file's owner or as root."
      if number == EPERM { advice? += " Where root is refused too, look for an immutable flag: lsattr -d FILE." }
    case EROFS:
      kind = .denied
      code = "file.permission"
      advice = "The file system is mounted read-only; use --repository or --output to write elsewhere."
    case ENOSPC, EDQUOT:
      kind = .noSpace
      code = "disk.full"
      advice = "Free some room on that volume, or keep archives on another one with --repository."
    case EFBIG:
      kind = .noSpace
      advice = "The file would be larger than this system or its limits allow."
    case EMFILE, ENFILE:
      kind = .exhausted
      advice = "Raise the limit of open files (ulimit -n)."
    case ENOMEM:
      kind = .exhausted
      advice = "Free some memory, or raise the limit of it (ulimit -v)."
    case ELOOP:
      kind = .system
      advice = "The path's links lead in a circle."
    case EIO:
      kind = .system
      code = "disk.read-error"
      advice = "The device reports an error: copy what you can to another disk before anything else."
    default:
      kind = .system
    }
    return Problem(kind, tried: tried, on: path, said: text(number), advice: advice, code: code)
  }
}

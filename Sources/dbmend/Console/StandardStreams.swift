import MendKit

/// The three descriptors that every program writes to without asking what they are.
enum StandardStreams {
  /// Has a standard stream that whoever started this process had closed taken by something harmless: the next file to be
  /// opened, a store perhaps, would else get its number, and reports and the output of commands would be written into it.
  /// What stands there cannot be read or written, so that a report which goes nowhere is still an error.
  static func keepTaken() {
    for (descriptor, flags) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY)] {
      guard fcntl(descriptor, F_GETFD) == -1 else { continue }
      // The lowest free number is the one that is closed, since those below it were seen to.
      _ = open("/dev/null", flags)
    }
  }
}

/// The words of the command line, as the system hands them over.
enum ProgramArguments {
  /// What keeps the words from being understood: Swift would change bytes that are no UTF-8, and another file would be
  /// meant, or another argument given to the command after `--`.
  static func problem() -> Problem? {
    for index in 1..<max(1, Int(CommandLine.argc)) {
      guard let word = CommandLine.unsafeArgv[index], String(validatingCString: word) == nil else { continue }
      return Problem(
        .usage, tried: "understand", on: "argument \(index), '\(String(cString: word))',",
        said: "it is not valid UTF-8",
        advice: "Give the file a name in UTF-8, or make a link (ln -s) of such a name to it.")
    }
    return nil
  }
}

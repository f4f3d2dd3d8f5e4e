import MendKit
import Synchronization

/// While the command after `--` runs, signals that would end dbmend are passed on to the command instead: when it has
/// ended, what it changed has still to be put back.
struct SignalGuard {
  /// The command's process, 0 while there is none. Read in a signal handler, so it is one word that is read at once.
  private static let child = Atomic<Int32>(0)

  /// An interrupt typed at a terminal reaches the command by itself; it is held off from dbmend only.
  private static let held = [SIGINT, SIGQUIT]
  private static let passedOn = [SIGTERM, SIGHUP]

  /// Runs the work with the signals held off; `work` is handed what to call once the command's process is known.
  static func during<Result>(_ work: (_ started: (Int32) -> Void) -> Result) -> Result {
    // A handler, unlike SIG_IGN, is not inherited by the command.
    var before: [(signal: Int32, handler: sigaction)] = []
    for signal in held + passedOn {
      var new = sigaction()
      new.__sigaction_handler.sa_handler = passedOn.contains(signal) ? passOn : ignore
      var old = sigaction()
      if sigaction(signal, &new, &old) == 0 { before.append((signal, old)) }
    }
    defer {
      child.store(0, ordering: .sequentiallyConsistent)
      for (signal, handler) in before {
        var handler = handler
        sigaction(signal, &handler, nil)
      }
    }
    return work { pid in child.store(pid, ordering: .sequentiallyConsistent) }
  }

  private static let ignore: @convention(c) (Int32) -> Void = { _ in }
  private static let passOn: @convention(c) (Int32) -> Void = { signal in
    let pid = child.load(ordering: .sequentiallyConsistent)
    if pid > 0 { kill(pid, signal) }
  }
}

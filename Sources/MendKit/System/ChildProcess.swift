import CSystem

/// Runs another program.
public enum ChildProcess {
  /// Where a stream of the program goes.
  public enum Stream: Sendable, Hashable {
    /// To this process's own stream.
    case inherited
    /// To this process's standard error.
    case standardError
    /// To nowhere.
    case none
  }

  /// How a program ended.
  public enum Ending: Sendable, Hashable {
    /// By itself, with this code.
    case exited(Int)
    /// By a signal.
    case killed(Int)
    /// It could not be started; the error number says why.
    case notStarted(Int32)

    /// The code that a shell would give it: 127 for a program that is not there, 126 for one that may not be run, 128 + signal
    /// for one that was killed.
    public var shellCode: Int {
      switch self {
      case .exited(let code): code
      case .killed(let signal): 128 + signal
      case .notStarted(let number): number == ENOENT ? 127 : 126
      }
    }
  }

  /// Runs a program by its words, found through PATH, and waits for it. `environment` is added to this process's own.
  /// `started` is called with the process id once the program runs. With `input` that is what it reads on its standard input.
  public static func run(
    _ words: [String], output: Stream = .inherited, input: FileHandle? = nil, folder: String? = nil,
    environment: [String: String] = [:],
    started: (Int32) -> Void = { _ in }
  ) -> Ending {
    var streams: [Int32] = [input?.descriptor ?? 0, 1, 2]
    var nowhere: FileHandle?
    switch output {
    case .inherited: break
    case .standardError: streams[1] = 2
    case .none:
      nowhere = try? FileHandle.open("/dev/null", O_WRONLY, tried: "open")
      streams[1] = nowhere?.descriptor ?? 2
    }
    defer { nowhere?.close() }
    switch spawn(words, folder: folder, environment: environment.mapValues { $0 }, streams: streams) {
    case .success(let pid):
      started(pid)
      return wait(for: pid)
    case .failure(let failure): return .notStarted(failure.number)
    }
  }

  /// Why a program could not be started.
  struct StartFailure: Error {
    let number: Int32
  }

  /// Starts a program, found through PATH, with these three descriptors as its standard streams; its process id. `environment`
  /// is added to this process's own, and a nil takes a variable away. One that `isAlone` gets no other descriptor, also none that was
  /// not opened here.
  static func spawn(
    _ words: [String], folder: String?, environment: [String: String?], streams: [Int32], isAlone: Bool = false
  ) -> Result<Int32, StartFailure> {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (target, source) in streams.enumerated() where source != Int32(target) {
      posix_spawn_file_actions_adddup2(&actions, source, Int32(target))
    }
    if let folder { csystem_spawn_in_folder(&actions, folder) }
    if isAlone { _ = csystem_spawn_without(&actions, 3) }

    // The program starts as from a shell: no signal held back, and a closed pipe ends it, whatever holds for this process.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigaddset(&signals, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var variables: [String] = []
    var pointer = environ
    while let entry = pointer.pointee {
      let text = String(cString: entry)
      if let name = text.split(separator: "=", maxSplits: 1).first, environment[String(name)] == nil {
        variables.append(text)
      }
      pointer += 1
    }
    variables += environment.compactMap { name, value in value.map { "\(name)=\($0)" } }

    var pid: pid_t = 0
    let result = withCStrings(words) { arguments in
      withCStrings(variables) { variables in
        posix_spawnp(&pid, words.first ?? "", &actions, &attributes, arguments, variables)
      }
    }
    return result == 0 ? .success(pid) : .failure(StartFailure(number: result))
  }

  /// Waits for a program that was started.
  static func wait(for pid: pid_t) -> Ending {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 {
      guard errno == EINTR else { return .notStarted(errno) }
    }
    if csystem_exited(status) { return .exited(Int(csystem_exit_code(status))) }
    return .killed(Int(csystem_term_signal(status)))
  }

  /// Words as C wants them; `body` gives an error number.
  static func withCStrings(
    _ words: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32
  ) -> Int32 {
    var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeMutableBufferPointer { buffer in buffer.baseAddress.map(body) ?? EINVAL }
  }
}

import CSystem
import Synchronization

/// Tells a program that runs on another thread's behalf that what it does is not wanted any more.
public final class StopSignal: Sendable {
  private let given = Atomic(false)

  /// A signal that is not given yet.
  public init() {}

  /// Whether it was given.
  public var isGiven: Bool { given.load(ordering: .acquiring) }

  /// Gives it; who waits for the program notices within a tenth of a second.
  public func give() { given.store(true, ordering: .releasing) }

  /// How often it is looked for, in seconds.
  fileprivate static let interval = 0.1
}

/// An engine's own client program: run to its end in a process of its own, with what it says caught, so that one that aborts
/// on a corrupt file takes nothing with it.
public struct ClientProgram: Sendable, Hashable {
  /// The program's name, as messages say it.
  public let name: String
  /// The file that is run.
  public let path: String

  /// The program that stands under a path.
  public init(name: String, path: String) {
    self.name = name
    self.path = path
  }

  /// The program of a name, looked for in the folders of PATH and then in `folders`. Throws a problem of kind `unsupported`
  /// that names the package to install.
  public static func find(_ name: String, besides folders: [String] = [], package: String) throws(Problem)
    -> ClientProgram
  {
    let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
    for folder in path.split(separator: ":").map(String.init) + folders {
      let file = Paths.join(folder, name)
      guard access(file, X_OK) == 0, let status = try? FileStatus.of(file), status.kind == .file else { continue }
      return ClientProgram(name: name, path: file)
    }
    throw Problem(
      .unsupported, tried: "find the program", on: name, said: "no folder of PATH has it",
      advice: "Install it: \(package).", code: "engine.missing")
  }

  /// What a run came to.
  public struct Outcome: Sendable {
    /// How the program ended.
    public var ending: ChildProcess.Ending
    /// What it wrote to its standard output, unless that went to a file.
    public var output: [UInt8]
    /// What it wrote to its standard error, the last of it.
    public var errors: [UInt8]
    /// Why dbmend ended it; nil when it ended by itself.
    public var limit: Limit?

    /// What dbmend ends a program for.
    public enum Limit: Sendable, Hashable {
      /// It ran longer than it may, in seconds.
      case time(Double)
      /// It wrote more than it may, in bytes.
      case output(Int)
      /// What it does is not wanted any more.
      case stopped
    }

    /// Whether it ended by itself, with the code 0.
    public var isSuccess: Bool { limit == nil && ending == .exited(0) }

    /// The output as text; what is not UTF-8 in it is replaced.
    public var text: String { String(decoding: output, as: UTF8.self) }

    /// The last words on standard error, or what became of the process, for a message.
    public var lastWords: String {
      let words = String(decoding: errors, as: UTF8.self).trimmed()
      switch (limit, ending) {
      case (.time(let seconds)?, _):
        return "it did not end within \(Int(seconds)) s" + (words.isEmpty ? "" : ": " + words)
      case (.output(let bytes)?, _): return "it wrote more than \(ByteSize(bytes: bytes).short)"
      case (.stopped?, _): return "it was stopped"
      case (nil, .killed(let signal)): return "it was ended by signal \(signal)" + (words.isEmpty ? "" : ": " + words)
      case (nil, .notStarted(let number)): return SystemError.text(number)
      case (nil, .exited(let code)): return words.isEmpty ? "it ended with code \(code)" : words
      }
    }
  }

  /// Runs the program. `input` is given to its standard input, which is then closed. `environment` is added to this process's
  /// own; a nil takes a variable away. With `file`, the output goes there.
  ///
  /// A program that takes longer than `timeLimit` seconds, or writes more than `outputLimit` bytes, is killed, and the outcome
  /// says so; so is one that `signal` says to stop. Of its standard error at least the last `errorLimit` bytes are kept. Of memory it
  /// gets no more than `memoryLimit` bytes: what it asks for beyond that, the system refuses. Throws only where the system has no
  /// pipes left.
  public func run(
    _ arguments: [String], input: [UInt8] = [], environment: [String: String?] = [:], folder: String? = nil,
    timeLimit: Double = .infinity, outputLimit: Int = 256 << 20, errorLimit: Int = 64 << 10,
    memoryLimit: Int? = nil, outputTo file: FileHandle? = nil, until signal: StopSignal? = nil
  ) throws(Problem) -> Outcome {
    let standardInput = try Pipe(for: name)
    let standardOutput = try Pipe(for: name)
    let standardError = try Pipe(for: name)
    let started = ChildProcess.spawn(
      [path] + arguments, folder: folder, environment: environment,
      streams: [standardInput.reading, file?.descriptor ?? standardOutput.writing, standardError.writing], isAlone: true
    )
    standardInput.closeReading()
    standardOutput.closeWriting()
    standardError.closeWriting()
    let pid: Int32
    switch started {
    case .success(let number):
      pid = number
      if let memoryLimit { _ = csystem_limit_memory(pid, UInt64(max(0, memoryLimit))) }
    case .failure(let failure):
      return Outcome(ending: .notStarted(failure.number), output: [], errors: [], limit: nil)
    }
    var exchange = Exchange(
      input: input, standardInput: standardInput, standardOutput: standardOutput, standardError: standardError,
      outputLimit: outputLimit, errorLimit: errorLimit)
    let limit = exchange.run(for: timeLimit, until: signal)
    if limit != nil { kill(pid, SIGKILL) }
    return Outcome(
      ending: ChildProcess.wait(for: pid), output: exchange.output, errors: exchange.errors, limit: limit)
  }
}

/// The two ends of a pipe, neither of which a program that is started keeps.
final class Pipe {
  private(set) var reading: Int32
  private(set) var writing: Int32

  init(for program: String) throws(Problem) {
    var ends: [Int32] = [-1, -1]
    guard csystem_pipe(&ends) == 0 else { throw SystemError.problem("make a pipe to", program) }
    (reading, writing) = (ends[0], ends[1])
  }

  deinit {
    closeReading()
    closeWriting()
  }

  func closeReading() {
    if reading >= 0 { close(reading) }
    reading = -1
  }

  func closeWriting() {
    if writing >= 0 { close(writing) }
    writing = -1
  }
}

/// Feeds a program and listens to it, all at once, so that neither side waits for the other.
struct Exchange {
  let input: [UInt8]
  let standardInput: Pipe
  let standardOutput: Pipe
  let standardError: Pipe
  let outputLimit: Int
  let errorLimit: Int
  private(set) var output: [UInt8] = []
  private(set) var errors: [UInt8] = []
  private var given = 0

  init(
    input: [UInt8], standardInput: Pipe, standardOutput: Pipe, standardError: Pipe, outputLimit: Int, errorLimit: Int
  ) {
    self.errorLimit = errorLimit
    self.input = input
    self.standardInput = standardInput
    self.standardOutput = standardOutput
    self.standardError = standardError
    self.outputLimit = outputLimit
  }

  /// Until the program has closed both of its streams; the limit that it broke, nil when it broke none.
  mutating func run(for seconds: Double, until signal: StopSignal?) -> ClientProgram.Outcome.Limit? {
    let start = Clock.system.steady()
    _ = fcntl(standardInput.writing, F_SETFL, O_NONBLOCK)
    if input.isEmpty { standardInput.closeWriting() }
    while standardOutput.reading >= 0 || standardError.reading >= 0 {
      if let signal, signal.isGiven { return .stopped }
      var left = seconds - (Clock.system.steady() - start)
      guard left > 0 else { return .time(seconds) }
      if signal != nil { left = min(left, StopSignal.interval) }
      var waited = [
        pollfd(fd: standardOutput.reading, events: Int16(POLLIN), revents: 0),
        pollfd(fd: standardError.reading, events: Int16(POLLIN), revents: 0),
        pollfd(fd: standardInput.writing, events: Int16(POLLOUT), revents: 0),
      ]
      let ready = poll(&waited, nfds_t(waited.count), left < 1000 ? Int32(left * 1000) + 1 : 1_000_000)
      guard ready > 0 else { continue }
      if waited[0].revents != 0 { listen(standardOutput) { $0.output += $1 } }
      if waited[1].revents != 0 {
        listen(standardError) { exchange, bytes in
          exchange.errors += bytes
          if exchange.errors.count > 2 * exchange.errorLimit {
            exchange.errors.removeFirst(exchange.errors.count - exchange.errorLimit)
          }
        }
      }
      if waited[2].revents != 0 { give() }
      guard output.count <= outputLimit else { return .output(outputLimit) }
    }
    return nil
  }

  private mutating func listen(_ pipe: Pipe, _ take: (inout Exchange, ArraySlice<UInt8>) -> Void) {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    let count = read(pipe.reading, &buffer, buffer.count)
    if count > 0 { return take(&self, buffer[..<count]) }
    if count == 0 || (errno != EINTR && errno != EAGAIN) { pipe.closeReading() }
  }

  private mutating func give() {
    let count = withoutBrokenPipes {
      input[given...].withUnsafeBytes { write(standardInput.writing, $0.baseAddress, $0.count) }
    }
    if count > 0 { given += count }
    // A program that has heard enough closes its input; that is no failure.
    if given == input.count || (count < 0 && errno != EINTR && errno != EAGAIN) { standardInput.closeWriting() }
  }
}

/// Writing to a program that has gone is an error number here, and no signal.
func withoutBrokenPipes(_ work: () -> Int) -> Int {
  var signals = sigset_t()
  var before = sigset_t()
  sigemptyset(&signals)
  sigaddset(&signals, SIGPIPE)
  pthread_sigmask(SIG_BLOCK, &signals, &before)
  let count = work()
  let number = errno
  if count < 0, number == EPIPE {
    var pending = sigset_t()
    var taken: Int32 = 0
    sigpending(&pending)
    if sigismember(&pending, SIGPIPE) == 1 { sigwait(&signals, &taken) }
  }
  pthread_sigmask(SIG_SETMASK, &before, nil)
  errno = number
  return count
}

extension String {
  /// Without white space at either end.
  func trimmed() -> String {
    String(String(drop { $0.isWhitespace }.reversed()).drop { $0.isWhitespace }.reversed())
  }
}

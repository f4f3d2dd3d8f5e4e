import CSystem

/// A program that nobody vouches for: it runs to its end, or to one of its limits, in a process group of its own, without this
/// process's descriptors and variables, and when it has ended nothing that it started is left.
public struct ConfinedProgram: Sendable, Hashable {
  /// The file that is run.
  public var path: String
  /// Its words, without the name.
  public var arguments: [String]
  /// All of its variables.
  public var environment: [String: String]
  /// The folder that it starts in; nil for this process's own.
  public var folder: String?
  /// The folders, and files, that it may write to, where the system can hold it to that; nil for wherever its user may.
  public var writable: [String]?
  /// What it may take.
  public var limits: Limits

  /// What a program may take. All of it is bounded.
  public struct Limits: Sendable, Hashable {
    /// Seconds from the start to the end.
    public var seconds: Double
    /// Bytes of memory of all of its processes together.
    public var memory: Int
    /// Bytes that it may write to its standard output.
    public var output: Int
    /// Open files of each process.
    public var files: Int
    /// Bytes of any file that it writes; 0 for no bound.
    public var fileSize: Int
    /// Processes at a time.
    public var processes: Int

    /// Limits; see the properties.
    public init(
      seconds: Double = 60, memory: Int = 1 << 30, output: Int = 16 << 20, files: Int = 256, fileSize: Int = 0,
      processes: Int = 64
    ) {
      self.seconds = seconds
      self.memory = memory
      self.output = output
      self.files = files
      self.fileSize = fileSize
      self.processes = processes
    }
  }

  /// A program; see the properties.
  public init(
    path: String, arguments: [String] = [], environment: [String: String] = [:], folder: String? = nil,
    writable: [String]? = nil, limits: Limits = Limits()
  ) {
    self.path = path
    self.arguments = arguments
    self.environment = environment
    self.folder = folder
    self.writable = writable
    self.limits = limits
  }

  /// What became of a program.
  public struct Outcome: Sendable {
    /// How it ended.
    public var ending: ChildProcess.Ending
    /// What it wrote to its standard output.
    public var output: [UInt8]
    /// The last that it wrote to its standard error.
    public var errors: [UInt8]
    /// The limit that it was ended for; nil when it ended by itself.
    public var excess: Excess?

    /// A limit that a program did not keep to.
    public enum Excess: Sendable, Hashable {
      /// It ran longer than so many seconds.
      case time(Double)
      /// It wrote more than so many bytes to its standard output.
      case output(Int)
      /// It took more than so many bytes of memory.
      case memory(Int)
      /// It had more than so many processes at a time.
      case processes(Int)
    }

    /// The last line that it wrote to its standard error, without control characters; empty when it wrote none.
    public var lastWords: String {
      let lines = String(decoding: errors, as: UTF8.self).split(whereSeparator: \.isNewline)
      let last = lines.last { line in line.contains { !$0.isWhitespace } } ?? ""
      let words = last.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : Character($0) }
      return String(String(words).trimmed().prefix(400))
    }

    /// What became of it, in a sentence's second half: `it was killed by signal 11 (segmentation fault)`.
    public var fate: String {
      switch (excess, ending) {
      case (.time(let seconds)?, _): "it did not end within \(TimeSpan(seconds: seconds).short)"
      case (.output(let bytes)?, _): "it wrote more than \(ByteSize(bytes: bytes).short)"
      case (.memory(let bytes)?, _): "it took more than \(ByteSize(bytes: bytes).short) of memory"
      case (.processes(let count)?, _): "it had more than \(count) processes at a time"
      case (nil, .exited(let code)): "it ended with exit code \(code)"
      case (nil, .killed(let signal)): "it was killed by signal \(signal) (\(Self.name(ofSignal: signal)))"
      case (nil, .notStarted(let number)): "it could not be started: \(SystemError.text(number))"
      }
    }

    private static func name(ofSignal number: Int) -> String {
      strsignal(Int32(number)).map { String(cString: $0).lowercased() } ?? "unknown"
    }
  }

  /// Whether this system can keep a program to `writable`.
  public static var systemConfines: Bool { csystem_can_confine() }

  /// Runs the program. `input` is given to its standard input, which is then closed. Throws only where the system has no pipes or
  /// no processes left, or one of the `writable` folders cannot be opened.
  public func run(_ input: [UInt8] = []) throws(Problem) -> Outcome {
    let standardInput = try Pipe(for: path)
    let standardOutput = try Pipe(for: path)
    let standardError = try Pipe(for: path)
    let status = try Pipe(for: path)
    var places: [FileHandle] = []
    defer { for place in places { place.close() } }
    for place in writable ?? [] {
      places.append(try FileHandle.open(place, O_RDONLY, tried: "let a program write to"))
    }
    let pid = start(
      streams: (standardInput.reading, standardOutput.writing, standardError.writing), status: status.writing,
      writable: places.map(\.descriptor))
    let number = errno
    standardInput.closeReading()
    standardOutput.closeWriting()
    standardError.closeWriting()
    status.closeWriting()
    guard pid > 0 else { throw SystemError.problem("start", path, number) }

    var exchange = Exchange(
      input: input, standardInput: standardInput, standardOutput: standardOutput, standardError: standardError,
      outputLimit: limits.output, errorLimit: 64 << 10)
    let start = Clock.system.steady()
    var broken = exchange.run(for: limits.seconds, until: nil)
    // One that closes its streams goes on all the same.
    if broken == nil, !Self.isReadable(status.reading, within: limits.seconds - (Clock.system.steady() - start)) {
      broken = .time(limits.seconds)
    }
    if broken != nil { kill(pid, SIGTERM) }
    // The watching process ends last of all, so nothing is left when its word is here.
    var ending = csystem_program_ending()
    let told = Self.read(status.reading, &ending)
    let watcher = ChildProcess.wait(for: pid)
    var outcome = Outcome(ending: watcher, output: exchange.output, errors: exchange.errors)
    switch broken {
    case .time(let seconds)?: outcome.excess = .time(seconds)
    case .output(let bytes)?: outcome.excess = .output(bytes)
    case .stopped?, nil: break
    }
    guard told, outcome.excess == nil else { return outcome }
    if ending.start_error != 0 {
      outcome.ending = .notStarted(ending.start_error)
    } else if ending.exceeded == Int32(csystem_memory_exceeded) {
      outcome.excess = .memory(limits.memory)
    } else if ending.exceeded == Int32(csystem_processes_exceeded) {
      outcome.excess = .processes(limits.processes)
    } else if csystem_exited(ending.status) {
      outcome.ending = .exited(Int(csystem_exit_code(ending.status)))
    } else {
      outcome.ending = .killed(Int(csystem_term_signal(ending.status)))
    }
    return outcome
  }

  private func start(streams: (Int32, Int32, Int32), status: Int32, writable places: [Int32]) -> pid_t {
    let variables = environment.map { "\($0)=\($1)" }
    var result: pid_t = -1
    _ = ChildProcess.withCStrings([path] + arguments) { arguments in
      ChildProcess.withCStrings(variables) { variables in
        path.withCString { path in
          Self.withOptionalCString(folder) { folder in
            places.withUnsafeBufferPointer { places in
              var program = csystem_program()
              program.path = path
              program.arguments = UnsafePointer(arguments)
              program.variables = UnsafePointer(variables)
              program.folder = folder
              program.streams = streams
              program.status = status
              program.memory = UInt64(max(0, limits.memory))
              program.files = UInt64(max(0, limits.files))
              program.file_size = UInt64(max(0, limits.fileSize))
              program.processes = UInt32(clamping: limits.processes)
              program.confines = self.writable != nil
              program.writable = places.baseAddress
              program.writable_count = places.count
              result = csystem_supervise(&program)
              return 0
            }
          }
        }
      }
    }
    return result
  }

  private static func withOptionalCString<R>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> R) -> R {
    guard let text else { return body(nil) }
    return text.withCString(body)
  }

  private static func isReadable(_ descriptor: Int32, within seconds: Double) -> Bool {
    let end = Clock.system.steady() + seconds
    while true {
      let left = max(0, end - Clock.system.steady())
      var waited = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      if poll(&waited, 1, left < 1000 ? Int32(left * 1000) + 1 : 1_000_000) > 0 { return true }
      if left == 0 { return false }
    }
  }

  /// What the watching process tells first: why the program could not be started, or how it ended.
  private static func read(_ descriptor: Int32, _ ending: inout csystem_program_ending) -> Bool {
    let size = MemoryLayout<csystem_program_ending>.size
    return withUnsafeMutableBytes(of: &ending) { buffer in
      var count: Int
      repeat { count = Glibc.read(descriptor, buffer.baseAddress, size) } while count < 0 && errno == EINTR
      return count == size
    }
  }
}

import CSystem

/// An engine's client program that stays: it is told something, and answers, again and again, in one process of its own.
/// Used from one thread.
public final class ClientConversation {
  private let program: ClientProgram
  private let pid: Int32
  private let input: Pipe
  private let output: Pipe
  private let errorOutput: Pipe
  private var heard: [UInt8] = []
  private var errors: [UInt8] = []
  private var ending: ClientProgram.Outcome?

  private static let errorLimit = 64 << 10

  /// Starts the program, in a folder where one is given. `environment` is added to this process's own; a nil takes a variable away.
  public init(
    _ program: ClientProgram, _ arguments: [String], environment: [String: String?] = [:], folder: String? = nil
  ) throws(Problem) {
    let pipes = try (Pipe(for: program.name), Pipe(for: program.name), Pipe(for: program.name))
    let started = ChildProcess.spawn(
      [program.path] + arguments, folder: folder, environment: environment,
      streams: [pipes.0.reading, pipes.1.writing, pipes.2.writing], isAlone: true)
    guard case .success(let pid) = started else {
      throw Problem(
        .program, tried: "start", on: program.path, said: "the system does not start it",
        advice: "Check that the program is whole: install its package again.")
    }
    self.program = program
    self.pid = pid
    (input, output, errorOutput) = pipes
    input.closeReading()
    output.closeWriting()
    errorOutput.closeWriting()
    _ = fcntl(input.writing, F_SETFL, O_NONBLOCK)
    _ = fcntl(errorOutput.reading, F_SETFL, O_NONBLOCK)
  }

  /// What an answer came to.
  public enum Answer {
    /// What was said before the mark.
    case heard([UInt8])
    /// The program ended, or was ended, before it came to the mark.
    case ended(ClientProgram.Outcome)
  }

  /// Says something, and listens until the program writes the mark at the beginning of a line. Ends the program where that
  /// takes longer than `timeLimit` seconds or is more than `outputLimit` bytes.
  public func ask(
    _ text: String, until mark: String, timeLimit: Double = .infinity, outputLimit: Int = 256 << 20
  ) -> Answer {
    if let ending { return .ended(ending) }
    var rest = Array(text.utf8)[...]
    let mark = Array((mark + "\n").utf8)
    let start = Clock.system.steady()
    var searched = 0
    while true {
      if let end = find(mark, from: &searched) {
        let answer = Array(heard[..<end])
        heard.removeFirst(end + mark.count)
        // What it complained of before it came to the mark is in the pipe by now.
        hearErrors()
        return .heard(answer)
      }
      let left = timeLimit - (Clock.system.steady() - start)
      guard left > 0 else { return .ended(end(for: .time(timeLimit))) }
      guard heard.count <= outputLimit else { return .ended(end(for: .output(outputLimit))) }
      guard output.reading >= 0 else { return .ended(end(for: nil)) }
      exchange(&rest, waiting: left)
    }
  }

  /// The standard error of the program since this was last asked for.
  public func takeErrors() -> String {
    defer { errors = [] }
    return String(decoding: errors, as: UTF8.self)
  }

  /// Ends the program at once, whatever it is at.
  public func stop() {
    if ending == nil { _ = end(for: .time(0)) }
  }

  /// Closes the program's input, and waits for it a moment; one that goes on is killed.
  public func end() {
    guard ending == nil else { return }
    input.closeWriting()
    let start = Clock.system.steady()
    var nothing: ArraySlice<UInt8> = []
    while output.reading >= 0, Clock.system.steady() - start < 5 { exchange(&nothing, waiting: 1) }
    _ = end(for: output.reading >= 0 ? .time(5) : nil)
  }

  deinit { end() }

  private func exchange(_ rest: inout ArraySlice<UInt8>, waiting seconds: Double) {
    var waited = [
      pollfd(fd: output.reading, events: Int16(POLLIN), revents: 0),
      pollfd(fd: errorOutput.reading, events: Int16(POLLIN), revents: 0),
      pollfd(fd: rest.isEmpty ? -1 : input.writing, events: Int16(POLLOUT), revents: 0),
    ]
    guard poll(&waited, nfds_t(waited.count), seconds < 1000 ? Int32(seconds * 1000) + 1 : 1_000_000) > 0 else {
      return
    }
    if waited[1].revents != 0, let bytes = listen(errorOutput) {
      errors += bytes
      if errors.count > 2 * Self.errorLimit { errors.removeFirst(errors.count - Self.errorLimit) }
    }
    if waited[0].revents != 0, let bytes = listen(output) { heard += bytes }
    if waited[2].revents != 0 {
      let count = withoutBrokenPipes {
        rest.withUnsafeBytes { write(input.writing, $0.baseAddress, $0.count) }
      }
      if count > 0 {
        rest = rest.dropFirst(count)
      } else if errno != EINTR && errno != EAGAIN {
        rest = []
      }
    }
  }

  private func hearErrors() {
    while errorOutput.reading >= 0, let bytes = listen(errorOutput) { errors += bytes }
  }

  private func listen(_ pipe: Pipe) -> ArraySlice<UInt8>? {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    let count = read(pipe.reading, &buffer, buffer.count)
    if count > 0 { return buffer[..<count] }
    if count == 0 || (errno != EINTR && errno != EAGAIN) { pipe.closeReading() }
    return nil
  }

  /// Where the mark begins a line of what was heard; `searched` is how far that was looked at.
  private func find(_ mark: [UInt8], from searched: inout Int) -> Int? {
    guard let first = mark.first else { return nil }
    return heard.withUnsafeBytes { bytes in
      var at = searched
      while at + mark.count <= bytes.count, let base = bytes.baseAddress {
        guard let found = memchr(base + at, Int32(first), bytes.count - at - mark.count + 1) else { break }
        let place = base.distance(to: found)
        if place == 0 || bytes[place - 1] == UInt8(ascii: "\n"),
          bytes[place..<place + mark.count].elementsEqual(mark)
        {
          return place
        }
        at = place + 1
      }
      searched = max(searched, bytes.count - mark.count + 1)
      return nil
    }
  }

  private func end(for limit: ClientProgram.Outcome.Limit?) -> ClientProgram.Outcome {
    if let ending { return ending }
    if limit != nil { kill(pid, SIGKILL) }
    // What it said last may still be in the pipe.
    hearErrors()
    input.closeWriting()
    output.closeReading()
    errorOutput.closeReading()
    let outcome = ClientProgram.Outcome(
      ending: ChildProcess.wait(for: pid), output: heard, errors: errors, limit: limit)
    ending = outcome
    return outcome
  }
}

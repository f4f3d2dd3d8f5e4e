import CSystem
import Foundation
import MendKit
import TestSupport

/// Starts programs, many a second: a process is made and nothing else, where `TestSupport.run` needs some 50 ms for it.
enum Launch {
  /// Runs a program in a folder and waits for it. A run that hangs is ended after `patience` seconds with exit code 124.
  static func run(
    _ words: [String], in folder: String, environment: [String: String] = [:], input: String = "",
    patience: Double = 60
  ) throws -> ProgramResult {
    let scratch = try TemporaryFolder("torture-run", in: scratchPlace)
    let paths = [try scratch.write(input, to: "in"), scratch.file("out"), scratch.file("err")]
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (stream, path) in paths.enumerated() {
      posix_spawn_file_actions_addopen(
        &actions, Int32(stream), path, stream == 0 ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    }
    csystem_spawn_in_folder(&actions, folder)
    _ = csystem_spawn_without(&actions, 3)
    // In a group of its own, so that what hangs goes with all that it started.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))

    let variables = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("DBMEND") }
      .merging(environment) { $1 }.map { "\($0.key)=\($0.value)" }
    var pid: pid_t = 0
    let result = withCStrings(words) { arguments in
      withCStrings(variables) { posix_spawnp(&pid, words[0], &actions, &attributes, arguments, $0) }
    }
    guard result == 0 else { throw PreparationFailed("cannot start \(words): \(String(cString: strerror(result)))") }
    var exit = try wait(for: pid, patience)
    if exit == nil {
      kill(-pid, SIGKILL)
      _ = try wait(for: pid, 5)
      exit = 124
    }
    func said(_ name: String) throws -> String { String(decoding: try scratch.read(name), as: UTF8.self) }
    return ProgramResult(exit: exit ?? 124, output: try said("out"), errors: try said("err"))
  }

  /// A place for files that need not outlive the system; nil stands for the usual one.
  static let scratchPlace: String? = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : nil

  private static func wait(for pid: pid_t, _ patience: Double) throws -> Int? {
    let start = Clock.system.steady()
    var pause: UInt32 = 100
    while true {
      var status: Int32 = 0
      let done = waitpid(pid, &status, WNOHANG)
      if done == pid {
        return csystem_exited(status) ? Int(csystem_exit_code(status)) : 128 + Int(csystem_term_signal(status))
      }
      guard done == 0 || errno == EINTR else { throw PreparationFailed("waitpid: \(String(cString: strerror(errno)))") }
      guard Clock.system.steady() - start < patience else { return nil }
      usleep(pause)
      pause = min(5000, pause + pause / 4)
    }
  }

  private static func withCStrings(
    _ words: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32
  ) -> Int32 {
    var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeMutableBufferPointer { buffer in buffer.baseAddress.map(body) ?? EINVAL }
  }
}

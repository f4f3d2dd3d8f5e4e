import Foundation
import MendKit
import SQLiteStore
import TestSupport

extension Trial {
  /// What a repair of one small file may take, in seconds.
  private static let patience = 20.0

  /// Repairs the case at hand into another file, as a person would by the program.
  func repair(_ words: String, _ kinds: [String]) throws -> Result {
    let size = try FileStatus.of(path).size
    let output = Paths.join(folder, "mended.db")
    for leftover in ["", "-wal", "-shm", "-journal"] { try Paths.removeFile(output + leftover) }
    phase(1)
    let start = Clock.system.steady()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.program)
    process.arguments = ["repair", path, "--output", output, "--yes", "--format", "json"]
    let said = Pipe()
    process.standardOutput = said
    process.standardError = said
    try process.run()
    let text = said.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let seconds = Clock.system.steady() - start
    func result(_ outcome: Outcome, _ more: String = "") -> Result {
      Result(outcome: outcome, words: words + more, native: seconds, bytes: size, kinds: kinds)
    }
    guard process.terminationReason == .exit, process.terminationStatus < 5 else {
      return result(
        .unsound,
        "\n    it ended with \(process.terminationStatus): \(String(decoding: text.suffix(400), as: UTF8.self))")
    }
    if seconds > Self.patience { return result(.slow) }
    guard process.terminationStatus == 0 else { return result(.unmended) }
    guard FileStatus.exists(output) else { return result(.bothSound) }
    phase(2)
    let engine = Opinion.ofEngine(output)
    phase(1)
    let native = Opinion.of(SQLiteDriver(), output)
    guard engine.verdict != .damaged, native.verdict == .sound else {
      return result(.unsound, "\n    dbmend: \(native)\n    SQLite: \(engine)")
    }
    return result(.mended)
  }

  /// The program beside this one, or the one that is named.
  private static let program =
    ProcessInfo.processInfo.environment["DBMEND"]
    ?? Paths.join(Paths.folder(of: Paths.resolved(CommandLine.arguments[0])), "dbmend")
}

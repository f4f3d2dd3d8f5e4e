import Foundation
import MendKit
import MendReport
import Testing

/// The machine's formats, held against their own schemas by programs that are not ours.
@Suite struct SchemaTests {
  @Test("every JUnit report is valid by the schema of Jenkins", arguments: Samples.all.indices)
  func junit(_ sample: Int) throws {
    guard let schema = schema("junit-10.xsd") else { return }
    let text = ReportFormat.junit.render(Samples.all[sample], context: Samples.context())
    let outcome = try run("xmllint", ["--noout", "--nonet", "--schema", schema, "-"], input: text)
    #expect(outcome.status == 0, "\(outcome.output)\n\(text)")
  }

  @Test("every SARIF report is valid by the schema of OASIS", arguments: Samples.all.indices)
  func sarif(_ sample: Int) throws {
    guard let schema = schema("sarif-2.1.0.json") else { return }
    let text = ReportFormat.sarif.render(Samples.all[sample], context: Samples.context())
    let program = """
      import json, sys, jsonschema
      schema = json.load(open(sys.argv[1]))
      jsonschema.validators.validator_for(schema)(schema).validate(json.load(sys.stdin))
      """
    let outcome = try run("python3", ["-c", program, schema], input: text)
    #expect(outcome.status == 0, "\(outcome.output)\n\(text)")
  }

  /// A schema of the folder that stands beside the clone, or that DBMEND_SCHEMAS names.
  private func schema(_ name: String) -> String? {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let folders =
      [ProcessInfo.processInfo.environment["DBMEND_SCHEMAS"]].compactMap(\.self)
      + [root.appendingPathComponent("../shared/schemas").standardizedFileURL.path]
    let path = folders.map { $0 + "/" + name }.first { FileManager.default.fileExists(atPath: $0) }
    if path == nil { print("NOT CHECKED: the schema \(name) is in none of \(folders)") }
    return path
  }

  private func run(_ program: String, _ arguments: [String], input: String) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let (stdin, output) = (Pipe(), Pipe())
    process.standardInput = stdin
    process.standardOutput = output
    process.standardError = output
    try process.run()
    // Both programs read all of their input before they write much.
    try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
    try stdin.fileHandleForWriting.close()
    let said = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: said, as: UTF8.self))
  }
}

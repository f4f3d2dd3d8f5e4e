import MendKit
import TestSupport

extension Ordeal {
  /// Files, tables, columns and indexes whose names a shell, an engine, a terminal or a report's reader takes for something else.
  static let hostileNames = Ordeal("hostile-names", "names that are orders") { effort in
    let trial = try NameTrial(effort)
    var outcome = Outcome()
    var random = effort.random("names")
    let files = FileNames(site: trial.site)
    let tables = TableNames(site: trial.site)
    var cases: [(name: String, run: () throws -> [String])] = []
    for index in HostileNames.ofFiles.indices {
      for command in FileNames.commands {
        cases.append(("file-\(index) \(command)", { try files.run(index, command, trial) }))
      }
    }
    cases.shuffle(using: &random)
    // Tables all stand in one store, so there are few cases, and each is of all names.
    var first: [(name: String, run: () throws -> [String])] = []
    for kind in try tables.kinds() {
      for command in TableNames.commands {
        first.append(("\(kind) \(command)", { try tables.run(kind, command, trial) }))
      }
    }
    // Tables take much longer than files: some of both come first, whatever the time.
    for (index, item) in first.enumerated() { cases.insert(item, at: min(cases.count, index < 2 ? index : index * 12)) }
    for item in cases where effort.wants(item.name) {
      if effort.isOver || outcome.failures.count > 50 { break }
      let said = try item.run()
      outcome.count(said.isEmpty ? nil : Failure(item.name, said.joined(separator: "\n  ")))
    }
    for said in try trial.invalidReports() { outcome.count(Failure("", said)) }
    outcome.measures.append("\(trial.reports) reports held against their schemas")
    return outcome
  }
}

/// The site, and the reports in formats with a schema, which are held against it all at once: to start a validator takes
/// longer than the run.
final class NameTrial {
  let site: HostileSite
  private let kept: TemporaryFolder
  private(set) var reports = 0

  init(_ effort: Effort) throws {
    var programs: [String: String] = [:]
    if let duckdb = try DuckDBFile.client() { programs["duckdb"] = duckdb }
    for name in ["psql", "pg_dump", "pg_restore", "pg_amcheck", "java"] where FileStatus.exists("/usr/bin/" + name) {
      programs[name] = "/usr/bin/" + name
    }
    site = try HostileSite(effort, programs: programs)
    kept = try TemporaryFolder("dbmend-hostile-reports")
  }

  /// What is wrong with what a run wrote in a format for machines.
  func flaw(of run: ContainedRun, _ format: String) throws -> String? {
    // A command that has no such format says so.
    guard run.exit != 2 else { return nil }
    switch format {
    case "json":
      guard let value = try? JSONValue(parsing: run.output), value.members != nil else {
        return "standard output is no JSON object"
      }
    case "github":
      guard let text = String(validating: run.output, as: UTF8.self) else { return "standard output is not UTF-8" }
      for line in text.split(separator: "\n", omittingEmptySubsequences: true) {
        let rest = ["error", "warning", "notice"].lazy.compactMap {
          line.hasPrefix("::\($0) ") ? line.dropFirst($0.count + 3) : nil
        }.first
        guard let rest, let end = rest.firstRange(of: "::") else {
          return "this line is no annotation: \(line.debugDescription)"
        }
        let allowed = ["file=", "title="]
        for property in rest[..<end.lowerBound].split(separator: ",") where !allowed.contains(where: property.hasPrefix)
        {
          return "this annotation has a property of the name's: \(line.debugDescription)"
        }
      }
    case "junit", "sarif":
      reports += 1
      try kept.write(run.output, to: "\(reports).\(format)")
    default: break
    }
    return nil
  }

  /// What the schemas say of all the reports that were kept.
  func invalidReports() throws -> [String] {
    guard reports > 0, let schemas = Corpus.folder("../schemas"), FileStatus.exists(schemas) else { return [] }
    let names = try kept.names()
    var said: [String] = []
    let junit = names.filter { $0.hasSuffix("junit") }.map(kept.file)
    if !junit.isEmpty {
      let result = try run(["xmllint", "--noout", "--nonet", "--schema", schemas + "/junit-10.xsd"] + junit)
      if result.exit != 0 { said.append("JUnit reports are not valid: \(result.errors.prefix(1000))") }
    }
    let script = """
      import glob, json, sys, jsonschema
      schema = json.load(open(sys.argv[1]))
      validator = jsonschema.validators.validator_for(schema)(schema)
      for name in glob.glob(sys.argv[2] + "/*.sarif"):
          for error in validator.iter_errors(json.load(open(name))): sys.exit(name + ": " + str(error)[:600])
      """
    let result = try run("python3", "-c", script, schemas + "/sarif-2.1.0.json", kept.path)
    if result.exit != 0 { said.append("SARIF reports are not valid: \(result.errors.prefix(1000))") }
    return said
  }
}

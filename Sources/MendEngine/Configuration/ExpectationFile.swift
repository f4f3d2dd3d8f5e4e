import MendKit

/// What `check --expect FILE` holds a run against: for each store, the finding codes that must appear there, exactly.
public struct ExpectationFile: Sendable {
  /// The file it was read from, as it was named.
  public var file: String
  /// Store by store, in the order of the file.
  public var entries: [Entry]

  /// What is expected of one store.
  public struct Entry: Sendable, Hashable {
    /// The path as the file has it.
    public var writtenPath: String
    /// The path from the root with every link resolved.
    public var path: String
    /// The codes that must be found; none for a healthy store.
    public var codes: Set<FindingCode>
    /// Where it stands: `expected.yaml:12`.
    public var origin: String
  }

  /// Reads a map from paths, relative to the file's folder, to lists of finding codes. Throws a problem of kind
  /// `configuration` that tells every error with line and column.
  public static func load(file: String, registry: PluginRegistry) throws(Problem) -> ExpectationFile {
    let tried = "use the expectations"
    let bytes = try ConfigurationFile.read(file, tried: tried).bytes
    let source = SourceText(file: file, bytes: bytes)
    let complaints = ComplaintList()
    let document = YAMLDocument(parsing: bytes, complaints: complaints)
    var result = ExpectationFile(file: file, entries: [])
    if let root = document.root {
      result.entries = entries(in: root, source: source, registry: registry, complaints: complaints)
    } else if complaints.isEmpty {
      complaints.add(at: .start, "the file is empty; it maps each path to the list of its finding codes")
    }
    guard complaints.isEmpty else {
      throw source.problem(
        complaints, tried: tried,
        advice: "Nothing was run. The file maps each path to a list of finding codes; [] stands for a healthy store.")
    }
    return result
  }

  private static func entries(
    in root: YAMLNode, source: SourceText, registry: PluginRegistry, complaints: ComplaintList
  ) -> [Entry] {
    guard let pairs = root.pairs else {
      complaints.add(
        at: root.position, "expected a map from paths to lists of finding codes, found \(root.value.words)")
      return []
    }
    let folder = Paths.folder(of: source.file)
    let known = FindingCodes(registry)
    var lines: [String: Int] = [:]
    return pairs.map { pair in
      let path = StorePath.isURI(pair.key) ? pair.key : Paths.resolved(Paths.join(folder, pair.key))
      if let line = lines[path] {
        complaints.add(at: pair.position, "the store '\(pair.key)' stands twice, first in line \(line)")
      }
      lines[path] = pair.position.line
      var codes: Set<FindingCode> = []
      if complaints.check(pair.value, is: .list(.string)) {
        for node in pair.value.items ?? [pair.value] {
          guard let code = node.value(as: .string).text else { continue }
          if let said = complaint(about: code, known: known) { complaints.add(at: node.position, said) }
          codes.insert(FindingCode(rawValue: code))
        }
      }
      return Entry(writtenPath: pair.key, path: path, codes: codes, origin: source.origin(pair.position))
    }
  }

  private static func complaint(about code: String, known: FindingCodes) -> String? {
    if code.contains("*") { return "'\(code)' is a pattern; codes are expected exactly, so write each of them" }
    let parts = code.split(separator: ".", omittingEmptySubsequences: false)
    let isCode = parts.count >= 2 && parts.allSatisfy { !$0.isEmpty } && !code.contains(where: \.isWhitespace)
    return isCode ? known.slip(in: code) : "'\(code)' is not a finding code such as index.entry-missing"
  }

  /// What differs between the expectations and a run, one sentence each, in the order of the file and then of the run;
  /// empty when exactly the expected findings appeared.
  public func mismatches(with reports: [StoreReport]) -> [String] {
    var sentences: [String] = []
    var isUsed = [Bool](repeating: false, count: reports.count)
    for entry in entries {
      let indices = reports.indices.filter { Self.path(of: reports[$0]) == entry.path }
      if indices.isEmpty {
        sentences.append("\(entry.writtenPath) (\(entry.origin)) was expected, but no such store was checked.")
      }
      for index in indices {
        isUsed[index] = true
        sentences += mismatches(of: entry, with: reports[index])
      }
    }
    for (report, isUsed) in zip(reports, isUsed) where !isUsed {
      sentences.append("\(report.path) was checked, but \(file) does not name it.")
    }
    return sentences
  }

  private func mismatches(of entry: Entry, with report: StoreReport) -> [String] {
    var found: [FindingCode: String] = [:]
    for finding in report.findings { found[finding.code] = found[finding.code] ?? finding.message }
    var sentences: [String] = []
    for problem in report.problems {
      if let code = problem.code {
        found[code] = found[code] ?? problem.said
      } else {
        sentences.append("\(entry.writtenPath) (\(entry.origin)) could not be checked: \(problem)")
      }
    }
    for code in entry.codes.sorted() where found[code] == nil {
      sentences.append("\(entry.writtenPath) (\(entry.origin)): \(code) was expected, but was not found.")
    }
    for (code, message) in found.sorted(by: { $0.key < $1.key }) where !entry.codes.contains(code) {
      sentences.append("\(entry.writtenPath) (\(entry.origin)): \(code) was found, but was not expected: \(message)")
    }
    return sentences
  }

  private static func path(of report: StoreReport) -> String {
    StorePath.isURI(report.store.path) ? report.store.path : Paths.resolved(report.store.path)
  }
}

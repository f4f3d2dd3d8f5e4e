import MendKit
import TestSupport

extension Ordeal {
  /// Documents and folders that programs write at full speed while dbmend checks and archives them.
  static let liveFiles = Ordeal("live-files", "documents and folders that are written at full speed") { effort in
    var outcome = Outcome()
    var tally: [FileWriter: (runs: Int, gaveUp: Int, writes: Int, seconds: Double)] = [:]
    for round in 0..<(effort.only == nil ? Int.max : 1) {
      for writer in FileWriter.allCases where effort.wants(writer.rawValue) {
        if effort.isOver { break }
        let trial = try LiveFileTrial(writer, effort)
        try trial.run(seconds: round == 0 ? 1.5 : 5)
        outcome.add(trial.outcome)
        let sum = tally[writer] ?? (0, 0, 0, 0)
        tally[writer] = (
          sum.runs + trial.outcome.trials, sum.gaveUp + trial.gaveUp, sum.writes + trial.writes,
          sum.seconds + trial.seconds
        )
      }
      if effort.isOver { break }
    }
    for (writer, sum) in tally.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      outcome.measures.append(
        "\(writer.rawValue): \(sum.runs - sum.gaveUp) of \(sum.runs) runs found their moment beside "
          + "\(Int(Double(sum.writes) / max(0.1, sum.seconds))) writes a second")
    }
    return outcome
  }
}

/// How a program writes what it keeps.
enum FileWriter: String, CaseIterable {
  /// Each document is a new file that takes the name of the old one.
  case renamed
  /// The file is emptied and written anew, a few times a second: in between everybody sees half of it.
  case rewritten
  /// The files of a folder, each a new one that takes the name of the old one.
  case folder

  /// The store's path.
  var store: String { self == .folder ? "uploads" : "state.json" }

  /// The application: each document says its number, and has accounts of the same sum.
  var script: String {
    let common = """
      import json, os, random, sys, time
      def document(n):
        a = [1000] * 200
        for _ in range(50):
          m = random.randrange(100); a[random.randrange(200)] -= m; a[random.randrange(200)] += m
        return json.dumps({"n": n, "accounts": a, "end": n})
      def put(path, n):
        with open(path + '~', 'w') as f: f.write(document(n))
        os.rename(path + '~', path)
      # Whoever started it may be gone, a shim of a version manager in between too.
      parent = os.getppid()
      def goes_on(): return os.getppid() == parent
      n = 0
      def count():
        with open('count~', 'w') as f: f.write(str(n))
        os.rename('count~', 'count')

      """
    return switch self {
    case .renamed: common + "while goes_on(): n += 1; put('state.json', n); count()"
    case .rewritten:
      common + """
        while goes_on():
          n += 1
          with open('state.json', 'w') as f:
            for part in document(n).partition('"accounts"'): f.write(part); f.flush()
          count(); time.sleep(0.02)
        """
    case .folder:
      common + """
        os.makedirs('uploads', exist_ok=True)
        for i in range(40): put('uploads/%d.json' % i, 0)
        while goes_on():
          n += 1; put('uploads/%d.json' % random.randrange(40), n); count()
        """
    }
  }
}

/// One application, and the runs of dbmend beside it.
final class LiveFileTrial {
  private let writer: FileWriter
  private let effort: Effort
  private let folder: TemporaryFolder
  private(set) var outcome = Ordeal.Outcome()
  private(set) var gaveUp = 0
  private(set) var writes = 0
  private(set) var seconds = 0.0

  init(_ writer: FileWriter, _ effort: Effort) throws {
    self.writer = writer
    self.effort = effort
    folder = try TemporaryFolder("dbmend-live-files")
    try folder.write(
      """
      version: 1
      repository: backups
      environments: { shop: { stores: { it: { path: \(writer.store) } } } }
      """, to: "dbmend.yaml")
  }

  func run(seconds limit: Double) throws {
    let application = try StartedRun(["timeout", "120", "python3", "-c", writer.script], in: folder.path)
    defer {
      application.signal(SIGKILL)
      _ = try? application.end()
    }
    let begun = Clock.system.steady()
    while try count() < 50 {
      guard Clock.system.steady() - begun < 20 else { throw PreparationFailed("the application does not begin") }
      usleep(5_000)
    }
    let start = Clock.system.steady()
    let first = try count()
    repeat {
      for command in ["check", "backup"] { try runBeside(command) }
    } while Clock.system.steady() - start < limit && !effort.isOver
    writes = try count() - first
    seconds = Clock.system.steady() - start
  }

  private func count() throws -> Int {
    guard let text = try? folder.read("count") else { return 0 }
    return Int(String(decoding: text, as: UTF8.self)) ?? 0
  }

  private func runBeside(_ command: String) throws {
    let before = try count()
    let result = try TestSupport.run(
      "timeout", "120", effort.program, command, "--format", "json", folder: folder.path, environment: ["NO_COLOR": "1"]
    )
    let after = try count()
    let store = (try? JSONValue(parsing: Array(result.output.utf8)))?["stores"]?.array?.first
    let kinds = (store?["problems"]?.array ?? []).compactMap { $0["kind"]?.string }
    var trouble: String?
    if result.exit == 3, !kinds.isEmpty, kinds.allSatisfy({ ["changing", "locked"].contains($0) }) {
      gaveUp += 1
    } else if result.exit != 0 {
      trouble = "expected a healthy store, or exit 3 and that it is changing"
    } else if command == "backup", let archive = store?["archive"]?.string {
      trouble = try self.trouble(of: archive, from: before, to: after)
    }
    outcome.count(
      trouble.map {
        Ordeal.Failure(writer.rawValue, "dbmend \(command): \($0)\nexit \(result.exit)\n\(result.errors.suffix(1500))")
      })
  }

  /// What is wrong with the documents in an archive, as tar unpacks it.
  private func trouble(of archive: String, from before: Int, to after: Int) throws -> String? {
    let place = try TemporaryFolder("dbmend-live-archive")
    let path = Paths.join(folder.path, archive)
    guard try TestSupport.run("tar", "-xf", path, folder: place.path).exit == 0 else {
      return "tar -xf fails on \(archive)"
    }
    let verdict = try TestSupport.run(
      "python3", "-c",
      """
      import glob, json, sys
      first, last, many = map(int, sys.argv[1:4])
      found = [p for p in glob.glob('**/*.json', recursive=True) if p != 'manifest.json']
      if len(found) != many: sys.exit('there are %d documents: %s' % (len(found), found[:5]))
      for path in found:
        d = json.load(open(path))
        if d['n'] != d['end'] or sum(d['accounts']) != 200000: sys.exit('%s is no document of the application' % path)
        if d['n'] > last + 1 or many == 1 and d['n'] < first: sys.exit('%s is number %d, not of %d to %d' % (path, d['n'], first, last))
      """, "\(before)", "\(after)", writer == .folder ? "40" : "1", folder: place.path)
    return verdict.exit == 0 ? nil : "\(archive): \(verdict.errors)"
  }
}

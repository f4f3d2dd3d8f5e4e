import MendKit
import TestSupport

extension Ordeal {
  /// Two runs at the same time on one store and on one repository, of every two commands; runs that are killed or stopped while they
  /// hold what the other wants; locks that are taken away from under them.
  static let twoAtOnce = Ordeal("two-at-once", "two runs at once, of every two commands") { effort in
    var outcome = Outcome()
    var refused = 0
    var random = effort.random("two-at-once")
    for way in HeldRun.Way.allCases where effort.wants(way.name) {
      outcome.count(try HeldRun(effort).trouble(way).map { Failure(way.name, $0) })
    }
    let commands = PairedCommand.allCases
    var pairs = commands.flatMap { one in commands.map { (one, $0) } }
    pairs.shuffle(using: &random)
    for index in 0..<(effort.only == nil ? Int.max : 10_000) {
      if effort.isOver { break }
      let (one, other) = pairs[index % pairs.count]
      let kind = random.int(0...3)
      let delay = random.int(0...(index % 3 == 0 ? 400 : 60))
      let name = "\(index)-\(one.rawValue)-\(other.rawValue)" + (kind == 0 ? "-apart" : kind == 1 ? "-killed" : "")
      guard effort.wants(name) else { continue }
      let pair = try RunPair(effort, one, other, isApart: kind == 0, delay: delay)
      let trouble = kind == 1 ? try pair.killFirst() : try pair.runBoth()
      refused += pair.refused
      outcome.count(trouble.map { Failure(name, $0) })
      if effort.only != nil { break }
    }
    outcome.measures = ["\(refused) runs gave way to the other"]
    return outcome
  }
}

/// A command that is run beside another.
enum PairedCommand: String, CaseIterable {
  case check, backup, repair, migrate, fail, restore, prune, write, verify, list, status

  /// The words for the program; `mark` tells the two runs of a pair apart.
  func words(_ mark: String) -> [String] {
    switch self {
    case .check, .backup, .prune, .verify, .list, .status: [rawValue]
    case .repair: ["repair", "shop/app"]
    case .migrate: ["preflight", "shop/app", "--", "sqlite3", "-cmd", ".timeout 5000", "app.db", Self.insert(mark)]
    case .fail:
      [
        "preflight", "shop/app", "--", "sh", "-c",
        "sqlite3 -cmd '.timeout 5000' app.db \"\(Self.insert(mark))\"; exit 3",
      ]
    case .restore: ["restore", "latest", "shop/app"]
    case .write: ["write", "state.json"]
    }
  }

  private static func insert(_ mark: String) -> String { "insert into orders(sku) values('\(mark)')" }

  /// What it ends with when it is alone.
  var exit: Int { self == .fail ? 4 : 0 }
}

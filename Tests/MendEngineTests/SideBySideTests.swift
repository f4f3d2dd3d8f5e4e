import MendKit
import Synchronization
import TestSupport
import Testing

@testable import MendEngine

@Suite("Several stores")
struct SideBySideTests {
  /// A deployment of `production/data` and so many stores more, one of them damaged, one no database, one missing.
  private func site(_ count: Int) throws -> Deployment {
    let names = (0..<count).map { "store\($0 + 100)" }
    let site = try Deployment(more: Dictionary(uniqueKeysWithValues: names.map { ($0, Deployment.shop) }))
    try site.sql(Deployment.dropIndexEntries, on: names[3])
    try site.folder.write([UInt8](repeating: 0x2A, count: 4096), to: "\(names[5]).db")
    try Paths.removeFile(site.folder.file("\(names[7]).db"))
    return site
  }

  /// What a report says, without what differs from run to run.
  private func told(_ store: StoreReport) -> [String] {
    [
      "\(store.store) \(store.kind ?? "-") \(store.path) \(store.verdict) \(store.bytes ?? -1)",
      "\(store.tables.sorted { $0.key < $1.key })", "\(store.checks.map { "\($0.check) \($0.verdict)" })",
      "\(store.findings)", "\(store.problems)", "\(store.notes)",
    ]
  }

  @Test("checked together, each store has the report that it has alone, in the order of the stores")
  func sameAsAlone() throws {
    let site = try site(30)
    let together = site.engine.checkExplained([])
    let explanations = together.stores.flatMap { $0.explained?.findings ?? [] }
    var alone: [StoreReport] = []
    var explainedAlone: [Explanation] = []
    for store in try site.engine.resolve([]) {
      let report = site.engine.checkExplained([store.commandLineName])
      alone += report.stores
      explainedAlone += report.stores.flatMap { $0.explained?.findings ?? [] }
    }
    #expect(together.stores.count == 31)
    #expect(together.stores.map(told) == alone.map(told))
    #expect(explanations == explainedAlone)
    #expect(together.code == .damaged)
    #expect(
      together.stores.filter { $0.verdict != .healthy }.map(\.store.name) == ["store103", "store105", "store107"])
  }

  @Test("a store that another process has locked is unchecked, and keeps none of the others from being checked")
  func locked() throws {
    let site = try site(12)
    let locker = try LockingProcess(site.folder.file("store101.db"))
    defer { locker.stop() }
    let report = site.engine.check([])
    #expect(report.code == .unchecked)
    #expect(report.stores.filter { $0.verdict == .unchecked }.map(\.store.name) == ["store101"])
    #expect(report.stores.filter { $0.verdict == .damaged }.count == 3)
    #expect(report.stores.filter { $0.verdict == .healthy }.count == 9)
  }

  @Test("several stores at once are one step for who watches, which only goes on and comes to its end")
  func progress() throws {
    let site = try site(12)
    let watcher = Watcher()
    let engine = Engine(
      configuration: site.configuration, registry: site.registry, settings: site.settings, observer: watcher)
    _ = engine.check([])
    #expect(watcher.steps == [.checkingSeveral(13)])
    let told = watcher.fractions
    #expect(told == told.sorted() && told.count >= 13)
    #expect(abs((told.last ?? 0) - 1) < 0.001)
    #expect(Step.checkingSeveral(13).title == "checking 13 stores")
  }

  @Test("beside each other, no check of a store may use more than one thread; alone it may use all")
  func workers() throws {
    let site = try Deployment(more: ["other": Deployment.shop])
    let seen = Mutex<[String: Int]>([:])
    site.add(
      MadeCheck("threads") { context in
        seen.withLock { $0[context.store.name] = context.workers }
        return []
      })
    _ = site.engine.check([])
    #expect(seen.withLock { $0 } == ["data": 1, "other": 1])
    _ = site.engine.check(["other"])
    #expect(seen.withLock { $0["other"] } == Workers.processors)
  }

  @Test("only so many stores are open at once as there are processors")
  func bounded() throws {
    let site = try site(20)
    let open = Mutex((now: 0, most: 0))
    site.add(
      MadeCheck("counts") { _ in
        open.withLock {
          $0.now += 1
          $0.most = max($0.most, $0.now)
        }
        usleep(2_000)
        open.withLock { $0.now -= 1 }
        return []
      })
    _ = site.engine.check([])
    #expect(open.withLock { $0.most } <= Workers.processors)
  }

  @Test("a large store is checked by itself, with all processors")
  func large() throws {
    let site = try Deployment(more: ["first": Deployment.shop, "large": Deployment.shop])
    // A file may be longer than its database says; what stands behind is not read.
    let file = try FileHandle.update(site.folder.file("large.db"))
    try file.truncate(to: Engine.RowCounting.cheapSize + 4096)
    let seen = Mutex<[String: Int]>([:])
    site.add(
      MadeCheck("threads") { context in
        seen.withLock { $0[context.store.name] = context.workers }
        return []
      })
    let report = site.engine.check([])
    #expect(report.stores.map(\.store.name) == ["data", "first", "large"])
    #expect(seen.withLock { $0 } == ["data": 1, "first": 1, "large": Workers.processors])
  }

  @Test("a folder of many files is searched whole, in order, and stores of the configuration are known in it")
  func search() throws {
    let site = try Deployment()
    for number in 0..<200 {
      try site.folder.write("no store", to: "many/\(number + 1000).txt")
      if number % 3 == 0 { try SQLiteFile.make(site.folder.file("many/\(number + 1000).db"), "create table t(a)") }
    }
    #expect(symlink(site.path, site.folder.file("many/2000.db")) == 0)
    let found = try site.engine.resolve([site.folder.file("many")])
    #expect(found.count == 68)
    #expect(found.map(\.writtenPath) == found.map(\.writtenPath).sorted())
    #expect(found.last?.identity.description == "production/data")
    #expect(found.last?.writtenPath == site.folder.file("many/2000.db"))
  }
}

/// Keeps what it is told.
private final class Watcher: RunObserver {
  private let state = Mutex<(steps: [Step], fractions: [Double])>(([], []))

  func began(_ step: Step) { state.withLock { $0.steps.append(step) } }
  func progressed(_ fraction: Double) { state.withLock { $0.fractions.append(fraction) } }

  var steps: [Step] { state.withLock { $0.steps } }
  var fractions: [Double] { state.withLock { $0.fractions } }
}

import MendKit
import TestSupport
import Testing

@Suite("Many stores")
struct ManyStoresTrials {
  private func trial(_ count: Int) throws -> Trial {
    let trial = try Trial()
    for number in 0..<count { try trial.sql(Trial.shop, on: "store\(number + 100).db") }
    return trial
  }

  @Test("a folder of stores is reported in the order of their paths, the damaged and the locked one among them")
  func order() throws {
    let trial = try trial(60)
    try trial.spoilIndex(of: "store117.db")
    let holder = try Holder(trial.file("store131.db"), "begin exclusive")
    try trial.folder.write("version: 1\nbusy_timeout: 100ms\n", to: "dbmend.yaml")
    let before = try trial.sight()
    let outcome = try trial.dbmend("check", ".")
    holder.release()
    #expect(outcome.exit == 3)
    #expect(outcome.stores.compactMap { $0["store"]?.string } == (100..<160).map { "adhoc/store\($0).db" })
    for (number, store) in outcome.stores.enumerated() {
      let wanted = number == 17 ? "damaged" : number == 31 ? "unchecked" : "healthy"
      #expect(store["verdict"]?.string == wanted)
      if wanted == "healthy" { #expect(store["tables"]?["users"]?["rows"]?.integer == 4) }
    }
    #expect(outcome.stores[31]["blocked_by"]?.array?.count == 1)
    #expect(try trial.sight() == before)
  }

  @Test("what decided about each store is explained in the stores' order")
  func explained() throws {
    let trial = try trial(20)
    let outcome = try trial.text("check", "--explain", ".")
    #expect(outcome.exit == 0)
    let named = outcome.output.split(separator: "\n").compactMap { line in
      line.range(of: ": connects found nothing") == nil && !line.contains(": connects: found nothing")
        ? nil : line.split(separator: "/").last?.prefix(8)
    }
    #expect(named == (100..<120).map { "store\($0)" })
  }

  @Test("a signal ends the check of many stores at once, whatever they wait for", arguments: [SIGINT, SIGTERM])
  func signal(_ number: Int32) throws {
    let trial = try trial(6)
    let holders = try (100..<106).map { try Holder(trial.file("store\($0).db"), "begin exclusive") }
    try trial.folder.write("version: 1\nbusy_timeout: 5s\n", to: "dbmend.yaml")
    let before = try trial.sight()
    var sent = 0.0
    let ending = ChildProcess.run([Trial.program, "check", "."], output: .none, folder: trial.folder.path) { pid in
      usleep(500_000)
      sent = Clock.system.steady()
      _ = kill(pid, number)
    }
    #expect(ending == .killed(Int(number)))
    #expect(Clock.system.steady() - sent < 2)
    for holder in holders { holder.release() }
    #expect(try trial.sight() == before)
  }
}

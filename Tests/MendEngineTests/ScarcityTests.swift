import MendKit
import Synchronization
import TestSupport
import Testing

@testable import MendEngine

/// Want of room, memory or open files, and devices that fail once, are no reason to take a repair that costs more.
@Suite("Repairs that this machine keeps from their work") struct ScarcityTests {
  private func damagedShop() throws -> Deployment {
    let site = try Deployment()
    try site.sql(Deployment.dropIndexEntries)
    return site
  }

  private static func empties(_ context: RepairContext) throws(Problem) -> RepairOutcome {
    _ = try? SQLiteFile.make(context.path, "delete from orders; reindex")
    return RepairOutcome()
  }

  @Test("a full disk stops the run, where a costlier repair would need less room", arguments: [ENOSPC, ENOMEM, EMFILE])
  func stops(_ number: Int32) throws {
    let site = try damagedShop()
    let before = try site.bytes()
    site.registry = PluginRegistry(
      drivers: site.registry.drivers, checks: site.registry.checks,
      repairs: [
        MadeRepair("roomy", mends: ["index.*"]) { context throws(Problem) in
          throw SystemError.problem("write", context.path, number)
        },
        MadeRepair("butcher", mends: ["index.*"], loss: .rows, Self.empties),
      ])
    let report = site.engine.repair("data", mode: .inPlace)
    #expect(report.code == .unchecked)
    #expect(report.stores.first?.problems.map(\.said) == [SystemError.text(number)])
    #expect(try site.bytes() == before)
    #expect(try site.leftovers() == [])
  }

  @Test("a repair that cannot say for want of memory what it offers stops the run too")
  func offers() throws {
    let site = try damagedShop()
    let before = try site.bytes()
    site.registry = PluginRegistry(
      drivers: site.registry.drivers, checks: site.registry.checks,
      repairs: [SpeechlessRepair(), MadeRepair("butcher", mends: ["index.*"], loss: .rows, Self.empties)])
    let report = site.engine.repair("data", mode: .inPlace)
    #expect(report.code == .unchecked)
    #expect(try site.bytes() == before)
  }

  @Test("a device that fails once is asked again, before another repair is")
  func asksAgain() throws {
    let site = try damagedShop()
    let failures = Mutex(1)
    site.prefer(
      MadeRepair("unlucky", mends: ["index.*"]) { context throws(Problem) in
        if failures.withLock({
          $0 -= 1
          return $0 >= 0
        }) {
          throw SystemError.problem("read", "/elsewhere", EIO)
        }
        _ = try? SQLiteFile.make(context.path, "reindex")
        return RepairOutcome()
      })
    let report = site.engine.repair("data", mode: .inPlace)
    #expect(report.code == .healthy)
    #expect(report.stores.first?.plan.map(\.repair) == ["unlucky"])
    #expect(report.stores.first?.plan.map(\.outcome) == [.mended])
  }

  @Test("one that fails again is passed over, where what failed is not the work folder")
  func passesOver() throws {
    let site = try damagedShop()
    site.prefer(
      MadeRepair("unlucky", mends: ["index.*"]) { _ throws(Problem) in
        throw SystemError.problem("read", "/elsewhere", EIO)
      })
    let report = site.engine.repair("data", mode: .inPlace)
    #expect(report.code == .healthy)
    #expect(report.stores.first?.plan.map(\.repair) == ["unlucky", "reindex"])
  }
}

/// A repair without memory to say anything.
private struct SpeechlessRepair: Repair {
  let description = PluginDescription(
    id: "speechless", title: "says nothing", discussion: "", kind: .repair, mends: ["index.*"], loss: Loss.none)

  func offer(for findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOffer? {
    throw SystemError.problem("read", context.path, ENOMEM)
  }

  func mend(_ findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOutcome { RepairOutcome() }
}

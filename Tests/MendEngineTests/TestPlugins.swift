import MendKit

@testable import MendEngine

/// A check whose findings a test makes up from the context.
struct MadeCheck: Check {
  let description: PluginDescription
  let look: @Sendable (CheckContext) -> [Finding]

  init(_ id: String, _ look: @escaping @Sendable (CheckContext) -> [Finding]) {
    description = PluginDescription(id: id, title: "looks as a test says", discussion: "", kind: .check)
    self.look = look
  }

  func findings(in context: CheckContext, options: Options) throws(Problem) -> [Finding] { look(context) }
}

/// A repair that does to the working copy what a test says.
struct MadeRepair: Repair {
  let description: PluginDescription
  let loss: Loss
  let work: @Sendable (RepairContext) throws(Problem) -> RepairOutcome

  init(
    _ id: String, mends: [String], loss: Loss = .none,
    _ work: @escaping @Sendable (RepairContext) throws(Problem) -> RepairOutcome
  ) {
    description = PluginDescription(
      id: id, title: "mends as a test says", discussion: "", kind: .repair, mends: mends, loss: loss)
    self.loss = loss
    self.work = work
  }

  func offer(for findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOffer? {
    RepairOffer(loss: loss, mends: findings, reason: "does what a test says", order: 1)
  }

  func mend(_ findings: [Finding], in context: RepairContext) throws(Problem) -> RepairOutcome { try work(context) }
}

extension Deployment {
  /// Puts repairs before all others.
  func prefer(_ repairs: any Repair...) {
    registry = PluginRegistry(
      drivers: registry.drivers, checks: registry.checks, repairs: repairs + registry.repairs)
  }

  /// Adds a check to the registry and to every store.
  func add(_ check: any Check) {
    registry = PluginRegistry(
      drivers: registry.drivers, checks: registry.checks + [check], repairs: registry.repairs)
    self.check(check.description.id)
  }

  /// A small volume of its own in place of a folder, gone with the returned object.
  func mountSmall(_ name: String, bytes: Int) throws -> SmallVolume {
    try Paths.makeFolder(folder.file(name))
    return try SmallVolume(folder.file(name), bytes: bytes)
  }
}

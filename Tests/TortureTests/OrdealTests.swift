import MendKit
import TestSupport
import Testing
import Torture

/// Every ordeal of `scripts/torture` in a short form.
@Suite("Ordeals", .serialized) struct OrdealTests {
  /// The program that was built with these tests.
  private static let program = Paths.join(Paths.folder(of: Paths.resolved("/proc/self/exe")), "dbmend")

  @Test("leave every promise whole", arguments: Ordeal.all.map(\.name))
  func whole(_ name: String) throws {
    let ordeal = try #require(Ordeal.named(name))
    let outcome = try ordeal.run(Effort(program: Self.program, seconds: 20))
    print(Table.line(ordeal, outcome, seconds: 0))
    #expect(outcome.trials > 0)
    for failure in outcome.failures.prefix(20) { Issue.record("\(ordeal.name): \(failure)") }
  }
}

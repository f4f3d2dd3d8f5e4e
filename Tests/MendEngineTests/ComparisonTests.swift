import MendKit
import Testing

@testable import MendEngine

@Suite("Comparisons with what a finding measured")
struct ComparisonTests {
  private func finding(_ measures: [Measure], count: Int = 1) -> Finding {
    Finding("row-count.dropped", .error, "rows are gone", count: count, measures: measures)
  }

  @Test(
    "each operator, at, below and above the number",
    arguments: [
      ("<", [true, false, false]), ("<=", [true, true, false]), (">", [false, false, true]),
      (">=", [false, true, true]), ("=", [false, true, false]), ("==", [false, true, false]),
      ("!=", [true, false, true]),
    ])
  func operators(sign: String, holds: [Bool]) throws {
    let comparison = try Comparison("drop \(sign) 20%")
    let found = [19.5, 20, 20.5].map { comparison.holds(for: finding([Measure("drop", $0, unit: "%")])) }
    #expect(found == holds)
  }

  @Test("a plain number is held against the value as it is, one with a unit in the measure's own")
  func units() throws {
    let drop = finding([Measure("drop", 62.5, unit: "%"), Measure("size", 3_000_000_000, unit: "B")])
    #expect(try Comparison("drop>62").holds(for: drop))
    #expect(try Comparison("size > 2GiB").holds(for: drop))
    #expect(try !Comparison("size > 3GiB").holds(for: drop))
    let age = finding([Measure("age", 250, unit: "ms"), Measure("load", -2.5), Measure("used", 4, unit: "MB")])
    #expect(try Comparison("age < 1s").holds(for: age))
    #expect(try Comparison("age > 100").holds(for: age))
    #expect(try Comparison("age < 2h").holds(for: age))
    #expect(try Comparison("load < -2").holds(for: age))
    #expect(try Comparison("used = 4000kB").holds(for: age))
  }

  @Test("a unit of another sort, and what was not measured, never hold")
  func apart() throws {
    let drop = finding([Measure("drop", 62.5, unit: "%"), Measure("value", .nan)])
    for text in ["drop > 1MB", "drop > 1s", "rows > 0", "rows < 9", "value != 1", "value > 0", "value <= 0"] {
      #expect(try !Comparison(text).holds(for: drop), "\(text)")
    }
  }

  @Test("every finding measures how many things it stands for")
  func count() throws {
    #expect(try Comparison("count >= 12").holds(for: finding([], count: 12)))
    #expect(try !Comparison("count >= 12").holds(for: finding([], count: 11)))
    #expect(try !Comparison("count >= 12").holds(for: finding([Measure("count", 3)], count: 12)))
  }

  @Test("a name may be anything that stands before the last sign")
  func names() throws {
    let comparison = try Comparison("  /var/log <old> used  >=  80 % ")
    #expect(comparison.measure == "/var/log <old> used")
    #expect(comparison.description == "/var/log <old> used >= 80 %")
  }

  @Test(
    "what is no comparison is refused in words that help",
    arguments: [
      ("drop", "'drop' compares nothing"), ("drop => 3", "'=>' is no comparison; there are < <= > >= = !="),
      ("> 3", "names no measure before '>'"), ("drop > many", "'many' is no number"),
      ("drop > 3 parsecs", "'parsecs' is no unit that is known"), ("drop > ", "'' is no number"),
      ("drop ! 3", "'!' is no comparison"),
    ])
  func refused(text: String, said: String) {
    #expect { try Comparison(text) } throws: { ($0 as? Comparison.Slip)?.said.contains(said) == true }
  }
}

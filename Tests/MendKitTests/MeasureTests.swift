import MendKit
import Testing

@Suite("Measures, days and patterns")
struct MeasureTests {
  @Test("a measure is told as people write it")
  func words() {
    #expect(Measure("drop", 62.5, unit: "%").words == "62.5 %")
    #expect(Measure("rows", 4).words == "4")
    #expect(Measure("free", 1_234_000_000, unit: "B").words == "1.2 GB")
    #expect(Measure("load", -0.05).words == "-0.05")
    #expect(Measure("age", 2.999, unit: "s").words == "3 s")
    for odd in [Double.nan, .infinity, -.infinity, 1e300, -1e300] {
      #expect(!Measure("odd", odd, unit: "B").words.isEmpty && !Measure("odd", odd).words.isEmpty)
    }
  }

  @Test("units of one sort are comparable, and told in one unit")
  func units() {
    #expect(MeasureUnit("ms").base(250) == 0.25 && MeasureUnit("h").base(2) == 7200 && MeasureUnit("us").base(1e6) == 1)
    #expect(MeasureUnit("MiB").base(2) == 2_097_152 && MeasureUnit("kB").base(1.5) == 1500)
    #expect(MeasureUnit("ms").isComparable(with: MeasureUnit("d")))
    #expect(
      !MeasureUnit("ms").isComparable(with: MeasureUnit("B")) && !MeasureUnit("").isComparable(with: MeasureUnit("%")))
    #expect(MeasureUnit("c") == .other && !MeasureUnit("c").isComparable(with: MeasureUnit("c")))
  }

  @Test("a day is one that the calendar has, and nothing else")
  func days() {
    #expect(Day("2026-12-31")?.next.description == "2027-01-01")
    #expect(Day("2024-02-29") != nil && Day(at: 0).description == "1970-01-01")
    for text in ["2026-02-29", "2026-13-01", "2026-1-1", "31.12.2026", "2026-12-31 ", "", "2026-12-3x", "٢٠٢٦-١٢-٣١"] {
      #expect(Day(text) == nil, "\(text)")
    }
    #expect(Day(at: 86399) == Day(at: 0) && Day(at: 86400) == Day(at: 0).next && Day(at: -1) < Day(at: 0))
  }

  @Test("two patterns meet where some text is named by both, and one covers the other where all are")
  func patterns() {
    let patterns = ["", "*", "a", "a*", "*a", "a*b", "*b*", "ab", "a**b", "b*", "aab", "*a*b"]
    var texts = [""]
    for _ in 0..<4 { texts += texts.flatMap { [$0 + "a", $0 + "b"] } }
    for one in patterns {
      for other in patterns {
        let named = texts.filter { Glob.matches(other, $0) }
        #expect(Glob.meet(one, other) == named.contains { Glob.matches(one, $0) }, "\(one) \(other)")
        if Glob.covers(one, other) { #expect(named.allSatisfy { Glob.matches(one, $0) }, "\(one) \(other)") }
      }
    }
    #expect(Glob.covers("row-*", "row-count.*") && !Glob.covers("row-count.*", "row-*"))
  }
}

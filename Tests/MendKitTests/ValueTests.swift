import MendKit
import Testing

@Suite("Values of the configuration")
struct ValueTests {
  @Test(
    "patterns name codes as a shell would",
    arguments: [
      ("row-count.*", "row-count.dropped", true), ("*", "anything", true), ("index.*", "indexes", false),
      ("*.missing", "table.missing", true), ("a*b*c", "aXbYbZc", true), ("a*b", "abc", false), ("", "", true),
    ])
  func globs(_ pattern: String, _ text: String, _ isMatch: Bool) {
    #expect(Glob.matches(pattern, text) == isMatch)
  }

  @Test("sizes, spans and shares are read as people write them")
  func quantities() {
    #expect(ByteSize("2GiB")?.bytes == 2_147_483_648)
    #expect(ByteSize("1.5 kB")?.bytes == 1500)
    #expect(ByteSize("-1") == nil)
    #expect(ByteSize("12 parsecs") == nil)
    #expect(ByteSize("99999999999TB") == nil)
    #expect(TimeSpan("250ms")?.seconds == 0.25)
    #expect(TimeSpan("7d")?.seconds == 604_800)
    #expect(TimeSpan("soon") == nil)
    #expect(Share(.string("20%"))?.fraction == 0.2)
    #expect(Share(.number(0.2))?.fraction == 0.2)
    #expect(Share(.string("120%")) == nil)
    #expect(ByteSize(bytes: 8_282_112).short == "8.3 MB")
    #expect(ByteSize(bytes: 1).short == "1 byte")
  }

  @Test("the nearest word is offered, and no far one")
  func nearest() {
    #expect(NearestWord.nearest(to: "retntion", among: ["retention", "repository"]) == "retention")
    #expect(NearestWord.nearest(to: "intergity", among: ["integrity", "sequences"]) == "integrity")
    #expect(NearestWord.nearest(to: "xyzzy", among: ["integrity", "sequences"]) == nil)
  }

  @Test("a value of the wrong type is refused with the way to it")
  func complaints() {
    let type = OptionType.either([.list(.string), .map(.list(.string))])
    #expect(type.complaint(about: .list([.string("users")])) == nil)
    #expect(type.complaint(about: .map([OptionPair("users", .list([.string("id")]))])) == nil)
    let complaint = type.complaint(about: .map([OptionPair("users", .list([.list([])]))]))
    #expect(complaint?.path == ["users", "0"])
    #expect(OptionType.integer(0...10).complaint(about: .integer(11))?.said.contains("0 to 10") == true)
    #expect(
      OptionType.choice(["full", "quick"]).complaint(about: .string("ful"))?.said.contains("did you mean 'full'")
        == true)
  }

  @Test("verdicts of several stores: what could not be checked outranks damage")
  func verdicts() {
    #expect(Verdict.combined([.healthy, .damaged, .unchecked, .repaired]) == .unchecked)
    #expect(Verdict.combined([.healthy, .repaired]) == .repaired)
    #expect(Verdict.combined([]) == .healthy)
  }
}

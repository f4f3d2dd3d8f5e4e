import MendKit

/// How many cases came out how, and what was said of those that matter.
struct Summary {
  var counts: [String: Int] = [:]
  /// How each kind of damage came out.
  var kinds: [String: Int] = [:]
  /// What only dbmend found, by codes, with how often and the number of one case.
  var stronger: [String: Int] = [:]
  var examples: [String: Int] = [:]
  /// Failures in full; of other things that are worth a look, the first few.
  var notes: [String] = []
  var native = 0.0
  var engine = 0.0
  var bytes = 0

  private static let mostNotes = 40

  var cases: Int { counts.values.reduce(0, +) }

  var failures: Int {
    Outcome.allCases.filter(\.isFailure).reduce(0) { $0 + counts[$1.rawValue, default: 0] } + crashes
  }

  /// Cases in which a worker died or came to no end, SQLite's own apart.
  var crashes: Int { counts["crashed", default: 0] + counts["hung", default: 0] }

  mutating func add(_ number: UInt64, _ result: Trial.Result) {
    counts[result.outcome.rawValue, default: 0] += 1
    for kind in result.kinds { kinds["\(kind): \(result.outcome.rawValue)", default: 0] += 1 }
    native += result.native
    engine += result.engine
    bytes += result.bytes
    if result.outcome == .onlyNative {
      stronger[result.codes, default: 0] += 1
      examples[result.codes] = Int(number)
    }
    if result.outcome.isFailure || result.outcome == .engineBug || result.outcome == .refused {
      notes.append("\(number) \(result.outcome.rawValue): \(result.words)")
    }
  }

  mutating func add(_ other: Summary) {
    counts.merge(other.counts, uniquingKeysWith: +)
    kinds.merge(other.kinds, uniquingKeysWith: +)
    stronger.merge(other.stronger, uniquingKeysWith: +)
    examples.merge(other.examples, uniquingKeysWith: min)
    notes += other.notes
    native += other.native
    engine += other.engine
    bytes += other.bytes
  }

  /// As a line of a worker's results.
  var json: JSONValue {
    .object([
      "counts": Self.json(counts), "kinds": Self.json(kinds), "stronger": Self.json(stronger),
      "examples": Self.json(examples), "notes": .array(notes.map { .string($0) }),
      "native": .integer(Int(native * 1e6)), "engine": .integer(Int(engine * 1e6)), "bytes": .integer(bytes),
    ])
  }

  init() {}

  init(_ json: JSONValue) {
    counts = Self.numbers(json["counts"])
    kinds = Self.numbers(json["kinds"])
    stronger = Self.numbers(json["stronger"])
    examples = Self.numbers(json["examples"])
    notes = json["notes"]?.array?.compactMap(\.string) ?? []
    native = Double(json["native"]?.integer ?? 0) / 1e6
    engine = Double(json["engine"]?.integer ?? 0) / 1e6
    bytes = json["bytes"]?.integer ?? 0
  }

  private static func json(_ numbers: [String: Int]) -> JSONValue {
    .object(numbers.sorted { $0.key < $1.key }.map { JSONMember($0.key, .integer($0.value)) })
  }

  private static func numbers(_ json: JSONValue?) -> [String: Int] {
    Dictionary((json?.members ?? []).map { ($0.key, $0.value.integer ?? 0) }, uniquingKeysWith: +)
  }

  /// Everything, for a person.
  func print(seconds: Double, mode: Mode) {
    if mode == .damage || mode == .tool { printKinds() }
    for note in notes.filter(isFailure) { Swift.print("\n\(mode) \(note)") }
    for note in notes.filter({ !isFailure($0) }).prefix(Self.mostNotes) { Swift.print("\nnote, \(mode) \(note)") }
    Swift.print("\n\(cases) cases in \(Int(seconds)) s, \(Int(Double(cases) / max(seconds, 0.001))) in a second")
    for (name, count) in counts.sorted(by: { $0.key < $1.key }) { Swift.print("  \(pad(count)) \(name)") }
    if !stronger.isEmpty { Swift.print("found only by dbmend, and one case of each:") }
    for (codes, count) in stronger.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
      Swift.print("  \(pad(count)) \(codes) (\(examples[codes, default: 0]))")
    }
    let tried = max(1, cases - counts[Outcome.nothing.rawValue, default: 0])
    Swift.print(
      "  on average \(bytes / tried) bytes, \(Int(native / Double(tried) * 1e6)) µs for dbmend, "
        + "\(Int(engine / Double(tried) * 1e6)) µs for integrity_check")
    Swift.print(
      failures == 0 ? "nothing failed" : "\(failures) failures; `scripts/fuzz --again MODE NUMBER FILE` makes one again"
    )
  }

  private func isFailure(_ note: String) -> Bool {
    note.contains("crashed:") || note.contains("hung:")
      || Outcome.allCases.contains { $0.isFailure && note.contains(" \($0.rawValue):") }
  }

  private func printKinds() {
    let names = Set(kinds.keys.compactMap { $0.split(separator: ":").first.map(String.init) }).sorted()
    Swift.print("damage                  both  only dbmend  sound to both  missed")
    for name in names {
      let columns: [Outcome] = [.bothDamaged, .onlyNative, .bothSound, .missed]
      let cells = columns.map { pad(kinds["\(name): \($0.rawValue)", default: 0]) }
      Swift.print(name.padded(22) + " " + cells.joined(separator: "     "))
    }
  }

  private func pad(_ number: Int) -> String {
    String(repeating: " ", count: max(0, 7 - "\(number)".count)) + "\(number)"
  }
}

extension String {
  /// With blanks behind it up to a width.
  func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}

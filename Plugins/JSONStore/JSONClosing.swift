import MendKit

/// A JSON text that is torn, closed at its last whole value; what stands around a whole text is left out.
struct JSONClosing {
  private let document: JSONDocument

  init(_ document: JSONDocument) { self.document = document }

  /// Whether anything is left to keep: of a torn object or list, a value at least.
  var isWorthIt: Bool {
    guard document.otherEncoding == nil else { return false }
    return document.fault == nil || document.wholePart != nil
  }

  var plan: (loss: Loss, reason: String) {
    if document.fault == nil {
      return (.none, "keeps the text as it is, and nothing of what stands around it: " + around)
    }
    let lost = document.end - (document.wholePart?.end ?? document.start)
    return (
      .rows,
      "closes the text behind its last whole value; the \(lost) bytes behind that are lost, and stay in the archive of the "
        + "damaged file only"
    )
  }

  /// Writes the result over a working copy.
  func write(to path: String) throws(Problem) -> RepairOutcome {
    let result = content
    let mended = JSONDocument(result)
    guard mended.fault == nil, !result.isEmpty else {
      throw Problem(
        .damaged, tried: "close the text of", on: path, said: "no value of it is whole",
        advice: "Restore it from a backup: dbmend restore latest.")
    }
    let file = try FileHandle.update(path)
    try file.write(result, at: 0)
    try file.truncate(to: result.count)
    try file.sync()
    var outcome = RepairOutcome(notes: notes)
    for collection in mended.collections {
      let isTorn = document.fault != nil && collection.name == document.collections.last?.name
      outcome.rows[collection.name] = RowTally(kept: collection.rows, lost: isTorn ? nil : 0)
    }
    return outcome
  }

  private var content: [UInt8] {
    guard document.fault != nil else { return Array(document.bytes[document.start..<document.end]) }
    guard let whole = document.wholePart else { return [] }
    var result = Array(document.bytes[document.start..<whole.end])
    for isObject in whole.open.reversed() { result.append(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) }
    result.append(UInt8(ascii: "\n"))
    return result
  }

  private var around: String {
    var parts: [String] = []
    if document.start > 0 { parts.append("a byte order mark") }
    if document.nulCount > 0 { parts.append("\(document.nulCount) NUL bytes") }
    return parts.isEmpty ? "nothing" : parts.joined(separator: " and ")
  }

  /// What was left out, in words.
  private var notes: [String] {
    guard document.fault != nil, let whole = document.wholePart else { return ["left out \(around)"] }
    let tail = document.bytes[whole.end..<document.end]
    let shown = String(decoding: tail.prefix(Self.shown), as: UTF8.self)
    let more = tail.count > Self.shown ? " …" : ""
    let position = document.position(of: whole.end)
    var notes = [
      "closed the text behind line \(position.line), character \(position.character); lost are the \(tail.count) bytes "
        + "behind it: '\(shown)'\(more)"
    ]
    if document.start > 0 || document.nulCount > 0 { notes.append("left out \(around)") }
    return notes
  }

  private static let shown = 200
}

import MendKit

/// What is to be said of a JSON file.
struct JSONFindings {
  private let document: JSONDocument

  init(_ document: JSONDocument) { self.document = document }

  /// Of the text itself: whether it is JSON, and what stands around it.
  var ofText: [Finding] {
    var findings: [Finding] = []
    if let fault = document.fault {
      findings.append(
        Finding(
          "file.malformed", .fatal, at: place(fault.byte), words(fault), evidence: evidence(fault)))
    } else if document.nulCount > 0 {
      findings.append(
        Finding(
          "file.nul-tail", .error, at: place(document.end),
          "\(count(document.nulCount, "NUL byte")) fill\(document.nulCount == 1 ? "s" : "") the file behind the text, from "
            + words(at: document.end) + " on", evidence: "what a crash leaves of a file that was longer"))
    }
    if document.start > 0 {
      findings.append(
        Finding(
          "file.byte-order-mark", .error, at: Finding.Location(byte: 0),
          "a byte order mark stands before the text, which JSON must not have and many programs refuse",
          evidence: "EF BB BF"))
    }
    return findings
  }

  /// Of its values.
  func ofValues(_ most: Int) -> [Finding] {
    let kinds: [(JSONScanner.Remark.Kind, FindingCode, Severity, String)] = [
      (.notUTF8, "text.encoding", .error, "a text holds bytes that are not UTF-8"),
      (
        .duplicateKey, "document.duplicate-key", .warning,
        "an object has this key for the second time; most programs see the last value only"
      ),
      (.loneSurrogate, "document.lone-surrogate", .warning, "an escape stands for half a character"),
    ]
    return kinds.flatMap { kind, code, severity, message in
      let first = (document.remarks.first[kind] ?? []).prefix(max(1, most))
      let total = document.remarks.counts[kind] ?? 0
      return first.enumerated().map { number, remark in
        Finding(
          code, severity, at: place(remark.byte), "\(message), at \(words(at: remark.byte))",
          evidence: excerpt(from: remark.byte), count: number == 0 ? total - first.count + 1 : 1)
      }
    }
  }

  /// Where and why the text is no JSON.
  func words(_ fault: JSONScanner.Fault) -> String {
    if let other = document.otherEncoding { return "the text is in \(other), and JSON is exchanged in UTF-8 only" }
    guard document.root != nil || !fault.isEnd else { return "the file holds no value" }
    let place = words(at: fault.byte)
    return fault.isEnd ? "\(fault.said), at \(place)" : "the text stops being JSON at \(place): \(fault.said)"
  }

  private func evidence(_ fault: JSONScanner.Fault) -> String {
    let nul = document.nulCount > 0 ? "; \(count(document.nulCount, "NUL byte")) behind it" : ""
    guard !fault.isEnd else { return "ends with \(excerpt(upTo: fault.byte))" + nul }
    return "there stands \(excerpt(from: fault.byte))" + nul
  }

  private func place(_ byte: Int) -> Finding.Location {
    var location = Finding.Location(byte: byte)
    location.text = document.position(of: byte)
    return location
  }

  private func words(at byte: Int) -> String {
    let position = document.position(of: byte)
    return "line \(position.line), character \(position.character) (byte \(byte))"
  }

  private static let excerpted = 32

  private func excerpt(from byte: Int) -> String {
    quoted(document.bytes[min(byte, document.end)..<min(byte + Self.excerpted, document.end)])
  }

  private func excerpt(upTo byte: Int) -> String {
    quoted(document.bytes[max(document.start, byte - Self.excerpted)..<max(document.start, byte)])
  }

  private func quoted(_ bytes: ArraySlice<UInt8>) -> String {
    "'" + String(decoding: bytes, as: UTF8.self) + "'"
  }

  private func count(_ number: Int, _ word: String) -> String { "\(number) \(word)\(number == 1 ? "" : "s")" }
}

import MendKit

extension ExampleRunner {
  /// What is wrong with a check, as one of its examples shows it: it has to find the codes that the example names, and no others.
  /// Empty where nothing is.
  public func complaints(about check: any Check, in example: Example) throws -> [String] {
    let found = try findings(of: check, in: example)
    let codes = Set(found.map(\.code))
    var complaints: [String] = []
    for code in example.finds.subtracting(codes).sorted() { complaints.append("\(code) was not found") }
    for code in codes.subtracting(example.finds).sorted() {
      let first = found.first { $0.code == code }
      complaints.append(
        "\(code) was found: \(first?.message ?? "")" + (first?.evidence.map { " (\($0))" } ?? ""))
    }
    let described = check.description.finds.map(\.code.rawValue)
    for code in codes.sorted() where !described.contains(where: { code.matches($0) }) {
      complaints.append("\(code) is not among what the check says that it finds")
    }
    return complaints
  }

  /// What is wrong with a repair, as one of its examples shows it: the codes that the example names stand before it and are gone
  /// afterwards, at no more cost than it says; the store itself is as it was. Empty where nothing is.
  public func complaints(about repair: any Repair, in example: Example) throws -> [String] {
    let store = try make(example)
    let live = try Self.content(store.path)
    let mending = try mend(store, with: repair, example)
    var complaints: [String] = []
    for code in example.finds.subtracting(mending.before.map(\.code)).sorted() {
      complaints.append("\(code) is not found before the repair; found are \(Self.codes(mending.before))")
    }
    if example.finds.isEmpty {
      if mending.offer != nil {
        complaints.append("it offers to mend \(Self.codes(mending.before)), and was to offer nothing")
      }
    } else if let offer = mending.offer {
      for code in example.finds.subtracting(offer.mends.map(\.code)).sorted() {
        complaints.append("it does not offer to mend \(code)")
      }
      let most = repair.description.loss ?? .none
      if offer.loss > most {
        complaints.append(
          "it offers to cost '\(offer.loss.rawValue)', and says that it costs '\(most.rawValue)' at most")
      }
      for code in example.finds.intersection(mending.after.map(\.code)).sorted() {
        let left = mending.after.first { $0.code == code }
        complaints.append("\(code) is still found after the repair: \(left?.message ?? "")")
      }
    } else {
      complaints.append("it offers nothing for \(Self.codes(mending.before))")
    }
    if try Self.content(store.path) != live {
      complaints.append("the store was changed, and not only its working copy")
    }
    return complaints
  }

  private static func codes(_ findings: [Finding]) -> String {
    let codes = Set(findings.map(\.code)).sorted().map(\.rawValue)
    return codes.isEmpty ? "nothing" : codes.joined(separator: ", ")
  }

  /// What a file holds, or every file of a folder.
  private static func content(_ path: String) throws -> [[UInt8]] {
    guard try FileStatus.of(path).kind == .folder else { return [try FileHandle.read(path).readAll(limit: 1 << 30)] }
    var contents: [[UInt8]] = []
    for entry in try FolderWalk(path).entries where entry.status.kind == .file {
      contents.append(try FileHandle.read(Paths.join(path, entry.path)).readAll(limit: 1 << 30))
    }
    return contents
  }
}

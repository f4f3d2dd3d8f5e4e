import Foundation
import MendKit
import TestSupport

/// Which archives are whole, by the standard tools and not by the program: `tar` opens them, and every member has the size and
/// the SHA-256 that the manifest says.
struct SoundArchives {
  /// Those that were looked at already.
  private var known: [[UInt8]: String?] = [:]

  /// Has an archive taken as whole that an undisturbed run wrote.
  mutating func trust(_ bytes: [UInt8]) { known[bytes] = .some(nil) }

  /// What is wrong with an archive; nil when nothing is.
  mutating func fault(of bytes: [UInt8], scratch: String) throws -> String? {
    if let answer = known[bytes] { return answer }
    let answer = try look(bytes)
    known[bytes] = .some(answer)
    return answer
  }

  private func look(_ bytes: [UInt8]) throws -> String? {
    let folder = try TemporaryFolder("torture-archive", in: Launch.scratchPlace)
    try folder.write(bytes, to: "archive.tar.zst")
    try Paths.makeFolder(folder.file("content"))
    let opened = try Launch.run(
      ["tar", "-xf", "archive.tar.zst", "-C", "content", "--no-same-owner"], in: folder.path)
    guard opened.exit == 0 else { return "tar: \(opened.errors)" }
    guard let text = try? folder.read("content/manifest.json"), let manifest = try? JSONValue(parsing: text),
      let members = manifest["members"]?.array, !members.isEmpty
    else { return "it has no manifest" }
    for member in members {
      guard let name = member["name"]?.string, let wanted = member["sha256"]?.string else { continue }
      let sum = try Launch.run(["sha256sum", "content/" + name], in: folder.path)
      guard sum.exit == 0, sum.output.hasPrefix(wanted) else { return "\(name) is not what the manifest says" }
    }
    return nil
  }
}

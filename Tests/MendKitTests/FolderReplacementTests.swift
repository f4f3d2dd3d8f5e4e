import Foundation
import TestSupport
import Testing

@testable import MendKit

@Suite("Replacing what is in a folder")
struct FolderReplacementTests {
  private let root: String
  private var live: String { root + "/live" }
  private var copy: String { root + "/work/copy/live" }

  init() throws {
    root = try Paths.makeTemporaryFolder("/tmp/dbmend-replace-")
    try fill(live, ["same": "1", "changed": "old", "gone/x": "2", "gone/y": "3", "kind": "file", "kept/k": "4"])
    try fill(copy, ["same": "1", "changed": "new", "added/z": "5", "kind/inner": "6", "kept/k": "4"])
    symlink("same", live + "/link")
    symlink("changed", copy + "/link")
    chmod(copy + "/kept", 0o700)
    for name in ["gone", "kept"] {
      let folder = try FileHandle.open(live + "/" + name, O_RDONLY | O_DIRECTORY, tried: "open")
      var attributes = try FileAttributes(of: folder)
      attributes.extended["user.note"] = Array("of \(name)".utf8)
      try attributes.apply(to: folder)
    }
  }

  private func fill(_ folder: String, _ files: [String: String]) throws {
    for (name, text) in files {
      let path = folder + "/" + name
      try Paths.makeFolder(Paths.folder(of: path))
      try Durable.write(Array(text.utf8), to: path)
    }
  }

  /// Every path with what stands there.
  private func content(_ folder: String) throws -> [String: String] {
    var result: [String: String] = [:]
    for entry in try FolderWalk(folder).entries {
      let path = folder + "/" + entry.path
      switch entry.status.kind {
      case .folder:
        let attributes = try FileAttributes(of: FileHandle.open(path, O_RDONLY | O_DIRECTORY, tried: "open"))
        result[entry.path] = "folder \(String(attributes.mode, radix: 8)) \(attributes.extended)"
      case .link: result[entry.path] = "-> " + (try Paths.linkTarget(path))
      default: result[entry.path] = String(decoding: try FileHandle.read(path).readAll(limit: 100), as: UTF8.self)
      }
    }
    return result
  }

  private var replacement: FolderReplacement { FolderReplacement(live, by: copy) { path, _ in path == "left" } }

  @Test("the folder becomes what the copy is, and what does not differ keeps its number")
  func replaces() throws {
    defer { try? Paths.removeTree(root) }
    try fill(live, ["left": "out"])
    let wanted = try content(copy)
    let same = try FileStatus.of(live + "/same").inode
    let top = try FileStatus.of(live).inode
    let changed = try replacement.run()
    var now = try content(live)
    #expect(now.removeValue(forKey: "left") == "out")
    #expect(now == wanted)
    #expect(changed.sorted() == ["added/z", "changed", "gone/x", "gone/y", "kind", "kind/inner", "link"])
    #expect(try FileStatus.of(live + "/same").inode == same)
    #expect(try FileStatus.of(live).inode == top)
  }

  @Test("a folder that cannot be listed, in the copy or in place, keeps everything from being changed")
  func unlistable() throws {
    defer { try? Paths.removeTree(root) }
    chmod(root, 0o755)
    for folder in [copy + "/kept", live + "/gone"] {
      let before = try content(live)
      let mode = try FileStatus.of(folder).mode
      chmod(folder, 0)
      // What is in it would be taken for what is to be removed, or not be seen at all.
      #expect(throws: Problem.self) { try withoutPrivileges { try replacement.run() } }
      chmod(folder, mode_t(mode))
      #expect(try content(live) == before)
    }
  }

  @Test("a file that is open elsewhere or has several names keeps everything from being changed")
  func refusals() throws {
    defer { try? Paths.removeTree(root) }
    let before = try content(live)
    link(live + "/changed", root + "/other")
    #expect(throws: Problem.self) { try replacement.run() }
    #expect(try content(live) == before)
    unlink(root + "/other")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "exec 5< \(live)/changed; echo ready; exec sleep 60"]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    _ = pipe.fileHandleForReading.availableData
    defer { process.terminate() }
    do throws(Problem) {
      _ = try replacement.run()
      Issue.record("a process has a file open")
    } catch {
      #expect(error.code == "store.in-use")
      #expect(error.blockers.map(\.pid) == [Int(process.processIdentifier)])
    }
    #expect(try content(live) == before)
  }

  @Test("a run that dies after any number of steps is taken back by the next one")
  func dies() throws {
    defer { try? Paths.removeTree(root) }
    let before = try content(live)
    let wanted = try content(copy)
    // The steps are written down by a child that dies after each of them in turn.
    for steps in 0..<20 {
      let isWhole = try replacement.run(dyingAfter: steps)
      if isWhole { break }
      #expect(try FolderUndo.recover(in: root + "/work", of: live))
      #expect(try content(live) == before, "after \(steps) steps")
      #expect(try content(copy) == wanted, "after \(steps) steps")
      #expect(try !FolderUndo.recover(in: root + "/work", of: live))
      #expect(steps < 19)
    }
    #expect(try content(live) == wanted)
  }

  @Test("steps of another folder, and steps that lead out of it, are not taken back")
  func hostile() throws {
    defer { try? Paths.removeTree(root) }
    let before = try content(live)
    for text in [
      #"{"format":"dbmend.undo/1","folder":"/etc","steps":[["add","passwd","0","1",420,0,0]]}"#,
      #"{"format":"dbmend.undo/1","folder":"\#(live)","steps":[["add","../live/same","0","1",420,0,0]]}"#, "{", "",
    ] {
      try Durable.write(Array(text.utf8), to: copy + ".undo")
      #expect(try !FolderUndo.recover(in: root + "/work", of: live))
    }
    #expect(try content(live) == before)
  }
}

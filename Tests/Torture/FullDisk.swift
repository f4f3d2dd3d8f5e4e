import Foundation
import MendKit
import TestSupport

extension Ordeal {
  /// Every pipeline on disks of every size, from one that just holds what is there to one that is large enough, in blocks and in
  /// numbers of files.
  static let fullDisk = Ordeal("full-disk", "disks of every size") { effort in
    let interposer = try Interposer()
    var outcome = Outcome()
    var all = 0
    guard geteuid() == 0 else {
      throw PreparationFailed("a disk of a size is a tmpfs, and only root may mount one: run this as root")
    }
    let kinds = Pipeline.all.filter { pipeline in effort.only.map { $0.hasPrefix(pipeline.name + ": ") } ?? true }
    for (index, pipeline) in kinds.enumerated() {
      let site = try PipelineSite(pipeline, program: effort.program, interposer)
      let share = effort.share(effort.left / Double(kinds.count - index))
      var disks: [SmallDisk] = []
      for limit in SmallDisk.Limit.allCases {
        let held = SmallDisk.held(site.before, limit)
        var enough = held + 1
        // What an undisturbed run needs, to the next power of two.
        while try !succeeds(site, SmallDisk(limit: limit, size: enough)), enough < held << 10 {
          enough = held + (enough - held) * 2
        }
        disks += (held...enough).map { SmallDisk(limit: limit, size: $0) }
      }
      all += disks.count
      for disk in effort.only == nil ? evenly(disks, effort.random(pipeline.name)) : disks {
        if share.isOver { break }
        let name = "\(pipeline.name): \(disk)"
        guard effort.wants(name) else { continue }
        outcome.count(try fault(site, disk).map { Failure(name, $0) })
      }
    }
    outcome.measures = ["\(outcome.trials) of \(all) sizes for \(kinds.count) pipelines"]
    return outcome
  }

  private static func succeeds(_ site: PipelineSite, _ disk: SmallDisk) throws -> Bool {
    try disk.with(at: site.path) { _ in
      try site.reset()
      return try site.runAgain().exit == site.pipeline.exit
    }
  }

  private static func fault(_ site: PipelineSite, _ disk: SmallDisk) throws -> String? {
    try disk.with(at: site.path) { enlarge in
      try site.reset()
      let result = try site.runAgain()
      let said = "exit code \(result.exit)\n\(result.output)\(result.errors)"
      let now = try Image(of: site.path)
      if let words = try site.faultOfContent(now, isSettled: true) { return "\(words): \(said)" }
      if result.exit == site.pipeline.exit {
        return try site.isDone(now) ? nil : "the work is not done: \(said)"
      }
      guard result.exit == 3 || (result.exit == 5 && site.pipeline.exit == 4) else { return said }
      let words = ["No space left on device", "disk is full", "bytes are free", "Disk quota exceeded"]
      let isClear = words.contains { (result.output + result.errors).contains($0) }
      guard isClear else { return "the message does not say that the disk is full: \(said)" }
      enlarge()
      return try site.fault(afterDeath: now)
    }
  }
}

/// A disk of a size, in memory.
private struct SmallDisk: CustomStringConvertible {
  enum Limit: String, CaseIterable { case blocks, files }

  let limit: Limit
  let size: Int

  var description: String { "\(size) \(limit)" }

  /// How much of it an image takes.
  static func held(_ image: Image, _ limit: Limit) -> Int {
    switch limit {
    case .blocks: image.entries.values.reduce(1) { $0 + (($1.bytes?.count ?? 0) + 4095) / 4096 }
    case .files: image.entries.count + 1
    }
  }

  /// Does something with the disk mounted at a folder; what the work is handed makes it large.
  func with<Value>(at folder: String, _ work: (_ enlarge: () -> Void) throws -> Value) throws -> Value {
    let option = limit == .blocks ? "size=\(size * 4096)" : "nr_inodes=\(size)"
    guard mount("tmpfs", folder, "tmpfs", 0, option) == 0 else {
      throw PreparationFailed("mount tmpfs \(folder): \(String(cString: strerror(errno)))")
    }
    defer { umount2(folder, Int32(MNT_DETACH)) }
    return try work {
      _ = mount("tmpfs", folder, "tmpfs", UInt(MS_REMOUNT), "size=1g,nr_inodes=100000")
    }
  }
}

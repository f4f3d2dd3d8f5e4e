import MendKit

/// What a salvage would come to.
enum SalvagePlan {
  /// Whether it could begin: the headers are sound or can be put right.
  static func isPossible(_ path: String) -> Bool {
    guard let file = try? FileHandle.read(path), let headers = try? FileHeaders(file), !headers.isEncrypted else {
      return false
    }
    return HeaderMending(headers).plan != .hopeless
  }

  /// The same where a backup is there, which `read` hands over front to back: what it proves to be its own costs nothing.
  static func of(
    _ path: String, _ read: ((UnsafeRawBufferPointer) throws(Problem) -> Bool) throws(Problem) -> Void
  ) -> (loss: Loss, reason: String) {
    let plan = of(path)
    guard plan.loss != .none, let file = try? FileHandle.read(path), let headers = try? FileHeaders(file),
      headers.areSound,
      let survey = try? FileSurvey.make(file, headers: headers, workers: Workers.processors),
      !survey.unreadable.isEmpty, let proved = try? BlockProof.proved(path, survey, read),
      proved.count == survey.unreadable.count
    else { return plan }
    let blocks = proved.count == 1 ? "the damaged block" : "the \(proved.count) damaged blocks"
    return (.none, "takes \(blocks) from the backup, which the checksums that are left prove to be the same")
  }

  /// What it costs at most, and what it does.
  static func of(_ path: String) -> (loss: Loss, reason: String) {
    guard let file = try? FileHandle.read(path), let headers = try? FileHeaders(file) else { return (.rows, rowByRow) }
    switch HeaderMending(headers).plan {
    case .older(let words): return (.changes, words)
    case .renew(let words): return (.rows, words + "; " + rowByRow)
    case .rewrite(let words):
      let survey = try? FileSurvey.make(file, headers: headers, workers: Workers.processors)
      guard let survey, survey.unreadable.isEmpty else { return (.rows, words + "; " + rowByRow) }
      return (.none, words + "; every block is sound")
    case .nothing, .hopeless: break
    }
    if let survey = try? FileSurvey.make(file, headers: headers, workers: Workers.processors) {
      if tells(survey.damaged, survey, file) {
        return (
          .none, "puts a changed byte right in each damaged block, which the block's checksum tells; no row is touched"
        )
      }
      let catalog = CatalogAdmission.damagedBlocks(survey)
      if !catalog.isEmpty, !tells(catalog, survey, file) {
        return (
          .changes,
          rowByRow
            + "; the catalog is read though a block of it is damaged, and what that changed nobody can tell"
        )
      }
    }
    guard let session = try? DuckDBSession.open(path, patience: 1) else {
      return (try? standsOrFallsWithLog(path)) == true
        ? (.changes, rowByRow + "; the log, which cannot be replayed into the damaged file, is set aside")
        : (.rows, rowByRow)
    }
    defer { session.end() }
    if let old = try? CatalogAge.contradiction(session) {
      return (
        .changes,
        "takes over every row that the catalog leads to, which is from before the newest checkpoint (it has \(old.content) in "
          + "block \(old.block), which was given back since)"
      )
    }
    // Where every block is what was written, what the engine stumbled over is of a table, and not of an index.
    guard let found = try? session.verifyIntegrity(IntegrityRequest(isFull: false)), !found.isEmpty,
      found.allSatisfy({ $0.code == "index.malformed" })
    else { return (.rows, rowByRow) }
    return (.none, "writes all tables into a new file, and their indexes anew; no row is touched")
  }

  /// Whether the checksums of damaged blocks tell what they were, and no block is missing.
  private static func tells(_ blocks: [Int], _ survey: FileSurvey, _ file: FileHandle) -> Bool {
    guard let size = survey.headers.active?.blockSize, !blocks.isEmpty, survey.missing.isEmpty else { return false }
    return blocks.allSatisfy { id in
      guard let block = try? file.read(size, at: FileHeaders.end + id * size) else { return false }
      return BlockCorrection.corrected(block) != nil
    }
  }

  /// Whether the engine would open a database but for the log beside it.
  private static func standsOrFallsWithLog(_ path: String) throws(Problem) -> Bool {
    guard try Sidecars.holdAnything(beside: path) else { return false }
    let folder = try PrivateFolder("dbmend-duckdb-")
    let copy = try NativeCopy.make(of: path, in: folder.path)
    try Sidecars.remove(beside: copy.path)
    let answers = try Client.find().run(["SELECT count(*) AS n FROM duckdb_columns()"], on: copy.path, .readOnly)
    return withExtendedLifetime(folder) { answers.first?.failure == nil }
  }

  private static let rowByRow =
    "takes over every row that can be read, row group by row group, into a new file; rows of which a part cannot be read go to "
    + "a table of their own, and rows of which nothing can be read are lost"
}

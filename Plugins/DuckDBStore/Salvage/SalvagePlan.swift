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
    guard let session = try? DuckDBSession.open(path, patience: 1) else { return (.rows, rowByRow) }
    defer { session.end() }
    guard let found = try? session.verifyIntegrity(IntegrityRequest(isFull: false)),
      found.allSatisfy({ $0.code == "index.malformed" })
    else { return (.rows, rowByRow) }
    return (.none, "writes all tables into a new file, and their indexes anew; no row is touched")
  }

  private static let rowByRow =
    "takes over every row that can be read, row group by row group, into a new file; rows of which a part cannot be read go to "
    + "a table of their own, and rows of which nothing can be read are lost"
}

import MendKit

/// Verifies b-trees by amcheck.
struct TreeVerification {
  private let connection: ServerConnection
  private let functions: PageFunctions

  init(_ connection: ServerConnection, _ functions: PageFunctions) {
    self.connection = connection
    self.functions = functions
  }

  /// What amcheck says of a tree.
  enum Outcome {
    case sound
    /// Its pages are sound; it could not be held against the rows of an older view.
    case notAgainstRows
    case damaged(ServerFailure)
  }

  /// Verifies one tree; with `full` each row of the table is looked up in it, too.
  func verify(_ oid: String, full: Bool) throws(ServerFailure) -> Outcome {
    do throws(ServerFailure) {
      _ = try connection.value("select \(functions.checkIndex)(index => \(oid), heapallindexed => \(full))")
      return .sound
    } catch {
      // An index that had to leave rows out which older views still see.
      if full, error.message.contains("cannot be verified using transaction snapshot") {
        let outcome = try verify(oid, full: false)
        if case .sound = outcome { return .notAgainstRows }
        return outcome
      }
      guard error.isDamage, !error.isGone else { throw error }
      return .damaged(error)
    }
  }

  /// A finding of what amcheck said. It stops at the first thing that it finds.
  static func finding(_ failure: ServerFailure, of index: String, at location: Finding.Location) -> Finding {
    let (code, message) = meaning(failure.message, index)
    return Finding(code, .error, at: location, message, evidence: failure.message)
  }

  private static func meaning(_ said: String, _ index: String) -> (FindingCode, String) {
    if said.contains("lacks matching index tuple") {
      return ("index.entry-missing", "the index \(index) lacks the entry of a row, and perhaps of more")
    }
    if said.contains("order invariant violated") || said.contains("out of order") {
      return ("index.not-sorted", "the entries of the index \(index) are not in their order")
    }
    return ("index.malformed", "the pages of the index \(index) are damaged")
  }
}

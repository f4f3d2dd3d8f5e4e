import MendKit
import Synchronization

/// Holds back what reads the rows of a table until its pages are verified: on a damaged page a value may be longer than its row, and
/// the server's process that reads it dies, with all sessions of all databases.
final class TableGate: Sendable {
  private struct State {
    var left: [String: Int] = [:]
    /// Tables that are damaged, and in which blocks; nil for a block where none is named.
    var damaged: [String: Set<Int?>] = [:]
    var isOpen = false
  }

  private let state: Mutex<State>

  /// A gate for the parts of tables that are to be verified. One that is open holds nobody back: where pages have checksums, the
  /// server does not read a damaged one.
  init(_ units: [VerificationUnit], isOpen: Bool) {
    var first = State()
    first.isOpen = isOpen
    for unit in units { if case .blocks(let relation, _, _) = unit.work { first.left[relation.oid, default: 0] += 1 } }
    let begin = first
    state = Mutex(begin)
  }

  /// A part of a table was verified, and found damaged in some blocks.
  func verified(_ relation: DatabaseCatalog.Relation, damagedBlocks: Set<Int?> = []) {
    state.withLock { state in
      state.left[relation.oid, default: 1] -= 1
      if !damagedBlocks.isEmpty { state.damaged[relation.oid, default: []].formUnion(damagedBlocks) }
    }
  }

  /// The blocks of a table that are damaged, in order, once all of it is verified; nil where what is damaged has no place.
  func damagedBlocks(of relation: DatabaseCatalog.Relation) -> [Int]? {
    while true {
      let answer: [Int?]? = state.withLock { state in
        state.isOpen || (state.left[relation.oid] ?? 0) <= 0 ? Array(state.damaged[relation.oid] ?? []) : nil
      }
      if let answer { return answer.contains(nil) ? nil : answer.compactMap(\.self).sorted() }
      usleep(1000)
    }
  }

  /// Nobody is to wait any longer: who was to verify cannot.
  func open() { state.withLock { $0.isOpen = true } }

  /// Waits until all parts of a table are verified, which others are at; whether it is sound.
  func isSound(_ relation: DatabaseCatalog.Relation) -> Bool {
    while true {
      let answer: Bool? = state.withLock { state in
        if state.damaged[relation.oid] != nil { return false }
        return state.isOpen || (state.left[relation.oid] ?? 0) <= 0 ? true : nil
      }
      if let answer { return answer }
      usleep(1000)
    }
  }
}

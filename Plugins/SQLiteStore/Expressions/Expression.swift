/// What is known of a column that an expression may name.
struct ColumnMeaning {
  let name: String
  let affinity: Affinity
  var collation = Collation.binary
  /// Whether it is another name of the rowid.
  var isRowid = false
}

/// Where an expression stands: the names that it may use, and what they mean.
struct ExpressionScope {
  let table: String
  let columns: [ColumnMeaning]
  /// Whether the table has rowids, which are then known as `rowid`, `_rowid_` and `oid`.
  var hasRowid = true
  /// Whether texts of the database are UTF-8. Where they are not, what needs the bytes of a text is not sure.
  var isUTF8 = true
}

/// An expression of SQLite's that is evaluated here, with exactly SQLite's result (lang_expr.html, datatype3.html), or
/// not at all: what is not understood with certainty is refused when it is compiled, and where the result depends on
/// what only SQLite knows, on the version of it or on how it was built, the evaluation says so.
///
/// One expression serves many workers, each with a scratch of its own.
// Unchecked, since the memory behind the pointers is never written after the initialiser.
final class Expression: @unchecked Sendable {
  /// What a condition is for a row.
  enum Truth: Equatable {
    case yes, no
    /// The condition is NULL: a CHECK is satisfied by it, a partial index does not take the row.
    case unknown
    /// Only SQLite knows.
    case unsure
  }

  /// What gives a row's values, by the numbers of columns in the scope, and `rowid` for the rowid. The value of a
  /// column that is another name of the rowid is the rowid, and that of one which was added after the row was written
  /// is its default. Whole numbers of a REAL column may be given as integers, as records keep them.
  typealias Row = (Int) -> StoredValue

  /// The number by which a row is asked for its rowid where no column of the scope is another name of it.
  static let rowid = -1

  /// The numbers of the columns that the value depends on, without `rowid`.
  let columns: Set<Int>
  /// Whether the value depends on the rowid, by one of its own names; a column that is another name of it is in
  /// `columns`.
  let usesRowid: Bool

  private let nodes: UnsafeMutableBufferPointer<ExpressionNode>
  private let lists: UnsafeMutableBufferPointer<Int32>
  private let bytes: UnsafeMutableBufferPointer<UInt8>
  private let root: Int32
  private let isUTF8: Bool

  init(_ program: ExpressionProgram, root: Int32, isUTF8: Bool) {
    columns = program.columns
    usesRowid = program.usesRowid
    nodes = .allocate(capacity: program.nodes.count)
    _ = nodes.initialize(from: program.nodes)
    lists = .allocate(capacity: program.lists.count)
    _ = lists.initialize(from: program.lists)
    bytes = .allocate(capacity: program.bytes.count)
    _ = bytes.initialize(from: program.bytes)
    self.root = root
    self.isUTF8 = isUTF8
  }

  deinit {
    nodes.deallocate()
    lists.deallocate()
    bytes.deallocate()
  }

  /// Compiles the tokens of an expression; nil where it is not understood. With `storedAs` the value is what a
  /// generated column of that affinity holds.
  static func compile(
    _ tokens: [SchemaToken], in scope: ExpressionScope, storedAs affinity: Affinity? = nil
  ) -> Expression? {
    var compiler = ExpressionCompiler(tokens, scope)
    return compiler.compile(storedAs: affinity)
  }

  /// The expression's value for a row; nil where only SQLite knows it. A text or blob is valid until the scratch is
  /// used again, and as long as the row's own and the expression are.
  func value(_ scratch: ExpressionScratch, _ row: Row) -> StoredValue? {
    scratch.reset()
    do throws(Unsure) {
      return try evaluation(scratch).value(root, row)
    } catch {
      return nil
    }
  }

  /// Whether the expression, taken as a condition, holds for a row.
  func truth(_ scratch: ExpressionScratch, _ row: Row) -> Truth {
    scratch.reset()
    do throws(Unsure) {
      guard let isTrue = try evaluation(scratch).truth(root, row) else { return .unknown }
      return isTrue ? .yes : .no
    } catch {
      return .unsure
    }
  }

  @inline(__always) private func evaluation(_ scratch: ExpressionScratch) -> ExpressionEvaluation {
    ExpressionEvaluation(
      nodes: UnsafeBufferPointer(nodes), lists: UnsafeBufferPointer(lists), bytes: UnsafeRawBufferPointer(bytes),
      scratch: scratch, isUTF8: isUTF8)
  }
}

/// The parts of an expression while it is put together.
struct ExpressionProgram {
  var nodes: [ExpressionNode] = []
  /// Lists of operands, each in a row.
  var lists: [Int32] = []
  /// The bytes of literals.
  var bytes: [UInt8] = []
  var columns: Set<Int> = []
  var usesRowid = false
}

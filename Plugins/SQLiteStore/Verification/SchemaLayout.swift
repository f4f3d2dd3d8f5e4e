/// How the tables and indexes of a schema are stored: what the verification needs to know of them, as SQLite itself reads
/// their definitions.
struct SchemaLayout {
  /// A column as it is stored.
  struct Column: Equatable {
    let name: String
    let type: String
    let isNotNull: Bool
    let defaultSQL: String?
    /// The place in the primary key, from 1; 0 for none.
    let keyPlace: Int
    let isVirtual: Bool
    let isGenerated: Bool
    let affinity: Affinity
  }

  /// One value of an index's entries.
  struct Term: Equatable {
    /// The column's number; nil for the rowid.
    let column: Int?
    let isExpression: Bool
    let isDescending: Bool
    let collation: Collation
    /// Whether it is declared, rather than added to tell rows apart.
    let isKey: Bool

    /// The rowid behind an index's key.
    static let rowid = Term(
      column: nil, isExpression: false, isDescending: false, collation: .binary, isKey: false)
  }

  struct Index: Equatable {
    let name: String
    let root: UInt32
    let isUnique: Bool
    let isPartial: Bool
    let sql: String?
    var terms: [Term]
  }

  /// What a table's definition says apart from its name: tables whose definitions say the same share one.
  final class Shape: Sendable, Equatable {
    let columns: [Column]
    let hasRowid: Bool
    let isStrict: Bool
    /// The terms of a table without rowid, in the order of its records.
    let storage: [Term]
    let hasKeyIndex: Bool
    /// The column that is another name of the rowid.
    let rowidColumn: Int?
    /// The numbers of the columns in the order in which records hold them.
    let recordOrder: [Int]
    /// Whether the definition may have a CHECK constraint.
    let mentionsCheck: Bool

    init(
      sql: String, columns: [Column], hasRowid: Bool = true, isStrict: Bool = false, storage: [Term] = [],
      hasKeyIndex: Bool = false
    ) {
      self.columns = columns
      self.hasRowid = hasRowid
      self.isStrict = isStrict
      self.storage = storage
      self.hasKeyIndex = hasKeyIndex
      let key = columns.indices.filter { columns[$0].keyPlace > 0 }
      rowidColumn =
        hasRowid && !hasKeyIndex && key.count == 1 && ASCII.areSame(columns[key[0]].type, "INTEGER") ? key[0] : nil
      recordOrder = hasRowid ? columns.indices.filter { !columns[$0].isVirtual } : storage.compactMap(\.column)
      mentionsCheck = Self.mentionsCheck(sql)
    }

    private static func mentionsCheck(_ sql: String) -> Bool {
      // The last five letters that were passed, as capitals.
      var passed: UInt64 = 0
      for byte in sql.utf8 {
        passed = (passed << 8 | UInt64(byte & 0xDF)) & 0xFF_FFFF_FFFF
        if passed == 0x43_4845_434B { return true }
      }
      return false
    }

    static func == (one: Shape, other: Shape) -> Bool {
      one === other
        || one.columns == other.columns && one.hasRowid == other.hasRowid && one.isStrict == other.isStrict
          && one.storage == other.storage && one.hasKeyIndex == other.hasKeyIndex
    }
  }

  final class Table: Sendable, Equatable {
    let name: String
    let root: UInt32
    let sql: String
    let shape: Shape
    let indexes: [Index]

    var columns: [Column] { shape.columns }
    var hasRowid: Bool { shape.hasRowid }
    var storage: [Term] { shape.storage }

    init(name: String, root: UInt32, sql: String, shape: Shape, indexes: [Index]) {
      self.name = name
      self.root = root
      self.sql = sql
      self.shape = shape
      self.indexes = indexes
    }

    static func == (one: Table, other: Table) -> Bool {
      one.name == other.name && one.root == other.root && one.sql == other.sql && one.shape == other.shape
        && one.indexes == other.indexes
    }
  }

  var tables: [Table] = []
  /// Virtual tables and the modules that they are of.
  var virtualTables: [(name: String, module: String)] = []
  /// Roots of objects that could not be understood.
  var unknownRoots: [(name: String, table: String, root: UInt32, isIndex: Bool)] = []
}

/// Column affinity (datatype3.html, section 3.1).
enum Affinity {
  case blob, text, numeric, integer, real

  init(declaredType: String) {
    // The last four letters that were passed, as capitals: the library looks for the words in the same way.
    var passed: UInt32 = 0
    var found = Affinity.numeric
    for byte in declaredType.utf8 {
      passed = passed << 8 | UInt32(byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") ? byte & 0xDF : byte)
      switch passed {
      case 0x4348_4152, 0x434C_4F42, 0x5445_5854: found = .text  // CHAR, CLOB, TEXT
      case 0x424C_4F42 where found == .numeric || found == .real: found = .blob  // BLOB
      case 0x5245_414C where found == .numeric: found = .real  // REAL
      case 0x464C_4F41 where found == .numeric, 0x444F_5542 where found == .numeric: found = .real  // FLOA, DOUB
      case _ where passed & 0xFF_FFFF == 0x49_4E54:  // INT
        self = .integer
        return
      default: break
      }
    }
    self = declaredType.isEmpty ? .blob : found
  }
}

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

  struct Table: Equatable {
    let name: String
    let root: UInt32
    let sql: String
    let hasRowid: Bool
    let isStrict: Bool
    let columns: [Column]
    var indexes: [Index]
    /// The terms of a table without rowid, in the order of its records.
    var storage: [Term]

    /// The column that is another name of the rowid.
    var rowidColumn: Int? {
      guard hasRowid, !hasKeyIndex, let key = columns.firstIndex(where: { $0.keyPlace > 0 }),
        ASCII.areSame(columns[key].type, "INTEGER"), !columns[(key + 1)...].contains(where: { $0.keyPlace > 0 })
      else { return nil }
      return key
    }
    var hasKeyIndex = false

    /// Whether the definition may have a CHECK constraint.
    var mentionsCheck: Bool {
      var sql = sql
      return sql.withUTF8 { text in
        // The last five letters that were passed, as capitals.
        var passed: UInt64 = 0
        for byte in text {
          passed = (passed << 8 | UInt64(byte & 0xDF)) & 0xFF_FFFF_FFFF
          if passed == 0x43_4845_434B { return true }
        }
        return false
      }
    }

    /// The numbers of the columns in the order in which records hold them.
    var recordOrder: [Int] {
      hasRowid ? columns.indices.filter { !columns[$0].isVirtual } : storage.compactMap(\.column)
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

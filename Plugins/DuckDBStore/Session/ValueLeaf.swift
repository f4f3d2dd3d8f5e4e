import MendKit

/// Values of one type that the engine keeps in runs of their own: a column's, those of a field of a struct, or those in lists.
struct ValueLeaf {
  /// Its place among the leaves of its table.
  var number = 0
  /// The column's place in the table.
  var column: Int
  /// The values in SQL.
  private let value: String
  /// The place below the column's own, as the engine writes it: `]` for the column, `, 2]` for its second field.
  private let place: String
  private let sort: Sort
  /// Whether several values may be of one row: then they have numbers of their own.
  private let isOfLists: Bool
  /// Whether no value can be NULL.
  private var isNotNull = false
  /// Whether the engine may order texts otherwise than by their bytes.
  private var isCollated = false
  /// Whether the leaf is the whole column.
  let decodesColumn: Bool

  /// How values are compared.
  private enum Sort {
    case ordered(String)
    case float(String)
    case bytes(isBlob: Bool)

    init?(_ type: String) {
      if ValueLeaf.ordered.contains(type) || type.hasPrefix("DECIMAL(") && type.hasSuffix(")") {
        self = .ordered(type)
      } else if type == "FLOAT" || type == "DOUBLE" {
        self = .float(type)
      } else if type == "VARCHAR" || type == "BLOB" {
        self = .bytes(isBlob: type == "BLOB")
      } else {
        return nil
      }
    }
  }

  /// Types whose text gives the value back.
  private static let ordered: Set<String> = [
    "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
    "UHUGEINT", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "UUID",
  ]

  /// Whether the text of a value of this type is the value.
  static func hasPlainText(_ type: String) -> Bool {
    ordered.contains(type) || type.hasPrefix("DECIMAL(") && type.hasSuffix(")") || type == "VARCHAR"
  }

  /// The leaves of a table.
  static func of(_ table: Table, isCollated: Bool) -> [ValueLeaf] {
    var leaves = table.columns.enumerated().flatMap { number, column in
      Self.leaves(number, column.name.asIdentifier, column.type, [])
    }
    for place in leaves.indices {
      leaves[place].number = place
      leaves[place].isCollated = isCollated
      leaves[place].isNotNull = leaves[place].decodesColumn && table.columns[leaves[place].column].isNotNull
    }
    return leaves
  }

  /// Fields of fields of fields are left out beyond this depth.
  private static let mostDepth = 3

  private static func leaves(_ column: Int, _ value: String, _ type: String, _ path: [Int]) -> [ValueLeaf] {
    let place = path.map { ", \($0)" }.joined() + "]"
    if let sort = Sort(type) {
      return [
        ValueLeaf(
          column: column, value: value, place: place, sort: sort, isOfLists: false, decodesColumn: path.isEmpty)
      ]
    }
    if type.hasSuffix("[]"), let sort = Sort(String(type.dropLast(2))) {
      return [
        ValueLeaf(
          column: column, value: value, place: (path + [1]).map { ", \($0)" }.joined() + "]", sort: sort,
          isOfLists: true,
          decodesColumn: false)
      ]
    }
    guard path.count < mostDepth, let members = Self.fields(of: type) else { return [] }
    return members.enumerated().flatMap { number, field in
      Self.leaves(column, "struct_extract(\(value), \(field.name.asLiteral))", field.type, path + [number + 1])
    }
  }

  /// The fields of a type such as `STRUCT(x INTEGER, "a b" VARCHAR)`; nil for any other.
  static func fields(of type: String) -> [(name: String, type: String)]? {
    guard type.hasPrefix("STRUCT("), type.hasSuffix(")") else { return nil }
    var fields: [(name: String, type: String)] = []
    var depth = 0
    var isQuoted = false
    var current = ""
    for character in type.dropFirst(7).dropLast() + "," {
      if character == "\"" { isQuoted.toggle() }
      if !isQuoted, character == "," && depth == 0 {
        guard let field = field(current) else { return nil }
        fields.append(field)
        current = ""
        continue
      }
      if !isQuoted, character == "(" { depth += 1 }
      if !isQuoted, character == ")" { depth -= 1 }
      current.append(character)
    }
    return depth == 0 && !isQuoted ? fields : nil
  }

  private static func field(_ text: String) -> (name: String, type: String)? {
    let text = text.drop { $0 == " " }
    guard text.first == "\"" else {
      let name = text.prefix { $0 != " " }
      let type = text.dropFirst(name.count + 1)
      return name.isEmpty || type.isEmpty ? nil : (String(name), String(type))
    }
    var name = ""
    var rest = text.dropFirst()
    while let character = rest.popFirst() {
      guard character == "\"" else {
        name.append(character)
        continue
      }
      guard rest.first == "\"" else { break }
      name.append(character)
      rest = rest.dropFirst()
    }
    return rest.first == " " && rest.count > 1 ? (name, String(rest.dropFirst())) : nil
  }

  // MARK: - What is read of a window of rows

  private var isBytes: Bool {
    if case .bytes = sort { return true }
    return false
  }

  /// The least and the greatest value, how many there are, and of texts the longest.
  var fields: [String] {
    // To take texts as bytes takes time.
    func bytes(_ value: String) -> String {
      if case .bytes(isBlob: false) = sort, isCollated { return "encode(\(value))" }
      return value
    }
    let (low, high) = isOfLists ? ("list_min(\(value))", "list_max(\(value))") : (value, value)
    var fields = ["min(\(bytes(low))) AS l\(number)", "max(\(bytes(high))) AS h\(number)"]
    if decodesColumn, !isNotNull { fields.append("count(\(value)) AS c\(number)") }
    if case .bytes(let isBlob) = sort, !isOfLists {
      fields.append("max(\(isBlob ? "octet_length" : "strlen")(\(value))) AS z\(number)")
    }
    return fields
  }

  /// The names of those that are compared.
  var columns: String {
    (["l", "h"] + (isBytes && !isOfLists ? ["z"] : [])).map { "w.\($0)\(number)" }.joined(separator: ", ")
  }

  /// How many values there are.
  var count: String { isNotNull ? "w.n" : "w.c\(number)" }

  /// A value as what was noted is shown.
  func shown(_ value: String) -> String { isBytes ? head(value) : "(\(value))::VARCHAR" }

  /// The engine keeps eight bytes, filled up with zeros, and tells them up to the first zero.
  private func head(_ value: String) -> String {
    "regexp_extract(left(hex(\(value)), 16), '^(?:0[1-9A-F]|[1-9A-F][0-9A-F])*')"
  }

  // MARK: - What was noted of a run of values

  /// The runs: where they begin and how many rows they have, what was noted, their blocks.
  func runs(of column: String) -> String {
    let (low, high, length) =
      switch sort {
      case .ordered(let type), .float(let type):
        ("TRY_CAST(r.l AS \(type))", "TRY_CAST(r.h AS \(type))", "NULL::BIGINT")
      case .bytes: ("hex(TRY_CAST(t.l AS BLOB))", "hex(TRY_CAST(t.h AS BLOB))", "TRY_CAST(t.z AS BIGINT)")
      }
    let own = "FROM runs WHERE c = \(column.asLiteral) AND q = \(place.asLiteral)"
    guard isOfLists else {
      return "SELECT f, n, d, ok, total, \(low) AS l, \(high) AS h, \(length) AS z \(own)"
    }
    // Which rows a run of values in lists is of nobody tells: of a row group all of them are held together.
    return
      "SELECT start::BIGINT AS f, rows::BIGINT AS n, flatten(list(d)) AS d, bool_and(ok) AS ok, any_value(total) AS total, "
      + "CASE WHEN count(\(low)) = count(*) THEN min(\(low)) END AS l, CASE WHEN count(\(high)) = count(*) THEN max(\(high)) END AS h, "
      + "NULL::BIGINT AS z \(own) GROUP BY start, rows"
  }

  /// What says that a window has a value outside of what was noted of the runs that it is in.
  var outside: [String] {
    let (low, high) = ("w.l\(number)", "w.h\(number)")
    let (allLow, allHigh) = ("count(s.l) = count(*)", "count(s.h) = count(*)")
    var tests: [String]
    switch sort {
    case .ordered:
      tests = ["(\(allLow) AND \(low) < min(s.l))", "(\(allHigh) AND \(high) > max(s.h))"]
    case .float:
      // Of what is no number nobody knows on which side of a range it is.
      tests = [
        "(\(allLow) AND NOT isnan(\(low)) AND \(low) < min(s.l))",
        "(\(allHigh) AND NOT isnan(\(high)) AND \(high) > max(s.h))",
      ]
    case .bytes:
      tests = ["(\(allLow) AND \(head(low)) < min(s.l))", "(\(allHigh) AND \(head(high)) > max(s.h))"]
      if !isOfLists { tests.append("(count(s.z) = count(*) AND w.z\(number) > max(s.z))") }
    }
    return tests
  }

  /// What says that the windows which a run is in lack the ends of what was noted. Below a struct or a list that is NULL now the
  /// values that it had may still be, which nobody sees.
  var unmet: [String] {
    guard decodesColumn else { return [] }
    let (low, high) = ("min(w.l\(number))", "max(w.h\(number))")
    switch sort {
    case .ordered: return ["\(low) > s.l", "\(high) < s.h"]
    case .float: return ["(NOT isnan(s.l) AND \(low) > s.l)", "(NOT isnan(s.h) AND \(high) < s.h)"]
    case .bytes:
      return ["\(head(low)) > s.l", "\(head(high)) < s.h", "max(w.z\(number)) < s.z"]
    }
  }
}

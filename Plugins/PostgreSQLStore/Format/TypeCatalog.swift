import MendKit

/// The types of a database, as far as their values are decoded from pages.
struct TypeCatalog {
  private struct Entry {
    var name: String
    var layout: ValueLayout
    var kind: String
    var base: String
    var element: String
    var isArray: Bool
  }

  private var entries: [String: Entry] = [:]
  private var labels: [String: [UInt32: String]] = [:]

  init(_ connection: ServerConnection) throws(ServerFailure) {
    let rows = try connection.rows(
      """
      select oid, typname, typlen, typalign, typtype, typbasetype, typelem, typcategory = 'A' and typlen = -1
      from pg_catalog.pg_type where typtype in ('b', 'd', 'e')
      """)
    for row in rows where row.count == 8 {
      entries[row[0] ?? ""] = Entry(
        name: row[1] ?? "", layout: Self.layout(length: row[2], alignment: row[3]), kind: row[4] ?? "",
        base: row[5] ?? "", element: row[6] ?? "", isArray: row[7] == "t")
    }
    for row in try connection.rows("select enumtypid, oid, enumlabel from pg_catalog.pg_enum") where row.count == 3 {
      guard let type = row[0], let number = row[1].flatMap({ UInt32($0) }), let label = row[2] else { continue }
      labels[type, default: [:]][number] = label
    }
  }

  /// The columns of a table, those among them that were dropped: their values are still in the rows.
  func columns(of oid: String, _ connection: ServerConnection) throws(ServerFailure) -> [RowColumn] {
    let rows = try connection.rows(
      """
      select attname, attlen, attalign, attisdropped, atttypid, atthasmissing, (attmissingval::text::text[])[1]
      from pg_catalog.pg_attribute where attrelid = \(oid) and attnum > 0 order by attnum
      """)
    var columns: [RowColumn] = []
    for row in rows where row.count == 7 {
      var column = RowColumn(
        name: row[0] ?? "", layout: Self.layout(length: row[1], alignment: row[2]), type: type(row[4] ?? "", depth: 0),
        isDropped: row[3] == "t")
      if row[5] == "t" { column.before = row[6].map { .text($0) } ?? .untold }
      columns.append(column)
    }
    return columns
  }

  private static func layout(length: String?, alignment: String?) -> ValueLayout {
    ValueLayout(
      length: length.flatMap { Int($0) } ?? 0, alignment: ["s": 2, "i": 4, "d": 8][alignment ?? ""] ?? 1)
  }

  private func type(_ oid: String, depth: Int) -> ValueType {
    guard let entry = entries[oid], depth < 20 else { return .unknown(oid) }
    switch entry.kind {
    case "d": return type(entry.base, depth: depth + 1)
    case "e": return .enumeration(labels[oid] ?? [:])
    default: break
    }
    if let known = Self.known[entry.name], (UInt32(oid) ?? .max) < Self.firstOfUsers || entry.name == "citext" {
      return known
    }
    if entry.isArray, let element = entries[entry.element] {
      return .array(of: type(entry.element, depth: depth + 1), element.layout)
    }
    return .unknown(entry.name)
  }

  /// `FirstNormalObjectId`
  private static let firstOfUsers: UInt32 = 16_384

  /// The server's own types, and one of an extension that is text.
  private static let known: [String: ValueType] = [
    "bool": .boolean, "char": .byte, "int2": .integer, "int4": .integer, "int8": .integer, "oid": .unsigned,
    "float4": .real, "float8": .double, "numeric": .numeric, "text": .text, "varchar": .text, "bpchar": .text,
    "name": .name, "json": .text, "xml": .text, "citext": .text, "bytea": .bytes, "uuid": .uuid, "date": .date,
    "time": .time, "timetz": .timeWithZone, "timestamp": .timestamp, "timestamptz": .timestampWithZone,
    "interval": .interval, "inet": .network, "cidr": .network, "macaddr": .hardwareAddress,
    "macaddr8": .hardwareAddress, "bit": .bits, "varbit": .bits, "point": .point, "jsonb": .json,
  ]
}

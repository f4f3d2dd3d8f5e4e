import MendKit

/// Verifies the pages of one table by amcheck, or, where that cannot be had, by reading every row.
struct TableVerification {
  private let connection: ServerConnection
  private let relation: DatabaseCatalog.Relation
  private let functions: PageFunctions
  private let request: IntegrityRequest

  init(
    _ connection: ServerConnection, _ relation: DatabaseCatalog.Relation, _ functions: PageFunctions,
    _ request: IntegrityRequest
  ) {
    self.connection = connection
    self.relation = relation
    self.functions = functions
    self.request = request
  }

  /// A place of a table, and what is said of it.
  typealias Place = (block: Int?, item: Int?, said: String)

  /// More than this many places of one table are not told apart any more.
  private static let mostPlaces = 10_000

  /// What is wrong with the blocks from the first to the last.
  func places(_ first: Int, _ last: Int) throws(ServerFailure) -> [Place] {
    var places: [Place] = []
    var start = first
    var checksToast = request.isFull
    while start <= last, places.count < Self.mostPlaces {
      do throws(ServerFailure) {
        places += try self.places(start, last, checksToast)
        start = last + 1
      } catch {
        guard error.isDamage, !error.isGone else { throw error }
        let place = DamagedPlace(error.message)
        let path = try connection.value("select pg_catalog.pg_relation_filepath(\(relation.oid))")
        let isOwn = place.isOf(path)
        places.append((isOwn ? place.block : nil, nil, error.message))
        if isOwn, let block = place.block, block >= start {
          // What verify_heapam had found on the pages before is lost with the error.
          if block > start { places += try placesOrFailure(start, block - 1, checksToast) }
          start = block + 1
        } else if checksToast {
          checksToast = false
        } else {
          start = last + 1
        }
      }
    }
    return places
  }

  private func places(_ first: Int, _ last: Int, _ checksToast: Bool) throws(ServerFailure) -> [Place] {
    let rows = try connection.rows(
      """
      select blkno, offnum, msg from \(functions.verifyHeap)(
        relation => \(relation.oid), check_toast => \(checksToast), startblock => \(first), endblock => \(last))
      limit \(Self.mostPlaces)
      """)
    return rows.map { row in
      (row[0].flatMap { Int($0) }, row.count > 1 ? row[1].flatMap { Int($0) } : nil, row.last.flatMap(\.self) ?? "")
    }
  }

  private func placesOrFailure(_ first: Int, _ last: Int, _ checksToast: Bool) throws(ServerFailure) -> [Place] {
    do throws(ServerFailure) {
      return try places(first, last, checksToast)
    } catch {
      guard error.isDamage, !error.isGone else { throw error }
      return [(DamagedPlace(error.message).block, nil, error.message)]
    }
  }

  /// Findings of places, the first of them one by one.
  func findings(_ places: [Place]) -> [Finding] {
    let shown = max(1, request.findingsPerCause)
    var findings: [Finding] = []
    for (number, place) in places.prefix(shown).enumerated() {
      var location = Finding.Location(table: relation.table.name)
      location.page = place.block.map { $0 + 1 }
      var message = "the table \(relation.table.name) is damaged"
      if let block = place.block { message += " in block \(block)" + (place.item.map { ", item \($0)" } ?? "") }
      let rest = number == shown - 1 ? places.count - shown : 0
      if rest > 0 { message += ", and in \(rest == 1 ? "1 other place" : "\(rest) other places")" }
      findings.append(
        Finding("table.malformed", .error, at: location, message, evidence: place.said, count: 1 + rest))
    }
    return findings
  }

  /// Without amcheck: every row as text, which reads every value of it.
  func reading() throws(ServerFailure) -> [Finding] {
    do throws(ServerFailure) {
      let list =
        ["pg_catalog.sum(pg_catalog.octet_length(dbmend_row::text))"] + relation.texts.map(InvalidTexts.reading)
      _ = try connection.value("select \(list.joined(separator: ", ")) from only \(relation.sql) dbmend_row")
      return []
    } catch {
      if InvalidTexts.areTold(by: error) {
        return try InvalidTexts(connection, relation).findings(shown: request.findingsPerCause)
      }
      guard error.isDamage, !error.isGone else { throw error }
      return findings([(DamagedPlace(error.message).block, nil, error.message)])
    }
  }
}

/// The page that a message of the server names: `invalid page in block 3 of relation base/16384/16390`.
struct DamagedPlace {
  let block: Int?
  private let path: String?

  init(_ message: String) {
    let words = message.split { $0 == " " || $0 == "\"" || $0 == ";" || $0 == "," || $0.isNewline }
    path = words.first { $0.hasPrefix("base/") || $0.hasPrefix("global/") || $0.hasPrefix("pg_tblspc/") }.map(
      String.init)
    block = path == nil ? nil : words.lazy.compactMap { Int($0) }.first
  }

  /// Whether the page is one of the relation with this path.
  func isOf(_ path: String??) -> Bool {
    guard let own = self.path, let path = path ?? nil else { return false }
    // Every GiB of a relation is a file of its own: `16390.1`.
    return own == path || own.hasPrefix(path + ".")
  }
}

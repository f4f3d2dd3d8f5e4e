import MendKit

/// Verifies tables and indexes one after another, on a connection of its own.
struct VerificationRun {
  private let connection: ServerConnection
  private let address: PostgresAddress
  private let patience: Double
  private let request: IntegrityRequest
  private let way: AmcheckWay

  /// What came of a share of the work.
  struct Result: Sendable {
    var findings: [Finding] = []
    /// Of damaged tables: how many rows an index knows.
    var known: [String: Int] = [:]
  }

  init(
    _ address: PostgresAddress, _ patience: Double, _ request: IntegrityRequest, _ way: AmcheckWay
  ) throws(Problem) {
    self.address = address
    self.patience = patience
    self.request = request
    self.way = way
    connection = try Self.connect(address, patience, way)
  }

  private static func connect(
    _ address: PostgresAddress, _ patience: Double, _ way: AmcheckWay
  ) throws(Problem) -> ServerConnection {
    guard way == .makeable else { return try ServerConnection(address, .reading, patience: patience) }
    let connection = try ServerConnection(address, .writing, patience: patience)
    do throws(ServerFailure) {
      try connection.run("begin isolation level repeatable read")
      try connection.run("create extension amcheck schema pg_catalog")
      // From here on nothing is written, and the end of the connection takes back what was.
      try connection.run("set transaction read only")
    } catch {
      throw error.problem("make the extension amcheck for the time of the check in", on: address.uri)
    }
    return connection
  }

  private var schema: String {
    if case .present(let schema) = way { return Quoting.name(schema) }
    return "pg_catalog"
  }

  func run(_ units: [VerificationUnit]) throws(Problem) -> Result {
    defer { connection.end() }
    var result = Result()
    for (number, unit) in units.enumerated() {
      request.progress(Double(number) / Double(units.count))
      do throws(ServerFailure) {
        if let index = unit.index {
          result.findings += try verify(index, of: unit.relation)
        } else if way == .unavailable {
          result.findings += try read(unit.relation)
        } else {
          let found = try verify(unit.relation)
          result.findings += found
          if request.isFull { try count(unit.relation, isDamaged: !found.isEmpty, &result) }
        }
      } catch {
        if error.isGone {
          result.findings.append(death(unit, error))
          // What died took the connection along; the server needs a moment.
          let rest = Array(units[(number + 1)...])
          guard !rest.isEmpty, let next = Self.again(address, patience, request, way) else { return result }
          let more = try next.run(rest)
          result.findings += more.findings
          result.known.merge(more.known) { $1 }
          return result
        }
        // A table that was dropped meanwhile is no damage.
        if ["42P01", "42704", "XX000"].contains(error.state), error.message.contains("could not open relation") {
          continue
        }
        throw error.problem("verify \(unit.relation.table.name) in", on: address.uri)
      }
    }
    return result
  }

  /// A server that a backend died in ends all sessions, and is back within seconds.
  private static func again(
    _ address: PostgresAddress, _ patience: Double, _ request: IntegrityRequest, _ way: AmcheckWay
  ) -> VerificationRun? {
    for _ in 0..<20 {
      if let run = try? VerificationRun(address, patience, request, way) { return run }
      usleep(500_000)
    }
    return nil
  }

  private func death(_ unit: VerificationUnit, _ failure: ServerFailure) -> Finding {
    Finding(
      unit.index == nil ? "table.malformed" : "index.malformed", .error, at: location(unit.relation, unit.index),
      "the server process died while it read \(unit.index?.shown ?? unit.relation.table.name)",
      evidence: failure.message)
  }

  private func location(_ relation: DatabaseCatalog.Relation, _ index: DatabaseCatalog.IndexRelation?)
    -> Finding.Location
  {
    Finding.Location(table: relation.table.name, index: index?.shown)
  }

  // MARK: - Tables

  /// More than this many places of one table are not told apart any more.
  private static let mostPlaces = 10_000

  private func verify(_ relation: DatabaseCatalog.Relation) throws(ServerFailure) -> [Finding] {
    var places: [(block: Int?, item: Int?, said: String)] = []
    var start = 0
    var checksToast = request.isFull
    let paths =
      try connection.rows(
        """
        select pg_catalog.pg_relation_filepath(c.oid), c.reltoastrelid,
          pg_catalog.pg_relation_size(c.oid) / current_setting('block_size')::int
        from pg_catalog.pg_class c where c.oid = \(relation.oid)
        """
      ).first ?? []
    guard paths.count == 3, let blocks = Int(paths[2] ?? "") else { return [] }
    while start < blocks, places.count < Self.mostPlaces {
      do throws(ServerFailure) {
        let rows = try connection.rows(
          """
          select blkno, offnum, msg from \(schema).verify_heapam(
            relation => \(relation.oid), check_toast => \(checksToast), startblock => \(start), endblock => \(blocks - 1))
          limit \(Self.mostPlaces)
          """)
        for row in rows where row.count == 3 {
          places.append((row[0].flatMap { Int($0) }, row[1].flatMap { Int($0) }, row[2] ?? ""))
        }
        start = blocks
      } catch {
        guard error.isDamage, !error.isGone else { throw error }
        let place = DamagedPlace(error.message)
        places.append((place.isOf(paths[0]) ? place.block : nil, nil, error.message))
        if place.isOf(paths[0]), let block = place.block, block >= start {
          // What verify_heapam had found on the pages before is lost with the error.
          if block > start { places += try rows(relation, start, block - 1, checksToast) }
          start = block + 1
        } else if checksToast {
          checksToast = false
        } else {
          start = blocks
        }
      }
    }
    return findings(relation, places)
  }

  /// Rows that an index knows and the table does not have.
  private func count(
    _ relation: DatabaseCatalog.Relation, isDamaged: Bool, _ result: inout Result
  ) throws(ServerFailure) {
    let rows = RowsByIndex(connection, relation, isInView: way == .makeable)
    let name = relation.table.name
    if isDamaged {
      result.known[name] = rows.known()
      return
    }
    switch try rows.compare() {
    case .same: return
    case .missing(let missing, let known):
      result.known[name] = known
      result.findings.append(
        Finding(
          "table.malformed", .error, at: location(relation, nil),
          "\(missing == 1 ? "1 row" : "\(missing) rows") of \(name) that an index knows \(missing == 1 ? "is" : "are") not in the table: pages of it were cut off, or became zeros",
          evidence: "\(known) rows by the index, \(known - missing) in the table", count: missing))
    case .broken(let said):
      result.findings.append(
        Finding(
          "table.malformed", .error, at: location(relation, nil),
          "an index of \(name) leads to a page that the table does not have", evidence: said))
    }
  }

  private func rows(
    _ relation: DatabaseCatalog.Relation, _ first: Int, _ last: Int, _ checksToast: Bool
  ) throws(ServerFailure) -> [(block: Int?, item: Int?, said: String)] {
    do throws(ServerFailure) {
      let rows = try connection.rows(
        """
        select blkno, offnum, msg from \(schema).verify_heapam(
          relation => \(relation.oid), check_toast => \(checksToast), startblock => \(first), endblock => \(last))
        limit \(Self.mostPlaces)
        """)
      return rows.map { row in
        (row[0].flatMap { Int($0) }, row.count > 1 ? row[1].flatMap { Int($0) } : nil, row.last.flatMap(\.self) ?? "")
      }
    } catch {
      guard error.isDamage, !error.isGone else { throw error }
      return [(DamagedPlace(error.message).block, nil, error.message)]
    }
  }

  private func findings(
    _ relation: DatabaseCatalog.Relation, _ places: [(block: Int?, item: Int?, said: String)]
  ) -> [Finding] {
    let shown = max(1, request.findingsPerCause)
    var findings: [Finding] = []
    for (number, place) in places.prefix(shown).enumerated() {
      var location = location(relation, nil)
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
  private func read(_ relation: DatabaseCatalog.Relation) throws(ServerFailure) -> [Finding] {
    do throws(ServerFailure) {
      _ = try connection.value(
        "select pg_catalog.sum(pg_catalog.octet_length(t::text)) from only \(relation.sql) t")
      return []
    } catch {
      guard error.isDamage, !error.isGone else { throw error }
      return findings(relation, [(DamagedPlace(error.message).block, nil, error.message)])
    }
  }

  // MARK: - Indexes

  private func verify(
    _ index: DatabaseCatalog.IndexRelation, of relation: DatabaseCatalog.Relation
  ) throws(ServerFailure) -> [Finding] {
    do throws(ServerFailure) {
      _ = try connection.value(
        "select \(schema).bt_index_check(index => \(index.oid), heapallindexed => \(request.isFull))")
      return []
    } catch {
      guard error.isDamage, !error.isGone else { throw error }
      let path = try connection.value("select pg_catalog.pg_relation_filepath(\(relation.oid))")
      // A page of the table that cannot be read is said of the table.
      if DamagedPlace(error.message).isOf(path) { return [] }
      let (code, message) = Self.meaning(error.message, index.shown)
      return [Finding(code, .error, at: location(relation, index), message, evidence: error.message)]
    }
  }

  /// What amcheck's words come to. It stops at the first thing that it finds.
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
    return own == path
  }
}

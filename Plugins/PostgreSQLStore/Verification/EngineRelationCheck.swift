import MendKit

/// Verifies what the server keeps beside the application's tables: many small tables and trees, in one question where all is well.
struct EngineRelationCheck {
  private let connection: ServerConnection
  private let functions: PageFunctions
  private let request: IntegrityRequest

  init(_ connection: ServerConnection, _ functions: PageFunctions, _ request: IntegrityRequest) {
    self.connection = connection
    self.functions = functions
    self.request = request
  }

  func findings(_ relations: [EngineRelations.Relation]) throws(ServerFailure) -> [Finding] {
    do throws(ServerFailure) {
      if try areSound(relations) { return [] }
    } catch {
      guard error.isDamage || error.message.contains("cannot be verified using transaction snapshot"), !error.isGone
      else { throw error }
    }
    var findings: [Finding] = []
    for relation in relations {
      do throws(ServerFailure) {
        findings += try self.findings(relation)
      } catch {
        // What was dropped meanwhile is no damage.
        guard ["42P01", "42704", "XX000"].contains(error.state), error.message.contains("could not open relation")
        else { throw error }
      }
    }
    return findings
  }

  private func areSound(_ relations: [EngineRelations.Relation]) throws(ServerFailure) -> Bool {
    let found = try connection.value(
      """
      select c.oid from pg_catalog.unnest(\(Self.list(relations.map(\.oid)))) c(oid),
        lateral \(functions.verifyHeap)(relation => c.oid, check_toast => \(request.isFull)) limit 1
      """)
    guard found == nil else { return false }
    let indexes = relations.flatMap(\.indexes).map(\.oid)
    guard !indexes.isEmpty else { return true }
    _ = try connection.rows(
      """
      select \(functions.checkIndex)(index => i.oid, heapallindexed => \(request.isFull))
      from pg_catalog.unnest(\(Self.list(indexes))) i(oid)
      """)
    return true
  }

  private static func list(_ oids: [String]) -> String { "'{\(oids.joined(separator: ","))}'::oid[]" }

  private func findings(_ relation: EngineRelations.Relation) throws(ServerFailure) -> [Finding] {
    var findings: [Finding] = []
    do throws(ServerFailure) {
      let rows = try connection.rows(
        """
        select blkno, offnum, msg from \(functions.verifyHeap)(relation => \(relation.oid), check_toast => \(request.isFull)) limit 1000
        """)
      if let first = rows.first, first.count == 3 {
        findings.append(finding(relation, block: first[0].flatMap { Int($0) }, first[2] ?? "", count: rows.count))
      }
    } catch {
      guard error.isDamage, !error.isGone else { throw error }
      findings.append(finding(relation, block: DamagedPlace(error.message).block, error.message, count: 1))
    }
    let path = try connection.value("select pg_catalog.pg_relation_filepath(\(relation.oid))")
    for index in relation.indexes {
      guard
        case .damaged(let failure) = try TreeVerification(connection, functions).verify(
          index.oid, full: request.isFull),
        !DamagedPlace(failure.message).isOf(path)
      else { continue }
      findings.append(
        TreeVerification.finding(
          failure, of: index.shown, at: Finding.Location(table: relation.place, index: index.shown)))
    }
    return findings
  }

  private func finding(_ relation: EngineRelations.Relation, block: Int?, _ said: String, count: Int) -> Finding {
    var location = Finding.Location(table: relation.place)
    location.page = block.map { $0 + 1 }
    let place = block.map { " in block \($0)" } ?? ""
    let what =
      switch relation.kind {
      case "t": "the values that \(relation.place) keeps apart (\(relation.shown)) are damaged\(place)"
      case "m": "the materialized view \(relation.shown) is damaged\(place)"
      default: "the server's own catalog \(relation.shown) is damaged\(place)"
      }
    return Finding("table.malformed", .error, at: location, what, evidence: said, count: count)
  }
}

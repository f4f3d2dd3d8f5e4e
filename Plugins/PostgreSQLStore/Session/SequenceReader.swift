import MendKit

/// The sequences that columns draw their values from, held against the largest values in these columns.
struct SequenceReader {
  private let connection: ServerConnection
  private let database: DatabaseCatalog

  init(_ connection: ServerConnection, _ database: DatabaseCatalog) {
    self.connection = connection
    self.database = database
  }

  /// One sequence and the column that draws from it.
  struct Use {
    var relation: DatabaseCatalog.Relation
    var column: String
    /// Schema-qualified, in SQL.
    var sequence: String
    /// The value that the next call gives, less one.
    var last: Int64
    /// Whether it steps upwards and does not begin anew when it is through: only of such a one it can be said that it is
    /// behind.
    var isRising: Bool
  }

  /// The uses of all sequences: those that belong to a column, and those that a column's default calls.
  func uses() throws(ServerFailure) -> [Use] {
    let rows = try connection.rows(
      """
      select distinct t.oid, a.attname, n.nspname, s.relname, q.seqincrement, q.seqcycle
      from pg_catalog.pg_class s join pg_catalog.pg_sequence q on q.seqrelid = s.oid
      join pg_catalog.pg_namespace n on n.oid = s.relnamespace
      join (
        select d.objid as sequence, d.refobjid as relation, d.refobjsubid as number from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_class'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
          and d.refobjsubid > 0 and d.deptype in ('a', 'i')
        union
        select d.refobjid, f.adrelid, f.adnum from pg_catalog.pg_depend d
        join pg_catalog.pg_attrdef f on f.oid = d.objid
        where d.classid = 'pg_catalog.pg_attrdef'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
      ) u on u.sequence = s.oid
      join pg_catalog.pg_class t on t.oid = u.relation
      join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = u.number and not a.attisdropped
      where s.relkind = 'S' and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) order by 1, 2
      """)
    var uses: [Use] = []
    for row in rows {
      guard row.count == 6, let oid = row[0], let column = row[1], let schema = row[2], let name = row[3],
        let relation = database.relations.first(where: { $0.oid == oid }),
        let increment = Int64(row[4] ?? "")
      else { continue }
      let sequence = Quoting.name(schema) + "." + Quoting.name(name)
      let state = try state(of: sequence)
      guard state.count == 2, let value = Int64(state[0] ?? "") else { continue }
      let next = state[1] == "t" ? value.addingReportingOverflow(increment).partialValue : value
      uses.append(
        Use(
          relation: relation, column: column, sequence: sequence,
          last: next.subtractingReportingOverflow(1).partialValue, isRising: increment > 0 && row[5] != "t"))
    }
    return uses
  }

  /// The row of a sequence; none where it is damaged, which the verification says.
  private func state(of sequence: String) throws(ServerFailure) -> [String?] {
    do throws(ServerFailure) {
      return try connection.rows("select last_value, is_called from \(sequence)").first ?? []
    } catch {
      guard error.isDamage, !error.isGone else { throw error }
      return []
    }
  }

  /// Sequences and the largest values of their columns, but for some tables.
  func states(without tables: Set<String>) throws(ServerFailure) -> [SequenceState] {
    var states: [SequenceState] = []
    for use in try uses() where use.isRising && !tables.contains(use.relation.table.name) {
      let largest = try connection.value("select max(\(Quoting.name(use.column))) from \(use.relation.sql)")
      states.append(
        SequenceState(
          table: use.relation.table.name, last: use.last, largestKey: largest.flatMap { Int64($0) },
          engineRecovers: false))
    }
    return states
  }
}

import MendKit

/// What is read natively of a schema, and what is left to SQLite, with the reason.
struct VerificationPlan {
  /// Why SQLite is asked about a table.
  enum EngineNeed: Hashable {
    /// An index that cannot be computed from the record, or whose order only SQLite knows.
    case index(name: String, because: String)
    /// Rows are held against constraints that only SQLite evaluates; no index is looked at.
    case rows(because: String)

    var words: String {
      switch self {
      case .index(let name, let reason): "index \(name) \(reason)"
      case .rows(let reason): reason
      }
    }
  }

  /// An index with a fingerprint.
  struct Comparison {
    let table: SchemaLayout.Table
    /// Which of the table's indexes it is.
    let indexNumber: Int
    let indexTree: Int
    let tableTree: Int
    let fingerprint: Int
    /// Whether an expression says which rows the index takes, or what they are in it.
    let isComputed: Bool

    var index: SchemaLayout.Index { table.indexes[indexNumber] }
  }

  /// What the trees of a table need that any table of the same shape and with the same indexes needs, too.
  private struct Form {
    let table: SchemaLayout.Table
    let rows: RowPlan
    let keys: [KeyPlan]
    let firstFingerprint: Int
  }

  var trees: [TreePlan] = []
  var comparisons: [Comparison] = []
  private var tables: [SchemaLayout.Table]
  /// Where a plan of a part of the tables begins in that of all.
  private var firstTree = 0
  private var firstFingerprint = 0
  /// The tree of each table, in the order of the tables.
  private(set) var tableTrees: [(table: String, tree: Int)] = []
  /// The CHECK constraints of each table's tree that are evaluated natively, as they were written.
  var checks: [Int: [String]] = [:]
  var engineNeeds: [String: Set<EngineNeed>] = [:]
  private var absent: AbsentValues
  private let memory = PlanMemory()
  private var form: Form?

  init(_ layout: SchemaLayout, encoding: TextEncoding) {
    absent = AbsentValues(encoding: encoding)
    tables = layout.tables
    tableTrees.reserveCapacity(tables.count)
    let indexCount = tables.reduce(0) { $0 + $1.indexes.count }
    trees.reserveCapacity(tables.count + indexCount + layout.unknownRoots.count)
    comparisons.reserveCapacity(indexCount)
    for table in layout.tables { add(table) }
    for unknown in layout.unknownRoots {
      trees.append(
        TreePlan(
          name: unknown.name, table: unknown.table, root: unknown.root, hasRowids: !unknown.isIndex,
          isIndex: unknown.isIndex, memory: memory))
    }
    form = nil
    // What evaluates defaults is not needed any more.
    absent = AbsentValues(encoding: encoding)
  }

  /// A plan of a part of the tables, where so many trees and fingerprints come before it.
  private init(_ tables: ArraySlice<SchemaLayout.Table>, encoding: TextEncoding, firstTree: Int, firstFingerprint: Int)
  {
    absent = AbsentValues(encoding: encoding)
    self.tables = Array(tables)
    self.firstTree = firstTree
    self.firstFingerprint = firstFingerprint
    let indexCount = tables.reduce(0) { $0 + $1.indexes.count }
    trees.reserveCapacity(tables.count + indexCount)
    comparisons.reserveCapacity(indexCount)
    tableTrees.reserveCapacity(tables.count)
    for table in tables { add(table) }
    form = nil
    absent = AbsentValues(encoding: encoding)
  }

  /// Likewise, by several workers where the tables are many.
  static func plan(_ layout: SchemaLayout, encoding: TextEncoding, workers: Int) -> Self {
    let all = layout.tables
    // Where an index is computed by an expression, or is left out, its number is known only when those before it are done.
    let isEven = layout.unknownRoots.isEmpty && !all.contains { $0.indexes.contains { $0.isPartial || $0.root == 0 } }
    guard workers > 1, isEven else { return Self(layout, encoding: encoding) }
    var parts = Workers.parts(all.count, workers: workers) { range in
      let before = all[..<range.lowerBound].reduce(0) { $0 + $1.indexes.count }
      return Part(
        plan: Self(
          all[range], encoding: encoding, firstTree: range.lowerBound + before, firstFingerprint: before))
    }
    var whole = parts.removeFirst().plan
    let trees = parts.reduce(whole.trees.count) { $0 + $1.plan.trees.count }
    whole.trees.reserveCapacity(trees)
    whole.comparisons.reserveCapacity(trees - all.count)
    whole.tableTrees.reserveCapacity(all.count)
    whole.tables = all
    for part in parts {
      let plan = part.plan
      guard whole.trees.count == plan.firstTree, whole.comparisons.count == plan.firstFingerprint else {
        return Self(layout, encoding: encoding)
      }
      whole.trees += plan.trees
      whole.comparisons += plan.comparisons
      whole.tableTrees += plan.tableTrees
      whole.checks.merge(plan.checks) { first, _ in first }
      whole.engineNeeds.merge(plan.engineNeeds) { $0.union($1) }
    }
    return whole
  }

  /// Unchecked, since nothing of a plan is changed by two threads: one made it, and another goes on with it.
  private struct Part: @unchecked Sendable {
    let plan: VerificationPlan
  }

  private mutating func add(_ table: SchemaLayout.Table) {
    let tableTree = firstTree + trees.count
    let ownTree = trees.count
    trees.append(
      TreePlan(
        name: table.name, table: table.name, root: table.root, hasRowids: table.hasRowid, isIndex: false,
        memory: memory))
    tableTrees.append((table.name, tableTree))
    if let form, isOf(form, table) {
      addIndexes(of: table, form, tree: ownTree)
    } else {
      addAnew(table, tree: ownTree)
    }
  }

  /// Whether a table has the shape, and indexes on the same columns, of the one that a form was made for.
  private func isOf(_ form: Form, _ table: SchemaLayout.Table) -> Bool {
    guard form.table.shape === table.shape, form.table.indexes.count == table.indexes.count else { return false }
    // One by one in their places: a copy of an index counts who holds its names, which other threads do at the same time.
    for place in table.indexes.indices {
      guard table.indexes[place].root > 0, table.indexes[place].isUnique == form.table.indexes[place].isUnique,
        table.indexes[place].isPartial == form.table.indexes[place].isPartial,
        table.indexes[place].terms == form.table.indexes[place].terms
      else { return false }
    }
    return true
  }

  private mutating func addIndexes(of table: SchemaLayout.Table, _ form: Form, tree: Int) {
    let fingerprint = firstFingerprint + comparisons.count
    trees[tree].rows = form.rows.moved(by: Int32(fingerprint - form.firstFingerprint), memory: memory)
    for number in table.indexes.indices {
      comparisons.append(
        Comparison(
          table: table, indexNumber: number, indexTree: firstTree + trees.count, tableTree: firstTree + tree,
          fingerprint: fingerprint + number, isComputed: false))
      let plan = indexTree(table.indexes[number], of: table)
      plan.key = form.keys[number]
      plan.key?.fingerprint = fingerprint + number
      trees.append(plan)
    }
  }

  private func indexTree(_ index: SchemaLayout.Index, of table: SchemaLayout.Table) -> TreePlan {
    TreePlan(
      name: index.name, table: table.name, root: index.root, hasRowids: false, isIndex: true, memory: memory)
  }

  private mutating func addAnew(_ table: SchemaLayout.Table, tree ownTree: Int) {
    let order = table.shape.recordOrder
    let rowidColumn = table.shape.rowidColumn
    let tableTree = firstTree + ownTree
    let first = comparisons.count
    var columns = order.map { plan(table.columns[$0], isRowid: $0 == rowidColumn, in: table) }
    var expressions = TableExpressionPlan(table, isUTF8: absent.encoding == .utf8)
    var slots = [Int32](repeating: -1, count: table.columns.count)
    var slotCount: Int32 = 1
    var entries: [RowPlan.Entry] = []
    var terms: [Int32] = []
    for (number, index) in table.indexes.enumerated() where index.root > 0 {
      let isNative = computable(index, of: table, &expressions)
      let fingerprint = isNative ? firstFingerprint + comparisons.count : -1
      if isNative {
        var entry = RowPlan.Entry(
          fingerprint: Int32(fingerprint), start: Int32(terms.count), count: Int32(index.terms.count))
        if index.isPartial { entry.condition = expressions.takeCondition(of: index) }
        entries.append(entry)
        for (place, term) in index.terms.enumerated() {
          if let computed = expressions.compiled(term, place, of: index) {
            terms.append(slotCount)
            expressions.computed.append(RowPrograms.Computed(expression: computed, slot: Int(slotCount)))
            slotCount += 1
            continue
          }
          guard let column = term.column, column != rowidColumn else {
            terms.append(0)
            continue
          }
          if slots[column] < 0 {
            slots[column] = slotCount
            slotCount += 1
          }
          terms.append(slots[column])
        }
        comparisons.append(
          Comparison(
            table: table, indexNumber: number, indexTree: firstTree + trees.count, tableTree: tableTree,
            fingerprint: fingerprint, isComputed: expressions.isComputed(index)))
      }
      let tree = indexTree(index, of: table)
      tree.key = key(index.terms, uniqueOf: index.isUnique, fingerprint: fingerprint)
      trees.append(tree)
    }
    // Of a column that a key holds twice, under two collations, SQLite reads the first copy.
    for (place, column) in order.enumerated() {
      columns[place].slot = slots[column]
      slots[column] = -1
    }
    let isByBytes = expressions.computed.isEmpty
    for tree in trees[(ownTree + 1)...] { tree.key?.isByBytes = isByBytes }
    let rows = RowPlan(
      columns: columns, entries: entries, terms: terms, slotCount: Int(slotCount), isByBytes: isByBytes,
      memory: memory)
    trees[ownTree].rows = rows
    if !table.hasRowid {
      let own = table.storage.filter(\.isKey)
      trees[ownTree].key = KeyPlan(
        terms: own.map { KeyPlan.Term(collation: $0.collation, isDescending: $0.isDescending) },
        fieldCount: table.storage.count, isExact: false, uniqueCount: own.count, fingerprint: -1, memory: memory)
    }
    noteConstraints(of: table, &expressions)
    if expressions.isNeeded {
      var values = absent
      trees[ownTree].programs = expressions.programs(order) { column in values.kept(values.value(of: column) ?? .null)
      }
    }
    if !expressions.checks.isEmpty { checks[tableTree] = expressions.checks.map(\.text) }
    // Whatever is more than columns is made for each table by itself.
    guard table.hasRowid, !expressions.isNeeded, engineNeeds[table.name] == nil,
      comparisons.count - first == table.indexes.count
    else { return }
    form = Form(
      table: table, rows: rows, keys: trees[(ownTree + 1)...].compactMap(\.key),
      firstFingerprint: firstFingerprint + first)
  }

  private func key(_ terms: [SchemaLayout.Term], uniqueOf isUnique: Bool, fingerprint: Int) -> KeyPlan {
    KeyPlan(
      terms: terms.map { KeyPlan.Term(collation: $0.collation, isDescending: $0.isDescending) },
      fieldCount: terms.count, isExact: true, uniqueCount: isUnique ? terms.count(where: \.isKey) : 0,
      fingerprint: fingerprint, memory: memory)
  }

  /// Whether an index's entries can be computed from the record; otherwise the reason is noted.
  private mutating func computable(
    _ index: SchemaLayout.Index, of table: SchemaLayout.Table, _ expressions: inout TableExpressionPlan
  ) -> Bool {
    if index.terms.contains(where: { $0.collation == .custom }) {
      need(.index(name: index.name, because: "is ordered by a collation of the application"), of: table)
    }
    guard let reason = expressions.obstacle(to: index) else { return true }
    need(.index(name: index.name, because: reason), of: table)
    return false
  }

  private mutating func noteConstraints(of table: SchemaLayout.Table, _ expressions: inout TableExpressionPlan) {
    if table.shape.mentionsCheck, !expressions.takeChecks() {
      need(.rows(because: "CHECK constraints"), of: table)
    }
    if table.columns.contains(where: { $0.isVirtual && $0.isNotNull }) {
      need(.rows(because: "a generated column that may not be NULL"), of: table)
    }
  }

  /// The columns of a table's tree, in the order of the record; nil for any other tree.
  func recordColumns(of tree: Int) -> [SchemaLayout.Column]? {
    guard let place = tableTrees.firstIndex(where: { $0.tree == tree }) else { return nil }
    let table = tables[place]
    return table.shape.recordOrder.map { table.columns[$0] }
  }

  /// Whether a finding of SQLite's is about values that were all looked at natively. SQLite 3.40's `quick_check` takes one
  /// column of a table without rowid for another when it tells of NULL.
  func isVerified(_ finding: Finding) -> Bool {
    guard ["column.null", "key.null", "column.type"].contains(finding.code), let name = finding.location.table,
      let column = tables.first(where: { $0.name == name })?.columns.first(where: { $0.name == finding.location.column }
      )
    else { return false }
    return !column.isVirtual
  }

  private mutating func need(_ need: EngineNeed, of table: SchemaLayout.Table) {
    engineNeeds[table.name, default: []].insert(need)
  }

  private mutating func plan(
    _ column: SchemaLayout.Column, isRowid: Bool, in table: SchemaLayout.Table
  ) -> RowPlan.Column {
    var plan = RowPlan.Column()
    guard !isRowid else { return plan }
    if column.isNotNull { plan.forbidden |= RowPlan.nullBit }
    if table.shape.isStrict {
      plan.forbidden |= Self.forbidden(strictType: column.type)
    } else if column.affinity == .text {
      plan.forbidden |= RowPlan.integerBit | RowPlan.realBit
    } else if column.affinity != .blob {
      plan.checksNumericText = true
    }
    if let value = absent.value(of: column) {
      (plan.absent, plan.absentClass) = absent.source(value, memory: memory)
    }
    return plan
  }

  private static func forbidden(strictType: String) -> UInt8 {
    switch strictType.uppercased() {
    case "INT", "INTEGER": RowPlan.realBit | RowPlan.textBit | RowPlan.blobBit
    case "REAL": RowPlan.textBit | RowPlan.blobBit
    case "TEXT": RowPlan.integerBit | RowPlan.realBit | RowPlan.blobBit
    case "BLOB": RowPlan.integerBit | RowPlan.realBit | RowPlan.textBit
    default: 0
    }
  }
}

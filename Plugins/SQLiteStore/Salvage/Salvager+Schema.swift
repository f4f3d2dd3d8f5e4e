import MendKit

/// The schema: read, put together where rows of it are lost, tried, and written anew where that changes it.
extension Salvager {
  func readSchema(_ aid: SalvageAid) throws(Problem) {
    TableSurvey(file: file, survey: survey).walk(&schema, &claims)
    objects = file.objects(schema, claims)
    if schema.slots.contains(where: { $0.state != .sound }) {
      recoverSchema()
      let text = try aid.schema()
      complete(
        with: try text.map { text throws(Problem) in try GivenSchema(text, encoding: file.encoding) },
        from: text?.path ?? "")
    }
    guard let shapes = tryDefinitions() else { return }
    for object in objects where object.kind == "table" && object.isStored {
      let number = Int32(tables.count + keyed.count + 2)
      if let shape = shapes[object.name], let key = shape.key {
        keyed.append(
          KeyedTable(name: object.name, number: number, root: object.root, expected: shape.expected, terms: key))
        continue
      }
      tables.append(
        SalvagedTable(
          name: object.name, number: number, root: object.root,
          expected: shapes[object.name]?.expected ?? .any))
    }
  }

  /// Keeps of the schema what SQLite takes; what its definitions say of the tables' records.
  private func tryDefinitions() -> SchemaShapes? {
    guard let memory else { return nil }
    let trial = SchemaTrial(objects, in: memory) { TreeSample(root: $0.root, file, survey)?.classes }
    objects = trial.objects
    if trial.isChanged { writesSchema = true }
    if !trial.lost.isEmpty { notes.append("lost definitions: " + trial.lost.joined(separator: ", ")) }
    if !trial.replaced.isEmpty {
      notes.append(
        "the definitions of these tables are lost, and their columns are named c0, c1 and so on: "
          + trial.replaced.joined(separator: ", "))
    }
    return SchemaShapes(objects, in: memory, encoding: file.encoding)
  }

  /// Looks for rows of the schema wherever they stand, and builds it of them.
  private func recoverSchema() {
    let pages = SalvagePages(pageCount: file.filePages, usableSize: file.usableSize) { [file] in file.original($0) }
    let trusted = Set(schema.slots.filter { $0.state == .sound }.map(\.page))
    let recovered = SchemaRecovery.recover(pages, encoding: file.encoding) { trusted.contains($0) }
    var roots: Set<UInt32> = []
    var kept: [SchemaRecovery.Row] = []
    // Of two that claim one tree, the younger one: the other was dropped.
    for row in recovered.rows.sorted(by: {
      (trusted.contains($0.page) ? 1 : 0, $0.rowid) > (trusted.contains($1.page) ? 1 : 0, $1.rowid)
    }) {
      guard row.root == 0 || roots.insert(row.root).inserted else { continue }
      kept.append(row)
    }
    writesSchema = true
    // The leaves that they stand on hold rows of no other table.
    for row in kept where survey[row.page].form == .tableLeaf { _ = claims.claim(row.page, for: schema.number) }
    objects = kept.sorted { $0.rowid < $1.rowid }.map {
      SchemaObject(
        type: $0.type, name: $0.name, table: $0.table, root: $0.root, sql: $0.sql, rowid: $0.rowid, record: $0.record)
    }
    guard !kept.isEmpty else { return notes.append("no row of the schema is left in the file") }
    notes.append("the schema was put together of \(kept.count) rows that were found in the file")
  }

  /// The cells of the schema's rows, under new rowids where two have one.
  func schemaCells() -> [TableRebuild.LeafCell] {
    var last: Int64 = 0
    return objects.map { object in
      last = max(object.rowid, last + 1)
      return TableRebuild.LeafCell(
        bytes: PayloadWriter(file: file).cell(rowid: last, payload: object.written(file.encoding)), rowid: last)
    }
  }

  /// Gives each tree that is built anew a root of its own: where the one that the schema names is a page of something else,
  /// another one, which the schema is to name then.
  func settleRoots() {
    for index in tables.indices where tables[index].needsRebuild {
      tables[index].root = settled(tables[index].root, tables[index].name, owner: tables[index].number)
    }
    for (table, _) in keyedRows { table.root = settled(table.root, table.name, owner: table.number) }
    for index in remains.indices {
      remains[index].root = settled(remains[index].root, remains[index].name, owner: remains[index].number)
    }
  }

  private func settled(_ root: UInt32, _ name: String, owner: Int32) -> UInt32 {
    if root > 1, claims[root] == owner && owner > 0 || claims.claim(root, for: owner) { return root }
    writesSchema = true
    let page = unusedPage()
    _ = claims.claim(page, for: owner)
    for index in objects.indices where objects[index].name == name && objects[index].isStored {
      objects[index].root = page
    }
    return page
  }

  /// A page that belongs to nothing; a new one where there is none.
  func unusedPage() -> UInt32 {
    if file.filePages > 1, let page = (2...file.filePages).first(where: { claims.isFree($0) && !file.isReserved($0) }) {
      return page
    }
    return file.allocate()
  }
}

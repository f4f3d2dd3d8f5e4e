import MendKit

/// Reads the definitions of tables, each with those of its indexes.
struct TableReader {
  /// What was read of a part of a schema's objects.
  struct Part: Sendable {
    /// For each object what the plain definitions of a table say; nil for any other object.
    var plain: [PlainTable?] = []
    /// Whether every table is plain.
    var isAllPlain = true
    /// Whether every version of the library takes the definitions and the names as they are.
    var isAccepted = true
    /// Whether an index may be on another table than the schema table says.
    var isContrary = false
    /// The numbers of the objects of which it is not known that their columns say the same as their definitions.
    var disagreeing: [Int] = []
    /// Of each object, a hash of its name, whatever the case of ASCII's letters.
    var names: [UInt64] = []
  }

  private let objects: [SchemaReading.Object]
  private let chains: IndexChains
  private var part = Part()
  private var key = FormKey()
  private var last: (key: [UInt8], form: TableForm)?
  private var forms: [[UInt8]: TableForm] = [:]

  /// Reads all objects, by several workers where they are many.
  static func read(_ objects: [SchemaReading.Object], _ chains: IndexChains, workers: Int) -> [Part] {
    var parts = Workers.parts(objects.count, workers: workers) { range in
      var reader = TableReader(objects: objects, chains: chains)
      return reader.read(range)
    }
    if !chains.areInOrder { parts[0].isAccepted = false }
    for place in chains.orphans {
      guard let sql = objects[place].sql else { continue }
      if let index = IndexDefinition(sql), ASCII.areSame(index.table, objects[place].table) { continue }
      parts[0].isContrary = true
    }
    parts[0].disagreeing += chains.orphans
    return parts
  }

  private init(objects: [SchemaReading.Object], chains: IndexChains) {
    self.objects = objects
    self.chains = chains
  }

  private mutating func read(_ range: Range<Int>) -> Part {
    part.plain.reserveCapacity(range.count)
    part.names.reserveCapacity(range.count)
    for place in range {
      part.names.append(NameHash.of(objects[place].name))
      let type = objects[place].type
      if type == "table" {
        let table = table(place)
        part.plain.append(table)
        if table == nil { part.isAllPlain = false }
        continue
      }
      part.plain.append(nil)
      // An index is read with its table.
      guard type != "index" else { continue }
      part.isAccepted = false
      part.disagreeing.append(place)
    }
    return part
  }

  private mutating func table(_ place: Int) -> PlainTable? {
    let indexes = chains.indexes(of: place)
    guard key.take(objects, place, indexes) else {
      guard let form = form(place, indexes) else { return nil }
      return table(place, indexes, form)
    }
    if let last, last.key == key.bytes { return table(place, indexes, last.form) }
    var form = forms[key.bytes]
    if form == nil { form = self.form(place, indexes) }
    guard let form else { return nil }
    if forms.count < Self.mostForms { forms[key.bytes] = form }
    last = (key.bytes, form)
    return table(place, indexes, form)
  }

  /// Forms that are kept to be shared.
  private static let mostForms = 1024

  /// A table of a form.
  private mutating func table(_ place: Int, _ indexes: IndexChains.Chain, _ form: TableForm) -> PlainTable {
    let object = objects[place]
    if !form.isAccepted || !isAccepted(object) { part.isAccepted = false }
    let count = form.indexes.count
    let automatic = count - indexes.count { objects[$0].sql != nil }
    let own = [SchemaLayout.Index](unsafeUninitializedCapacity: count) { buffer, initialized in
      guard let start = buffer.baseAddress else { return }
      var next = (automatic: 0, other: automatic)
      for place in indexes {
        let index = objects[place]
        if index.sql != nil, !isAccepted(index) { part.isAccepted = false }
        let number = index.sql == nil ? next.automatic : next.other
        if index.sql == nil { next.automatic += 1 } else { next.other += 1 }
        // The library has the newest first.
        let form = form.indexes[count - 1 - number]
        (start + (count - 1 - number)).initialize(
          to: SchemaLayout.Index(
            name: index.name, root: index.root, isUnique: form.isUnique, isPartial: form.isPartial, sql: index.sql,
            terms: form.terms))
      }
      initialized = count
    }
    return PlainTable(
      layout: SchemaLayout.Table(
        name: object.name, root: object.root, sql: object.sql ?? "", shape: form.shape, indexes: own),
      form: form)
  }

  /// What the definitions of a table and its indexes say; nil where one of them is not plain.
  private mutating func form(_ place: Int, _ indexes: IndexChains.Chain) -> TableForm? {
    let object = objects[place]
    let definition = object.sql.flatMap(TableDefinition.init)
    let isNamed = definition.map { ASCII.areIdentical($0.name, object.name) } ?? false
    var others: [IndexDefinition] = []
    var automatic = 0
    var hasOwnOnly = true
    for index in indexes {
      guard let sql = objects[index].sql else {
        automatic += 1
        // The library makes them in the order of the constraints.
        hasOwnOnly =
          hasOwnOnly && FormKey.isAutomatic(objects[index].name, of: object.name, number: automatic)
        continue
      }
      guard let read = IndexDefinition(sql), ASCII.areSame(read.table, objects[index].table) else {
        part.isContrary = true
        return nil
      }
      if !ASCII.areSame(read.name, objects[index].name) { part.disagreeing.append(index) }
      others.append(read)
    }
    guard let sql = object.sql, let definition, isNamed, hasOwnOnly, automatic == definition.constraints.count,
      let form = TableForm(definition, sql, others)
    else {
      part.disagreeing.append(place)
      part.disagreeing += indexes.filter { objects[$0].sql == nil }
      return nil
    }
    if !ASCII.areSame(object.name, object.table) { part.disagreeing.append(place) }
    return form
  }

  /// Whether the library has nothing to say against an object's name, or the length of its definition.
  private func isAccepted(_ object: SchemaReading.Object) -> Bool {
    (object.sql?.utf8.count ?? 0) <= Self.mostBytes
      && (!ASCII.hasPrefix(object.name, "sqlite_") || Self.enginesOwn.contains(object.name))
  }

  /// A definition of more bytes is left to the library, which has a bound that was not always the same.
  private static let mostBytes = 64 << 10
  /// Tables that the library makes for itself.
  private static let enginesOwn: Set = ["sqlite_sequence", "sqlite_stat1", "sqlite_stat4"]
}

import MendKit

/// What a damaged database still tells of the rows of a table that cannot be read to its end: which rows are left, and which rows its
/// sound indexes hold, with sums of the values that they hold of them.
struct RowEvidence {
  private var left: Set<Int64>
  private var indexes: [[Int64: UInt64]]
  /// The leaves that are left, where no tree leads to them all.
  private var chain: LeafChain?
  /// The columns of each sound index.
  let columns: [[Int]]
  /// Columns of the table.
  let width: Int

  private init(left: Set<Int64>, indexes: [[Int64: UInt64]], columns: [[Int]], width: Int) {
    (self.left, self.indexes, self.columns, self.width) = (left, indexes, columns, width)
  }

  /// Of a table of which leaves are left, and nothing else: these rows. A row that the leaves would have to have was deleted.
  init(_ rows: Set<Int64>, in chain: LeafChain?, width: Int) {
    self.init(left: rows, indexes: [], columns: [], width: width)
    self.chain = chain
  }

  /// Notes rows that are not lost after all.
  mutating func take(_ numbers: Set<Int64>) { left.formUnion(numbers) }

  /// What the sound indexes say of a row, whatever its values are.
  func verdict(on number: Int64) -> Verdict {
    guard !indexes.isEmpty else { return .unproved }
    return indexes.allSatisfy { $0[number] != nil } ? .proved : .refuted
  }

  /// What is said of a row that a backup has and the table does not.
  enum Verdict {
    /// Every sound index has it with the backup's values.
    case proved
    /// No index tells, or it has other values now.
    case unproved
    /// A sound index, or what is left of the table, does not have it: it was deleted.
    case refuted
  }

  /// Of each table with damaged pages, by its name.
  static func collect(_ survey: FileSurvey, _ handle: FileHandle) throws(Problem) -> [String: RowEvidence] {
    guard let version = survey.newest else { return [:] }
    let file = try StoreFile(handle)
    let meta = try version.meta(in: file)
    let types = try MapTypes(version, meta: meta, in: file)
    var found: [String: RowEvidence] = [:]
    for map in Set(survey.damages.compactMap(\.map)) {
      guard let object = survey.objects[map], object.index == nil,
        let rows = try Rows(of: map, version, meta, types, file, columns: [])
      else { continue }
      var columns: [[Int]] = []
      var entries: [[Int64: UInt64]] = []
      for (number, name) in StoreVersion.names(meta).sorted(by: { $0.key < $1.key }) {
        guard let index = survey.objects[name], index.table == object.table, index.index != nil,
          case .row(let places, true) = types[number]?.keys,
          let sums = try Rows(of: name, version, meta, types, file, columns: [Array(places.indices)]), sums.isWhole
        else { continue }
        columns.append(places)
        entries.append(Dictionary(zip(sums.sums.numbers, sums.sums.marks)) { $1 })
      }
      found[object.table] = RowEvidence(
        left: Set(rows.sums.numbers), indexes: entries, columns: columns, width: rows.width)
    }
    return found
  }

  /// The rows of a table of a backup that are not left, with what is said of each.
  func missing(_ table: String, in backup: FileSurvey, _ handle: FileHandle) throws(Problem) -> [(Int64, Verdict)]? {
    guard let version = backup.newest else { return nil }
    let file = try StoreFile(handle)
    let meta = try version.meta(in: file)
    let types = try MapTypes(version, meta: meta, in: file)
    let name = StoreVersion.names(meta).values.first { backup.objects[$0] == ObjectNames.Object(table: table) }
    guard let name, let rows = try Rows(of: name, version, meta, types, file, columns: columns), rows.width == width
    else { return nil }
    var missing: [(Int64, Verdict)] = []
    for (place, number) in rows.sums.numbers.enumerated() where !left.contains(number) {
      var verdict = chain?.covers(number) == true ? Verdict.refuted : indexes.isEmpty ? .unproved : .proved
      for (index, entries) in indexes.enumerated() {
        guard let mark = entries[number] else {
          verdict = .refuted
          break
        }
        if mark != rows.sums.marks[place * columns.count + index] { verdict = .unproved }
      }
      missing.append((number, verdict))
    }
    return missing
  }

  /// The rows of a table or the entries of an index.
  private struct Rows {
    var sums: RowSums
    var width: Int
    var isWhole: Bool

    init?(
      of name: String, _ version: StoreVersion, _ meta: [String: String], _ types: MapTypes, _ file: StoreFile,
      columns: [[Int]]
    ) throws(Problem) {
      guard let map = meta["name." + name].flatMap({ Int($0, radix: 16) }), let root = version.roots[map],
        let pair = types[map]
      else { return nil }
      switch (pair.keys, pair.values) {
      case (.long, .versioned(.row(let columns, false))): width = columns.count
      case (.row(let columns, true), .versioned(.nothing)): width = columns.count
      default: return nil
      }
      var walker = PageWalker(file, version, types)
      walker.sums = RowSums(columns: columns, collects: true)
      _ = try walker.walk(root, of: map)
      guard let sums = walker.sums else { return nil }
      self.sums = sums
      isWhole = walker.flaws.isEmpty && !sums.isChanging
    }
  }
}

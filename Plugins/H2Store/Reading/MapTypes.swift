import MendKit

/// What the keys and values of the maps of a version are, as far as the store itself tells.
struct MapTypes {
  /// Of a map: its keys and its values.
  struct Pair: Hashable, Sendable {
    var keys: MapType
    var values: MapType
  }

  private var pairs: [Int: Pair] = [:]

  /// The types of a map; nil where nothing is known of them.
  subscript(map: Int) -> Pair? { pairs[map] }

  /// Nothing is known.
  init() {}

  /// Reads the store's list of types, and which of them each map has. `meta` are the entries of the map that names the others.
  init(_ version: StoreVersion, meta: [String: String], in file: StoreFile) throws(Problem) {
    pairs[0] = Pair(keys: .text, values: .text)
    pairs[version.metaMap] = Pair(keys: .text, values: .text)
    // Formats 2 and 3 write the same under the same names; a later one may write other things.
    guard (2...3).contains(file.format), let list = meta["name._"].flatMap({ Int($0, radix: 16) }),
      let root = version.roots[list]
    else { return }
    let types = try Self.types(PageReader(file, chunks: version.chunks), root, list)
    for (name, value) in meta where name.hasPrefix("map.") {
      guard let map = Int(name.dropFirst(4), radix: 16), let text = HeaderText(Array(value.utf8)[...]),
        let keys = text.values["key"].flatMap({ types[$0] }), let values = text.values["val"].flatMap({ types[$0] })
      else { continue }
      pairs[map] = Pair(keys: keys, values: values)
    }
  }

  private static let mostPages = 10_000

  /// The types in the list by the names that the maps call them.
  private static func types(
    _ reader: PageReader, _ root: PagePosition, _ map: Int
  ) throws(Problem) -> [String: MapType] {
    var types: [String: MapType] = [:]
    var pending = [root]
    var count = 0
    while let position = pending.popLast(), count < mostPages {
      count += 1
      guard position.isSaved, case .success(let page) = try reader.page(position, of: map, whole: true) else {
        continue
      }
      pending += page.children.map(\.position)
      guard !position.isNode else { continue }
      var bytes = ByteReader(page.body)
      let names = (0..<page.keys).map { _ in bytes.text() }
      for name in names {
        // Nothing tells where the next one begins behind a type that is not known.
        guard let name, let type = MapType(&bytes) else { break }
        types[name] = type
      }
    }
    return types
  }
}

/// What stands in a page behind its header, held against the types of its map.
struct PageContent {
  /// What is not as it was written, as the part of a sentence; nil where everything is in order.
  var flaw: String?
  /// The keys, where they are whole numbers.
  var numbers: [Int64] = []

  /// Reads the keys, and the values of a leaf, to their last byte; what indexes must hold is added to the sums.
  init(_ page: Page, isNode: Bool, _ types: MapTypes.Pair, _ sums: inout RowSums?) {
    var numbers: [Int64] = []
    flaw = page.body.withUnsafeBytes { bytes in
      var cursor = ValueCursor(bytes)
      if types.keys == .long {
        numbers.reserveCapacity(page.keys)
        for _ in 0..<page.keys {
          guard let key = cursor.long() else { return "one of its keys is damaged" }
          if let last = numbers.last, key <= last { return "its keys are not in their order" }
          numbers.append(key)
        }
      } else if !isNode, sums != nil, case .row(let columns, true) = types.keys {
        guard sums?.takeEntries(page.keys, of: columns.count, &cursor) == true else {
          return "one of its keys is damaged"
        }
      } else if !types.keys.skip(page.keys, &cursor) {
        return "one of its keys is damaged"
      }
      if isNode { return cursor.left == 0 ? nil : "it goes on behind its last key" }
      if sums != nil, case .versioned(.row(let columns, false)) = types.values {
        guard sums?.takeRows(numbers, of: columns.count, &cursor, types.values) == true else {
          return "one of its values is damaged"
        }
      } else if !types.values.skip(page.keys, &cursor) {
        return "one of its values is damaged"
      }
      return cursor.left == 0 ? nil : "it goes on behind its last value"
    }
    self.numbers = numbers
  }
}

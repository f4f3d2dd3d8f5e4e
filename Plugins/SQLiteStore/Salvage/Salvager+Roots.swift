import MendKit

extension Salvager {
  /// Whether roots stand elsewhere than auto-vacuum has them: on the first pages, one after the other. Where they do not, the
  /// library calls the file damaged as soon as a table is made or free pages are given back.
  var hasScatteredRoots: Bool {
    guard header.header.largestRootPage != 0 else { return false }
    var page: UInt32 = 1
    for root in Set(objects.map(\.root).filter { $0 > 1 }).sorted() {
      repeat { page += 1 } while file.isReserved(page)
      if root != page { return true }
    }
    return false
  }

  /// Has the library write the file anew, which puts the roots where they belong.
  static func gatherRoots(_ path: String) throws(Problem) {
    let connection = try Connection.open(copy: path)
    defer { try? connection.close() }
    try connection.execute("VACUUM")
  }
}

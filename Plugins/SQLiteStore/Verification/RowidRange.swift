/// The rowids of one sign that a record holds by the same serial type.
struct RowidRange {
  private var first: Int64 = 0
  private var count: UInt64 = 0
  private(set) var type = 0

  /// None.
  init() {}

  init(around rowid: Int64, hasConstants: Bool) {
    type = SerialType.type(of: rowid, hasConstants: hasConstants)
    let size = SerialType.size(type)
    guard size > 0 else {
      // The numbers 0 and 1 have types of their own.
      (first, count) = (rowid, 1)
      return
    }
    // What fewer bytes hold; of the sizes, 6 comes after 4, and 8 after 6.
    let fewer: UInt64 = size == 1 ? 0 : 1 << UInt64(8 * (size > 4 ? size - 2 : size - 1) - 1)
    let limit: UInt64 = 1 << UInt64(8 * size - 1)
    if rowid < 0 {
      (first, count) = (Int64(bitPattern: 0 &- limit), limit - fewer)
    } else {
      let start = size == 1 && hasConstants ? 2 : fewer
      (first, count) = (Int64(start), limit - start)
    }
  }

  @inline(__always) func contains(_ rowid: Int64) -> Bool { UInt64(bitPattern: rowid &- first) < count }
}

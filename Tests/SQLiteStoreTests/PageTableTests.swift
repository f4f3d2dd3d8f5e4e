import MendKit
import Testing

@testable import SQLiteStore

@Suite("A table of pages")
struct PageTableTests {
  @Test("finds each page that was set, with its last offset, and no other", arguments: [1, 3, 64, 65536, 1 << 20])
  func finds(_ step: Int) {
    var table = PageTable()
    for number in 1...3000 {
      table.set(UInt32(number * step), to: 1)
      table.set(UInt32(number * step), to: number * 7)
    }
    #expect(table.count == 3000)
    #expect(table.smallest == UInt32(step))
    #expect(table.largest == UInt32(3000 * step))
    for number in 1...3000 { #expect(table[UInt32(number * step)] == number * 7) }
    #expect(table[UInt32(3001 * step)] == nil)
    #expect(table.sorted().map(\.offset) == (1...3000).map { $0 * 7 })
  }

  @Test("has no page 0, and none at all while it is empty")
  func empty() {
    var table = PageTable()
    #expect(table[0] == nil && table[1] == nil && table[.max] == nil)
    table.set(0, to: 5)
    #expect(table.count == 0 && table[0] == nil && table.smallest == nil && table.largest == nil)
    table.set(.max, to: 6)
    #expect(table[.max] == 6)
  }
}

import MendKit
import TestSupport
import Testing

@testable import H2Store

@Suite("The format of MVStore files") struct FormatTests {
  private static let header = "H:2,block:482,blockSize:1000,chunk:9,clean:1,created:1a20221e57e,format:2,version:9"

  @Test("a header counts when its checksum is right, and one changed byte makes it wrong")
  func checksum() throws {
    let line = Array((Self.header + ",fletcher:5a25a619").utf8)
    let text = try #require(HeaderText(checksummed: line[...]))
    #expect(text.number("block") == 0x482 && text.number("version") == 9)
    for index in line.indices {
      var damaged = line
      damaged[index] ^= 0x10
      let read = HeaderText(checksummed: damaged[...])
      // What is not summed is the name and the number of the sum alone.
      #expect(read == nil || read?.values == text.values, "byte \(index)")
    }
  }

  @Test("what compression refers to must be there, and no more is expanded than was said")
  func compression() {
    #expect(LZF.expand([2, 65, 66, 67, 32, 2][...], to: 6) == Array("ABCABC".utf8))
    #expect(LZF.expand([2, 65, 66, 67, 32, 9][...], to: 6) == nil)
    #expect(LZF.expand([2, 65, 66, 67, 32, 2][...], to: 5) == nil)
    #expect(LZF.expand([2, 65][...], to: 3) == nil)
    #expect(LZF.expand([][...], to: 1) == nil)
  }

  @Test("answers in CSV keep quotes, line ends, empty texts and NULL apart")
  func csv() {
    let rows = CSV.rows(Array("\"a\"\"b\",,\"\"\n\"x\ny\",\"1\",\n\n,\n".utf8))
    #expect(rows == [["a\"b", nil, ""], ["x\ny", "1", nil], [nil], [nil, nil]])
  }

  @Test(
    "any byte of a file may be anything: the survey ends, and headers, chunks and pages that changed are named", withH2)
  func hostile() throws {
    let shop = try Shop()
    let bytes = try shop.folder.read("shop.mv.db")
    #expect(try FileSurvey.make(FileHandle.read(shop.path)).isSound)
    let file = try FileHandle.update(shop.path)
    var random = SeededRandom(7)
    for _ in 0..<40 {
      let at = Int(random.next() % UInt64(bytes.count - 600))
      let noise = (0..<Int(1 + random.next() % 600)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      try file.write(noise, at: at)
      _ = try FileSurvey.make(file)
      try file.write(Array(bytes[at..<at + noise.count]), at: at)
    }
    for size in stride(from: 0, to: bytes.count, by: bytes.count / 8) {
      try file.write(bytes, at: 0)
      try file.truncate(to: size)
      #expect(try FileSurvey.make(file).newest == nil || !FileSurvey.make(file).isSound, "\(size) bytes")
    }
  }
}

/// Rows of cells in aligned columns, two spaces apart.
public struct TextTable: Sendable {
  /// How a column's cells stand.
  public enum Alignment: Sendable { case left, right }

  /// Column by column.
  public var alignments: [Alignment]
  /// Row by row; a row may be shorter than the others. Cells must be harmless for a terminal already.
  public var rows: [[String]]

  /// A table; see the properties.
  public init(_ alignments: [Alignment], rows: [[String]] = []) {
    self.alignments = alignments
    self.rows = rows
  }

  /// The lines, without spaces at their ends.
  public func lines() -> [String] {
    var widths = [Int](repeating: 0, count: alignments.count)
    for row in rows {
      for (column, cell) in row.enumerated() where column < widths.count {
        widths[column] = max(widths[column], Self.width(cell))
      }
    }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() where column < widths.count {
        if column > 0 { line += "  " }
        let fill = String(repeating: " ", count: widths[column] - Self.width(cell))
        line += alignments[column] == .right ? fill + cell : cell + fill
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  /// The columns that a text takes on a terminal, without counting colours.
  static func width(_ text: String) -> Int {
    if text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return text.utf8.count }
    var width = 0
    var isEscape = false
    for character in text {
      if isEscape {
        isEscape = character != "m"
      } else if character == "\u{1B}" {
        isEscape = true
      } else {
        width += isWide(character) ? 2 : 1
      }
    }
    return width
  }

  /// Whether a character takes two columns: East Asian wide and full-width blocks, and emoji.
  private static func isWide(_ character: Character) -> Bool {
    guard let value = character.unicodeScalars.first?.value else { return false }
    switch value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
      0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
      return true
    default: return false
    }
  }
}

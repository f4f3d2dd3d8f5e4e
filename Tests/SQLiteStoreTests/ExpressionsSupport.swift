import CSQLite

@testable import SQLiteStore

/// Numbers that look random and are the same for the same seed.
struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }
  mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
  mutating func pick<E>(_ list: [E]) -> E { list[below(list.count)] }
}

/// A value with bytes of its own, equal to another only when type and bits are.
enum PlainValue: Hashable, CustomStringConvertible {
  case null
  case integer(Int64)
  case real(UInt64)
  case text([UInt8])
  case blob([UInt8])

  init(_ value: StoredValue) {
    switch value {
    case .null: self = .null
    case .integer(let number): self = .integer(number)
    case .real(let number): self = .real(number.bitPattern)
    case .text(let bytes): self = .text(Array(bytes))
    case .blob(let bytes): self = .blob(Array(bytes))
    }
  }

  var description: String {
    switch self {
    case .null: "NULL"
    case .integer(let number): "\(number)"
    case .real(let bits): "real \(Double(bitPattern: bits))"
    case .text(let bytes): "'\(String(decoding: bytes, as: UTF8.self))'"
    case .blob(let bytes): "x\(bytes)"
    }
  }
}

/// What SQLite itself says.
final class Oracle {
  private var handle: OpaquePointer?

  init() { sqlite3_open(":memory:", &handle) }

  deinit { sqlite3_close(handle) }

  var message: String { String(cString: sqlite3_errmsg(handle)) }

  func run(_ sql: String) -> Bool { sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK }

  /// Runs a statement with values; whether it succeeded.
  func run(_ sql: String, _ values: [PlainValue]) -> Bool {
    var statement: OpaquePointer?
    guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK else { return false }
    defer { sqlite3_finalize(statement) }
    for (place, value) in values.enumerated() {
      let place = Int32(place + 1)
      let keep = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
      switch value {
      case .null: sqlite3_bind_null(statement, place)
      case .integer(let number): sqlite3_bind_int64(statement, place, number)
      case .real(let bits): sqlite3_bind_double(statement, place, Double(bitPattern: bits))
      case .text(let bytes):
        bytes.withUnsafeBytes {
          _ = sqlite3_bind_text(
            statement, place, $0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32($0.count), keep)
        }
        if bytes.isEmpty { sqlite3_bind_text(statement, place, "", 0, keep) }
      case .blob(let bytes):
        if bytes.isEmpty {
          sqlite3_bind_zeroblob(statement, place, 0)
        } else {
          bytes.withUnsafeBytes { _ = sqlite3_bind_blob(statement, place, $0.baseAddress, Int32($0.count), keep) }
        }
      }
    }
    return sqlite3_step(statement) == SQLITE_DONE
  }

  /// What came of a query.
  enum Answer {
    case refused(String)
    /// The rows before a failure.
    case failed([[PlainValue]])
    case rows([[PlainValue]])
  }

  func rows(_ sql: String) -> Answer {
    var statement: OpaquePointer?
    guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK else { return .refused(message) }
    defer { sqlite3_finalize(statement) }
    var rows: [[PlainValue]] = []
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_ROW: rows.append((0..<sqlite3_column_count(statement)).map { Self.value(statement, $0) })
      case SQLITE_DONE: return .rows(rows)
      default: return .failed(rows)
      }
    }
  }

  private static func value(_ statement: OpaquePointer?, _ column: Int32) -> PlainValue {
    func bytes(_ start: UnsafeRawPointer?) -> [UInt8] {
      Array(
        UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : Int(sqlite3_column_bytes(statement, column))))
    }
    switch sqlite3_column_type(statement, column) {
    case SQLITE_INTEGER: return .integer(sqlite3_column_int64(statement, column))
    case SQLITE_FLOAT: return .real(sqlite3_column_double(statement, column).bitPattern)
    case SQLITE_TEXT: return .text(bytes(UnsafeRawPointer(sqlite3_column_text(statement, column))))
    case SQLITE_BLOB: return .blob(bytes(sqlite3_column_blob(statement, column)))
    default: return .null
    }
  }
}

/// Rows whose bytes stay where they are.
final class StoredRows {
  private(set) var rows: [[StoredValue]] = []
  private var memory: [UnsafeMutableRawBufferPointer] = []

  /// Whole numbers in the columns of `reals` are kept as integers, as records do.
  init(_ values: [[PlainValue]], reals: Set<Int> = []) {
    rows = values.map { row in
      row.enumerated().map { column, value in
        switch value {
        case .null: return .null
        case .integer(let number): return .integer(number)
        case .real(let bits):
          let number = Double(bitPattern: bits)
          guard reals.contains(column), number.magnitude < 1e15, let whole = Int64(exactly: number),
            Double(whole).bitPattern == bits
          else { return .real(number) }
          return .integer(whole)
        case .text(let bytes): return .text(keep(bytes))
        case .blob(let bytes): return .blob(keep(bytes))
        }
      }
    }
  }

  deinit { for part in memory { part.deallocate() } }

  private func keep(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
    let part = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    part.copyBytes(from: bytes)
    memory.append(part)
    return UnsafeRawBufferPointer(part)
  }
}

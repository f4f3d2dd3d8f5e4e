import MendKit

/// Writes a database into a new file of the same form, by the engine.
struct DatabaseCopy {
  private let client: Client
  private let from: String
  private let to: String

  init(_ client: Client, from: String, to: String) {
    self.client = client
    self.from = from
    self.to = to
  }

  /// The statements that open both: the old one, where there is one, as `old`, for reading only, and a new one as `new`. What
  /// definitions name without a schema is looked for in the old one: functions in defaults and constraints.
  static func attach(_ old: String?, _ new: String, like headers: FileHeaders) -> [String] {
    let size = headers.active?.blockSize ?? 262_144
    return (old.map { ["ATTACH \($0.asLiteral) AS old (READ_ONLY)", "USE old"] } ?? []) + [
      "ATTACH \(new.asLiteral) AS new (BLOCK_SIZE \(size), STORAGE_VERSION \(storageVersion(headers).asLiteral))"
    ]
  }

  /// The first version of the engine that wrote this form of the catalog, as the engine's option names it.
  private static func storageVersion(_ headers: FileHeaders) -> String {
    let names = ["v0.10.0", "v0.10.0", "v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0", "v1.4.0", "v1.5.0"]
    let number = headers.version == 64 ? min(3, headers.active?.compatibility ?? 1) : headers.active?.compatibility ?? 1
    return number < UInt64(names.count) ? names[Int(number)] : "latest"
  }

  /// Copies everything. Throws where a table cannot be read to its end.
  func run() throws(Problem) {
    let headers = try FileHeaders(FileHandle.read(from))
    let statements = Self.attach(from, to, like: headers) + ["COPY FROM DATABASE old TO new", "CHECKPOINT new"]
    let answers = try client.run(statements, on: ":memory:", .writable, beside: from)
    if let words = answers.compactMap(\.failure).first {
      throw EngineWords.problem(words, on: from, tried: "write anew")
    }
  }
}

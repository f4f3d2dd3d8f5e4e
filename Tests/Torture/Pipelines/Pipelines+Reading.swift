extension Pipeline {
  /// Commands that change nothing: for them every store is always what it was.
  static let reading: [Pipeline] = [
    reading("check"), reading("check", exit: 1, isDamaged: true), reading("status"), reading("list"), reading("verify"),
    reading("repair", "--plan", "data", exit: 1, isDamaged: true),
  ]

  private static func reading(_ words: String..., exit: Int = 0, isDamaged: Bool = false) -> Pipeline {
    Pipeline(
      name: "sqlite " + words[0] + (isDamaged ? " of damage" : ""), stores: [Store(path: "data.db", kind: .sqlite)],
      script: shop + (isDamaged ? "spoil_index data.db" : "$DBMEND backup"), words: words, exit: exit)
  }
}

import MendKit

/// Whether a file that is no database looks like an encrypted one: whole pages of bytes as even as chance makes them.
enum Encryption {
  /// The problem that says so; nil when the file looks like something else.
  static func problem(_ view: StoreView) -> Problem? {
    guard view.size >= 1024, view.size % 512 == 0 else { return nil }
    // The beginning, the middle and the end: damage that reaches all three has left nothing to tell it by.
    let length = min(view.size, 65_536)
    for start in [0, view.size / 1024 * 512, view.size - length] {
      guard let sample = try? view.read(length, at: start), looksRandom(sample) else { return nil }
    }
    return Problem(
      .damaged, tried: "open the database", on: view.path,
      said: "it has no SQLite header, and its bytes are as even as those of an encrypted file",
      advice:
        "If it is encrypted (SQLCipher, SEE), open it with its key; dbmend cannot check it and does not recreate it "
        + "unless that is asked for by name.",
      code: "file.encrypted")
  }

  /// Whether every part of the sample has the entropy of chance. Damage usually leaves some page that has not.
  static func looksRandom(_ bytes: [UInt8]) -> Bool {
    var start = 0
    while start + 1024 <= bytes.count {
      var counts = [Int](repeating: 0, count: 256)
      for byte in bytes[start..<start + 1024] { counts[Int(byte)] += 1 }
      // Chi-squared against an even distribution: 255 degrees of freedom, so 370 is beyond one in a hundred thousand.
      let expected = 4.0
      let chi = counts.reduce(0.0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
      guard chi < 370 else { return false }
      start += 1024
    }
    return true
  }
}

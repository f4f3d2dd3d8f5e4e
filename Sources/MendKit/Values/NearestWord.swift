/// Finds what a person probably meant.
public enum NearestWord {
  /// The known word nearest to one that is not known, when it is near enough to be meant.
  public static func nearest(to word: String, among known: some Sequence<String>) -> String? {
    let limit = max(1, word.count / 3)
    let scored = known.map { (word: $0, distance: distance(word.lowercased(), $0.lowercased())) }
    let best = scored.min { $0.distance < $1.distance }
    guard let best, best.distance <= limit else { return nil }
    return best.word
  }

  /// `; did you mean 'X'?`, or nothing when no word is near.
  public static func suggestion(for word: String, among known: some Sequence<String>) -> String {
    nearest(to: word, among: known).map { "; did you mean '\($0)'?" } ?? ""
  }

  /// Edits (insert, delete, replace, swap of neighbours) between two words: the restricted Damerau-Levenshtein distance.
  static func distance(_ one: String, _ other: String) -> Int {
    let a = Array(one.unicodeScalars.prefix(64))
    let b = Array(other.unicodeScalars.prefix(64))
    var before = [Int](repeating: 0, count: b.count + 1)
    var previous = Array(0...b.count)
    for i in 0..<a.count {
      var row = [i + 1]
      for j in 0..<b.count {
        var cost = min(previous[j] + (a[i] == b[j] ? 0 : 1), previous[j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
        row.append(cost)
      }
      before = previous
      previous = row
    }
    return previous[b.count]
  }
}

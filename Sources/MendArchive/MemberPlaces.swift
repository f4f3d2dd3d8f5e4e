import MendKit

/// Where the members of an archived folder belong, as they come one after another: none stands twice, and none below what is no
/// folder. An archive of which this does not hold cannot be written out, so it is no good one.
struct MemberPlaces {
  /// The names that came, and the folders that must be there for them, each as a number that nobody can foresee: there may be
  /// millions.
  private var names: Set<Int> = []
  private var folders: Set<Int> = []
  private var others: Set<Int> = []
  private var parent = ""

  /// What is wrong with the place of the next member, as a sentence's part; nil where nothing is.
  mutating func flaw(of listed: ListedFile) -> String? {
    let number = listed.name.hashValue
    guard names.insert(number).inserted else {
      return "it holds the member \(MemberName.shown(listed.name)) twice"
    }
    var above = Paths.folder(of: listed.name)
    if above != parent {
      parent = above
      while above != ".", above != "/", folders.insert(above.hashValue).inserted {
        if others.contains(above.hashValue) {
          return "it holds the member \(MemberName.shown(listed.name)) below one that is no folder"
        }
        above = Paths.folder(of: above)
      }
    }
    if listed.kind == .folder { return nil }
    others.insert(number)
    guard folders.contains(number) else { return nil }
    return "the member \(MemberName.shown(listed.name)), which is no folder, has members below it"
  }
}

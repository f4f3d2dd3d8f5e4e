/// What holds for a whole walk.
struct WalkSetting: Sendable {
  let hasPointerMaps: Bool
  let encoding: TextEncoding
  let readsContent: Bool
  let perCause: Int
  /// Whether the numbers 0 and 1 have serial types of their own: since schema format 4.
  let hasConstants: Bool

  init(_ header: DatabaseHeader, readsContent: Bool, perCause: Int) {
    hasPointerMaps = header.largestRootPage != 0
    encoding = header.encodingOfTexts
    self.readsContent = readsContent
    self.perCause = perCause
    hasConstants = header.schemaFormat >= 4
  }

  /// For the structure alone, without its pointer maps.
  func ofStructure(perCause: Int) -> Self { Self(self, perCause: perCause) }

  private init(_ setting: Self, perCause: Int) {
    hasPointerMaps = false
    encoding = setting.encoding
    readsContent = false
    self.perCause = perCause
    hasConstants = setting.hasConstants
  }
}

/// A part of a tree that is read in one go.
struct WalkUnit: Sendable {
  /// A cell of an interior index page, which holds an entry between two children.
  struct Separator: Sendable {
    let page: UInt32
    let cell: Int
  }

  let tree: Int
  let page: UInt32
  /// The page that points here; 0 for a root.
  let parent: UInt32
  /// 1 for a root.
  let level: Int
  /// Bounds of a table's rowids: greater than `above`, at most `atMost`.
  var above: Int64?
  var atMost: Int64?
  /// Bounds of an index's entries. The one after the part is read with it.
  var before: Separator?
  var after: Separator?
}

extension Ordeal {
  /// Every ordeal, in the order of the table.
  public static let all: [Ordeal] = [
    .deaths,
    .powerLoss,
    .liveLoad,
    .liveFiles,
    .twoAtOnce,
    .faults,
    .fullDisk,
    .hostileArchives,
    .hostileConfigurations,
    .hostileNames,
    .hostileStores,
  ]

  /// The ordeal of a name.
  public static func named(_ name: String) -> Ordeal? { all.first { $0.name == name } }
}

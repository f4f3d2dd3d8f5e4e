/// The plugins of a run, by id. Plugins are handed in; nothing here knows a concrete one.
public struct PluginRegistry: Sendable {
  /// Drivers, in the order in which they are asked whether they know a file.
  public private(set) var drivers: [any Driver]
  /// Checks, in the order in which they run.
  public private(set) var checks: [any Check]
  /// Repairs, in the order in which they are preferred among equals.
  public private(set) var repairs: [any Repair]
  /// Where each check stands. With many stores they are looked up many times, and a description is a large value.
  private var checkPlaces: [String: Int]

  /// A registry of these plugins.
  public init(drivers: [any Driver] = [], checks: [any Check] = [], repairs: [any Repair] = []) {
    self.drivers = drivers
    self.checks = checks
    self.repairs = repairs
    checkPlaces = Dictionary(checks.enumerated().map { ($1.description.id, $0) }) { first, _ in first }
  }

  /// Adds a check, which runs after those that are there.
  public mutating func add(_ check: any Check) {
    checkPlaces[check.description.id] = checks.count
    checks.append(check)
  }

  /// Adds a repair, which comes after those that are there among equals.
  public mutating func add(_ repair: any Repair) { repairs.append(repair) }

  /// The check of an id.
  public func check(_ id: String) -> (any Check)? { checkPlaces[id].map { checks[$0] } }
  /// The repair of an id.
  public func repair(_ id: String) -> (any Repair)? { repairs.first { $0.description.id == id } }
  /// The driver of an id.
  public func driver(_ id: String) -> (any Driver)? { drivers.first { $0.description.id == id } }

  /// Every plugin's description: drivers, checks, repairs.
  public var descriptions: [PluginDescription] {
    drivers.map(\.description) + checks.map(\.description) + repairs.map(\.description)
  }

  /// The driver that knows a file by its first bytes: one that is certain before one that finds it likely.
  /// One that a search came upon, rather than that somebody named, is known to fewer.
  public func driver(forFile file: FileHead, isFound: Bool = false) -> (any Driver)? {
    var likely: (any Driver)?
    for driver in drivers where driver.keepsFolders == file.isFolder && (!isFound || driver.isFoundBySearch) {
      switch driver.recognise(file) {
      case .certain: return driver
      case .likely: likely = likely ?? driver
      case .no: continue
      }
    }
    return likely
  }
}

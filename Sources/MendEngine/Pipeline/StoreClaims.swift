import MendKit

/// Keeps two runs that may change a store from working on it at the same time, whichever repositories they archive to: one would
/// put back what the other has just done. Nothing is made beside a store for it, and who only reads is not held off.
final class StoreClaims {
  private let claims: [PlaceClaim]

  private init(_ claims: [PlaceClaim]) { self.claims = claims }

  deinit { release() }

  /// Claims the places of stores: all of them, or none. Waits up to `patience` seconds for a run that works on one, and names that.
  static func take(_ stores: [ManagedStore], patience: Double = 0) throws(Problem) -> StoreClaims {
    let start = Clock.system.steady()
    while true {
      do throws(Problem) {
        return try take(allOf: stores)
      } catch {
        guard Clock.system.steady() - start < patience else { throw error }
        usleep(10_000)
      }
    }
  }

  private static func take(allOf stores: [ManagedStore]) throws(Problem) -> StoreClaims {
    var claims: [PlaceClaim] = []
    var claimed: Set<Place> = []
    for store in stores {
      for place in Place.all(of: store.path) where claimed.insert(place).inserted {
        switch PlaceClaim.take(place.name, in: place.folder) {
        case .claimed(let claim): claims.append(claim)
        case .taken(let pid):
          for claim in claims { claim.release() }
          throw OtherRun(process: pid, at: place.folder).problem("begin to work on", "on it", on: store.writtenPath)
        case .impossible: continue
        }
      }
    }
    return StoreClaims(claims)
  }

  /// Lets the places go. Safe to call twice.
  func release() { for claim in claims { claim.release() } }

  /// A name in a folder; two are the same whichever way the path goes.
  private struct Place: Hashable {
    let folder: String
    let name: String
    private let device: UInt64
    private let inode: UInt64

    init?(_ name: String, in folder: String) {
      guard let status = try? FileStatus.of(folder), status.kind == .folder else { return nil }
      self.folder = folder
      self.name = name
      device = status.device
      inode = status.inode
    }

    static func == (one: Place, other: Place) -> Bool {
      one.name == other.name && one.device == other.device && one.inode == other.inode
    }

    func hash(into hasher: inout Hasher) {
      hasher.combine(name)
      hasher.combine(device)
      hasher.combine(inode)
    }

    /// Where a store is: a name in a folder, and of a folder also that folder itself, which may be mounted elsewhere too. A server
    /// looks after its own stores.
    static func all(of path: String) -> [Place] {
      guard !StorePath.isURI(path) else { return [] }
      let resolved = Paths.resolved(path)
      let beside = Place(Paths.name(of: resolved), in: Paths.folder(of: resolved))
      return [beside, Place(".", in: resolved)].compactMap { $0 }
    }
  }
}

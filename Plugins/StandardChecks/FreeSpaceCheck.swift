import MendKit

/// Whether there is room for an archive and a working copy.
public struct FreeSpaceCheck: Check {
  /// What the check says of itself.
  public let description = PluginDescription(
    id: "free-space",
    title: "there is room for an archive and for a working copy",
    discussion: """
      A repair needs room for an archive on the volume of the repository and for a working copy beside the store: \
      each the size of the store and a tenth more, added up where both are on one volume. An archive is compressed \
      and mostly smaller; the check does not count on that. `reserve` is what must be left over besides.

      A volume that is fuller than `warn_at` gets a warning even when there is room for both.
      """,
    kind: .check,
    finds: [
      FindingDescription(
        "disk.no-room", .error, "an archive and a working copy would not fit",
        measures: [.free, .used, MeasureDescription("needed", "B", "what archive, working copy and reserve may need")],
        isOfStore: true),
      FindingDescription(
        "disk.filling", .warning, "the volume is fuller than `warn_at`", measures: [.free, .used], isOfStore: true),
    ],
    options: [
      OptionDescription(
        "warn_at", .share, default: .string("80%"), "the used share of a volume that is worth a warning"),
      OptionDescription("reserve", .size, default: .integer(0), "what must stay free besides archive and working copy"),
    ],
    examples: [
      Example(
        "a small database on a volume with room", script: "create table users(id integer primary key);",
        options: [OptionPair("warn_at", .string("100%"))]),
      Example(
        "a volume that is fuller than asked for", script: "create table users(id integer primary key);",
        options: [OptionPair("warn_at", .string("0%"))], finds: ["disk.filling"]),
      Example(
        "a volume without the room that is asked for", script: "create table users(id integer primary key);",
        options: [OptionPair("warn_at", .string("100%")), OptionPair("reserve", .string("8000000TB"))],
        finds: ["disk.no-room"]),
    ])

  /// It looks at the volumes, not at the content.
  public var looksAtPlace: Bool { true }

  /// The check.
  public init() {}

  /// The findings on each volume that a repair of the store would write to.
  public func findings(in context: CheckContext, options: Options) throws(Problem) -> [Finding] {
    guard let size = try storeSize(context) else { return [] }
    let need = Self.sum(size, size / 10)
    var places: [Place] = []
    if !context.path.contains("://") {
      places.append(try Place(Paths.folder(of: Paths.resolved(context.path)), "a working copy", need))
    }
    if let repository = context.repository {
      let place = try Place(repository, "an archive", need)
      if let same = places.firstIndex(where: { $0.device == place.device }) {
        places[same].uses += place.uses
        places[same].need = Self.sum(places[same].need, need)
      } else {
        places.append(place)
      }
    }
    let reserve = options.bytes("reserve") ?? 0
    let limit = options.share("warn_at") ?? 1
    return places.compactMap { $0.finding(reserve: reserve, limit: limit) }
  }

  /// The bytes of the store with what lies beside it; nil when there is none to make room for.
  private func storeSize(_ context: CheckContext) throws(Problem) -> Int? {
    if let session = context.openSession { return session.facts.bytes }
    if context.path.contains("://") { return try context.session().facts.bytes }
    let status: FileStatus
    do throws(Problem) {
      status = try FileStatus.of(context.path)
    } catch  where error.kind == .missing {
      return nil
    }
    let beside = context.driver?.sidecars(of: context.path) ?? []
    return beside.reduce(status.size) { Self.sum($0, (try? FileStatus.of($1).size) ?? 0) }
  }

  private static func sum(_ one: Int, _ other: Int) -> Int {
    let (sum, overflow) = one.addingReportingOverflow(other)
    return overflow ? Int.max : sum
  }

  /// A volume, by a folder on it, and what a repair would write there.
  private struct Place {
    let folder: String
    let device: UInt64
    let volume: Volume
    var uses: [String]
    var need: Int

    init(_ folder: String, _ use: String, _ need: Int) throws(Problem) {
      self.folder = folder
      volume = try Volume.of(folder)
      var existing = Paths.absolute(folder)
      while !FileStatus.exists(existing), existing != "/" { existing = Paths.folder(of: existing) }
      device = try FileStatus.of(existing).device
      uses = [use]
      self.need = need
    }

    func finding(reserve: Int, limit: Double) -> Finding? {
      let measures = [
        Measure("free", Double(volume.available), unit: "B"),
        Measure("used", max(0, min(volume.usedShare, 1)) * 100, unit: "%"),
      ]
      let location = Finding.Location(file: folder)
      let left = ByteSize(bytes: volume.available).short
      guard volume.available >= FreeSpaceCheck.sum(need, reserve) else {
        let beside = reserve > 0 ? " and \(ByteSize(bytes: reserve).short) in reserve" : ""
        return Finding(
          "disk.no-room", .error, at: location,
          "the volume of \(folder) has \(left) left, but \(uses.joined(separator: " and ")) may need "
            + ByteSize(bytes: need).short + beside,
          evidence: "\(volume.available) bytes available",
          measures: measures + [Measure("needed", Double(FreeSpaceCheck.sum(need, reserve)), unit: "B")])
      }
      guard volume.usedShare >= limit else { return nil }
      return Finding(
        "disk.filling", .warning, at: location,
        "the volume of \(folder) is \(Int((volume.usedShare * 100).rounded())) % full; \(left) are left",
        evidence: "\(volume.available) of \(volume.size) bytes available", measures: measures)
    }
  }
}

extension MeasureDescription {
  fileprivate static let free = MeasureDescription("free", "B", "what is left on the volume")
  fileprivate static let used = MeasureDescription("used", "%", "how full the volume is", in: 0...100)
}

import MendKit
import TestSupport

/// What the disk under a recorded run may hold when the power is lost at any moment of it.
///
/// The model is the one that careful programs write for, as ALICE (Pillai et al., OSDI 2014) has it: content, size and mode of a
/// file are safe once that file was synced, a name once its folder was; what is not safe may be lost, singly and in any order,
/// and content may be lost in part. A single change of a name, an exchange of two as well, is whole or not at all.
struct Disk {
  /// Files, folders and links by number; the folder itself is 0.
  private var objects: [Image.Entry] = []
  private var names: [Place: Int] = [:]
  private var changes: [Change] = []
  /// For each change the first sync that makes it safe; none: the number of changes.
  private var safeFrom: [Int] = []

  private struct Place: Hashable {
    var folder: Int
    var name: String
  }

  private enum Change {
    case add(Place, Int)
    case remove(Place, Int)
    case move(from: Place, to: Place, Int)
    case exchange(Place, Place, Int, Int)
    case data(Int, offset: Int, [UInt8], modified: Int64)
    case size(Int, Int, modified: Int64)
    case mode(Int, Int, modified: Int64)
    case sync(Int)
    case syncVolume
  }

  /// A moment, and what is lost then.
  struct State: Hashable, CustomStringConvertible {
    enum Loss: Hashable {
      /// The process dies, the system lives.
      case nothing
      /// All that is not safe.
      case all
      /// One change.
      case one(Int)
      /// Of one write: all but the first half, all but the second, or the content but not the size.
      case secondHalf(Int), firstHalf(Int), content(Int)
    }

    /// So many changes and syncs were made.
    var moment: Int
    var loss: Loss

    var description: String {
      switch loss {
      case .nothing: "\(moment) kept"
      case .all: "\(moment) unsynced"
      case .one(let number): "\(moment) without \(number)"
      case .secondHalf(let number): "\(moment) first half of \(number)"
      case .firstHalf(let number): "\(moment) second half of \(number)"
      case .content(let number): "\(moment) zeros of \(number)"
      }
    }
  }

  /// A disk that held an image of a folder, under what was recorded below that.
  init(_ before: Image, _ trace: Trace, folder: String) throws {
    objects = [Image.Entry(content: .folder, mode: 0o755, modified: 0, inode: 0)]
    var numbers: [UInt64: Int] = [:]
    if let status = try? FileStatus.of(folder) { numbers[status.inode] = 0 }
    for path in before.entries.keys.sorted() {
      guard let entry = before.entries[path] else { continue }
      numbers[entry.inode] = objects.count
      names[try Self.place(path, names)] = objects.count
      objects.append(entry)
    }
    var live = names

    func relative(_ path: String) throws -> String {
      guard path.hasPrefix(folder + "/") else { throw PreparationFailed("\(path) is not below \(folder)") }
      return String(path.dropFirst(folder.count + 1))
    }
    func make(_ record: Trace.Record, _ content: Image.Entry.Content) throws {
      let place = try Self.place(relative(record.first), live)
      let mode = record.length & 0o7777
      numbers[record.inode] = objects.count
      live[place] = objects.count
      changes.append(.add(place, objects.count))
      objects.append(Image.Entry(content: content, mode: mode, modified: record.modified, inode: record.inode))
    }
    func known(_ record: Trace.Record) throws -> Int {
      guard let object = numbers[record.inode] else {
        throw PreparationFailed("\(record.first) was written to, and no recorded call made it")
      }
      return object
    }
    func object(at place: Place, _ path: String) throws -> Int {
      guard let object = live[place] else { throw PreparationFailed("\(path) has a name that no recorded call gave") }
      return object
    }

    for record in trace.records {
      switch record.event {
      case .create: try make(record, .file([]))
      case .makeFolder: try make(record, .folder)
      case .symlink: try make(record, .link(record.second))
      case .data:
        changes.append(.data(try known(record), offset: record.offset, record.data, modified: record.modified))
      case .size: changes.append(.size(try known(record), record.length, modified: record.modified))
      case .meta: changes.append(.mode(try known(record), record.length & 0o7777, modified: record.modified))
      case .sync: changes.append(.sync(try known(record)))
      case .syncVolume: changes.append(.syncVolume)
      case .mapped: continue
      case .link:
        let (from, to) = try (Self.place(relative(record.first), live), Self.place(relative(record.second), live))
        let object = try object(at: from, record.first)
        live[to] = object
        changes.append(.add(to, object))
      case .unlink, .removeFolder:
        let place = try Self.place(relative(record.first), live)
        changes.append(.remove(place, try object(at: place, record.first)))
        live[place] = nil
      case .rename:
        let (from, to) = try (Self.place(relative(record.first), live), Self.place(relative(record.second), live))
        let object = try object(at: from, record.first)
        live[from] = nil
        live[to] = object
        changes.append(.move(from: from, to: to, object))
      case .exchange:
        let (one, other) = try (Self.place(relative(record.first), live), Self.place(relative(record.second), live))
        let (first, second) = try (object(at: one, record.first), object(at: other, record.second))
        live[one] = second
        live[other] = first
        changes.append(.exchange(one, other, first, second))
      }
    }
    safeFrom = Self.safety(of: changes)
  }

  private static func place(_ path: String, _ names: [Place: Int]) throws -> Place {
    var folder = 0
    var parts = path.split(separator: "/").map(String.init)
    let last = parts.removeLast()
    for part in parts {
      guard let next = names[Place(folder: folder, name: part)] else {
        throw PreparationFailed("\(path) is in a folder that no recorded call made")
      }
      folder = next
    }
    return Place(folder: folder, name: last)
  }

  private static func safety(of changes: [Change]) -> [Int] {
    changes.indices.map { index in
      let needed: [Int]
      switch changes[index] {
      case .add(let place, _), .remove(let place, _), .move(_, let place, _): needed = [place.folder]
      case .exchange(let one, let other, _, _): needed = [one.folder, other.folder]
      case .data(let object, _, _, _), .size(let object, _, _), .mode(let object, _, _): needed = [object]
      case .sync, .syncVolume: return index
      }
      return changes[index...].indices.first { later in
        switch changes[later] {
        case .syncVolume: true
        case .sync(let object): needed.contains(object)
        default: false
        }
      } ?? changes.count
    }
  }

  // MARK: - States

  /// How many changes and syncs there are.
  var count: Int { changes.count }

  /// Every state: each moment with nothing lost, with all that is not safe lost, and with any one such change lost or torn.
  var states: [State] {
    var states: [State] = []
    for moment in 0...changes.count {
      states.append(State(moment: moment, loss: .nothing))
      states.append(State(moment: moment, loss: .all))
      for number in 0..<moment where safeFrom[number] >= moment {
        states.append(State(moment: moment, loss: .one(number)))
        guard case .data(_, _, let bytes, _) = changes[number] else { continue }
        if bytes.count > 1 {
          states.append(State(moment: moment, loss: .secondHalf(number)))
          states.append(State(moment: moment, loss: .firstHalf(number)))
        }
        states.append(State(moment: moment, loss: .content(number)))
      }
    }
    return states
  }

  /// What the disk holds in a state.
  func image(_ state: State) -> Image {
    var objects = objects
    var names = names
    for number in 0..<state.moment {
      switch state.loss {
      case .all where safeFrom[number] >= state.moment: continue
      case .one(number): continue
      case .secondHalf(number): apply(number, \.firstHalf, &objects, &names)
      case .firstHalf(number): apply(number, \.secondHalf, &objects, &names)
      case .content(number): apply(number, \.zeros, &objects, &names)
      default: apply(number, \.whole, &objects, &names)
      }
    }
    var children: [Int: [(String, Int)]] = [:]
    for (place, object) in names { children[place.folder, default: []].append((place.name, object)) }
    var image = Image()
    func walk(_ folder: Int, _ prefix: String) {
      for (name, object) in children[folder] ?? [] {
        image.entries[prefix + name] = objects[object]
        if objects[object].content == .folder { walk(object, prefix + name + "/") }
      }
    }
    walk(0, "")
    return image
  }

  private func apply(
    _ number: Int, _ part: KeyPath<Written, [(Int, [UInt8])]>, _ objects: inout [Image.Entry],
    _ names: inout [Place: Int]
  ) {
    switch changes[number] {
    case .add(let place, let object): names[place] = object
    case .remove(let place, let object): if names[place] == object { names[place] = nil }
    case .move(let from, let to, let object):
      if names[from] == object { names[from] = nil }
      names[to] = object
    case .exchange(let one, let other, let first, let second):
      names[one] = second
      names[other] = first
    case .data(let object, let offset, let bytes, let modified):
      guard case .file(var content) = objects[object].content else { return }
      objects[object].content = .folder  // So that the bytes are not copied.
      for (start, piece) in Written(offset: offset, bytes: bytes)[keyPath: part] {
        let end = start + piece.count
        if content.count < end { content += [UInt8](repeating: 0, count: end - content.count) }
        content.replaceSubrange(start..<end, with: piece)
      }
      objects[object].content = .file(content)
      objects[object].modified = modified
    case .size(let object, let size, let modified):
      guard case .file(var content) = objects[object].content else { return }
      if content.count > size { content.removeLast(content.count - size) }
      if content.count < size { content += [UInt8](repeating: 0, count: size - content.count) }
      objects[object].content = .file(content)
      objects[object].modified = modified
    case .mode(let object, let mode, let modified):
      objects[object].mode = mode
      objects[object].modified = modified
    case .sync, .syncVolume: break
    }
  }

  /// What of a write may be on the disk. Disks tear at sectors, if at all; small writes are torn anywhere.
  private struct Written {
    var offset: Int
    var bytes: [UInt8]

    private var middle: Int { bytes.count >= 1024 ? bytes.count / 2 / 512 * 512 : bytes.count / 2 }
    var whole: [(Int, [UInt8])] { [(offset, bytes)] }
    var firstHalf: [(Int, [UInt8])] { [(offset, Array(bytes[..<middle]))] }
    var secondHalf: [(Int, [UInt8])] { [(offset + middle, Array(bytes[middle...]))] }
    var zeros: [(Int, [UInt8])] { [(offset, [UInt8](repeating: 0, count: bytes.count))] }
  }

  /// A change in words, for whoever looks into a failure.
  func words(_ number: Int) -> String {
    guard changes.indices.contains(number) else { return "the end" }
    func name(_ object: Int) -> String {
      names.first { $0.value == object }?.key.name
        ?? changes.lazy.compactMap { change in
          if case .add(let place, object) = change { place.name } else { nil }
        }.first ?? (object == 0 ? "the folder" : "?")
    }
    switch changes[number] {
    case .add(let place, _): return "add \(place.name)"
    case .remove(let place, _): return "remove \(place.name)"
    case .move(let from, let to, _): return "rename \(from.name) to \(to.name)"
    case .exchange(let one, let other, _, _): return "exchange \(one.name) and \(other.name)"
    case .data(let object, let offset, let bytes, _): return "write \(bytes.count) bytes of \(name(object)) at \(offset)"
    case .size(let object, let size, _): return "make \(name(object)) \(size) bytes long"
    case .mode(let object, let mode, _): return "give \(name(object)) the mode \(String(mode, radix: 8))"
    case .sync(let object): return "sync \(name(object))"
    case .syncVolume: return "sync everything"
    }
  }
}

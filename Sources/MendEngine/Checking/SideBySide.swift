import MendKit
import Synchronization

extension Engine {
  /// Runs the checks of several stores; the results are in the stores' order, as if they had been checked one by one.
  ///
  /// Small stores are checked side by side, one on each processor and each by one thread: what they cost is mostly opening
  /// them. Large ones come one after another, each with all processors, so that no more memory is needed than for one.
  func runChecks(_ stores: [ManagedStore], counting: RowCounting) -> [CheckResult] {
    let small = stores.indices.filter { Self.isSmall(stores[$0]) }
    guard small.count > 1 else { return stores.map { runChecks($0, counting: counting) } }

    let progress = SharedProgress(observer: observer, stores: small.count)
    observer.began(.checkingSeveral(small.count))
    let checked = Workers.map(small.count, workers: Workers.processors) { piece in
      let store = stores[small[piece]]
      let part = progress.part(checks: store.checks.count)
      defer { part.end() }
      return watched(by: part).runChecks(store, counting: counting, workers: 1)
    }

    var results = [CheckResult?](repeating: nil, count: stores.count)
    for (place, result) in zip(small, checked) { results[place] = result }
    return stores.indices.map { results[$0] ?? runChecks(stores[$0], counting: counting) }
  }

  /// What is not there, or is no file, takes no time either.
  private static func isSmall(_ store: ManagedStore) -> Bool {
    ((try? FileStatus.of(store.path).size) ?? 0) <= RowCounting.cheapSize
  }

  private func watched(by observer: any RunObserver) -> Engine {
    Engine(configuration: configuration, registry: registry, settings: settings, clock: clock, observer: observer)
  }

  /// The same engine, which says why it says what it says.
  var explaining: Engine {
    var settings = settings
    settings.explains = true
    return Engine(
      configuration: configuration, registry: registry, settings: settings, clock: clock, observer: observer)
  }
}

/// How far several stores are that are checked at once: one step for the observer, whichever thread has something to tell.
private final class SharedProgress: Sendable {
  private let observer: any RunObserver
  private let stores: Double
  /// The sum of how far each store is, from 0 to 1.
  private let sum = Mutex(0.0)

  init(observer: any RunObserver, stores: Int) {
    self.observer = observer
    self.stores = Double(stores)
  }

  /// Watches one of the stores, of which so many checks are run.
  func part(checks: Int) -> Part { Part(whole: self, checks: checks) }

  private func add(_ more: Double) {
    // Told under the lock, so that what is told later is never less.
    sum.withLock { sum in
      sum += more
      observer.progressed(min(sum / stores, 1))
    }
  }

  /// One store's share. Checks take turns in it as equals.
  final class Part: RunObserver {
    private struct State {
      var begun = 0
      var told = 0.0
    }

    private let whole: SharedProgress
    private let checks: Double
    private let state = Mutex(State())

    init(whole: SharedProgress, checks: Int) {
      self.whole = whole
      self.checks = Double(max(1, checks))
    }

    func began(_ step: Step) {
      state.withLock { state in
        state.begun += 1
        tell(Double(state.begun - 1) / checks, &state)
      }
    }

    func progressed(_ fraction: Double) {
      state.withLock { state in
        guard fraction.isFinite else { return }
        tell((Double(state.begun - 1) + max(0, min(fraction, 1))) / checks, &state)
      }
    }

    /// The store is done.
    func end() { state.withLock { tell(1, &$0) } }

    private func tell(_ reached: Double, _ state: inout State) {
      guard reached > state.told else { return }
      whole.add(reached - state.told)
      state.told = reached
    }
  }
}

import MendEngine
import MendKit
import Synchronization

/// Shows what a run is doing on one line of a terminal's standard error, written over and over.
final class TerminalProgress: RunObserver {
  private struct State {
    var title = ""
    var drawn = -1.0
    var isShown = false
  }

  private let state = Mutex(State())
  private let clock: Clock
  private let write: @Sendable (String) -> Void
  private let harmless: @Sendable (String) -> String
  private let width: Int

  /// Shows progress through `write`, in lines shorter than `width` columns; `harmless` makes names fit for a terminal.
  init(
    clock: Clock = .system, width: Int = 80, harmless: @escaping @Sendable (String) -> String,
    write: @escaping @Sendable (String) -> Void
  ) {
    self.clock = clock
    self.width = max(20, width)
    self.harmless = harmless
    self.write = write
  }

  func began(_ step: Step) {
    state.withLock { state in
      switch step {
      // Others write to the terminal now.
      case .running, .hook:
        clear(&state)
        state.title = ""
      default:
        state.title = harmless(step.title)
        state.drawn = clock.steady()
        draw(&state, state.title)
      }
    }
  }

  func progressed(_ fraction: Double) {
    state.withLock { state in
      let now = clock.steady()
      guard !state.title.isEmpty, now - state.drawn >= 0.1, fraction.isFinite else { return }
      state.drawn = now
      let percent = Int((max(0, min(fraction, 1)) * 100).rounded(.down))
      draw(&state, "\(state.title) \(percent) %")
    }
  }

  /// Takes the line away, before anything else is written.
  func finish() { state.withLock { clear(&$0) } }

  private func draw(_ state: inout State, _ text: String) {
    // The cursor goes back to the start of the line, and what is left of an older, longer one is erased.
    write("\r\(text.prefix(width - 1))\u{1B}[K")
    state.isShown = true
  }

  private func clear(_ state: inout State) {
    if state.isShown { write("\r\u{1B}[K") }
    state.isShown = false
  }
}

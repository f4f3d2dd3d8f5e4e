import CSystem
import MendKit
import Synchronization

/// Reads words with getopt_long(3), which keeps its place in variables of its own: one command line at a time.
struct OptionScanner {
  /// What stands on a command line.
  enum Item: Equatable {
    /// An option, with its value if it takes one.
    case option(OptionName, String?)
    /// A word that is no option.
    case word(String)
  }

  /// What a scan came to.
  struct Result {
    /// In the order in which they stand.
    var items: [Item] = []
    /// The words that were not read: those behind `--`, or from the first plain word on.
    var rest: [String] = []
    /// Whether `--` ended the scan.
    var isEndedByDashes = false
  }

  /// What is wrong with a command line.
  enum Complaint: Error {
    case unknown(String)
    case ambiguous(String)
    case needsValue(OptionName)
    case takesNoValue(OptionName, word: String)
  }

  /// How plain words are treated.
  enum Mode {
    /// The first plain word ends the scan (`+` of getopt): what follows belongs to a command of its own.
    case stopAtWord
    /// Options may stand before and after plain words, up to `--` (`-` of getopt: words come in their order).
    case mixed
  }

  private static let turn = Mutex(())

  /// Scans words for options of a list.
  static func scan(_ words: [String], options: [OptionName], mode: Mode) throws(Complaint) -> Result {
    let outcome: Swift.Result<Result, Complaint> = turn.withLock { _ in
      do throws(Complaint) {
        return .success(try scanAlone(words, options, mode))
      } catch {
        return .failure(error)
      }
    }
    return try outcome.get()
  }

  // Values of long options start above every letter.
  private static let base: Int32 = 256

  private static func scanAlone(_ words: [String], _ options: [OptionName], _ mode: Mode) throws(Complaint) -> Result {
    // A colon first has a missing value told apart from an unknown option.
    var letters = mode == .mixed ? "-:" : "+:"
    var byLetter: [Int32: OptionName] = [:]
    var table: [option] = []
    var names: [UnsafeMutablePointer<CChar>] = []
    defer { for name in names { free(name) } }
    for (index, name) in options.enumerated() {
      let facts = name.facts
      guard let text = strdup(name.rawValue) else { continue }
      names.append(text)
      let takesValue: Int32 = facts.metavar == nil ? no_argument : required_argument
      table.append(option(name: text, has_arg: takesValue, flag: nil, val: base + Int32(index)))
      if let letter = facts.letter?.asciiValue {
        letters.unicodeScalars.append(Unicode.Scalar(letter))
        if facts.metavar != nil { letters += ":" }
        byLetter[Int32(letter)] = name
      }
    }
    table.append(option())

    func named(_ value: Int32) -> OptionName? {
      let index = Int(value - base)
      return options.indices.contains(index) ? options[index] : byLetter[value]
    }

    // getopt takes word 0 for the program's name.
    let argv: [UnsafeMutablePointer<CChar>?] = (["dbmend"] + words).map { strdup($0) } + [nil]
    defer { for word in argv { free(word) } }
    let count = argv.count - 1
    var result = Result()
    var next = 1
    var starts = true
    while true {
      let step = csystem_next_option(Int32(count), argv, letters, table, starts)
      starts = false
      let word = next <= words.count ? words[next - 1] : ""
      switch step.result {
      case -1:
        // In either mode only `--` is taken without being given back.
        result.isEndedByDashes = Int(step.next) > next
        result.rest = Array(words.dropFirst(Int(step.next) - 1))
        return result
      case 1:
        result.items.append(.word(step.argument.map { String(cString: $0) } ?? word))
      case Int32(UInt8(ascii: ":")):
        guard let name = named(step.culprit) else { throw .unknown(word) }
        throw .needsValue(name)
      case Int32(UInt8(ascii: "?")):
        if step.culprit >= base, let name = named(step.culprit) { throw .takesNoValue(name, word: word) }
        throw isAmbiguous(word, options) ? .ambiguous(word) : .unknown(word)
      default:
        guard let name = named(step.result) else { throw .unknown(word) }
        result.items.append(.option(name, step.argument.map { String(cString: $0) }))
      }
      next = Int(step.next)
    }
  }

  private static func isAmbiguous(_ word: String, _ options: [OptionName]) -> Bool {
    guard word.hasPrefix("--"), let name = word.dropFirst(2).split(separator: "=").first else { return false }
    return options.count { $0.rawValue.hasPrefix(name) } > 1
  }
}

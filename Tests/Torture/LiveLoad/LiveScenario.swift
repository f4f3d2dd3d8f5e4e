import TestSupport

/// How a store is worked on while dbmend is run.
struct LiveScenario {
  /// What the writers do apart from single transfers.
  enum Habit: String, CaseIterable {
    case plain
    /// Transactions that are larger than the cache, so that pages reach the file before the commit.
    case spill
    /// A checkpoint all the time.
    case checkpoint
    case vacuum
    /// Tables that come and go.
    case ddl
    /// A connection for each few transactions, so that nobody has the store open in between.
    case reopen
    /// Processes that are killed in the middle of what they do, before each run.
    case killed
  }

  var journal: String
  var habit: Habit
  var writers: Int
  var pageSize: Int
  var megabytes: Int
  var synchronous: Int
  /// Whether an index that the writers do not touch lacks rows.
  var isDamaged = false

  /// What is run first: each habit, in both modes of the journal.
  static let first: [LiveScenario] = [
    LiveScenario("wal", .plain, 2), LiveScenario("delete", .plain, 2), LiveScenario("wal", .killed, 2),
    LiveScenario("delete", .reopen, 1, isDamaged: true), LiveScenario("truncate", .spill, 1),
    LiveScenario("wal", .checkpoint, 3, megabytes: 4), LiveScenario("persist", .killed, 2),
    LiveScenario("wal", .reopen, 1, isDamaged: true), LiveScenario("delete", .plain, 1, megabytes: 40),
    LiveScenario("wal", .spill, 1), LiveScenario("delete", .vacuum, 1), LiveScenario("wal", .plain, 2, isDamaged: true),
    LiveScenario("wal", .vacuum, 1), LiveScenario("delete", .ddl, 2), LiveScenario("wal", .ddl, 2),
    LiveScenario("delete", .killed, 1), LiveScenario("wal", .plain, 2, megabytes: 40),
    LiveScenario("persist", .plain, 2, isDamaged: true),
  ]

  init(_ journal: String, _ habit: Habit, _ writers: Int, megabytes: Int = 0, isDamaged: Bool = false) {
    self.journal = journal
    self.habit = habit
    self.writers = writers
    self.megabytes = megabytes
    self.isDamaged = isDamaged
    pageSize = 4096
    synchronous = 1
  }

  /// Any other.
  init(_ random: inout SeededRandom) {
    let habit = random.pick(Habit.allCases)
    self.init(
      random.pick(["delete", "truncate", "persist", "wal", "wal", "wal"]), habit, random.int(1...3),
      megabytes: random.pick([0, 0, 1, 4, 30]), isDamaged: habit != .vacuum && random.chance(20))
    pageSize = random.pick([512, 1024, 4096, 4096, 16384, 65536])
    synchronous = random.pick([0, 1, 1, 2])
  }

  /// A name to find it again by.
  var name: String {
    "\(journal)-\(habit.rawValue)-\(writers)x\(pageSize)" + (megabytes > 0 ? "-\(megabytes)mb" : "")
      + (synchronous != 1 ? "-sync\(synchronous)" : "") + (isDamaged ? "-damaged" : "")
  }

  /// The words for `TransferProgram`.
  var words: [String] {
    var words = ["sync=\(synchronous)", "accounts=\(Bank.accounts)", "ring=\(Bank.ring)", "busy=5000"]
    // SQLite is not fair: of two at full speed with a rollback journal, one would never have its turn.
    if journal != "wal", writers > 1 { words.append("pause=2000") }
    switch habit {
    case .plain, .killed: break
    case .spill: words += ["large=3", "cache=5"]
    case .checkpoint: words += ["checkpoint=20", "autocheckpoint=5"]
    case .vacuum: words += ["vacuum=200"]
    case .ddl: words += ["ddl=25"]
    case .reopen: words += ["reopen=3", "away=3000"]
    }
    return words
  }
}

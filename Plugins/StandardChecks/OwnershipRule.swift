import MendKit

/// Which owner, group and mode a file must have.
struct OwnershipRule {
  private let owner: (text: String, number: UInt32)?
  private let group: (text: String, number: UInt32)?
  private let mode: Int?

  /// The rule that a check's options ask for. Throws for a user or group that this system does not know, and for a mode
  /// that is not octal.
  init(options: Options, path: String) throws(Problem) {
    owner = try options.string("owner").map { text throws(Problem) in
      (text, try Self.number(of: text, "user", Accounts.user))
    }
    group = try options.string("group").map { text throws(Problem) in
      (text, try Self.number(of: text, "group", Accounts.group))
    }
    mode = try options.string("mode").map { text throws(Problem) in
      guard (3...5).contains(text.count), let mode = Int(text, radix: 8), (0...0o7777).contains(mode) else {
        throw Problem(
          .configuration, tried: "use the mode", on: "'\(text)'", said: "it is not an octal number such as 0640",
          advice: "Write the permission bits as chmod takes them, in quotes: \"0640\".")
      }
      return mode
    }
  }

  /// What of a file's status is not as the rule asks.
  func findings(on status: FileStatus) -> [Finding] {
    var findings: [Finding] = []
    if let owner, owner.number != status.user {
      let message = "the file belongs to user \(Accounts.userName(status.user)), not \(owner.text)"
      findings.append(Finding("file.owner", .error, message, evidence: "owner \(status.user)"))
    }
    if let group, group.number != status.group {
      let message = "the file belongs to group \(Accounts.groupName(status.group)), not \(group.text)"
      findings.append(Finding("file.group", .error, message, evidence: "group \(status.group)"))
    }
    if let mode, mode != status.mode {
      let message = "the file's mode is \(Self.octal(status.mode)), not \(Self.octal(mode))"
      findings.append(Finding("file.mode", .error, message, evidence: Self.octal(status.mode)))
    }
    return findings
  }

  private static func octal(_ mode: Int) -> String {
    let digits = String(mode, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }

  private static func number(
    of text: String, _ noun: String, _ lookUp: (String) -> UInt32?
  ) throws(Problem) -> UInt32 {
    if let number = UInt32(text) ?? lookUp(text) { return number }
    throw Problem(
      .configuration, tried: "find the \(noun)", on: "'\(text)'", said: "this system knows no \(noun) of that name",
      advice: "Check the name, or give the number.")
  }
}

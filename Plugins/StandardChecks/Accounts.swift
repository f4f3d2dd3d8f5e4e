import MendKit

/// The users and groups of this system, by name and by number.
enum Accounts {
  /// A user's number; nil for a name that is not known.
  static func user(_ name: String) -> UInt32? {
    find(passwd(), { getpwnam_r(name, $0, $1, $2, $3) }, { $0.pw_uid })
  }

  /// A group's number; nil for a name that is not known.
  static func group(_ name: String) -> UInt32? {
    find(Entry(), { getgrnam_r(name, $0, $1, $2, $3) }, { $0.gr_gid })
  }

  /// A user's name; the number where there is none.
  static func userName(_ number: UInt32) -> String {
    find(passwd(), { getpwuid_r(number, $0, $1, $2, $3) }, { String(cString: $0.pw_name) }) ?? String(number)
  }

  /// A group's name; the number where there is none.
  static func groupName(_ number: UInt32) -> String {
    find(Entry(), { getgrgid_r(number, $0, $1, $2, $3) }, { String(cString: $0.gr_name) }) ?? String(number)
  }

  // The method of the same name hides the C type.
  private typealias Entry = MendKit.group

  /// Room for the texts of one entry.
  private static let textSize = 1 << 16

  private static func find<Record, Value>(
    _ empty: Record,
    _ call: (
      UnsafeMutablePointer<Record>, UnsafeMutablePointer<CChar>, Int,
      UnsafeMutablePointer<UnsafeMutablePointer<Record>?>
    ) -> Int32,
    _ value: (Record) -> Value
  ) -> Value? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: textSize) { text in
      guard let texts = text.baseAddress else { return nil }
      var record = empty
      return withUnsafeMutablePointer(to: &record) { record in
        var found: UnsafeMutablePointer<Record>?
        guard call(record, texts, textSize, &found) == 0, let found else { return nil }
        return value(found.pointee)
      }
    }
  }
}

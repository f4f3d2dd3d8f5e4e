/// A language in which `dbmend plugins new` writes plugins.
enum PluginLanguage: String, CaseIterable {
  case swift, c, python, sh

  /// What the file of a plugin ends with.
  var suffix: String { self == .python ? "py" : rawValue }

  /// Whether the file is run as it is.
  var isScript: Bool { self == .python || self == .sh }

  /// The file that dbmend is told of.
  func plugin(_ name: String) -> String { isScript ? "\(name).\(suffix)" : "\(name).so" }

  /// The commands that make it of its source, to be run in its folder; none for a script.
  func build(_ name: String, usesSQLite: Bool) -> [String] {
    switch self {
    case .python, .sh: []
    case .c:
      ["cc -std=c11 -O2 -Wall -shared -fPIC -o \(name).so \(name).c $(pkg-config --cflags --libs jansson sqlite3)"]
    case .swift:
      [
        "swiftc -O -emit-library -static-stdlib -use-ld=lld -Xlinker -s -module-name plugin"
          + (usesSQLite ? " -I CSQLite" : "") + " -o \(name).so \(name).swift"
      ]
    }
  }

  /// What has to be there, in the words of the documentation.
  var needs: String {
    switch self {
    case .swift: "a Swift toolchain, 6.0 or newer; for a repair libsqlite3 with its header (Debian: libsqlite3-dev)"
    case .c:
      "a C compiler, pkg-config, libsqlite3 and libjansson (Debian: gcc pkg-config libsqlite3-dev libjansson-dev)"
    case .python: "Python 3.8 or newer"
    case .sh: "the program sqlite3, 3.38 or newer (Debian: sqlite3)"
    }
  }
}

import CTemplates
import MendKit
import MendReport

/// An example plugin of `examples/plugins`, from which `dbmend plugins new` writes others. The compiler puts their text into the
/// program.
struct PluginTemplate: Sendable {
  /// Its id, which stands nowhere in the text but where a new plugin's is to stand.
  var name: String
  var text: String

  private init(_ name: String, _ text: UnsafePointer<CChar>) {
    self.name = name
    self.text = String(cString: text)
  }

  /// The example of a kind in a language.
  static func of(_ kind: PluginDescription.Kind, _ language: PluginLanguage) -> PluginTemplate {
    switch (kind, language) {
    case (.repair, .c): PluginTemplate("clear-references", ctemplates_c_repair)
    case (.repair, .python): PluginTemplate("clear-references", ctemplates_python_repair)
    case (.repair, .sh): PluginTemplate("clear-references", ctemplates_sh_repair)
    case (.repair, .swift): PluginTemplate("clear-references", ctemplates_swift_repair)
    case (_, .c): PluginTemplate("ledger", ctemplates_c_check)
    case (_, .python): PluginTemplate("future-times", ctemplates_python_check)
    case (_, .sh): PluginTemplate("blank-texts", ctemplates_sh_check)
    case (_, .swift): PluginTemplate("file-types", ctemplates_swift_check)
    }
  }

  /// What shared objects are written against.
  static var header: String { String(cString: ctemplates_header) }

  /// What lets Swift call SQLite: the files of a module, by their paths.
  static var moduleOfSQLite: [(path: String, text: String)] {
    [
      ("CSQLite/CSQLite.h", String(cString: ctemplates_sqlite_header)),
      ("CSQLite/module.modulemap", String(cString: ctemplates_sqlite_map)),
    ]
  }

  /// A word as a shell reads it back.
  static func shell(_ word: String) -> String { Words.shell(word) }
}

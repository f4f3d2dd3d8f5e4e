import MendKit
import MendReport

/// An example plugin of `examples/plugins`, from which `dbmend plugins new` writes others. `scripts/plugin-templates` puts their text into
/// `PluginTemplates.swift`, and a test holds that against the files.
struct PluginTemplate: Sendable {
  /// Check or repair.
  var kind: PluginDescription.Kind
  var language: PluginLanguage
  /// Its id, which stands nowhere in the text but where a new plugin's is to stand.
  var name: String
  var text: String

  /// The example of a kind in a language.
  static func of(_ kind: PluginDescription.Kind, _ language: PluginLanguage) -> PluginTemplate {
    all.first { $0.kind == kind && $0.language == language } ?? all[0]
  }

  /// The example's file.
  var path: String { "examples/plugins/\(language.rawValue)/\(name).\(language.suffix)" }

  /// A word as a shell reads it back.
  static func shell(_ word: String) -> String { Words.shell(word) }
}

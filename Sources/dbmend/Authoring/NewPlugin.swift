import MendKit

/// A plugin that `dbmend plugins new` writes: one of the examples of `examples/plugins`, under a name of its own.
struct NewPlugin {
  /// Check or repair.
  var kind: PluginDescription.Kind
  /// Its id, and the name of its file.
  var name: String
  /// What it is written in.
  var language: PluginLanguage

  /// A file that is written.
  struct File {
    /// The path in the folder.
    var path: String
    var text: String
    var mode = 0o644
    /// Whether several plugins share it, so that it may be there already.
    var isShared = false
  }

  private var template: PluginTemplate { PluginTemplate.of(kind, language) }

  /// What is written, the plugin itself first.
  var files: [File] {
    var files = [
      File(
        path: "\(name).\(language.suffix)", text: template.text.replacing(template.name, with: name),
        mode: language.isScript ? 0o755 : 0o644),
      File(path: "\(name).test.sh", text: test, mode: 0o755),
    ]
    if language == .c { files.append(File(path: "dbmend_plugin.h", text: PluginTemplate.header, isShared: true)) }
    if usesSQLite {
      for (path, text) in PluginTemplate.moduleOfSQLite { files.append(File(path: path, text: text, isShared: true)) }
    }
    return files
  }

  /// Whether it is Swift that calls SQLite.
  private var usesSQLite: Bool { language == .swift && kind == .repair }

  /// What makes the plugin, in its folder.
  var build: [String] { language.build(name, usesSQLite: usesSQLite) }

  /// What tests it, in its folder.
  var trial: String { "dbmend plugins test ./\(language.plugin(name))" }

  private var test: String {
    """
    #!/bin/sh
    # \(build.isEmpty ? "Has" : "Builds the plugin, and has") dbmend run its examples and a battery of bad requests against it.
    set -eu
    cd "$(dirname "$0")"
    \(build.map { $0 + "\n" }.joined())"${DBMEND:-dbmend}" plugins test ./\(language.plugin(name))

    """
  }

  /// Writes everything into a folder, which is made where it is not there. Nothing is written over: where one of the files is there
  /// already, nothing is written at all.
  func write(into folder: String) throws(Problem) {
    let files = files
    for file in files {
      let path = Paths.join(folder, file.path)
      guard (try? FileStatus.of(path, followLinks: false)) != nil else { continue }
      if file.isShared, let bytes = try? FileHandle.read(path).readAll(limit: 1 << 20), bytes == Array(file.text.utf8) {
        continue
      }
      throw Problem(
        .refused, tried: "write a new plugin to", on: path, said: "there is something already; nothing was written",
        advice: "Name another folder with --output, or give the plugin another name.")
    }
    for file in files {
      let path = Paths.join(folder, file.path)
      if file.isShared, FileStatus.exists(path) { continue }
      try Paths.makeFolder(Paths.folder(of: path))
      let handle = try FileHandle.create(path, mode: file.mode)
      defer { handle.close() }
      try handle.write(Array(file.text.utf8), at: 0)
    }
  }

  /// What is to be done next, for a person.
  func nextSteps(in folder: String) -> [String] {
    let place = Paths.resolved(folder) == Paths.resolved(".") ? [] : ["cd \(PluginTemplate.shell(folder))"]
    return place + build + [trial]
  }
}

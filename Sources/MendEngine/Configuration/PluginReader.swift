import MendKit

/// Reads the files of plugins that a configuration names.
struct PluginReader {
  let source: SourceText
  let complaints: ComplaintList
  let othersMayWrite: Bool
  /// Whether it belongs to this user or to root, or was named by the operator.
  let isTrusted: Bool

  /// The files under `plugins`, in the order of the file.
  func files(in pair: YAMLPair?) -> [PluginFile] {
    guard let pair, let items = pair.value.items else { return [] }
    if othersMayWrite, !items.isEmpty {
      complaints.add(
        at: pair.position, "everybody may write this file, so its plugins are not run; use chmod o-w on it")
      return []
    }
    if !isTrusted, !items.isEmpty {
      complaints.add(
        at: pair.position,
        "this file belongs to another user, and nobody named it, so its plugins are not run; name it with --config")
      return []
    }
    var files: [PluginFile] = []
    for item in items {
      guard let file = file(item) else { continue }
      if files.contains(where: { $0.path == file.path }) {
        complaints.add(at: item.position, "'\(file.writtenPath)' is listed twice")
      }
      files.append(file)
    }
    return files
  }

  private func file(_ node: YAMLNode) -> PluginFile? {
    if let path = node.value.text, !path.isEmpty { return PluginFile(path, path: absolute(path), namedBy: source.file) }
    let fields = complaints.fields(of: node, as: FileFormat.plugin)
    guard let path = fields.options.string("path") else { return nil }
    var file = PluginFile(path, path: absolute(path), namedBy: source.file)
    let options = fields.options
    if let sum = options.string("sha256") {
      file.sha256 = sum
      if !Hexadecimal.isBytes(sum.lowercased(), 32) {
        complaints.add(
          at: fields.position(of: "sha256"), "'\(sum)' is no SHA-256: 64 hexadecimal digits, as sha256sum prints them")
      }
    }
    file.limits.seconds = options.seconds("timeout") ?? file.limits.seconds
    file.limits.memory = options.bytes("memory") ?? file.limits.memory
    file.limits.output = options.bytes("output") ?? file.limits.output
    file.limits.files = options.integer("files") ?? file.limits.files
    file.limits.processes = options.integer("processes") ?? file.limits.processes
    for key in ["timeout", "memory", "output"] where isZero(options, key) {
      complaints.add(at: fields.position(of: key), "'\(key)': nothing runs within 0")
    }
    file.passes = options.strings("pass") ?? []
    if case .map(let pairs) = options["environment"] {
      for pair in pairs { file.variables[pair.key] = pair.value.text ?? "" }
    }
    for name in file.passes + file.variables.keys.sorted() where !isVariable(name) {
      let key = file.passes.contains(name) ? "pass" : "environment"
      complaints.add(at: fields.position(of: key), "'\(name)' is no name of a variable")
    }
    file.writes = (options.strings("writes") ?? []).map(absolute)
    return file
  }

  private func isZero(_ options: Options, _ key: String) -> Bool {
    key == "timeout" ? options.seconds(key) == 0 : options.bytes(key) == 0
  }

  private func isVariable(_ name: String) -> Bool {
    !name.isEmpty && !name.contains("=") && !name.contains("\0") && !name.contains { $0.isWhitespace }
  }

  private func absolute(_ path: String) -> String {
    Paths.absolute(Paths.join(Paths.folder(of: Paths.absolute(source.file)), path))
  }
}

extension Configuration {
  /// The checks of `--plugin` that need no options: they run on every store, also where no configuration speaks of it.
  var unnamedChecks: [ConfiguredCheck] { unnamedChecks { $0.file.runsUnnamed } }

  private func unnamedChecks(of isMeant: (OutsidePlugins.Loaded) -> Bool) -> [ConfiguredCheck] {
    var unnamed: [ConfiguredCheck] = []
    for loaded in outside where isMeant(loaded) {
      for id in loaded.ids {
        guard let check = registry.check(id), !check.description.options.contains(where: \.isRequired) else { continue }
        unnamed.append(ConfiguredCheck(id: id))
      }
    }
    return unnamed
  }

  /// Has the checks from outside run on every store of the configuration that it names nowhere, as far as they need no options: who
  /// lists a plugin wants it to run. One that it names, or switches off, anywhere runs where it says, and nowhere else.
  mutating func addUnnamedChecks(besides named: Set<String>) {
    let unnamed = unnamedChecks { _ in true }.filter { !named.contains($0.id) }
    guard !unnamed.isEmpty else { return }
    checks += unnamed
    for environment in environments.indices {
      environments[environment].checks += unnamed
      for store in environments[environment].stores.indices {
        environments[environment].stores[store].checks += unnamed
      }
    }
  }
}

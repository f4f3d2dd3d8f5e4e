import MendKit

extension Engine {
  /// Runs the operator's command for a moment, if there is one, in the folder of the configuration file. Throws when it
  /// does not end with 0: then what it stands before does not happen.
  func runHook(_ moment: Hook.Moment, for store: ManagedStore, archive: String? = nil) throws(Problem) {
    guard store.isConfigured, let text = configuration.hooks[moment] else { return }
    observer.began(.hook(moment))
    var variables = ["DBMEND_MOMENT": moment.rawValue]
    if let archive { variables["DBMEND_ARCHIVE"] = archive }
    try runHookCommand(text, name: "hook \(moment.rawValue)", for: store, variables: variables)
  }

  /// Runs an operator's command for a store, in the folder of the configuration file. With `input` it reads that on its standard
  /// input. Throws when it does not end with 0.
  func runHookCommand(
    _ text: String, name: String, for store: ManagedStore, variables: [String: String], input: [UInt8]? = nil
  ) throws(Problem) {
    var environment = variables
    environment["DBMEND_STORE"] = store.identity.description
    environment["DBMEND_PATH"] = store.path
    environment["DBMEND_ENVIRONMENT"] = store.identity.environment
    let file = try input.map { bytes throws(Problem) in try FileHandle.inMemory(bytes) }
    defer { file?.close() }
    let ending = ChildProcess.run(
      ["/bin/sh", "-c", text], output: .standardError, input: file,
      folder: configuration.file.map { Paths.folder(of: $0) }, environment: environment)
    let said: String
    switch ending {
    case .exited(0): return
    case .exited(let code): said = "it ended with exit code \(code)"
    case .killed(let signal): said = "it was killed by signal \(signal)"
    case .notStarted(let number): said = "it could not be started: \(SystemError.text(number))"
    }
    throw Problem(
      .program, tried: "run the \(name)", on: text, said: said,
      advice: "See what it wrote above, and run it by hand in the configuration's folder.")
  }

  /// Tells the operator that the run failed, for the first store that has trouble. A hook that fails here changes nothing
  /// any more; that it failed is noted.
  func runFailureHook(_ report: inout Report, stores: [ManagedStore]) {
    guard ExitCode(for: report) != .healthy else { return }
    let troubled = report.stores.first { store in
      store.verdict == .damaged || store.verdict == .unchecked || store.wasPutBack || store.couldNotBePutBack
        || !store.problems.isEmpty
    }
    let named = stores.first { $0.isConfigured && $0.identity == troubled?.store }
    guard let store = named ?? stores.first(where: \.isConfigured) else { return }
    do throws(Problem) {
      try runHook(.onFailure, for: store, archive: troubled?.archive)
    } catch {
      report.notes.append("\(error)")
    }
  }
}

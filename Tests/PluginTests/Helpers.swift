import MendKit
import SQLiteStore
import StandardChecks
import TestSupport
import Testing

/// A context for checks of the file at a path, with the driver that knows it.
func context(
  _ path: String, drivers: [any Driver] = [SQLiteDriver()], backups: (any Backups)? = nil, repository: String? = nil
) -> CheckContext {
  var driver: (any Driver)?
  if let file = try? FileHandle.read(path), let bytes = try? file.read(4096, at: 0) {
    driver = PluginRegistry(drivers: drivers).driver(forFile: FileHead(path: path, bytes: bytes, size: bytes.count))
  }
  return CheckContext(
    store: StoreIdentity(environment: "test", name: "store", path: path), path: path, driver: driver, backups: backups,
    repository: repository, patience: 0.1)
}

extension Check {
  /// The findings with options given in place, over the defaults.
  func findings(_ context: CheckContext, _ options: KeyValuePairs<String, OptionValue> = [:]) throws(Problem)
    -> [Finding]
  {
    let pairs = options.map { OptionPair($0.key, $0.value) }
    return try findings(in: context, options: Options(pairs, defaults: description))
  }

  /// The problem that the check throws; nil when it does not.
  func problem(_ context: CheckContext, _ options: KeyValuePairs<String, OptionValue> = [:]) -> Problem? {
    do throws(Problem) {
      _ = try findings(context, options)
      return nil
    } catch {
      return error
    }
  }
}

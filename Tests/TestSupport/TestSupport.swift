@_exported import MendExamples
import MendKit

extension ExampleRunner {
  /// A runner for the plugins that dbmend comes with, whose examples may be of every kind that the tests can make.
  public init(_ registry: PluginRegistry) {
    self.init(registry, makers: ExampleMaker.standard.merging(["duckdb": .duckdb]) { $1 })
  }
}

extension ExampleMaker {
  /// DuckDB databases, by DuckDB's own client.
  fileprivate static let duckdb = ExampleMaker { path, script in
    if !script.isEmpty { try DuckDBFile.run(path, script) }
  }
}

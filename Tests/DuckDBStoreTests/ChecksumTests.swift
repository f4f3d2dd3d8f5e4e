import Testing

@testable import DuckDBStore

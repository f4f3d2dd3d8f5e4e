// swift-tools-version: 6.0
import PackageDescription

// The arrows of ARCHITECTURE.md, as the compiler holds them: a plugin sees MendKit and its own C library, the engine
// sees MendKit and MendArchive, and only the executable sees every room.
let package = Package(
  name: "dbmend",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "dbmend", targets: ["dbmend"])
  ],
  targets: [
    // C libraries. libarchive and libcrypto are loaded when they are first needed (their own libraries cost 2 ms of a
    // start that takes 2), so their targets are small loaders and not link lines.
    .target(name: "CSystem"),
    .target(name: "CPlugin"),
    .target(name: "CTemplates"),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"]), .brew(["sqlite"])]),
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"]), .brew(["libyaml"])]),
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"]), .brew(["xxhash"])]),
    .target(name: "CArchive"),
    .target(name: "CCrypto"),

    // Rooms.
    .target(name: "MendKit", dependencies: ["CSystem"]),
    .target(name: "MendArchive", dependencies: ["MendKit", "CArchive", "CCrypto", "CSystem", "CXXHash"]),
    .target(name: "MendEngine", dependencies: ["MendKit", "MendArchive", "CPlugin", "CYAML"]),
    .target(name: "MendReport", dependencies: ["MendKit"]),
    .target(name: "MendExamples", dependencies: ["MendKit", "MendArchive", "CSQLite"]),

    // Plugins.
    .target(name: "StandardChecks", dependencies: ["MendKit"], path: "Plugins/StandardChecks"),
    .target(name: "StandardRepairs", dependencies: ["MendKit"], path: "Plugins/StandardRepairs"),
    .target(
      name: "SQLiteStore", dependencies: ["MendKit", "CSQLite", "CSystem", "CXXHash"], path: "Plugins/SQLiteStore"),
    .target(name: "JSONStore", dependencies: ["MendKit", "CXXHash"], path: "Plugins/JSONStore"),
    .target(name: "DuckDBStore", dependencies: ["MendKit", "CSystem"], path: "Plugins/DuckDBStore"),
    .target(name: "PostgreSQLStore", dependencies: ["MendKit"], path: "Plugins/PostgreSQLStore"),
    .target(name: "FolderStore", dependencies: ["MendKit", "CXXHash"], path: "Plugins/FolderStore"),
    .target(name: "H2Store", dependencies: ["MendKit", "CSystem", "CXXHash"], path: "Plugins/H2Store"),

    .executableTarget(
      name: "dbmend",
      dependencies: [
        "MendKit", "MendArchive", "MendEngine", "MendReport", "MendExamples", "StandardChecks", "StandardRepairs",
        "SQLiteStore",
        "JSONStore", "DuckDBStore", "FolderStore", "PostgreSQLStore", "H2Store", "CSystem", "CTemplates",
      ]),

    .target(
      name: "TestSupport", dependencies: ["MendExamples", "MendKit", "MendArchive", "CSQLite"],
      path: "Tests/TestSupport"),
    .testTarget(name: "MendKitTests", dependencies: ["MendKit", "TestSupport"]),
    .testTarget(name: "MendArchiveTests", dependencies: ["MendArchive", "MendKit", "TestSupport"]),
    .testTarget(
      name: "MendEngineTests",
      dependencies: [
        "MendEngine", "MendArchive", "MendKit", "StandardChecks", "StandardRepairs", "SQLiteStore", "TestSupport",
      ]),
    .testTarget(name: "MendReportTests", dependencies: ["MendReport", "MendKit", "TestSupport"]),
    .testTarget(
      name: "PluginTests",
      dependencies: [
        "MendKit", "StandardChecks", "StandardRepairs", "SQLiteStore", "JSONStore", "DuckDBStore", "FolderStore",
        "PostgreSQLStore", "H2Store",
        "TestSupport",
      ]),
    .testTarget(name: "PostgreSQLStoreTests", dependencies: ["PostgreSQLStore", "MendKit", "TestSupport"]),
    .testTarget(name: "JSONStoreTests", dependencies: ["JSONStore", "MendKit", "TestSupport"]),
    .testTarget(name: "DuckDBStoreTests", dependencies: ["DuckDBStore", "MendKit", "TestSupport"]),
    .testTarget(name: "FolderStoreTests", dependencies: ["FolderStore", "JSONStore", "MendKit", "TestSupport"]),
    .testTarget(name: "H2StoreTests", dependencies: ["H2Store", "MendKit", "TestSupport"]),
    .testTarget(
      name: "SQLiteStoreTests", dependencies: ["SQLiteStore", "MendKit", "CSQLite", "CSystem", "TestSupport"]),
    .target(
      name: "Torture",
      dependencies: [
        "MendKit", "MendEngine", "StandardChecks", "StandardRepairs", "SQLiteStore", "JSONStore", "DuckDBStore",
        "FolderStore", "PostgreSQLStore", "H2Store", "CSystem", "CCrypto", "CXXHash", "TestSupport",
      ], path: "Tests/Torture", exclude: ["Interposer/interposer.c"]),
    .testTarget(name: "TortureTests", dependencies: ["Torture", "dbmend", "MendKit", "TestSupport"]),
    .testTarget(name: "CommandTests", dependencies: ["dbmend", "MendEngine", "MendKit", "MendReport", "TestSupport"]),
  ],
  swiftLanguageModes: [.v6]
)

// Not for users, and in no release: `scripts/fuzz`, `scripts/torture` and `scripts/test` build them.
if Context.environment["DBMEND_FUZZ"] != nil {
  package.targets += [
    .executableTarget(
      name: "dbmend-fuzz", dependencies: ["SQLiteStore", "MendKit", "TestSupport"], path: "Tests/Fuzzing"),
    .executableTarget(
      name: "dbmend-torture", dependencies: ["Torture", "MendKit", "TestSupport"], path: "Tests/TortureProgram"),
  ]
}

import MendKit
import TestSupport
import Testing

@testable import DuckDBStore

@Suite("The memory of DuckDB's client", withClient) struct MemoryTests {
  @Test("a run gets a part of what is free, by the size of its database, and as many threads as that feeds")
  func share() {
    let small = ClientMemory(database: 3 << 20, free: 64 << 30, processors: 8)
    #expect(small.buffers == 2 << 30 && small.threads == 8)
    let large = ClientMemory(database: 100 << 30, free: 10 << 30, processors: 8)
    #expect(large.buffers / (1 << 30) == 6)
    let narrow = ClientMemory(database: 100 << 30, free: 1 << 20, processors: 8)
    #expect(narrow.buffers == 256 << 20 && narrow.threads == 2)
    #expect(ClientMemory(database: Int.max, free: nil).buffers > 1 << 30)
  }

  @Test("the engine keeps to it: what does not fit is written beside the copy, and goes")
  func limits() throws {
    let shop = try Shop("CREATE TABLE t AS SELECT i FROM range(10) r(i); CHECKPOINT;")
    var client = try Client.find()
    client.memory = ClientMemory(buffers: 40 << 20, threads: 1)
    let answers = try client.run(
      [
        "SELECT current_setting('memory_limit') AS m, current_setting('threads') AS t, current_setting('temp_directory') AS d",
        "SELECT count(*) AS n FROM (SELECT DISTINCT hash(i) AS h, i FROM range(3000000) r(i))",
      ], on: shop.path, .readOnly, setUp: ["SET enable_external_access = false"])
    #expect(answers[0].rows.first?["m"]?.string == "40.0 MiB", "\(answers)")
    #expect(answers[0].rows.first?["t"]?.integer == 1)
    #expect(answers[0].rows.first?["d"]?.string == shop.path + ".spill")
    #expect(answers[1].rows.first?["n"]?.integer == 3_000_000, "\(answers)")
    #expect(try shop.folder.names() == ["shop.db"])
  }

  @Test("that memory ran short is a problem of its own and no damage, unless more was asked for than any value takes")
  func short() throws {
    let shop = try Shop("CREATE TABLE t AS SELECT i FROM range(10) r(i); CHECKPOINT;")
    var client = try Client.find()
    client.memory = ClientMemory(buffers: 30 << 20, threads: 1)
    let words = try #require(
      try client.run(["SELECT len(list(i)) FROM range(30000000) r(i)"], on: shop.path, .readOnly).first?.failure)
    #expect(ClientMemory.isShort(words) && !ClientMemory.isAbsurd(words), "\(words)")
    let problem = EngineWords.problem(words, on: shop.path)
    #expect(problem.code == "engine.out-of-memory" && problem.kind == .exhausted)
    let absurd = "Out of Memory Error: failed to allocate data of size 7.9 EiB (3.0 MiB/2.0 GiB used)"
    #expect(ClientMemory.isAbsurd(absurd) && EngineWords.problem(absurd, on: shop.path).kind == .damaged)
    #expect(ClientMemory.asked("could not allocate block of size 256.0 KiB (1.0 GiB/1.0 GiB used)") == 256 << 10)
    #expect(ClientMemory.asked("of size a lot") == nil)
    #expect(EngineWords.problem("it was ended by signal 9", on: shop.path).code == "engine.out-of-memory")
  }

  @Test("answers of many statements come from one process, those that are plans too")
  func oneProcess() throws {
    let shop = try Shop("CREATE TABLE t AS SELECT i FROM range(10) r(i); CHECKPOINT;")
    let answers = try Client.find().run(
      [
        "CREATE TEMP TABLE kept AS SELECT 7 AS n", "EXPLAIN (ANALYZE, FORMAT json) SELECT count(*) FROM t",
        "SELECT n FROM kept",
      ], on: shop.path, .readOnly)
    #expect(answers[2].rows.first?["n"]?.integer == 7, "\(answers)")
  }
}

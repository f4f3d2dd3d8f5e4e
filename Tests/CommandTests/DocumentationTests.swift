import MendEngine
import MendKit
import SQLiteStore
import TestSupport
import Testing

@testable import dbmend

/// The pages, held against the program.
@Suite("The documentation") struct DocumentationTests {
  @Test("the generated pages are what the program says")
  func generated() throws {
    let folder = try TemporaryFolder()
    let made = try run([Paths.join(Page.root, "scripts/docs"), folder.path], environment: ["DBMEND": Page.program])
    try #require(made.exit == 0, "\(made.errors)")
    let pages = ["checks-and-repairs.md", "configuration.md", "plugin-message.md", "plugin-message.schema.json"]
    #expect(try folder.names().sorted() == pages)
    for name in try folder.names() {
      let committed = try FileHandle.read(Paths.join(Page.root, "docs/" + name)).readAll(limit: 1 << 20)
      #expect(try folder.read(name) == committed, "\(name) is old: run scripts/docs")
    }
  }

  @Test("every command line of dbmend is one that it understands", arguments: try Page.all)
  func commandLines(_ name: String) throws {
    let program = Program.description
    let parser = CommandLineParser(commands: program.commands, environment: Environment())
    for line in try Page(name).commandLines {
      let words = line.split(separator: " ").map { $0.filter { !"\"`".contains($0) } }
      #expect(throws: Never.self, "\(name): dbmend \(line)") {
        let invocation = try parser.parse(words)
        #expect(invocation.command != nil || line.hasPrefix("--"), "\(name): dbmend \(line)")
      }
    }
  }

  @Test("command lines are found where they stand")
  func isNotEmpty() throws {
    #expect(try Page("README.md").commandLines.contains("repair --plan app.db"))
    #expect(try Page("docs/schedule.md").commandLines.contains("backup --quiet"))
    #expect(try Page("docs/update-hook.md").commandLines.contains("preflight production -- ./migrate.sh"))
  }

  @Test("each configuration of the page on rules is one that is taken, and its mistakes are told as it says")
  func rules() throws {
    let page = try Page("docs/rules.md")
    let registry = BuiltInPlugins.registry
    let configurations = page.blocks.filter { $0.purpose == "configuration" }
    #expect(configurations.count == 5)
    for block in configurations {
      #expect(throws: Never.self, "\(block.text)") {
        try ConfigurationLoader.parse(Array(block.text.utf8), file: "dbmend.yaml", registry: registry)
      }
    }
    #expect {
      try ConfigurationLoader.parse(Array(page.text("mistakes").utf8), file: "dbmend.yaml", registry: registry)
    } throws: {
      let said = ($0 as? Problem)?.said.split(separator: "\n").filter { $0.hasPrefix("dbmend.yaml:") }.joined(
        separator: "\n")
      return said.map { $0 + "\n" } == page.text("mistakes: what is said")
    }
  }

  @Test("every relative link leads to a file", arguments: try Page.all)
  func links(_ name: String) throws {
    for line in try Page(name).prose {
      for part in line.split(separator: "](").dropFirst() {
        guard let link = part.split(separator: ")", omittingEmptySubsequences: false).first, !link.contains("://")
        else { continue }
        let file = link.split(separator: "#", omittingEmptySubsequences: false)[0]
        let path = Paths.join(Paths.folder(of: Paths.join(Page.root, name)), String(file))
        #expect(FileStatus.exists(path), "\(name): \(link)")
      }
    }
  }

  @Test("files and folders that ARCHITECTURE.md and the page on plugins name are there")
  func namedFiles() throws {
    for name in ["ARCHITECTURE.md", "docs/writing-a-plugin.md"] {
      for line in try Page(name).prose {
        for (index, part) in line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
        where index % 2 == 1 && (part.hasPrefix("Plugins/") || part.hasPrefix("Sources/") || part.hasPrefix("Tests/")) {
          if part.contains("*") { continue }
          #expect(FileStatus.exists(Paths.join(Page.root, String(part))), "\(name): \(part)")
        }
      }
    }
  }

  @Test("the exit codes of README.md are those of the help")
  func exitCodes() throws {
    let lines = try Page("README.md").lines.map { $0.filter { $0 != "`" } }
    for code in Program.description.exitCodes {
      #expect(lines.contains("| \(code.code) | \(code.meaning.filter { $0 != "`" }) |"), "\(code.code)")
    }
  }

  @Test("the plugins of the page on plugins are the examples, and what builds them is what is printed")
  func examplePlugins() throws {
    let page = try Page("docs/writing-a-plugin.md")
    let sources = Set(page.blocks.map(\.purpose).filter { $0.hasPrefix("source: examples/") })
    #expect(sources.count == 5)
    for purpose in sources {
      let path = Paths.join(Page.root, String(purpose.dropFirst("source: ".count)))
      let text = try FileHandle.read(path).readAll(limit: 1 << 20)
      #expect(page.text(purpose) == String(decoding: text, as: UTF8.self), "\(purpose)")
    }
    let commands = page.blocks.filter { $0.language == "sh" }.map(\.text).joined()
    for (language, name) in [(PluginLanguage.c, "ledger"), (.swift, "file-types")] {
      for command in language.build(name, usesSQLite: false) {
        #expect(commands.contains(command + "\n"), "\(command)")
      }
    }
  }

  @Test("the check of the page on plugins is the one that is compiled here, and its examples hold")
  func sampleCheck() throws {
    let source = "Tests/CommandTests/SampleCheck.swift"
    let text = try FileHandle.read(Paths.join(Page.root, source)).readAll(limit: 1 << 20)
    #expect(try Page("docs/writing-a-plugin.md").text("source: " + source) == String(decoding: text, as: UTF8.self))
    let check = EmptyTextCheck()
    let runner = ExampleRunner(PluginRegistry(drivers: [SQLiteDriver()], checks: [check]))
    for example in check.description.examples {
      #expect(Set(try runner.findings(of: check, in: example).map(\.code)) == example.finds, "\(example.title)")
    }
  }
}

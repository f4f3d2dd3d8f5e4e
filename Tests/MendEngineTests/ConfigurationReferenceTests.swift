import MendKit
import Testing

@testable import MendEngine

@Suite("the reference of dbmend.yaml")
struct ConfigurationReferenceTests {
  private let text = ConfigurationReference.markdown(registry: ConfigurationStubs.registry)

  @Test("every key of the file, every check with its options and findings, and every repair stand in it")
  func complete() {
    for (path, section) in FileFormat.sections {
      #expect(path.isEmpty || text.contains("## `\(path)`"))
      for key in section.keys { #expect(text.contains("| `\(key.name)` | ")) }
    }
    for plugin in ConfigurationStubs.registry.descriptions where plugin.kind != .driver {
      #expect(text.contains("### `\(plugin.id)`"))
      for option in plugin.options { #expect(text.contains("| `\(option.name)` | ")) }
      for finding in plugin.finds { #expect(text.contains("| `\(finding.code)` | \(finding.severity.rawValue) | ")) }
    }
    #expect(text.contains("| `warn_at` | a share such as 20% | `80%` | When. |"))
    #expect(text.contains("Mends `index.*`.\n\nCosts at worst: `none`."))
    #expect(text.hasSuffix("\n") && !text.hasSuffix("\n\n"))
  }

  @Test("the defaults that it names are those that hold")
  func defaults() {
    #expect(text.contains("| `keep_last` | a whole number, at least 0 | 30 | "))
    #expect(text.contains("| `busy_timeout` | a length of time such as 5s or 7d | 5s | "))
  }

  @Test("every key that it names is one that the loader takes, and every section is reachable from the file")
  func reachable() {
    func titles(_ section: FileSection) -> Set<String> {
      section.keys.reduce(into: [section.title]) { result, key in
        switch key.shape {
        case .pathOrSection(let inner), .section(let inner), .named(let inner), .sections(let inner),
          .sectionOrSections(let inner),
          .pathsOrSections(let inner):
          result.formUnion(titles(inner))
        case .value, .text, .texts, .checks, .kindOptions: break
        }
      }
    }
    #expect(titles(FileFormat.document) == Set(FileFormat.sections.map(\.section.title)))
  }
}

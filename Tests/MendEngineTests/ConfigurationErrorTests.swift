import MendKit
import Testing

@testable import MendEngine

@Suite("errors of dbmend.yaml")
struct ConfigurationErrorTests {
  @Test("every error of a file is told at once, with its line, a caret and the nearest right word")
  func together() throws {
    let text = """
      version: 1
      retntion: { keep_last: 3 }
      retention: { keep_last: -3, keep_lst: 1 }
      checks:
        - integrty
        - integrity: { level: quik }
      """
    let problem = try #require(throws: Problem.self) { try ConfigurationStubs.load(text) }
    #expect(
      problem.description == """
        could not use the configuration /srv/app/dbmend.yaml: there are 5 errors in it
        /srv/app/dbmend.yaml:2:1: unknown key 'retntion'; did you mean 'retention'?
          retntion: { keep_last: 3 }
          ^
        /srv/app/dbmend.yaml:3:25: expected a whole number, at least 0, found -3
          retention: { keep_last: -3, keep_lst: 1 }
                                  ^
        /srv/app/dbmend.yaml:3:29: unknown key 'keep_lst'; did you mean 'keep_last'?
          retention: { keep_last: -3, keep_lst: 1 }
                                      ^
        /srv/app/dbmend.yaml:5:5: unknown check 'integrty'; did you mean 'integrity'?
            - integrty
              ^
        /srv/app/dbmend.yaml:6:25: 'quik' is not full or quick; did you mean 'quick'?
            - integrity: { level: quik }
                                  ^
        Nothing was run. docs/configuration.md describes every key.
        """)
  }

  @Test(
    "one error each",
    arguments: [
      ("", "1:1: the file is empty; begin it with 'version: 1'"),
      ("# nothing\n", "1:1: the file is empty; begin it with 'version: 1'"),
      ("repository: x\n", "1:1: the configuration needs the key 'version': a whole number, at least 1"),
      ("version: 2\n", "1:10: version 2 is not known to this dbmend, which reads version 1"),
      ("version: '1'\n", "1:10: expected a whole number, at least 1, found '1'"),
      ("version: 1\nkeep_last: 3\n", "2:1: unknown key 'keep_last'; it belongs under retention"),
      ("version: 1\nretention: { hooks: 3 }\n", "2:14: unknown key 'hooks'; it belongs to the top of the file"),
      ("version: 1\nrepository: ' '\n", "2:13: 'repository': expected a path, or a map with the key path, found ' '"),
      ("version: 1\nrepository: {}\n", "2:13: a map with the key path needs the key 'path': a path"),
      (
        "version: 1\nrepository: [a]\n", "2:13: 'repository': expected a path, or a map with the key path, found a list"
      ),
      ("version: 1\nmax_loss: row\n", "2:11: 'row' is not none or rows or changes or everything; did you mean 'rows'?"),
      ("version: 1\nbusy_timeout: soon\n", "2:15: expected a length of time such as 5s or 7d, found 'soon'"),
      ("version: 1\nbusy_timeout: -5\n", "2:15: expected a length of time such as 5s or 7d, found -5"),
      (
        "version: 1\nretention: { max_size: 2GB, keep_last: many }\n",
        "2:40: expected a whole number, at least 0, found 'many'"
      ),
      ("version: 1\nretention: { keep_last: 0 }\n", "2:14: this retention keeps no archive at all"),
      ("version: 1\nretention: { max_size: 0 }\n", "2:14: this retention leaves no room for any archive"),
      ("version: 1\nschema:\n", "2:8: 'schema': expected a path, found nothing"),
      ("version: 1\nhooks: { on_failur: x }\n", "2:10: unknown key 'on_failur'; did you mean 'on_failure'?"),
      ("version: 1\nhooks: { on_failure: [x] }\n", "2:22: 'on_failure': expected a shell command, found a list"),
      (
        "version: 1\nplugins: x.so\n",
        "2:10: 'plugins': expected a list, each item a path, or a map of a plugin file's keys, found 'x.so'"
      ),
      (
        "version: 1\nplugins: [{ path: x, sha256: 12ab }]\n",
        "2:22: '12ab' is no SHA-256: 64 hexadecimal digits, as sha256sum prints them"
      ),
      ("version: 1\nplugins: [{ path: x, timeout: 0s }]\n", "2:22: 'timeout': nothing runs within 0"),
      ("version: 1\nplugins: [{ path: x, pass: [A=B] }]\n", "2:22: 'A=B' is no name of a variable"),
      ("version: 1\nplugins: [{ path: x, memroy: 1GiB }]\n", "2:22: unknown key 'memroy'; did you mean 'memory'?"),
      ("version: 1\nplugins: [{ timeout: 1s }]\n", "2:11: a map of a plugin file's keys needs the key 'path': a path"),
      ("version: 1\nplugins: [x, ./x]\n", "2:14: './x' is listed twice"),
      ("version: 1\nchecks: integrity\n", "2:9: 'checks': expected a list or a map of checks, found 'integrity'"),
      (
        "version: 1\nchecks: [[integrity]]\n",
        "2:10: expected a check's name, or a map from it to its options, found a list"
      ),
      (
        "version: 1\nchecks: [integrity: quick]\n",
        "2:21: expected the options of integrity as a map, or true or false, found 'quick'"
      ),
      ("version: 1\nchecks: [reindex]\n", "2:10: unknown check 'reindex'; it is the name of a repair"),
      ("version: 1\nchecks: [integrity, integrity]\n", "2:21: the check 'integrity' is listed twice, first in line 2"),
      (
        "version: 1\nchecks: [integrity: { levle: full }]\n",
        "2:23: unknown option 'levle' of the check integrity; did you mean 'level'?"
      ),
      (
        "version: 1\nchecks:\n  - required-tables\n",
        "3:5: the check required-tables needs the option 'tables': a list of text, or a map from a name to a list of text, or a map from a name to text"
      ),
      ("version: 1\nchecks:\n  - sql: { name: a }\n", "3:5: the check sql needs the option 'query': text"),
      (
        "version: 1\nchecks:\n  - row-counts: { minimum: { users: some } }\n",
        "3:37: expected a whole number, at least 0, found 'some'"
      ),
      (
        "version: 1\nchecks:\n  - row-counts:\n    minimum: { users: 1 }\n",
        "4:5: 'minimum' is an option of row-counts: indent it deeper than 'row-counts'"
      ),
      (
        "version: 1\nchecks:\n  - integrity:\n    connects:\n",
        "4:5: two checks in one item of the list: begin 'connects' on a line of its own with '- '"
      ),
      (
        "version: 1\nchecks:\n  - sql: { name: a, query: x }\n  - sql: { name: a, query: y }\n",
        "4:5: sql of the name 'a' is listed twice, first in line 3"
      ),
      ("version: 1\nchecks: [integrity: { severity: bad }]\n", "2:33: 'bad' is not info or warning or error or fatal"),
      ("version: 1\nrules: [{ severity: info }]\n", "2:9: a rule needs the key 'when': a condition"),
      (
        "version: 1\nrules: [{ when: { table: x } }]\n",
        "2:9: the rule changes nothing; give it severity, repair, accept, hook or ignore: true"
      ),
      (
        "version: 1\nrules: [{ when: {}, ignore: true }]\n",
        "2:17: a condition without a key would hold for every finding; write code: '*' if that is meant"
      ),
      (
        "version: 1\nrules: [{ when: { table: x }, repair: reindx }]\n",
        "2:39: unknown repair 'reindx'; did you mean 'reindex'?"
      ),
      (
        "version: 1\nrules: [{ when: { table: x }, ignore: true, severity: info }]\n",
        "2:31: a finding that is ignored has no severity, no repair, no date and no hook; leave one of them out"
      ),
      (
        "version: 1\nrules: [{ when: { code: table.mising }, ignore: true }]\n",
        "2:25: no check finds 'table.mising'; did you mean 'table.missing'?"
      ),
      (
        "version: 1\nrules: [{ when: { code: row-conut.* }, ignore: true }]\n",
        "2:25: no check finds 'row-conut.*'; did you mean 'row-count.*'?"
      ),
      (
        "version: 1\nenvironments: { production: { } }\n",
        "2:29: an environment needs the key 'stores': a map from a name to a store"
      ),
      (
        "version: 1\nenvironments: { production: { stores: {} } }\n", "2:31: the environment 'production' has no stores"
      ),
      ("version: 1\nenvironments: { p: { stores: { a: { path: '' } } } }\n", "2:43: 'path': expected a path, found ''"),
      (
        "version: 1\nenvironments: { p: { stores: { a: x.db } } }\n",
        "2:35: expected a store (keys: path, kind, options, max_loss, checks), found 'x.db'"
      ),
      (
        "version: 1\nenvironments: { p: { stores: { a: { path: x, kind: stubb } } } }\n",
        "2:52: unknown kind of store 'stubb'; did you mean 'stub'?"
      ),
      (
        "version: 1\nenvironments:\n  p: { stores: { a: { path: x.db } } }\n  q: { stores: { a: { path: ./x.db } } }\n",
        "4:29: two stores have the path './x.db'; the other one stands in line 3"
      ),
      (
        "version: 1\nenvironments: { p: { stores: { a: { path: x } } } }\nrules: [{ when: { store: p/b }, ignore: true }]\n",
        "3:26: no store here is called 'p/b'; did you mean 'p/a'?"
      ),
    ])
  func single(text: String, error: String) {
    #expect(ConfigurationStubs.errors(text) == [error])
  }

  @Test("a name that would leave the folder of archives is refused", arguments: ["../x", "a/b", "-x", ".x", "a b"])
  func names(name: String) {
    let text = "version: 1\nenvironments: { \"\(name)\": { stores: { \"\(name)\": { path: x } } } }\n"
    #expect(ConfigurationStubs.errors(text).count == 2)
  }

  @Test("what the file holds cannot speak to the terminal, and no message is longer than a screen")
  func hostile() throws {
    let text = "version: 1\n\"\\e[31m\(String(repeating: "x", count: 5000))\": 1\n"
    let problem = try #require(throws: Problem.self) { try ConfigurationStubs.load(text) }
    #expect(!problem.description.contains("\u{1B}"))
    #expect(problem.description.count < 1500)
    let many = "version: 1\n" + (0..<50_000).map { "k\($0): 1\n" }.joined()
    let flood = try #require(throws: Problem.self) { try ConfigurationStubs.load(many) }
    #expect(flood.said.hasPrefix("there are 50000 errors in it\n"))
    #expect(flood.said.hasSuffix("and 49980 more"))
  }

  @Test("an error far to the right shows the part of the line around it")
  func longLine() throws {
    let text =
      "version: 1\nchecks: [integrity: {}, \(String(repeating: " ", count: 300))integrty]\n"
    let problem = try #require(throws: Problem.self) { try ConfigurationStubs.load(text) }
    let lines = problem.said.split(separator: "\n").map(String.init)
    #expect(lines.allSatisfy { $0.count < 140 })
    let column = try #require(lines.last?.count)
    #expect(lines[lines.count - 2].dropFirst(column - 1).hasPrefix("integrty"))
  }
}

import MendKit
import Testing

@testable import H2Store

struct FormatTests {
  @Test("the lab file reads as sound")
  func lab() throws {
    for path in ["/tmp/h2lab/a.mv.db"] {
      let survey = try FileSurvey.make(FileHandle.read(path))
      print(survey.damages.map(\.said), survey.entries, survey.pages, survey.newest?.last.version ?? -1)
    }
  }
}

// The JSON-Schema-Test-Suite, draft 2020-12 (Tests/Fixtures/json-schema-suite, with its license): the keywords of
// structured output, and `format` as an assertion.
import AttendBase
import AttendCheckpoints
import AttendGrammars
import AttendTestSupport
import Foundation
import Testing

@Suite struct SchemaSuiteTests {
  private static let folder =
    URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().path + "/Fixtures/json-schema-suite/"

  static let files = ["", "optional-format/"].flatMap { inner in
    (try? FileManager.default.contentsOfDirectory(atPath: folder + inner))!.filter { $0.hasSuffix(".json") }.sorted()
      .map { inner + $0 }
  }

  /// What is refused as not implemented: groups of the suite with the keyword that the error names.
  private static let refused = [
    "uniqueItems validation": "uniqueItems", "uniqueItems with an array of items": "uniqueItems",
    "float division = inf": "multipleOf",
  ]
  /// Valid host names that are refused: labels in Punycode, which no automaton can check.
  private static let punycode = "validation of A-label (punycode) host names"

  /// No other group of the suite is refused, and each of these is.
  @Test func fewGroupsAreRefused() throws {
    var found: Set<String> = []
    for name in SchemaSuiteTests.files {
      for group in try JSON.file(SchemaSuiteTests.folder + name).elements {
        do { _ = try SchemaMatcher(group["schema"]!) } catch let failure as Failure where failure.code == .unsupported {
          found.insert(group["description"]!.string!)
        } catch is Failure {}
      }
    }
    #expect(found == Set(SchemaSuiteTests.refused.keys))
  }

  /// Valid instances are accepted in some order of their members, invalid ones in none.
  @Test(arguments: files) func instancesAreToldApart(_ name: String) throws {
    for group in try JSON.file(SchemaSuiteTests.folder + name).elements {
      let title = group["description"]!.string!
      let tests = Array(group["tests"]!.elements)
      let matcher: SchemaMatcher
      do {
        matcher = try SchemaMatcher(group["schema"]!)
      } catch let failure as Failure {
        if let keyword = SchemaSuiteTests.refused[title] {
          #expect(failure.code == .unsupported && failure.message.contains(keyword), "\(failure.message)")
        } else {
          #expect(failure.code == .invalidArgument && tests.allSatisfy { !$0["valid"]!.bool! }, "\(failure.message)")
        }
        continue
      }
      for test in tests {
        let isValid = test["valid"]!.bool!
        if isValid, title == SchemaSuiteTests.punycode { continue }
        let isAccepted = try SchemaInstances.texts(test["data"]!).contains { try matcher.accepts($0) }
        #expect(isAccepted == isValid, "\(name): \(title): \(test["description"]!.string!)")
      }
    }
  }
}

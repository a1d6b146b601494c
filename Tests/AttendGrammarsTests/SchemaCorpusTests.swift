import AttendBase
import AttendCheckpoints
import AttendGrammars
import AttendTestSupport
import Testing

/// 800 schemas as people write them, with instances marked valid or not.
@Suite(.enabled(if: Shared.isThere, "the shared folder is not there")) struct SchemaCorpusTests {
  @Test func instancesAreToldApart() throws {
    let file = try LoadedFile(Shared.path! + "/generation/grammar/schema-corpus.jsonl")
    var (count, right) = (0, 0)
    var wrong: [String] = []
    for line in file.bytes.split(separator: UInt8(ascii: "\n")) {
      let entry = try JSON.parse(UnsafeRawBufferPointer(rebasing: line), file: "schema-corpus.jsonl", owner: file)
      count += 1
      guard let matcher = try? SchemaMatcher(entry["schema"]!) else { continue }
      let isRight = try entry["tests"]!.elements.allSatisfy { test in
        try matcher.accepts(SchemaInstances.text(test["data"]!)) == test["valid"]!.bool!
      }
      if isRight { right += 1 } else { wrong.append(entry["id"]!.string!) }
    }
    #expect(count == 800)
    #expect(right * 100 >= 90 * count, "\(right) of \(count); wrong: \(wrong)")
  }
}

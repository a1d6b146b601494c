import AttendBase
import AttendGeneration
import AttendModels
import AttendTestSupport
import AttendTokenizers
import Foundation
import Testing

/// What transformers' pipelines make of texts: Tests/Fixtures/tasks/expected.json.
private struct TaskCase {
  let folder: String
  let input: Any
  let options: [String: Any]
  let result: Any

  static func all(_ task: String) throws -> [TaskCase] {
    let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/expected.json"))
    let cases = try #require(try JSONSerialization.jsonObject(with: data) as? [[String: Any]])
    return cases.filter { $0["task"] as? String == task }.map {
      TaskCase(
        folder: $0["folder"] as! String, input: $0["input"]!, options: $0["options"] as! [String: Any],
        result: $0["result"]!)
    }
  }

  static let folder = Repository.root.path + "/Tests/Fixtures/tasks"

  /// What each of several results holds; a pipeline gives one alone without a list.
  var results: [[String: Any]] { result as? [[String: Any]] ?? [result as! [String: Any]] }
}

/// Texts as C has them.
private final class Texts {
  private let copies: [UnsafeMutablePointer<CChar>]
  private let addresses: UnsafeMutablePointer<UnsafePointer<CChar>?>
  private let lengths: UnsafeMutablePointer<Int>
  let count: Int

  init(_ texts: [String]) {
    copies = texts.map { strdup($0) }
    count = texts.count
    addresses = .allocate(capacity: count)
    lengths = .allocate(capacity: count)
    for (index, copy) in copies.enumerated() {
      addresses[index] = UnsafePointer(copy)
      lengths[index] = strlen(copy)
    }
  }

  deinit {
    for copy in copies { free(copy) }
    addresses.deallocate()
    lengths.deallocate()
  }

  var column: TextBatch.Column { TextBatch.Column(addresses, lengths) }
  var batch: TextBatch { TextBatch(column, count: count) }
}

private func string(_ bytes: UnsafeBufferPointer<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

@Suite struct TaskTests {
  private func session(_ name: String, kernels: String? = nil) throws -> Session {
    try Session(model: try model("\(TaskCase.folder)/\(name)", kernels: kernels), threads: 0)
  }

  @Test(arguments: ["tokens", "tokens-bytes"], kernelSets) func entitiesAreThoseOfTransformers(
    name: String, kernels: String
  ) throws {
    let session = try session(name, kernels: kernels)
    let names: [String: EntityAggregation] = [
      "none": .none, "simple": .simple, "first": .first, "average": .average, "max": .max,
    ]
    for given in try TaskCase.all("token-classification") where given.folder == name {
      var options = try TokenClassifier.Options()
      options.aggregation = names[given.options["aggregation_strategy"] as! String]!
      options.maximalLength = 64
      options.stride = given.options["stride"] as? Int
      if given.options["ignore_labels"] != nil { options.ignored = ClassLabels() }
      let texts = Texts([given.input as! String])
      defer { withExtendedLifetime(texts) {} }
      let found = try TokenClassifier(session, options).entities(of: texts.batch)
      #expect(found.entryCount(0) == given.results.count)
      for (index, wanted) in given.results.enumerated() where index < found.entryCount(0) {
        let entity = try found.entry(0, 0, index, "entities")
        #expect(string(found.text(entity.label)) == (wanted["entity"] ?? wanted["entity_group"]) as? String)
        #expect(string(found.text(entity.word)) == wanted["word"] as? String)
        #expect(Int(entity.place.scalarStart) == wanted["start"] as? Int)
        #expect(Int(entity.place.scalarEnd) == wanted["end"] as? Int)
        #expect(abs(entity.score - (wanted["score"] as! Double)) < 1e-4)
        #expect(entity.token == wanted["index"] as? Int ?? -1)
      }
    }
  }

  @Test(arguments: ["answers", "answers-bytes"]) func answersAreThoseOfTransformers(name: String) throws {
    let session = try session(name)
    for given in try TaskCase.all("question-answering") where given.folder == name {
      var options = QuestionAnswerer.Options()
      options.most = given.options["top_k"] as? Int ?? 1
      options.longest = given.options["max_answer_len"] as? Int ?? 15
      options.maximalLength = given.options["max_seq_len"] as? Int
      options.stride = given.options["doc_stride"] as? Int
      options.allowsNone = given.options["handle_impossible_answer"] as? Bool ?? false
      options.alignsToWords = given.options["align_to_words"] as? Bool ?? true
      let input = given.input as! [String: String]
      let (question, context) = (Texts([input["question"]!]), Texts([input["context"]!]))
      defer { withExtendedLifetime((question, context)) {} }
      let found = try QuestionAnswerer(session, options).answers(to: question.column, about: context.column, count: 1)
      #expect(found.entryCount(0) == given.results.count)
      for (rank, wanted) in given.results.enumerated() where rank < found.entryCount(0) {
        let span = try found.entry(0, 0, rank, "answers")
        #expect(string(found.text(span.text)) == wanted["answer"] as? String)
        #expect(Int(span.place.scalarStart) == wanted["start"] as? Int)
        #expect(abs(span.score - (wanted["score"] as! Double)) < 1e-4)
      }
    }
  }

  @Test func wordsAreWhatPreTokenizingLeaves() throws {
    let tokenizer = try session("answers").model.tokenizer.get()
    let text = Array("don't re-read [SEP] 北京".utf8)
    let found = try text.withUnsafeBytes { (bytes) in
      let words = try tokenizer.words(of: bytes)
      return words.elements.map { String(decoding: bytes[Int($0.start)..<Int($0.end)], as: UTF8.self) }
    }
    #expect(found == ["don", "'", "t", "re", "-", "read", "[SEP]", "北", "京"])
    #expect(try tokenizer.words(of: UnsafeRawBufferPointer(start: nil, count: 0)).count == 0)
  }

  @Test(arguments: [
    ("about {}", "about it"), ("{}{}", "itit"), ("{0} {{x}} {}", "it {x} it"), ("x {}", "x it"), ("{}", "it"),
  ]) func templates(template: String, wanted: String) throws {
    var text = GrowingList<UInt8>(for: "a test")
    try Array(template.utf8).withUnsafeBytes { (bytes) in
      let made = try HypothesisTemplate(bytes.assumingMemoryBound(to: UInt8.self))
      try Array("it".utf8).withUnsafeBytes { try made.write($0, into: &text) }
    }
    #expect(String(decoding: text.elements, as: UTF8.self) == wanted)
  }

  @Test(arguments: ["", "no place", "{", "}", "{1}", "{} {", "{{}}", "{ }"]) func templatesWithoutAPlace(
    template: String
  ) {
    let failure = #expect(throws: Failure.self) {
      try Array(template.utf8).withUnsafeBufferPointer { (bytes) throws(Failure) in
        let made = try HypothesisTemplate(bytes)
        _ = consume made
      }
    }
    #expect(failure?.code == .invalidArgument)
  }

  @Test(arguments: [20, 33, 64, 10_000]) func partsOfTextsAreWholeAndFit(limit: Int) throws {
    let tokenizer = try session("masked").model.tokenizer.get()
    let sentence = "ada wrote the first program. london slept! paris? tables of numbers, and models "
    let text = Array(String(repeating: sentence, count: 30).utf8)
    let cutter = try TextCutter(tokenizer, limit: limit, prefix: 3)
    var list = GrowingList<TextCutter.Part>(for: "a test")
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count, alignment: 1)
    defer { bytes.deallocate() }
    bytes.copyBytes(from: text)
    try cutter.cut(UnsafeRawBufferPointer(bytes), into: &list)
    let parts = Array(list.elements)
    for part in parts {
      let some = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[part.start..<part.end])
      #expect(try cutter.count(some) <= limit)
    }
    #expect(parts[0].start == 0 && parts[parts.count - 1].end == text.count)
    for (one, next) in zip(parts, parts.dropFirst()) {
      #expect(one.end == next.start)
      let before = String(decoding: text[..<one.end], as: UTF8.self).trimmingCharacters(in: .whitespaces)
      #expect(limit < 64 || ".!?".contains(before.last!))
    }
    #expect((parts.count == 1) == (limit == 10_000))
    #expect(throws: Failure.self) { try TextCutter(tokenizer, limit: 12, prefix: 3) }
  }
}

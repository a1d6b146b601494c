import AttendBase
import AttendGeneration
import AttendLayers
import AttendModels
import Foundation
import Testing

/// The folders of Tests/Fixtures/classifiers: models of which one call tells all, whatever their kind.
private let cases: [String] = {
  let entries = (try? FileManager.default.contentsOfDirectory(atPath: root.path + "/Tests/Fixtures/classifiers")) ?? []
  return entries.filter { !$0.contains(".") }.sorted()
}()

@Suite struct ClassifierTests {
  /// Among the texts are some with ids of padding inside, at the end and throughout.
  @Test(arguments: cases, kernelSets) func outputsAreThoseOfTheReference(name: String, kernels: String) throws {
    let reference = try ConformanceCase(name)
    let session = try Session(model: try model(reference.path, kernels: kernels), threads: 0)
    try session.encode(reference.sources)
    if reference.has("last_hidden_state") {
      #expect(distance(numbers(session.hiddenStates!), reference.unpadded("last_hidden_state")) < 1e-4)
    } else if reference.has("start_logits") {
      let expected = zip(reference.unpadded("start_logits"), reference.unpadded("end_logits")).flatMap { [$0, $1] }
      #expect(distance(numbers(try session.encodedLogits()), expected) < 1e-4)
    } else {
      #expect(distance(numbers(try session.encodedLogits()), reference.floats("logits").values) < 1e-4)
    }
  }

  @Test func aClassifierHasNoNextToken() throws {
    let reference = try ConformanceCase("llama-sequence-classes")
    let session = try Session(model: try model(reference.path), threads: 0)
    try session.encode([[5, 6]])
    let failure = #expect(throws: Failure.self) { try session.step([7]) }
    #expect(failure?.code == .unsupported)
  }

  /// The decoder reads the text again for the head alone: whoever steps it later finds it as it was.
  @Test func classifyingLeavesTheDecoderAlone() throws {
    let reference = try ConformanceCase("bart-sequence-classes")
    let session = try Session(model: try model(reference.path), threads: 0)
    let fresh = try Session(model: session.model, threads: 0)
    try session.encode([[9, 2]])
    try session.add(reference.sources)
    session.recordAttentions(true)
    let classes = numbers(try session.encodedLogits())
    #expect(distance(classes, reference.floats("logits").values) < 1e-4)
    #expect(try session.attention(.cross, layer: 1, sequence: 1).queries == 6)
    #expect(numbers(try session.encodedLogits()) == classes)
    #expect((0..<3).map { session.length($0) } == [0, 0, 0])
    try fresh.encode([[9, 2]] + reference.sources)
    for session in [session, fresh] { try session.decodeStates([[4, 5], [6], [7, 8, 9]]) }
    #expect(numbers(session.hiddenStates!) == numbers(fresh.hiddenStates!))
  }

  @Test func aTextWithoutItsEndHasNoClass() throws {
    let session = try Session(model: try model(try ConformanceCase("t5-sequence-classes").path), threads: 0)
    try session.encode([[5, 2], [5, 6]])
    let failure = #expect(throws: Failure.self) { try session.encodedLogits() }
    #expect(failure?.code == .invalidArgument)
    #expect(failure?.message.contains("sequence 1 has no end token") == true)
  }

  /// States need no head: those of a decoder are those that the head would have read.
  @Test func aDecoderWithoutLogitsGivesStates() throws {
    let classifier = try ConformanceCase("llama-sequence-classes")
    let session = try Session(model: try model(classifier.path), threads: 0)
    try session.encode([[5, 6, 7]])
    let whole = numbers(session.hiddenStates!)
    try session.encode([[5]])
    try session.decodeStates([[6, 7]])
    #expect(numbers(session.hiddenStates!) == Array(whole[session.model.width...]))
  }

  @Test func classesHaveNames() throws {
    let labels = try model(try ConformanceCase("llama-sequence-classes").path).info.labels
    let texts = (0..<4).map { labels[$0].map { String(decoding: $0, as: UTF8.self) } }
    #expect(texts == ["LABEL_0", "LABEL_1", "LABEL_2", nil])
    #expect(try model(try ConformanceCase("bert").path).info.labels.count == 0)
  }
}

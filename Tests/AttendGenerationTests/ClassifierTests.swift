import AttendBase
import AttendGeneration
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

  @Test func classesHaveNames() throws {
    let labels = try model(try ConformanceCase("llama-sequence-classes").path).info.labels
    #expect(labels == [0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"])
    #expect(try model(try ConformanceCase("bert").path).info.labels.isEmpty)
  }
}

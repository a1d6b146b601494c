import AttendBase
import AttendDispatch
import AttendGeneration
import AttendModels
import Foundation
import Testing

/// The kernel sets that this machine runs.
let kernelSets: [String] = ["amx", "avx512", "avx2", "portable"].filter {
  (try? Engine(kernels: $0, threads: 1)) != nil
}

/// Outputs of transformers 5.23 in float32.
@Suite struct EncoderDecoderTests {
  @Test(arguments: encoderDecoders, kernelSets) func encoderStatesAndLogitsAreThoseOfTheReference(
    family: String, kernels: String
  ) throws {
    let reference = try ConformanceCase(family)
    let session = try Session(model: try model(reference.path, kernels: kernels), threads: 0)
    try session.encode(reference.sources)
    #expect(distance(numbers(session.hiddenStates!), reference.unpadded("encoder_last_hidden_state")) < 1e-4)
    #expect(distance(try session.decode(reference.targets), reference.floats("logits").values) < 1e-4)
  }

  @Test(arguments: encoderDecoders, kernelSets) func greedyIdsAreThoseOfTheReference(
    family: String, kernels: String
  ) throws {
    let reference = try ConformanceCase(family)
    let session = try Session(model: try model(reference.path, kernels: kernels), threads: 0)
    try session.encode(reference.sources)
    let expected = (0..<reference.sources.count).map { reference.ids("greedy_ids.\($0)").values }
    #expect(try session.greedy(longest: 12) == expected)
  }

  @Test func theDefaultModelSpellsItsCases() throws {
    struct Case: Decodable { let word: String, input_ids: [Int32], greedy_ids: [Int32] }
    let folder = root.appendingPathComponent("models/g2p-en")
    let cases = try JSONDecoder().decode(
      [Case].self, from: try Data(contentsOf: folder.appendingPathComponent("cases.json")))
    let session = try Session(model: try model(folder.path), threads: 0)
    try session.encode(cases.map { $0.input_ids })
    #expect(try session.greedy(longest: 40) == cases.map { $0.greedy_ids })
  }
}

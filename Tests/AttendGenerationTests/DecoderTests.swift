import AttendBase
import AttendGeneration
import AttendModels
import Foundation
import Testing

/// The conformance cases of decoders.
let decoders = [
  "gpt2", "openai-gpt", "opt", "gpt_neo", "llama", "llama3-rope", "llama-bf16-sharded", "mistral", "qwen2", "qwen3",
  "gemma", "gemma2", "gemma3", "phi", "phi3", "smollm3", "granite", "olmo2", "starcoder2", "stablelm", "gptj",
  "gpt_neox", "bloom", "falcon", "mixtral", "qwen2_moe", "qwen3_moe", "gpt_oss",
]

/// Options that the cases above do not have: the folders in Tests/Fixtures/options.
let options: [String] = {
  let entries = (try? FileManager.default.contentsOfDirectory(atPath: root.path + "/Tests/Fixtures/options")) ?? []
  return entries.filter { !$0.contains(".") }.sorted()
}()

@Suite struct DecoderTests {
  @Test(arguments: decoders + options, kernelSets) func logitsAreThoseOfTheReference(
    name: String, kernels: String
  ) throws {
    let reference = try ConformanceCase(name)
    let session = try Session(model: try model(reference.path, kernels: kernels), threads: 0)
    let (found, expected) = try reference.outputs(of: session)
    #expect(distance(found, expected) < 1e-4)
  }

  @Test(arguments: decoders, kernelSets) func greedyIdsAreThoseOfTheReference(name: String, kernels: String) throws {
    let reference = try ConformanceCase(name)
    let session = try Session(model: try model(reference.path, kernels: kernels), threads: 0)
    let expected = reference.sources.indices.map { reference.ids("greedy_ids.\($0)").values }
    #expect(try session.continuations(of: reference.sources, longest: 12) == expected)
  }
}

import AttendBase
import AttendGeneration
import AttendModels
import Testing

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

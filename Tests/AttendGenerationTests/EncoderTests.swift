import AttendBase
import AttendGeneration
import AttendModels
import Testing

@Suite struct EncoderTests {
  @Test(arguments: encoders, kernelSets) func statesAndPooledVectorsAreThoseOfTheReference(
    name: String, kernels: String
  ) throws {
    let reference = try ConformanceCase(name)
    let session = try Session(model: try model(reference.path, kernels: kernels), threads: 0)
    try session.encode(reference.sources, types: reference.types)
    #expect(distance(numbers(session.hiddenStates!), reference.unpadded("last_hidden_state")) < 1e-4)
    if reference.has("pooler_output") {
      #expect(distance(numbers(try session.pooledStates()), reference.floats("pooler_output").values) < 1e-4)
    }
  }

  @Test(arguments: headed, kernelSets) func headsGiveWhatTheReferenceGives(name: String, kernels: String) throws {
    let reference = try ConformanceCase(name)
    let session = try Session(model: try model(reference.path, kernels: kernels), threads: 0)
    let (found, expected) = try reference.outputs(of: session)
    #expect(distance(found, expected) < 1e-4)
  }

  @Test func encodersDoNotDecode() throws {
    let session = try Session(model: try model(try ConformanceCase("bert").path), threads: 0)
    try session.encode([[1, 2, 3]])
    #expect(throws: Failure.self) { try session.step([1]) }
    #expect(throws: Failure.self) { try session.encodedLogits() }
  }

  @Test func anUnknownTokenTypeIsNamed() throws {
    let session = try Session(model: try model(try ConformanceCase("bert").path), threads: 0)
    do {
      try session.encode([[1, 2, 3]], types: [[0, 2, 0]])
      Issue.record("a type beyond the table was taken")
    } catch { #expect(error.message == "token type 2 at position 1 of sequence 0 is outside the 2 types") }
  }
}

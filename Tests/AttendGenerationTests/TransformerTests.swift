import AttendGeneration
import AttendModels
import Testing

/// Models of PyTorch's nn.Transformer and nn.TransformerEncoder, saved by the Python package, and what PyTorch makes of
/// them.
@Suite struct TransformerTests {
  private static let encoderDecoders = ["post-norm", "pre-norm", "no-bias"]
  private static let encoders = ["encoder", "encoder-tokens"]
  private static let decoders = ["decoder", "decoder-learned"]

  private func reference(_ name: String) throws -> ConformanceCase { try ConformanceCase("../transformer/\(name)") }

  private func session(_ reference: ConformanceCase, _ kernels: String) throws -> Session {
    try Session(model: try model(reference.path, kernels: kernels), threads: 0)
  }

  @Test(arguments: encoderDecoders, kernelSets) func encoderDecodersGiveWhatPyTorchGives(
    name: String, kernels: String
  ) throws {
    let reference = try reference(name)
    let session = try session(reference, kernels)
    try session.encode(reference.sources)
    #expect(distance(numbers(session.hiddenStates!), reference.unpadded("encoder_last_hidden_state")) < 1e-4)
    #expect(distance(try session.decode(reference.targets), reference.floats("logits").values) < 1e-4)
    try session.encode(reference.sources)
    #expect(
      try session.greedy(longest: 12) == (0..<reference.sources.count).map { reference.ids("greedy_ids.\($0)").values })
  }

  @Test(arguments: encoders, kernelSets) func encodersGiveWhatPyTorchGives(name: String, kernels: String) throws {
    let reference = try reference(name)
    let session = try session(reference, kernels)
    try session.encode(reference.sources)
    #expect(distance(numbers(session.hiddenStates!), reference.unpadded("last_hidden_state")) < 1e-4)
    let expected =
      reference.floats("logits").shape.count == 2 ? reference.floats("logits").values : reference.unpadded("logits")
    #expect(distance(numbers(try session.encodedLogits()), expected) < 1e-4)
  }

  @Test(arguments: decoders, kernelSets) func decodersGiveWhatPyTorchGives(name: String, kernels: String) throws {
    let reference = try reference(name)
    let session = try session(reference, kernels)
    let (shape, expected) = reference.floats("logits")
    let (length, width) = (shape[1], shape[2])
    try session.encode(reference.sources.map { Array($0[..<1]) })
    let first = numbers(try session.encodedLogits())
    let others = try session.decode(reference.sources.map { Array($0[1...]) })
    for row in 0..<shape[0] {
      let got =
        first[row * width..<(row + 1) * width] + others[row * (length - 1) * width..<(row + 1) * (length - 1) * width]
      #expect(distance(Array(got), Array(expected[row * length * width..<(row + 1) * length * width])) < 1e-4)
    }
    #expect(
      try session.continuations(of: reference.sources, longest: 12)
        == reference.sources.indices.map { reference.ids("greedy_ids.\($0)").values })
  }
}

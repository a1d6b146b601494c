import AttendBase
import AttendDecoding
import AttendGeneration
import AttendKernelInterface
import AttendLayers
import AttendModels
import Testing

/// The models of Tests/Fixtures/recurrent, which PyTorch made and the Python package saved.
enum RecurrentCases {
  static let encoderDecoders = [
    "lstm-bahdanau", "gru-bahdanau", "relu-bahdanau", "lstm-luong", "lstm-luong-feeding", "gru-luong-feeding",
    "gru-luong-joined", "tanh",
  ]
  static let encoders = ["encoder", "encoder-sequences", "golden-lstm", "golden-gru"]
  static let decoders = ["decoder", "decoder-tied"]
  static let exact = kernelSets.filter { $0 != "portable" }

  static func reference(_ name: String) throws -> ConformanceCase { try ConformanceCase("../recurrent/\(name)") }
}

/// What the models compute is what PyTorch computes, token by token.
@Suite struct RecurrentTests {
  private func session(_ reference: ConformanceCase, _ kernels: String) throws -> Session {
    try Session(model: try model(reference.path, kernels: kernels), threads: 0)
  }

  @Test(arguments: RecurrentCases.encoderDecoders, kernelSets) func encoderDecodersGiveWhatPyTorchGives(
    name: String, kernels: String
  ) throws {
    let reference = try RecurrentCases.reference(name)
    let session = try session(reference, kernels)
    session.recordAttentions(true)
    try session.encode(reference.sources)
    #expect(distance(numbers(session.hiddenStates!), reference.unpadded("encoder_last_hidden_state")) < 1e-4)
    #expect(distance(try session.decode(reference.targets), reference.floats("logits").values) < 1e-4)
    #expect(
      distance(numbers(session.hiddenStates!), reference.floats("decoder_last_hidden_state").values) < 1e-4)
    try checkMaps(session, reference)
    session.recordAttentions(false)
    try session.encode(reference.sources)
    #expect(
      try session.greedy(longest: 12) == (0..<reference.sources.count).map { reference.ids("greedy_ids.\($0)").values })
  }

  /// The maps stand in the last layer; a model without attention has none.
  private func checkMaps(_ session: Session, _ reference: ConformanceCase) throws {
    let last = session.model.decoder!.depth - 1
    guard reference.has("cross_attentions.0") else {
      let failure = refusal { () throws(Failure) in _ = try session.attention(.cross, layer: last, sequence: 0) }
      #expect(failure?.code == .invalidState)
      return
    }
    let (shape, expected) = reference.floats("cross_attentions.0")
    for (row, source) in reference.sources.enumerated() {
      let map = try session.attention(.cross, layer: last, sequence: row)
      #expect(map.heads == 1 && map.queries == shape[2] && map.keys == source.count)
      for query in 0..<map.queries {
        let first = (row * shape[2] + query) * shape[3]
        let found = Array(UnsafeBufferPointer(start: map.base + query * map.keys, count: map.keys))
        #expect(distance(found, Array(expected[first..<first + map.keys])) < 1e-5)
      }
    }
  }

  @Test(arguments: RecurrentCases.encoderDecoders) func beamsAreThoseOfTheReference(name: String) throws {
    let reference = try RecurrentCases.reference(name)
    let session = try session(reference, RecurrentCases.exact.first ?? "portable")
    var options = SearchOptions()
    (options.beams, options.sequences, options.maximalNewTokens) = (4, 4, 12)
    options.logits.endTokens = try FixedArray(1, for: "a test") { _ in 2 }
    let contexts = try reference.sources.map {
      try SearchContext(options, prompt: try tokenList([1]), source: try tokenList($0), model: session)
    }
    for (row, answers) in try decode(contexts, session).enumerated() {
      #expect(answers.count == 4)
      for (place, answer) in answers.enumerated() where reference.has("beam4_ids.\(row).\(place)") {
        #expect(answer.tokens == reference.ids("beam4_ids.\(row).\(place)").values)
        let score = try #require(answer.score.map { Double(bitPattern: $0) })
        #expect(abs(score - Double(reference.floats("beam4_score.\(row).\(place)").values[0])) < 1e-4)
      }
    }
  }

  @Test(arguments: RecurrentCases.encoders, kernelSets) func encodersGiveWhatPyTorchGives(
    name: String, kernels: String
  ) throws {
    let reference = try RecurrentCases.reference(name)
    let session = try session(reference, kernels)
    try session.encode(reference.sources)
    #expect(distance(numbers(session.hiddenStates!), reference.unpadded("last_hidden_state")) < 1e-4)
    guard reference.has("logits") else { return }
    let expected =
      reference.floats("logits").shape.count == 2 ? reference.floats("logits").values : reference.unpadded("logits")
    #expect(distance(numbers(try session.encodedLogits()), expected) < 1e-4)
  }

  @Test(arguments: RecurrentCases.decoders, kernelSets) func decodersGiveWhatPyTorchGives(
    name: String, kernels: String
  ) throws {
    let reference = try RecurrentCases.reference(name)
    let session = try session(reference, kernels)
    let (found, expected) = try reference.outputs(of: session)
    #expect(distance(found, expected) < 1e-4)
    #expect(
      try session.continuations(of: reference.sources, longest: 12)
        == reference.sources.indices.map { reference.ids("greedy_ids.\($0)").values })
  }

  /// Weights in fewer bits change the outputs little: as much as those of other tiny models, see `ComputeTests`.
  @Test(arguments: RecurrentCases.encoderDecoders + RecurrentCases.decoders) func fewerBitsChangeLittle(
    name: String
  ) throws {
    let reference = try RecurrentCases.reference(name)
    for (compute, least) in [(ComputeType.bfloat16, 0.999), (.int8, 0.995), (.int4, 0.8)] as [(ComputeType, Double)] {
      let session = try Session(model: try model(reference.path, compute: compute), threads: 0)
      let (found, expected) = try reference.outputs(of: session)
      #expect(correlation(found, expected) > least, "\(compute): \(correlation(found, expected))")
    }
  }
}

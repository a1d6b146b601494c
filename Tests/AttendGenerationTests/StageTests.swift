import AttendBase
import AttendGeneration
import AttendLayers
import AttendModels
import Testing

/// Some of a decoder's layers: what one stage makes of the tokens the next one reads, to the bits of the whole model.
@Suite struct StageTests {
  /// The layers `range` of a checkpoint.
  private func stage(_ path: String, _ range: Range<Int>, compute: ComputeType = .float32) throws(Failure) -> Model {
    var options = Model.Options()
    options.layers = range
    options.compute = compute
    return try Model(path: path, options: options)
  }

  /// A session of the last of the stages that end before `cuts`, which asks the others.
  private func session(_ path: String, cuts: [Int], compute: ComputeType = .float32) throws(Failure) -> Session {
    let bounds = [0] + cuts
    var before: [Session] = []
    for index in 0..<cuts.count - 1 {
      before.append(try Session(model: try stage(path, bounds[index]..<bounds[index + 1], compute: compute)))
    }
    var options = Session.Options()
    options.earlier = { step in before.follow(step) }
    return try Session(
      model: try stage(path, bounds[cuts.count - 1]..<cuts[cuts.count - 1], compute: compute), options: options)
  }

  @Test(arguments: decoders + options, [ComputeType.float32, .int8])
  func stagesHaveTheBitsOfTheWholeModel(name: String, compute: ComputeType) throws {
    let reference = try ConformanceCase(name)
    let whole = try model(reference.path, compute: compute), layers = whole.info.decoder.layers
    guard layers > 1, whole.head?.tellsNextToken == true else { return }
    let expected = try Session(model: whole)
    for cut in 1..<layers {
      let found = try session(reference.path, cuts: [cut, layers], compute: compute)
      for each in [expected, found] { try each.encode(reference.sources) }
      #expect(numbers(found.hiddenStates!) == numbers(expected.hiddenStates!))
      #expect(numbers(try found.encodedLogits()) == numbers(try expected.encodedLogits()))
      let count = reference.sources.count, tokens = (0..<count).map { Int32($0 + 3) }
      #expect(try found.step(tokens) == expected.step(tokens))
      for each in [expected, found] { try each.select([count - 1, 0, count - 1]) }
      #expect(
        try found.decode([[1, 2], [], [5]], tails: [2, 0, 1]) == expected.decode([[1, 2], [], [5]], tails: [2, 0, 1]))
      for each in [expected, found] { try each.truncate(1, to: each.length(1) - 1) }
      #expect(try found.step([7, 8, 9]) == expected.step([7, 8, 9]))
    }
  }

  @Test(arguments: ["llama", "gpt2", "gemma3"]) func aLayerAStageIsEnough(name: String) throws {
    let reference = try ConformanceCase(name)
    let whole = try model(reference.path)
    let found = try session(reference.path, cuts: Array(1...whole.info.decoder.layers))
    let expected = reference.sources.indices.map { reference.ids("greedy_ids.\($0)").values }
    #expect(try found.continuations(of: reference.sources, longest: 12) == expected)
    // What comes after has nothing of what was before.
    #expect(try found.continuations(of: reference.sources, longest: 12) == expected)
  }

  @Test func stagesHoldTheirWeightsAlone() throws {
    for name in ["llama", "gpt2"] {
      let path = try ConformanceCase(name).path
      let whole = try model(path), layers = whole.info.decoder.layers
      let parts = [try stage(path, 0..<1), try stage(path, 1..<layers)]
      let shared = whole.vocabulary * whole.width  // the table, which a tied head has once more
      let sum = parts.reduce(0) { $0 + $1.parameters }
      #expect([whole.parameters, whole.parameters + shared].contains(sum))
      #expect(parts[0].head == nil && parts[0].decoder?.finalNorm == nil && parts[1].head != nil)
      #expect(parts.allSatisfy { $0.fingerprint != whole.fingerprint } && parts[0].fingerprint != parts[1].fingerprint)
    }
  }

  @Test(arguments: encoderDecoders + encoders) func whatCannotBeDividedSaysWhy(name: String) throws {
    let reference = try ConformanceCase(name)
    let failure = refusal { () throws(Failure) in _ = try stage(reference.path, 0..<1) }
    #expect(failure?.code == .unsupported && failure?.message.contains("cannot be divided: ") == true, "\(name)")
  }
}

extension [Session] {
  /// Computes a step in sessions of stages that follow one another.
  fileprivate func follow(_ step: EarlierStep) -> Bool {
    var input: [Float]?
    do throws(Failure) {
      for session in self {
        try session.begin(step)
        if let input {
          try input.withUnsafeBufferPointer { (states) throws(Failure) in
            _ = try session.decode(
              try Batch(states: states.baseAddress!, lengths: step.lengths, count: step.count, allowsEmpty: true),
              logits: .none)
          }
        } else {
          _ = try session.decode(
            try Batch(tokens: step.tokens, lengths: step.lengths, count: step.count, allowsEmpty: true), logits: .none)
        }
        input = numbers(session.hiddenStates!)
      }
    } catch { return false }
    guard let input, input.count == step.states.rows * step.states.columns else { return false }
    step.states.base.update(from: input, count: input.count)
    return true
  }
}

extension Session {
  /// Makes the live sequences those that a step begins with.
  fileprivate func begin(_ step: EarlierStep) throws(Failure) {
    var live = count
    var parents: [Int] = []
    for sequence in 0..<step.count {
      if step.parents[sequence] < 0 {
        try add(empty: 1)
        parents.append(live)
        live += 1
      } else {
        parents.append(step.parents[sequence])
      }
    }
    try select(parents)
    for sequence in 0..<step.count where length(sequence) > step.positions[sequence] {
      try truncate(sequence, to: step.positions[sequence])
    }
  }
}

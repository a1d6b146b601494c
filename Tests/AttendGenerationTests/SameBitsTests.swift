import AttendBase
import AttendGeneration
import AttendModels
import Testing

/// What the header promises under "Bits".
@Suite struct SameBitsTests {
  private static let families = ["marian", "mbart", "m2m_100", "t5"]
  /// One of each kind: learned, rotary and linear positions, windows, groups of heads, sub-layers side by side,
  /// mixtures of experts, sinks.
  private static let decoders = [
    "gpt2", "llama", "gemma3", "gptj", "gpt_neox", "bloom", "falcon", "qwen2_moe", "gpt_oss",
  ]
  private static let computes = ComputeType.allCases
  private static let exact = kernelSets.filter { $0 != "portable" }

  /// Hidden states of the source and logits of the target, of one sequence in a batch of its own.
  private func alone(_ reference: ConformanceCase, _ index: Int, _ model: Model) throws -> [Float] {
    let session = try Session(model: model, threads: 1)
    try session.encode([reference.sources[index]])
    return numbers(session.hiddenStates!) + (try session.decode([reference.targets[index]]))
  }

  @Test(arguments: families, computes) func aloneOrAmongSevenOthersOnAnyNumberOfThreads(
    family: String, compute: ComputeType
  ) throws {
    let reference = try ConformanceCase(family)
    for kernels in SameBitsTests.exact {
      let expected = try alone(reference, 1, try model(reference.path, kernels: kernels, compute: compute))
      for threads in 1...3 {
        let session = try Session(
          model: try model(reference.path, kernels: kernels, threads: threads, compute: compute), threads: 0)
        for place in 0..<8 {
          let order = (0..<8).map { $0 == place ? 1 : [0, 2][$0 % 2] }
          try session.encode(order.map { reference.sources[$0] })
          let before = order[..<place].map { reference.sources[$0].count }.reduce(0, +)
          let own = numbers(session.hiddenStates!.rows(before, reference.sources[1].count))
          let logits = try session.decode(order.map { reference.targets[$0] })
          let width = logits.count / 8
          #expect(own + logits[place * width..<(place + 1) * width] == expected)
        }
      }
    }
  }

  /// More rows of sources and of targets than a layer takes at once.
  @Test(arguments: ["marian", "t5"], computes) func inABatchThatIsCutIntoSlices(
    family: String, compute: ComputeType
  ) throws {
    let reference = try ConformanceCase(family)
    let model = try model(reference.path, compute: compute)
    let sources = (0..<24).map { row in (0..<(20 + row)).map { Int32((row * 17 + $0 * $0) % 60 + 3) } }
    let session = try Session(model: model, threads: 0)
    try session.encode(sources)
    let logits = try session.decode(sources)
    var first = 0
    for source in sources {
      let single = try Session(model: model, threads: 1)
      try single.encode([source])
      let expected = try single.decode([source])
      #expect(Array(logits[first..<first + expected.count]) == expected)
      first += expected.count
    }
  }

  /// Relative positions of every kind, and batches whose products with the positions do not all fit at once.
  @Test(arguments: ["deberta-v2", "t5-encoder", "mpnet", "modernbert"], computes) func statesOfAnEncoderAloneOrInABatch(
    name: String, compute: ComputeType
  ) throws {
    let reference = try ConformanceCase(name)
    let longest = name == "mpnet" ? 38 : 400  // MPNet's positions end there
    let texts = [3, longest, 1, longest, 33, longest * 2 / 3].enumerated().map { (row, length) in
      (0..<length).map { Int32((row * 31 + $0 * $0) % 90 + 3) }
    }
    var ofKernels: [[Float]] = []
    for kernels in SameBitsTests.exact {
      let single = try Session(
        model: try model(reference.path, kernels: kernels, threads: 1, compute: compute), threads: 1,
        allowsBeyondPositions: true)
      var expected: [Float] = []
      for text in texts {
        try single.encode([text])
        expected += numbers(single.hiddenStates!)
      }
      for threads in 1...3 {
        let session = try Session(
          model: try model(reference.path, kernels: kernels, threads: threads, compute: compute), threads: 0,
          allowsBeyondPositions: true)
        try session.encode(texts)
        #expect(numbers(session.hiddenStates!) == expected, "\(kernels), \(threads) threads")
      }
      ofKernels.append(expected)
    }
    #expect(ofKernels.allSatisfy { $0 == ofKernels[0] })
  }

  @Test(arguments: families, computes) func onEveryKernelSet(family: String, compute: ComputeType) throws {
    let reference = try ConformanceCase(family)
    let results = try SameBitsTests.exact.map {
      try alone(reference, 0, try model(reference.path, kernels: $0, compute: compute))
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }

  @Test(arguments: decoders, computes) func aPromptOnEveryKernelSet(name: String, compute: ComputeType) throws {
    let reference = try ConformanceCase(name)
    let results = try SameBitsTests.exact.map { kernels in
      let session = try Session(model: try model(reference.path, kernels: kernels, compute: compute), threads: 0)
      try session.encode(reference.sources)
      return numbers(session.hiddenStates!) + (try session.decode(reference.sources))
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }

  @Test(arguments: families, computes) func aTargetAtOnceOrInPieces(family: String, compute: ComputeType) throws {
    let reference = try ConformanceCase(family)
    let loaded = try model(reference.path, compute: compute)
    let target = Array((0..<60).map { reference.targets[$0 % 3][$0 % reference.targets[0].count] })
    let session = try Session(model: loaded, threads: 0)
    try session.encode([reference.sources[0]])
    let expected = try session.decode([target])
    for piece in [1, 5, 32, 59] {
      try session.encode([reference.sources[0]])
      #expect(try pieces(of: target, piece, session) == expected)
    }
  }

  @Test(arguments: decoders, computes) func aPromptAtOnceOrInPieces(name: String, compute: ComputeType) throws {
    let reference = try ConformanceCase(name)
    let prompt = (0..<64).map { reference.sources[$0 % 2][$0 % reference.sources[0].count] }
    let session = try Session(model: try model(reference.path, compute: compute), threads: 0)
    try session.encode([Array(prompt[..<1])])
    let expected = try session.decode([Array(prompt[1...])])
    for piece in [1, 5, 62] {
      try session.encode([Array(prompt[..<1])])
      #expect(try pieces(of: Array(prompt[1...]), piece, session) == expected)
    }
    try session.encode([prompt])
    #expect(numbers(try session.encodedLogits()) == Array(expected.suffix(session.model.vocabulary)))
  }

  /// The states of a prompt and the logits of tokens after it.
  @Test(arguments: decoders, computes) func aPromptAloneOrAmongOthersOnAnyNumberOfThreads(
    name: String, compute: ComputeType
  ) throws {
    let reference = try ConformanceCase(name)
    let (prompt, next) = (reference.sources[1], reference.sources[0])
    for kernels in SameBitsTests.exact {
      let single = try Session(model: try model(reference.path, kernels: kernels, compute: compute), threads: 1)
      try single.encode([prompt])
      let expected = numbers(single.hiddenStates!) + (try single.decode([next]))
      for threads in 1...3 {
        let session = try Session(
          model: try model(reference.path, kernels: kernels, threads: threads, compute: compute), threads: 0)
        try session.encode([next, prompt, Array(next[..<3]), prompt])
        let own = numbers(session.hiddenStates!.rows(next.count, prompt.count))
        let logits = try session.decode([prompt, next, Array(prompt[..<2]), next])
        let width = logits.count / (prompt.count + 2 * next.count + 2)
        let others = logits[prompt.count * width..<(prompt.count + next.count) * width]
        #expect(own + others == expected)
        #expect(Array(logits.suffix(next.count * width)) == Array(others))
      }
    }
  }

  /// Logits of a text that is given in calls of `piece` tokens.
  private func pieces(of text: [Int32], _ piece: Int, _ session: Session) throws -> [Float] {
    var logits: [Float] = []
    for start in stride(from: 0, to: text.count, by: piece) {
      logits += try session.decode([Array(text[start..<min(start + piece, text.count)])])
    }
    return logits
  }

  @Test(arguments: families, computes) func selectedSequencesGoOnAsIfAlone(family: String, compute: ComputeType) throws
  {
    let reference = try ConformanceCase(family)
    let session = try Session(model: try model(reference.path, compute: compute), threads: 0)
    try session.encode(reference.sources)
    _ = try session.decode(reference.targets)
    try session.select([2, 0, 2, 2])
    let both = try session.step([5, 6, 7, 5])
    try session.encode([reference.sources[2]])
    _ = try session.decode([reference.targets[2]])
    #expect(try session.step([5])[0] == both[0] && both[0] == both[3])
    try session.encode([reference.sources[0]])
    _ = try session.decode([reference.targets[0]])
    #expect(try session.step([6])[0] == both[1])
  }
}

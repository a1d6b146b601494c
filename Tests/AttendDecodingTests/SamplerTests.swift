import AttendBase
import AttendDecoding
import AttendDispatch
import AttendKernelInterface
import AttendTestSupport
import Foundation
import Testing

/// Options with one change.
private func options(_ change: (inout SamplingOptions) -> Void) -> SamplingOptions {
  var options = SamplingOptions()
  change(&options)
  return options
}

/// Each method, and some together.
private let methods: [(name: String, options: SamplingOptions)] = [
  ("plain", SamplingOptions()), ("temperature", options { $0.temperature = 0.7 }),
  ("hot", options { $0.temperature = 3 }), ("top_k", options { $0.topK = 40 }),
  ("large top_k", options { $0.topK = 3000 }), ("top_p", options { $0.topP = 0.9 }),
  ("small top_p", options { $0.topP = 0.2 }), ("large top_p", options { $0.topP = 0.9999 }),
  ("min_p", options { $0.minP = 0.02 }), ("typical_p", options { $0.typicalP = 0.8 }),
  ("small typical_p", options { $0.typicalP = 0.1 }), ("top_h", options { $0.topH = 0.5 }),
  ("epsilon_cutoff", options { $0.epsilon = 0.001 }), ("eta_cutoff", options { $0.eta = 0.0008 }),
  ("top_n_sigma", options { $0.topNSigma = 2.5 }),
  (
    "xtc",
    options {
      $0.xtcProbability = 1
      $0.xtcThreshold = 0.02
    }
  ), ("mirostat", options { $0.mirostat = MirostatOptions() }),
  (
    "at least five",
    options {
      $0.epsilon = 0.9
      $0.minimalKept = 5
    }
  ),
  (
    "top_k and top_p",
    options {
      $0.temperature = 0.8
      $0.topK = 50
      $0.topP = 0.95
    }
  ),
  (
    "all",
    options {
      $0.topNSigma = 5
      $0.temperature = 1.3
      $0.topH = 0.95
      $0.topK = 60
      $0.topP = 0.97
      $0.minP = 0.01
      $0.typicalP = 0.95
      $0.epsilon = 0.001
      $0.eta = 0.001
      $0.xtcProbability = 1
      $0.xtcThreshold = 0.05
      $0.minimalKept = 2
    }
  ),
  (
    "temperature last",
    options {
      $0.temperature = 0.01
      $0.xtcProbability = 1
      $0.xtcThreshold = 0.01
      $0.typicalP = 0.9
      $0.order = [.xtc, .typical, .temperature]
    }
  ),
]

/// What the naive chain leaves: the probability of every id.
private func expected(_ logits: [Float], _ options: SamplingOptions, mu: Double) -> [Double] {
  var naive = NaiveSampler(logits, minimalKept: options.minimalKept)
  for step in options.order where step.isOn(options) { naive.apply(step, options, exclusion: 0, mu: mu) }
  var result = [Double](repeating: 0, count: logits.count)
  for (entry, probability) in zip(naive.kept, naive.probabilities) { result[entry.token] = probability }
  return result
}

extension SamplingStep {
  fileprivate func isOn(_ options: SamplingOptions) -> Bool {
    switch self {
    case .dry: false
    case .topNSigma: options.topNSigma > 0
    case .temperature: true
    case .topH: options.topH > 0
    case .topK: options.topK > 0
    case .topP: options.topP < 1
    case .minP: options.minP > 0
    case .typical: options.typicalP < 1
    case .epsilon: options.epsilon > 0
    case .eta: options.eta > 0
    case .xtc: options.xtcProbability > 0
    case .mirostat: options.mirostat != nil
    }
  }
}

/// The statistic of Pearson's test, ids of fewer than five expected draws taken together, and its degrees of freedom.
func chiSquare(_ counts: [Int], _ probabilities: [Double]) -> (statistic: Double, freedom: Double) {
  let draws = Double(counts.reduce(0, +))
  var cells: [(seen: Double, expected: Double)] = [(0, 0)]
  for (count, probability) in zip(counts, probabilities) {
    if probability * draws < 5 {
      cells[0].seen += Double(count)
      cells[0].expected += probability * draws
    } else {
      cells.append((Double(count), probability * draws))
    }
  }
  if cells[0].expected < 1e-9 { cells.removeFirst() }
  let statistic = cells.reduce(0) { $0 + pow($1.seen - $1.expected, 2) / $1.expected }
  return (statistic, Double(cells.count - 1))
}

/// The value that the statistic exceeds with a probability of 0.001 (Wilson and Hilferty 1931).
func critical(_ freedom: Double) -> Double {
  let share = 2 / (9 * freedom)
  return freedom * pow(1 - share + 3.0902 * share.squareRoot(), 3)
}

@Suite struct SamplerTests {
  @Test(arguments: methods.indices) func drawsFollowTheProbabilities(index: Int) throws {
    let (name, options) = methods[index]
    let row = logits(400, seed: 21, spread: 1), mu = 6.0
    let probabilities = expected(row, options, mu: mu)
    let sampler = try Sampler(options, vocabulary: row.count, rows: rows)
    let scratch = try LogitsScratch(vocabulary: row.count), written = Written()
    var state = SamplingState(options, sequence: 3), counts = row.map { _ in 0 }, scores = row
    for _ in 0..<100_000 {
      state.mu = mu
      let sample = try scores.withUnsafeMutableBufferPointer { row throws(Failure) in
        try sampler.choose(row, written.history, scratch, &state)
      }
      counts[Int(try #require(sample).token)] += 1
    }
    #expect(scores == row)
    for (count, probability) in zip(counts, probabilities) where probability == 0 { #expect(count == 0, "\(name)") }
    let (statistic, freedom) = chiSquare(counts, probabilities)
    if freedom > 0 { #expect(statistic < critical(freedom), "\(name): \(statistic), \(freedom) degrees of freedom") }
  }

  @Test func aDrawLeavesTheLogits() throws {
    var options = options { $0.temperature = 0.9 }
    options.dry = DryOptions(multiplier: 3)
    let written = Written([1, 2, 3, 4, 9, 2, 3, 4, 7, 1, 2, 3, 4], prompt: 2)
    let sampler = try Sampler(options, vocabulary: 12, rows: rows)
    let scratch = try LogitsScratch(vocabulary: 12), row = logits(12, seed: 4)
    var state = SamplingState(options, sequence: 0), scores = row
    for _ in 0..<20 {
      _ = try scores.withUnsafeMutableBufferPointer { row throws(Failure) in
        try sampler.choose(row, written.history, scratch, &state)
      }
      #expect(scores == row)
    }
  }

  @Test func dryDrawsFollowTheProbabilities() throws {
    var options = options { $0.temperature = 0.9 }
    options.dry = DryOptions(multiplier: 1)
    let written = Written([1, 2, 3, 4, 9, 2, 3, 4, 7, 1, 2, 3, 4], prompt: 2)
    let row = [Float](repeating: 0, count: 12)
    // After 2 3 4 came 9, after 1 2 3 4 came 9 too, and 7 after 9 2 3 4, which is 2 3 4 again: lengths 4 and 3.
    var lowered = row.map { Double($0) }
    lowered[9] -= pow(1.75, 2)
    lowered[7] -= pow(1.75, 1)
    let weights = lowered.map { exp($0 / 0.9) }, sum = weights.reduce(0, +)
    let sampler = try Sampler(options, vocabulary: row.count, rows: rows)
    let scratch = try LogitsScratch(vocabulary: row.count)
    var state = SamplingState(options, sequence: 0), counts = row.map { _ in 0 }
    for _ in 0..<100_000 { counts[Int(try sampler.sample(row, written, scratch, &state)!.token)] += 1 }
    let (statistic, freedom) = chiSquare(counts, weights.map { $0 / sum })
    #expect(statistic < critical(freedom))
    // Behind a cut, whose ids change their order, it lowers the same.
    options.topK = 11
    options.order = [.topK, .dry, .temperature]
    let cut = try Sampler(options, vocabulary: 12, rows: rows).filtered(row, written, scratch)
    for token in 0..<12 { #expect(abs(Double(cut[token]) - lowered[token] / 0.9) < 1e-6) }
  }

  /// The same ids with any order of work: a vocabulary of which the sampler sees only the top, against a chain that
  /// sorts all of it.
  @Test(arguments: methods.indices) func largeVocabulariesKeepTheSameIds(index: Int) throws {
    let (name, options) = methods[index]
    for (seed, spread) in [(UInt64(1), Float(2)), (2, 0.5), (3, 5)] {
      var row = logits(50_021, seed: seed, spread: spread)
      for token in stride(from: 7, to: row.count, by: 11) { row[token] = -.infinity }
      let probabilities = expected(row, options, mu: 8)
      let sampler = try Sampler(options, vocabulary: row.count, rows: rows)
      let result = try sampler.filtered(row, mu: 8), found = softmax(result)
      let wrong = probabilities.indices.filter { abs(found[$0] - probabilities[$0]) > 1e-6 }
      #expect(wrong.isEmpty, "\(name), \(seed): \(wrong.count)")
      // Ids at the edge may be on either side of it, for the mass of all is a sum of float32.
      let edge = zip(found, probabilities).filter { ($0 > 0) != ($1 > 0) }.reduce(0) { $0 + max($1.0, $1.1) }
      #expect(edge <= 1e-6, "\(name), \(seed): \(edge)")
    }
  }

  @Test(.enabled(if: exactEngines.count > 1, "needs a CPU with AVX2 and AVX-512"), arguments: methods.indices)
  func instructionSetsDrawTheSame(index: Int) throws {
    let row = logits(5000, seed: 5)
    let drawn = try exactEngines.map { engine in
      let sampler = try Sampler(methods[index].options, vocabulary: row.count, rows: engine.kernels.rows)
      let scratch = try LogitsScratch(vocabulary: row.count)
      var state = SamplingState(methods[index].options, sequence: 1)
      return try (0..<200).map { _ in
        let sample = try #require(try sampler.sample(row, Written(), scratch, &state))
        return [UInt64(sample.token), sample.probability.bitPattern, state.mu.bitPattern]
      }
    }
    #expect(drawn[0] == drawn[1])
  }

  @Test func aStepIsDrawnAloneAsAmongOthers() throws {
    let options = options { $0.seed = 77 }, row = logits(1000, seed: 6)
    let sampler = try Sampler(options, vocabulary: row.count, rows: rows)
    let scratch = try LogitsScratch(vocabulary: row.count)
    func token(_ sequence: UInt64, _ step: UInt64) throws -> Int32? {
      var state = SamplingState(options, sequence: sequence)
      state.random.step = step
      return try sampler.sample(row, Written(), scratch, &state)?.token
    }
    var states = (0..<4).map { SamplingState(options, sequence: $0) }
    var together: [[Int32?]] = [[], [], [], []]
    for _ in 0..<20 {
      for sequence in 0..<4 {
        together[sequence].append(try sampler.sample(row, Written(), scratch, &states[sequence])?.token)
      }
    }
    for sequence in 0..<4 {
      for step in 0..<20 { #expect(try token(UInt64(sequence), UInt64(step)) == together[sequence][step]) }
    }
    #expect(together[0] != together[1])
  }

  @Test func theOrderMatters() throws {
    let row: [Float] = [4, 3, 2, 1, 0]
    func kept(_ order: [SamplingStep]) throws -> [Int] {
      let options = options {
        $0.temperature = 4
        $0.topP = 0.6
        $0.order = order
      }
      let result = try Sampler(options, vocabulary: 5, rows: rows).filtered(row)
      return result.indices.filter { result[$0] > -.infinity }
    }
    #expect(try kept([.topP, .temperature]) == [0])
    #expect(try kept([.temperature, .topP]) == [0, 1, 2])
  }

  @Test func noTemperatureLeavesTheLargest() throws {
    let options = options { $0.temperature = 0 }
    var row = logits(3000, seed: 8), state = SamplingState(options, sequence: 0)
    row[1234] = 100
    row[2000] = 100
    let sampler = try Sampler(options, vocabulary: row.count, rows: rows)
    let sample = try sampler.sample(row, Written(), nil, &state)
    #expect(sample?.token == 1234 && sample?.probability == 1)
  }

  @Test func strangeRowsAreDrawnFrom() throws {
    let scratch = try LogitsScratch(vocabulary: 40)
    for (name, options) in methods {
      let sampler = try Sampler(options, vocabulary: 40, rows: rows)
      var state = SamplingState(options, sequence: 0)
      var row = [Float](repeating: -.infinity, count: 40)
      #expect(try sampler.sample(row, Written(), scratch, &state) == nil, "\(name)")
      row[5] = .nan
      #expect(try sampler.sample(row, Written(), scratch, &state) == nil, "\(name)")
      row[7] = -1e30
      #expect(try sampler.sample(row, Written(), scratch, &state)?.token == 7, "\(name)")
      row[8] = .greatestFiniteMagnitude
      row[9] = .infinity
      #expect(try sampler.sample(row, Written(), scratch, &state)?.token == 9, "\(name)")
      row[11] = .infinity
      let sample = try #require(try sampler.sample(row, Written(), scratch, &state))
      #expect([9, 11].contains(sample.token), "\(name)")
      row = [Float](repeating: 0, count: 40)
      for token in stride(from: 0, to: 40, by: 2) { row[token] = -0.0 }
      #expect(try sampler.sample(row, Written(), scratch, &state) != nil, "\(name)")
    }
  }
}

@Suite struct SamplingOptionsTests {
  private static let refused: [(String, @Sendable (inout SamplingOptions) -> Void)] = [
    ("temperature is -1.0", { $0.temperature = -1 }), ("temperature is inf", { $0.temperature = .infinity }),
    ("temperature is nan", { $0.temperature = .nan }), ("top_k is -1", { $0.topK = -1 }),
    ("top_p is 1.5", { $0.topP = 1.5 }), ("top_p is -0.1", { $0.topP = -0.1 }), ("min_p is 2.0", { $0.minP = 2 }),
    ("typical_p is 0.0", { $0.typicalP = 0 }), ("typical_p is 1.25", { $0.typicalP = 1.25 }),
    ("top_h is -1.0", { $0.topH = -1 }), ("epsilon_cutoff is 1.0", { $0.epsilon = 1 }),
    ("eta_cutoff is 1.0", { $0.eta = 1 }), ("top_n_sigma is -1.0", { $0.topNSigma = -1 }),
    ("xtc_probability is 1.5", { $0.xtcProbability = 1.5 }), ("xtc_threshold is -1.0", { $0.xtcThreshold = -1 }),
    ("min_tokens_to_keep is 0", { $0.minimalKept = 0 }),
    ("mirostat_tau is 0.0", { $0.mirostat = MirostatOptions(tau: 0) }),
    ("mirostat_eta is -1.0", { $0.mirostat = MirostatOptions(eta: -1) }),
    ("dry_multiplier is nan", { $0.dry = DryOptions(multiplier: .nan) }),
    (
      "dry_allowed_length is -1",
      {
        $0.dry = DryOptions(multiplier: 1)
        $0.dry?.allowedLength = -1
      }
    ),
    (
      "dry_penalty_last_n is -2",
      {
        $0.dry = DryOptions(multiplier: 1)
        $0.dry?.window = -2
      }
    ),
    (
      "dry_sequence_breakers names token 10 in entry 1",
      {
        $0.dry = DryOptions(multiplier: 1)
        $0.dry?.breakers = fixed([[1], [2, 10]])
      }
    ),
    ("the order of samplers names top_k twice", { $0.order = [.topK, .topP, .topK] }),
    (
      "the order of samplers lacks top_p",
      {
        $0.topP = 0.5
        $0.order = [.topK]
      }
    ),
    (
      "the order of samplers has temperature last",
      {
        $0.mirostat = MirostatOptions()
        $0.order = [.mirostat, .temperature]
      }
    ),
  ]

  @Test(arguments: refused.indices) func badOptionsAreNamed(index: Int) {
    let (message, change) = SamplingOptionsTests.refused[index]
    let failure = #expect(throws: Failure.self) { try Sampler(options(change), vocabulary: 10, rows: rows) }
    #expect(failure?.message.hasPrefix(message) ?? false, "\(failure?.message ?? "") for \(message)")
    #expect(failure?.code == .invalidArgument)
  }
}

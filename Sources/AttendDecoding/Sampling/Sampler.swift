import AttendBase
import AttendKernelInterface

/// What of sampling belongs to one sequence: a few bytes that the caller keeps, copies and stores with it.
package struct SamplingState: Sendable {
  /// The random numbers, whose step is the number of ids drawn so far.
  package var random: Philox
  /// Mirostat's bound on the surprise, in bits.
  package var mu: Double

  /// The state before the first id of sequence `sequence`.
  package init(_ options: SamplingOptions, sequence: UInt64) {
    random = Philox(seed: options.seed, sequence: sequence)
    mu = 2 * (options.mirostat?.tau ?? 0)
  }
}

/// The random numbers of one step, in [0, 1).
package struct Draws {
  /// For the choice of an id.
  package let token: Double
  /// For XTC: whether it acts.
  package let exclusion: Double

  package init(token: Double, exclusion: Double) {
    self.token = token
    self.exclusion = exclusion
  }
}

/// The id that was drawn.
package struct Sample: Sendable {
  package let token: Int32
  /// Its probability among the ids that the steps kept.
  package let probability: Double
}

/// A chain of samplers: options, checked and laid out for use. Any thread may use it, each with a scratch of its own.
///
/// The same logits, history, seed, sequence and step give the same id, on any number of threads, with any neighbours
/// and on every CPU with fused multiply-add: the order of the ids is that of descending logits, then of ascending ids;
/// their probabilities are sums of exponentials of our own in this order; the id is the first whose cumulative
/// probability exceeds the random number.
package final class Sampler: Sendable {
  package let vocabulary: Int
  private let options: SamplingOptions
  private let rows: KernelTable.Rows
  private let dry: Dry?
  /// The steps that do something, in their order.
  private let steps: FixedArray<SamplingStep>

  /// Throws `invalidArgument`, with the option and the numbers, for what is out of range or contradicts another option;
  /// `outOfMemory`.
  package init(_ options: SamplingOptions, vocabulary: Int, rows: KernelTable.Rows) throws(Failure) {
    try options.check(vocabulary: vocabulary)
    self.options = options
    self.vocabulary = vocabulary
    self.rows = rows
    dry = try options.dry.map { (options) throws(Failure) in try Dry(options) }
    let steps = options.order.filter(options.isOn)
    self.steps = try FixedArray(steps.count, for: "the steps of sampling") { steps[$0] }
  }

  /// Draws the next id from processed logits, `[vocabulary]`, which are the same afterwards; nil where each of them is
  /// minus infinity. `state` moves on to the next step.
  ///
  /// Throws `outOfMemory` where DRY meets a history longer than the scratch has room for.
  package func choose(
    _ scores: UnsafeMutableBufferPointer<Float>, _ history: History, _ scratch: LogitsScratch,
    _ state: inout SamplingState
  ) throws(Failure) -> Sample? {
    let (first, second) = state.random.next()
    return try choose(scores, history, scratch, Draws(token: first, exclusion: second), mu: &state.mu)
  }

  /// Draws the next id as above, with random numbers of the caller's.
  package func choose(
    _ scores: UnsafeMutableBufferPointer<Float>, _ history: History, _ scratch: LogitsScratch, _ draws: Draws,
    mu: inout Double
  ) throws(Failure) -> Sample? {
    defer { scratch.restore(scores) }
    var candidates = try candidates(scores, history, scratch, draws, mu: mu)
    guard candidates.knownKept > 0 else { return nil }
    let mass = candidates.mass()
    let place = candidates.number(holding: draws.token * mass, of: mass, isExceeded: true) - 1
    let probability = candidates.weight(place) / mass
    if let mirostat = options.mirostat {
      let surprise = -Exponential.log(probability) / Candidates.nats
      mu -= mirostat.eta * (surprise - mirostat.tau)
    }
    return Sample(token: candidates.token(place), probability: probability)
  }

  /// Makes of logits, `[vocabulary]`, what the steps leave of them: divided by the temperature, minus infinity for ids
  /// that are dropped.
  package func filter(
    _ scores: UnsafeMutableBufferPointer<Float>, _ history: History, _ scratch: LogitsScratch, _ draws: Draws,
    mu: Double
  ) throws(Failure) {
    guard !steps.isEmpty else { return }
    var candidates = try candidates(scores, history, scratch, draws, mu: mu)
    scratch.lowered.removeAll()
    candidates.reveal(vocabulary)
    scores.update(repeating: -.infinity)
    for index in 0..<candidates.knownKept {
      scores[Int(candidates.token(index))] = Float(candidates.value(index) * candidates.inverse)
    }
  }

  /// The ids that are left after all steps; none where every logit is minus infinity.
  private func candidates(
    _ scores: UnsafeMutableBufferPointer<Float>, _ history: History, _ scratch: LogitsScratch, _ draws: Draws,
    mu: Double
  ) throws(Failure) -> Candidates {
    precondition(scores.count == vocabulary && scratch.vocabulary == vocabulary)
    var candidates = Candidates(
      scores.baseAddress!, vocabulary, rows, scratch, keeping: min(options.minimalKept, vocabulary))
    guard candidates.knownKept > 0 else { return candidates }
    for step in steps { try apply(step, &candidates, history, draws, mu: mu) }
    return candidates
  }

  private func apply(
    _ step: SamplingStep, _ candidates: inout Candidates, _ history: History, _ draws: Draws, mu: Double
  ) throws(Failure) {
    switch step {
    case .dry: try dry?.apply(&candidates, history)
    case .topNSigma: candidates.keep(sigmas: options.topNSigma)
    case .temperature: candidates.heat(options.temperature)
    case .topH: candidates.keepTopH(options.topH)
    case .topK: candidates.keepTop(options.topK)
    case .topP: candidates.keepNucleus(options.topP)
    case .minP: candidates.keep(share: options.minP)
    case .typical: candidates.keepTypical(options.typicalP)
    case .epsilon: candidates.keep(probability: options.epsilon)
    case .eta: candidates.keep(eta: options.eta)
    case .xtc:
      candidates.excludeTop(
        threshold: options.xtcThreshold, probability: options.xtcProbability, draw: draws.exclusion)
    case .mirostat: candidates.keep(surprise: mu)
    }
  }
}

import AttendBase

/// The random numbers with which a step of sampled beams draws its candidates: noise of Gumbel's distribution for each
/// token of each beam. The largest k sums of log-probabilities and noise are k draws without replacement (Kool, van
/// Hoof and Welling 2019, arXiv 1903.06059, "Stochastic beams and where to find them").
///
/// A number depends on the seed, the step, the beam and the token alone.
struct BeamNoise: BitwiseCopyable {
  private let key: SIMD2<UInt32>
  private let step: UInt32
  private let beam: UInt32

  /// `step` is the number of the token.
  init(seed: UInt64, step: Int, beam: Int) {
    key = SIMD2(truncatingIfNeeded: SIMD2<UInt64>(seed, seed >> 32))
    self.step = UInt32(truncatingIfNeeded: step)
    self.beam = UInt32(truncatingIfNeeded: beam)
  }

  /// The noise of tokens 2 `number` and 2 `number` + 1.
  func pair(_ number: Int) -> (Double, Double) {
    let (first, second) = uniform(UInt32(truncatingIfNeeded: number))
    return (BeamNoise.gumbel(first), BeamNoise.gumbel(second))
  }

  /// A number in [0, 1) that no pair of tokens has: whether XTC acts.
  var exclusion: Double { uniform(.max).0 }

  private func uniform(_ number: UInt32) -> (Double, Double) {
    let block = Philox.block(counter: SIMD4(number, beam, step, 0), key: key)
    return (Philox.uniform(block[0], block[1]), Philox.uniform(block[2], block[3]))
  }

  /// -log(E) for E = -log(1 - u), which is distributed exponentially. Near 0 the logarithm has no digits left to tell E
  /// from 0, and its series has all of them.
  private static func gumbel(_ u: Double) -> Double {
    let u = max(u, 0x1p-54)
    let exponential =
      u < 0x1p-10 ? u * (1 + u * (1 / 2.0 + u * (1 / 3.0 + u * (1 / 4.0 + u / 5)))) : -Exponential.log(1 - u)
    return -Exponential.log(exponential)
  }
}

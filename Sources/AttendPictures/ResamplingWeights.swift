import AttendBase
import CPictures

/// How the pixels `[first, limit)` of one axis of a resized picture are made of those of the original: for each a run
/// of inputs and their weights. The support of the filter grows with the reduction, which is the antialiasing.
///
/// A weight is an integer of 22 binary places, as in Pillow, kept as high x 2^12 + low: the halves fit 16 bits, and
/// with pixels of 8 bits multiply in the instruction that adds products in pairs. Sums are exact modulo 2^32, and the
/// whole sum fits.
final class ResamplingWeights: @unchecked Sendable {
  /// Binary places of a weight.
  static let precision = attend_resample_precision
  /// Those of its low half.
  static let lowBits = attend_resample_low_bits

  /// A run of inputs. Pairs beyond its end have weight 0.
  typealias Run = attend_resample_run

  private let memory: AlignedBuffer
  private let weights: AlignedBuffer
  let count: Int
  /// All inputs of all runs, `[lowerBound, upperBound)`.
  let inputs: Range<Int>

  var runs: UnsafeMutablePointer<Run> { memory.pointer() }
  /// Pairs of the high halves, and behind each that of the low halves: [pairs, 2, 2].
  var halves: UnsafeMutablePointer<Int16> { weights.pointer() }

  /// For a picture of `input` pixels along the axis that becomes one of `output`, of which `window` is wanted.
  init(_ filter: ResamplingFilter, from input: Int, to output: Int, window: Range<Int>) throws(Failure) {
    let scale = Double(input) / Double(output), reduction = max(scale, 1)
    let support = filter.support * reduction, inverse = 1 / reduction
    let most = Int(support.rounded(.up)) * 2 + 1
    count = window.count
    memory = try AlignedBuffer(count, of: Run.self, for: "the runs of a resize")
    weights = try AlignedBuffer(
      count.saturatingMultiply((most + 1) / 2), of: (Int16, Int16, Int16, Int16).self, for: "the weights of a resize")
    let exact = try AlignedBuffer(most, of: Double.self, for: "the weights of a resize")
    defer { withExtendedLifetime(exact) {} }
    var start = 0, lowest = Int.max, highest = 0
    for (place, index) in window.enumerated() {
      let centre = (Double(index) + 0.5) * scale
      let first = max(0, Int(centre - support + 0.5)), limit = min(input, Int(centre + support + 0.5))
      let run = Run(first: first, count: limit - first, pairs: (limit - first + 1) / 2, start: start)
      ResamplingWeights.fill(exact.pointer(), run, filter, centre, inverse)
      (memory.pointer() + place).initialize(to: run)
      ResamplingWeights.split(exact.pointer(), run, weights.pointer())
      start += run.pairs
      (lowest, highest) = (min(lowest, first), max(highest, limit))
    }
    inputs = count > 0 ? lowest..<highest : 0..<0
  }

  /// The weights of a run in double precision, of which the sum is 1.
  static func fill(
    _ weights: UnsafeMutablePointer<Double>, _ run: Run, _ filter: ResamplingFilter, _ centre: Double,
    _ inverse: Double
  ) {
    var sum = 0.0
    for offset in 0..<run.count {
      weights[offset] = filter((Double(offset + run.first) - centre + 0.5) * inverse)
      sum += weights[offset]
    }
    if sum != 0 { for offset in 0..<run.count { weights[offset] /= sum } }
  }

  /// Rounds weights to integers, halves away from 0, and splits them.
  private static func split(_ exact: UnsafePointer<Double>, _ run: Run, _ halves: UnsafeMutablePointer<Int16>) {
    for offset in 0..<run.pairs * 2 {
      let scaled = offset < run.count ? exact[offset] * Double(1 << precision) : 0
      let weight = Int(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
      let high = (weight + 1 << (lowBits - 1)) >> lowBits
      let pair = halves + (run.start + offset / 2) * 4
      pair[offset & 1] = Int16(truncatingIfNeeded: high)
      pair[2 + offset & 1] = Int16(truncatingIfNeeded: weight - high << lowBits)
    }
  }
}

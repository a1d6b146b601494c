import AttendBase

/// The low-pass filter, cut into the phases at which a resampler reads it.
///
/// With the rates reduced to L / M, output k lies at k M / L input samples: there are L places between two of them, and
/// as many rows of taps. Where that would be a large table, rows stand at fewer places, near enough for a line between
/// two: its error is below 2^-21, the stopband's.
final class FilterTable: Sendable {
  /// Taps of a row: input samples `[-before, taps - before)` from the one at or before the output.
  let taps: Int
  let before: Int
  /// Places between two input samples at which there is a row; one row more, for place `phases`, where lines are drawn.
  let phases: Int
  private let memory: AlignedBuffer  // [phases + 1, taps]

  /// Numbers in a table with a row for each phase, at most: 1 MB.
  private static let maximalNumbers = 1 << 18
  /// Rows for each sample of the lower rate where lines are drawn between them.
  private static let density = 1024.0

  /// `scale`: samples of the lower rate in an input sample, at most 1; `exactPhases`: L.
  init(scale: Double, exactPhases: Int) throws(Failure) {
    let reach = Int(LowPass.reach / scale) + 1
    before = reach - 1
    taps = (2 * reach + 15) & ~15  // whole vectors
    let (numbers, overflow) = exactPhases.multipliedReportingOverflow(by: taps)
    let isExact = !overflow && numbers <= FilterTable.maximalNumbers
    phases = isExact ? exactPhases : Int(FilterTable.density * scale) + 1
    memory = try AlignedBuffer((phases + 1) * taps, of: Float.self, for: "the filter of a resampler")
    let values: UnsafeMutablePointer<Float> = memory.pointer()
    for phase in 0...phases {
      for tap in 0..<taps {
        let distance = Double(phase) / Double(phases) - Double(tap - before)
        values[phase * taps + tap] = Float(LowPass.value(distance * scale) * scale)
      }
    }
  }

  /// The output at `part` of `whole` between two input samples; `samples` are those of the taps.
  func output(_ samples: UnsafePointer<Float>, part: Int, of whole: Int) -> Float {
    let (row, rest) = (part * phases).quotientAndRemainder(dividingBy: whole)
    let values: UnsafeMutablePointer<Float> = memory.pointer()
    let lower = product(samples, values + row * taps)
    guard rest != 0 else { return lower }
    let upper = product(samples, values + (row + 1) * taps)
    return lower + (upper - lower) * (Float(rest) / Float(whole))
  }

  /// The sum of products: one multiplication and one addition after another in each of 16 lanes, which a fixed tree
  /// adds.
  @inline(__always) private func product(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>) -> Float {
    var sums = SIMD16<Float>.zero
    var tap = 0
    while tap < taps {
      let x = UnsafeRawPointer(a + tap).loadUnaligned(as: SIMD16<Float>.self)
      sums += x * UnsafeRawPointer(b + tap).loadUnaligned(as: SIMD16<Float>.self)
      tap += 16
    }
    let eight = sums.lowHalf + sums.highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    return two.x + two.y
  }
}

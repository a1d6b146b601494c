import AttendBase

/// A change of rate by a polyphase filter, fed in pieces: the same samples come out whatever the pieces are. Float32;
/// sums in a fixed order. One thread at a time.
package final class Resampler {
  /// Samples in a second of what goes in and of what comes out.
  package let from: Int
  package let to: Int
  private let up: Int  // the rates, reduced: output k lies at k down / up
  private let down: Int
  private let table: FilterTable
  private let history: AlignedBuffer  // input samples from `first` on
  private let capacity: Int
  private var held = 0  // samples in `history`
  private var first = 0  // the number of the first of them; those before 0 are zeros
  private var place = 0  // the next output: at `place` + `part` / `up` input samples
  private var part = 0
  private var received = 0
  private var given = 0

  /// Input samples after which a stream ends: their product with a rate must fit an integer.
  private static let maximalSamples = 1 << 40

  /// Throws `invalidArgument` for a rate that no sound has, `outOfMemory`.
  package init(from: Int, to: Int) throws(Failure) {
    try SoundLimits.check(rate: from, channels: 1, "resampling", .invalidArgument)
    try SoundLimits.check(rate: to, channels: 1, "resampling", .invalidArgument)
    let divisor = greatestCommonDivisor(from, to)
    (self.from, self.to, up, down) = (from, to, to / divisor, from / divisor)
    table = try FilterTable(scale: min(Double(to) / Double(from), 1), exactPhases: up)
    capacity = table.taps + SoundLimits.piece
    history = try AlignedBuffer(capacity, of: Float.self, for: "the samples of a resampler")
    reset()
  }

  /// Forgets what was fed.
  package func reset() {
    (received, given, place, part) = (0, 0, 0, 0)
    (held, first) = (table.before, -table.before)
    history.pointer(to: Float.self).update(repeating: 0, count: held)
  }

  /// The samples that come out of `count`: the product with the rates, rounded to the nearest number.
  package static func outputs(of count: Int, from: Int, to: Int) -> Int {
    let divisor = greatestCommonDivisor(from, to)
    let (up, down) = (to / divisor, from / divisor)
    let (whole, rest) = count.quotientAndRemainder(dividingBy: down)
    return whole.saturatingMultiply(up).saturatingAdd((2 * rest * up + down) / (2 * down))
  }

  /// Takes samples and appends those that are settled. Throws `outOfMemory`, and `invalidArgument` after 2^40 samples.
  package func push(
    _ samples: UnsafePointer<Float>, _ count: Int, into output: inout GrowingList<Float>
  ) throws(Failure) {
    guard count <= Resampler.maximalSamples - received else {
      throw Failure(.invalidArgument, "resampling: a stream of more than \(Resampler.maximalSamples) samples")
    }
    received += count
    try feed(count, into: &output) { target, offset, count in target.update(from: samples + offset, count: count) }
  }

  /// Appends what is left once the sound has ended.
  package func finish(into output: inout GrowingList<Float>) throws(Failure) {
    let total = Resampler.outputs(of: received, from: from, to: to)
    try feed(table.taps + down / up + 1, into: &output, until: total) { target, _, count in
      target.update(repeating: 0, count: count)
    }
  }

  private func feed(
    _ count: Int, into output: inout GrowingList<Float>, until limit: Int = .max,
    _ fill: (_ target: UnsafeMutablePointer<Float>, _ offset: Int, _ count: Int) -> Void
  ) throws(Failure) {
    let samples: UnsafeMutablePointer<Float> = history.pointer()
    var done = 0
    while done < count, given < limit {
      let piece = min(count - done, capacity - held)
      fill(samples + held, done, piece)
      held += piece
      done += piece
      try drain(into: &output, until: limit)
      discard()
    }
  }

  /// Appends the outputs whose taps are all there.
  private func drain(into output: inout GrowingList<Float>, until limit: Int) throws(Failure) {
    let end = first + held - table.taps + table.before  // the last place that can be reached
    guard place <= end else { return }
    let wanted = min(limit - given, (end - place + 1).saturatingMultiply(up) / down + 1)
    try output.reserve(max(wanted, 0))
    let samples: UnsafeMutablePointer<Float> = history.pointer()
    while place <= end, given < limit {
      try output.append(table.output(samples + (place - table.before - first), part: part, of: up))
      given += 1
      part += down
      let (steps, rest) = part.quotientAndRemainder(dividingBy: up)
      place += steps
      part = rest
    }
  }

  /// Moves what is still wanted to the start of the memory.
  private func discard() {
    let unwanted = min(place - table.before - first, held)
    guard unwanted > 0 else { return }
    let samples: UnsafeMutablePointer<Float> = history.pointer()
    samples.update(from: samples + unwanted, count: held - unwanted)
    held -= unwanted
    first += unwanted
  }
}

private func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : greatestCommonDivisor(b, a % b) }

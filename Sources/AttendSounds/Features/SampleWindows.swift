import AttendBase

/// A recording that is cut into windows while it comes, piece by piece: the same windows come out whatever the pieces
/// are, and memory is that of a window. One thread at a time.
package final class SampleWindows {
  /// Where windows begin and end, in samples.
  package enum Plan: Sendable {
    /// Windows of `length` that share samples with their neighbours, as transformers' pipelines cut them
    /// (`chunk_length_s`, `stride_length_s`): what a model makes of the first `left` samples of a window and of the
    /// last `right` ones belongs to those. `left + right` is below `length`.
    case overlapping(length: Int, left: Int, right: Int)
    /// Windows one behind the other, of at most `length`, that end at the quietest place of their second half.
    case quiet(length: Int)

    fileprivate var length: Int {
      switch self {
      case .overlapping(let length, _, _), .quiet(let length): length
      }
    }
  }

  /// A part of the recording, and how much of it belongs to the windows before and behind.
  package struct Window {
    package let sound: Sound
    /// The number of its first sample.
    package let first: Int
    package let left: Int
    package let right: Int
  }

  private let plan: Plan
  private let rate: Int
  private var recent = RecentSamples()
  private var start = 0  // of the next window
  private var isEnded = false
  private let energies: AlignedBuffer  // of the blocks of a window

  /// Whether there are no more windows, now or later.
  package private(set) var isOver = false

  /// Throws `invalidArgument` for a plan by which windows do not go forward, `outOfMemory`.
  package init(_ plan: Plan, rate: Int) throws(Failure) {
    if case .overlapping(let length, let left, let right) = plan {
      guard left >= 0, right >= 0, length > 0, left.saturatingAdd(right) < length else {
        throw Failure(
          .invalidArgument, "windows of \(length) samples, of which \(left) and \(right) belong to their neighbours")
      }
    }
    (self.plan, self.rate) = (plan, rate)
    let blocks = plan.length / SampleWindows.block(rate) + 1
    energies = try AlignedBuffer(blocks, of: Double.self, for: "the energies of a window")
  }

  /// Takes samples at the model's rate.
  package func push(_ samples: UnsafePointer<Float>, _ count: Int) throws(Failure) {
    guard !isEnded else { throw Failure(.invalidArgument, "samples after the end of a recording") }
    try recent.append(samples, count)
  }

  /// Ends the recording.
  package func finish() { isEnded = true }

  /// Whether `next` gives a window, or tells that there are no more. One more sample than a window has says that it is
  /// not the last.
  package var isReady: Bool { !isOver && (isEnded || recent.limit - start > plan.length) }

  /// The next window; nil: it needs more samples, or the recording is over.
  package func next() throws(Failure) -> Window? {
    guard isReady else { return nil }
    let available = recent.limit - start, length = plan.length
    let isLast = available <= length
    isOver = isLast
    switch plan {
    case .overlapping(_, let left, let right):
      let own = start == 0 ? 0 : left
      guard available > own else { return nil }
      let window = try window(min(available, length), left: own, right: isLast ? 0 : right)
      start += length - left - right
      recent.discard(before: start)
      return window
    case .quiet:
      guard available > 0 else { return nil }
      let count = isLast ? available : quietest(length)
      let window = try window(count, left: 0, right: 0)
      start += count
      recent.discard(before: start)
      return window
    }
  }

  private func window(_ count: Int, left: Int, right: Int) throws(Failure) -> Window {
    let samples = recent.signal(length: count).samples.baseAddress! + (start - recent.first)
    let source = try CallerSamples(.float32(samples), frames: count, channels: 1, rate: rate, name: "a window")
    return Window(sound: try Sound(source), first: start, left: left, right: right)
  }

  // MARK: Quiet places

  /// Samples of a hundredth of a second.
  private static func block(_ rate: Int) -> Int { max(rate / 100, 1) }

  /// Blocks over which the energy is taken: a tenth of a second.
  private static let blocks = 10

  /// The samples before the middle of the quietest tenth of a second that lies in the second half of the next `length`
  /// samples; of equally quiet ones the first.
  private func quietest(_ length: Int) -> Int {
    let block = SampleWindows.block(rate), count = length / block
    let energy = energies.pointer(to: Double.self)
    defer { withExtendedLifetime(energies) {} }
    let samples = recent.signal(length: length).samples.baseAddress! + (start - recent.first)
    for index in count / 2..<count {
      var sum = 0.0
      for sample in index * block..<(index + 1) * block { sum += Double(samples[sample]) * Double(samples[sample]) }
      energy[index] = sum
    }
    var (best, least) = (length, Double.infinity)
    for first in count / 2..<max(count - SampleWindows.blocks + 1, count / 2) {
      var sum = 0.0
      for index in first..<first + SampleWindows.blocks { sum += energy[index] }
      if sum < least { (best, least) = ((first + SampleWindows.blocks / 2) * block, sum) }
    }
    return best
  }
}

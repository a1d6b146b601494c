import AttendBase
import AttendDispatch

/// The norm of groups of channels over all frames of a sequence (Wu and He 2018, arXiv:1803.08494; PyTorch's
/// `GroupNorm`): each group becomes of mean 0 and variance 1.
///
/// Sums run over blocks of frames in single precision and over blocks and channels in double precision, always in the
/// same order; threads share channels, never sums.
package struct TimeNorm: Sendable {
  /// Each has as many channels.
  package let groups: Int
  /// `[channels]` each.
  package let gain: AlignedBuffer
  package let bias: AlignedBuffer
  package let epsilon: Float

  package init(groups: Int, gain: AlignedBuffer, bias: AlignedBuffer, epsilon: Float) {
    self.groups = groups
    self.gain = gain
    self.bias = bias
    self.epsilon = epsilon
  }

  /// Normalises x, `[frames, channels]`, in place.
  package func apply(_ x: Matrix, _ pass: Pass) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let work = try TimeNormWork(x, self, threads: pass.engine.threads, pass.workspace)
      work.run(.sums, on: pass.engine)
      forEachGroup(of: work) { (channels, mean) in
        (work.means + channels.lowerBound).update(repeating: Float(mean), count: channels.count)
      }
      work.run(.squares, on: pass.engine)
      forEachGroup(of: work) { (channels, variance) in
        let factor = Float(1 / (variance + Double(epsilon)).squareRoot())
        for channel in channels { work.factors[channel] = factor * gain.pointer(to: Float.self)[channel] }
      }
      work.run(.normalise, on: pass.engine)
    }
  }

  /// Calls `body` with the channels of each group and the mean over them and all frames of what was summed.
  private func forEachGroup(of work: TimeNormWork, _ body: (Range<Int>, Double) -> Void) {
    let count = work.x.columns / groups
    for group in 0..<groups {
      let channels = group * count..<(group + 1) * count
      let sum = channels.reduce(0) { $0 + work.sums[$1] }
      body(channels, sum / Double(count * work.x.rows))
    }
  }
}

/// The steps over all numbers, of which threads take some channels each.
private final class TimeNormWork: SharedWork {
  enum Step {
    /// Of the numbers.
    case sums
    /// Of the squares of their distances from the means.
    case squares
    case normalise
  }

  let x: Matrix
  /// `[channels]` each, as far as the steps have come.
  let sums: UnsafeMutablePointer<Double>
  let means: UnsafeMutablePointer<Float>
  let factors: UnsafeMutablePointer<Float>
  private let norm: TimeNorm
  private let parts: Int
  private var step = Step.sums

  /// Channels whose sums are kept beside each other: some cache lines of each frame.
  private static let channelsAtOnce = 64
  /// Frames of a block.
  private static let blockFrames = 64

  init(_ x: Matrix, _ norm: TimeNorm, threads: Int, _ workspace: Workspace) throws(Failure) {
    (self.x, self.norm) = (x, norm)
    sums = try workspace.take(x.columns)
    means = try workspace.take(x.columns)
    factors = try workspace.take(x.columns)
    parts = min(threads, (x.columns + TimeNormWork.channelsAtOnce - 1) / TimeNormWork.channelsAtOnce)
  }

  func run(_ step: Step, on engine: Engine) {
    self.step = step
    engine.share(self, parts: parts)
  }

  func run(_ part: Int) {
    let most = TimeNormWork.channelsAtOnce
    for first in stride(from: part * most, to: x.columns, by: parts * most) {
      let channels = first..<min(first + most, x.columns)
      switch step {
      case .sums: sum(channels) { (x, _) in x }
      case .squares: sum(channels) { (x, mean) in (x - mean) * (x - mean) }
      case .normalise: normalise(channels)
      }
    }
  }

  /// The sums of what `term` makes of the numbers of some channels and their means.
  @inline(__always) private func sum(_ channels: Range<Int>, _ term: (Float, Float) -> Float) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: channels.count) { block in
      let own = means + channels.lowerBound, totals = sums + channels.lowerBound
      totals.update(repeating: 0, count: channels.count)
      for first in stride(from: 0, to: x.rows, by: TimeNormWork.blockFrames) {
        block.update(repeating: 0)
        for row in first..<min(first + TimeNormWork.blockFrames, x.rows) {
          let numbers = x[row] + channels.lowerBound
          for channel in 0..<channels.count { block[channel] += term(numbers[channel], own[channel]) }
        }
        for channel in 0..<channels.count { totals[channel] += Double(block[channel]) }
      }
    }
  }

  private func normalise(_ channels: Range<Int>) {
    let bias = norm.bias.pointer(to: Float.self)
    for row in 0..<x.rows {
      let numbers = x[row]
      for channel in channels {
        numbers[channel] = (numbers[channel] - means[channel]) * factors[channel] + bias[channel]
      }
    }
  }
}

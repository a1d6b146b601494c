import AttendBase
import AttendDispatch

/// The norm of groups of channels over all frames of a sound (Wu and He 2018, arXiv:1803.08494; PyTorch's `GroupNorm`):
/// each group becomes of mean 0 and variance 1.
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
}

/// The means and variances of the channels of a sound that comes piece by piece, and what they make of its frames.
///
/// Each block of frames has its own mean and squares of distances from it, in single precision; blocks are joined in
/// double precision (Chan, Golub and LeVeque 1979), from the first to the last. Threads share channels, never sums.
package final class TimeMoments: SharedWork {
  private enum Step { case add, normalise }

  private let norm: TimeNorm
  private let channels: Int
  /// `[channels]` each. Of all frames so far, and when these are all: of the channel's group, the mean and the factor
  /// on distances from it.
  private let means: UnsafeMutablePointer<Double>
  private let squares: UnsafeMutablePointer<Double>
  private let centres: UnsafeMutablePointer<Float>
  private let factors: UnsafeMutablePointer<Float>
  private let parts: Int
  private var frames = 0  // so far
  private var piece: Matrix?
  private var step = Step.add

  /// Channels that are taken beside each other: some cache lines of each frame.
  private static let channelsAtOnce = 64
  /// Frames of a block; pieces begin with a new one.
  package static let blockFrames = 64

  /// Its memory is scratch memory of the pass.
  package init(_ norm: TimeNorm, channels: Int, _ pass: Pass) throws(Failure) {
    self.norm = norm
    self.channels = channels
    means = try pass.workspace.take(channels)
    squares = try pass.workspace.take(channels)
    centres = try pass.workspace.take(channels)
    factors = try pass.workspace.take(channels)
    means.update(repeating: 0, count: channels)
    squares.update(repeating: 0, count: channels)
    parts = min(pass.engine.threads, (channels + TimeMoments.channelsAtOnce - 1) / TimeMoments.channelsAtOnce)
  }

  /// Takes the next frames, `[frames, channels]`, into account.
  package func add(_ x: Matrix, _ engine: Engine) {
    run(.add, x, engine)
    frames += x.rows
  }

  /// Says that these were all frames.
  package func finish() {
    let own = channels / norm.groups
    for group in 0..<norm.groups {
      let range = group * own..<(group + 1) * own
      let mean = range.reduce(0) { $0 + means[$1] } / Double(own)
      let sum = range.reduce(0) {
        $0 + squares[$1] + Double(frames) * (means[$1] - mean) * (means[$1] - mean)
      }
      let factor = 1 / (sum / Double(own * frames) + Double(norm.epsilon)).squareRoot()
      for channel in range {
        centres[channel] = Float(mean)
        factors[channel] = Float(factor) * norm.gain.pointer(to: Float.self)[channel]
      }
    }
  }

  /// Normalises frames in place.
  package func normalise(_ x: Matrix, _ engine: Engine) { run(.normalise, x, engine) }

  private func run(_ step: Step, _ x: Matrix, _ engine: Engine) {
    (self.step, piece) = (step, x)
    engine.share(self, parts: parts)
  }

  package func run(_ part: Int) {
    guard let piece else { return }
    let most = TimeMoments.channelsAtOnce
    for first in stride(from: part * most, to: channels, by: parts * most) {
      let range = first..<min(first + most, channels)
      switch step {
      case .add: add(piece, range)
      case .normalise: normalise(piece, range)
      }
    }
  }

  private func add(_ x: Matrix, _ range: Range<Int>) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * range.count) { memory in
      let sums = memory.baseAddress!, distances = sums + range.count
      var before = Double(frames)
      for first in stride(from: 0, to: x.rows, by: TimeMoments.blockFrames) {
        let rows = first..<min(first + TimeMoments.blockFrames, x.rows), count = Double(rows.count)
        memory.update(repeating: 0)
        for row in rows {
          let numbers = x[row] + range.lowerBound
          for channel in 0..<range.count { sums[channel] += numbers[channel] }
        }
        for channel in 0..<range.count { sums[channel] /= Float(rows.count) }
        for row in rows {
          let numbers = x[row] + range.lowerBound
          for channel in 0..<range.count {
            let distance = numbers[channel] - sums[channel]
            distances[channel] += distance * distance
          }
        }
        for (place, channel) in range.enumerated() {
          let shift = Double(sums[place]) - means[channel]
          means[channel] += shift * count / (before + count)
          squares[channel] += Double(distances[place]) + shift * shift * before * count / (before + count)
        }
        before += count
      }
    }
  }

  private func normalise(_ x: Matrix, _ range: Range<Int>) {
    let bias = norm.bias.pointer(to: Float.self)
    for row in 0..<x.rows {
      let numbers = x[row]
      for channel in range {
        numbers[channel] = (numbers[channel] - centres[channel]) * factors[channel] + bias[channel]
      }
    }
  }
}

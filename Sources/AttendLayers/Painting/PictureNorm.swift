import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The norm of groups of channels over all pixels of a picture (Wu and He 2018, arXiv:1803.08494; PyTorch's
/// `GroupNorm`): each group becomes of mean 0 and variance 1.
package struct PictureNorm: Sendable {
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

  /// `y = activation(norm(x))`, between zeros.
  package func apply(
    _ x: PicturePlane, activation: Activation, into y: PicturePlane, _ pass: Pass
  ) throws(Failure) {
    try apply(x, activation: activation, stride: y.stride, into: y.line(0), pass)
    y.closeEnds()
    for line in 0..<y.height { y.closeLine(line) }
  }

  /// `y = norm(x)`, `[height * width, channels]` without a border.
  package func apply(_ x: PicturePlane, into y: Matrix, _ pass: Pass) throws(Failure) {
    try apply(x, activation: .none, stride: x.width * x.channels, into: y.base, pass)
  }

  private func apply(
    _ x: PicturePlane, activation: Activation, stride: Int, into y: UnsafeMutablePointer<Float>, _ pass: Pass
  ) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let moments = try PictureMoments(self, x, pass)
      moments.measure(pass.engine)
      moments.normalise(activation, stride: stride, into: y, pass.engine)
    }
  }
}

/// The means and variances of the channels of a picture, and what they make of its pixels.
///
/// Each line has its own mean and squares of distances from it, in single precision; lines are joined in double
/// precision (Chan, Golub and LeVeque 1979), from the first to the last. Threads share lines, never sums.
private final class PictureMoments: SharedWork {
  private enum Step { case measure, normalise(Activation, stride: Int, UnsafeMutablePointer<Float>, KernelTable) }

  private let norm: PictureNorm
  private let x: PicturePlane
  /// `[height, channels]` each: of every line.
  private let means: UnsafeMutablePointer<Float>
  private let squares: UnsafeMutablePointer<Float>
  /// `[channels]` each: of the channel's group, the mean, and the factor on distances from it with the gain.
  private let centres: UnsafeMutablePointer<Float>
  private let factors: UnsafeMutablePointer<Float>
  private var step = Step.measure
  private let parts: Int

  /// Pixels times channels that are worth another thread.
  private static let grain = 1 << 14

  init(_ norm: PictureNorm, _ x: PicturePlane, _ pass: Pass) throws(Failure) {
    (self.norm, self.x) = (norm, x)
    means = try pass.workspace.take(x.height * x.channels)
    squares = try pass.workspace.take(x.height * x.channels)
    centres = try pass.workspace.take(x.channels)
    factors = try pass.workspace.take(x.channels)
    parts = max(
      min(pass.engine.threads, x.height, x.height * x.width * x.channels / PictureMoments.grain), 1)
  }

  func measure(_ engine: Engine) {
    step = .measure
    engine.share(self, parts: parts)
    let own = x.channels / norm.groups
    for group in 0..<norm.groups { join(group * own..<(group + 1) * own) }
  }

  func normalise(
    _ activation: Activation, stride: Int, into y: UnsafeMutablePointer<Float>, _ engine: Engine
  ) {
    step = .normalise(activation, stride: stride, y, engine.kernels)
    engine.share(self, parts: parts)
  }

  func run(_ part: Int) {
    for line in x.height * part / parts..<x.height * (part + 1) / parts {
      switch step {
      case .measure: measure(line)
      case .normalise(let activation, let stride, let y, let kernels):
        normalise(line, into: y + line * stride)
        if activation != .none {
          kernels.rows.activate(y + line * stride, y + line * stride, x.width * x.channels, activation)
        }
      }
    }
  }

  private func measure(_ line: Int) {
    let (pixels, channels) = (x.line(line), x.channels)
    let mean = means + line * channels, square = squares + line * channels
    mean.update(repeating: 0, count: channels)
    square.update(repeating: 0, count: channels)
    for pixel in 0..<x.width {
      let numbers = pixels + pixel * channels
      for channel in 0..<channels { mean[channel] += numbers[channel] }
    }
    for channel in 0..<channels { mean[channel] /= Float(x.width) }
    for pixel in 0..<x.width {
      let numbers = pixels + pixel * channels
      for channel in 0..<channels {
        let distance = numbers[channel] - mean[channel]
        square[channel] += distance * distance
      }
    }
  }

  /// Makes mean and factor of the channels of a group.
  private func join(_ group: Range<Int>) {
    var (count, mean, sum) = (0.0, 0.0, 0.0)
    let own = Double(x.width)
    for line in 0..<x.height {
      for channel in group {
        let shift = Double(means[line * x.channels + channel]) - mean
        mean += shift * own / (count + own)
        sum += Double(squares[line * x.channels + channel]) + shift * shift * count * own / (count + own)
        count += own
      }
    }
    let factor = 1 / (sum / count + Double(norm.epsilon)).squareRoot()
    for channel in group {
      centres[channel] = Float(mean)
      factors[channel] = Float(factor) * norm.gain.pointer(to: Float.self)[channel]
    }
  }

  private func normalise(_ line: Int, into y: UnsafeMutablePointer<Float>) {
    let (pixels, channels, bias) = (x.line(line), x.channels, norm.bias.pointer(to: Float.self))
    for pixel in 0..<x.width {
      let from = pixels + pixel * channels, to = y + pixel * channels
      for channel in 0..<channels {
        to[channel] = (from[channel] - centres[channel]) * factors[channel] + bias[channel]
      }
    }
  }
}

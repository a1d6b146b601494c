import AttendBase
import AttendDispatch
import AttendKernelInterface

/// A convolution over time, PyTorch's `Conv1d`, of frames that lie one after another, `[frames, channels]`.
///
/// The inputs of an output are then one run of numbers, and those of the next one lie `stride * channels` further: the
/// whole convolution is one product with a matrix whose rows overlap, of which nothing is copied.
package struct TimeConvolution: Sendable {
  /// `[outputs, taps * channels]`, the channels of one tap together.
  package let linear: Linear
  package let taps: Int
  package let stride: Int
  /// Frames of zeros on either side.
  package let padding: Int
  /// Of the product.
  package let activation: Activation
  /// Of each frame by itself.
  package let norm: Norm?
  /// Behind the norm.
  package let lastActivation: Activation

  package init(
    linear: Linear, taps: Int, stride: Int, padding: Int, activation: Activation, norm: Norm?,
    lastActivation: Activation
  ) {
    self.linear = linear
    self.taps = taps
    self.stride = stride
    self.padding = padding
    self.activation = activation
    self.norm = norm
    self.lastActivation = lastActivation
  }

  package var channels: Int { linear.inputs / taps }

  /// The frames that it makes of so many; 0: there are too few for one.
  package func length(of frames: Int) -> Int {
    let padded = frames + 2 * padding
    return padded < taps ? 0 : (padded - taps) / stride + 1
  }

  /// The frames that it reads for some that it makes; those below 0 and behind the last are zeros.
  func inputs(of frames: Range<Int>) -> Range<Int> {
    frames.lowerBound * stride - padding..<(frames.upperBound - 1) * stride - padding + taps
  }

  /// The product and its activation: y, `[frames, outputs]`, of the frames that `inputs` names, `[inputs, channels]`,
  /// which lie at `x` without gaps. y gains `residual`.
  package func multiply(
    _ x: UnsafePointer<Float>, residual: Matrix? = nil, into y: Matrix, _ pass: Pass
  ) throws(Failure) {
    let windows = Matrix(
      UnsafeMutablePointer(mutating: x), rows: y.rows, columns: linear.inputs, stride: stride * channels)
    try linear.apply(windows, activation: activation, residual: residual, into: y, pass)
  }

  /// What follows the product.
  func finish(_ y: Matrix, _ pass: Pass) {
    norm?.apply(y, into: y, pass)
    if lastActivation != .none { pass.engine.activate(y, lastActivation, into: y) }
  }
}

/// A convolution over time that tells each frame where it stands (Mohamed et al. 2019, arXiv:1904.11660; wav2vec 2.0):
/// its channels come in groups, each of which sees only itself, and there are as many frames behind it as before it.
package struct PositionalConvolution: Sendable {
  /// Of each group, `[outputs, taps * channels]`, the channels of one tap together.
  package let groups: [Linear]
  package let taps: Int
  /// Before the activation; nil: there is none.
  package let norm: Norm?
  package let activation: Activation

  package init(groups: [Linear], taps: Int, norm: Norm?, activation: Activation) {
    self.groups = groups
    self.taps = taps
    self.norm = norm
    self.activation = activation
  }

  /// `y = activation(norm(convolution(x)))`, to which without a norm a residual is added; all are `[frames, width]`,
  /// those of one sequence. y may be x, and so may the residual.
  ///
  /// What lies outside of the sequence is zero. A frame has `taps / 2` frames before it among its inputs, and with an
  /// even number of taps one fewer behind it.
  package func apply(_ x: Matrix, residual: Matrix?, into y: Matrix, _ pass: Pass) throws(Failure) {
    let channels = x.columns / groups.count
    try pass.scoped { () throws(Failure) in
      let frames = x.rows + taps - 1
      let padded = try pass.workspace.take(frames * channels, of: Float.self)
      padded.update(repeating: 0, count: taps / 2 * channels)
      let end = x.rows + taps / 2
      (padded + end * channels).update(repeating: 0, count: (frames - end) * channels)
      for (index, group) in groups.enumerated() {
        let first = index * channels
        for row in 0..<x.rows {
          (padded + (row + taps / 2) * channels).update(from: x[row] + first, count: channels)
        }
        let windows = Matrix(padded, rows: x.rows, columns: group.inputs, stride: channels)
        try group.apply(
          windows, activation: norm == nil ? activation : .none, residual: residual?.columns(first, channels),
          into: y.columns(first, channels), pass)
      }
    }
    guard let norm else { return }
    norm.apply(y, into: y, pass)
    pass.engine.activate(y, activation, into: y)
  }
}

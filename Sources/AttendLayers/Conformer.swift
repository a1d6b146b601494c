import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The parts that a layer of a Conformer (Gulati et al. 2020, arXiv:2005.08100, section 2) has beside attention and
/// feed-forward network: a network before the attention, and a convolution behind it.
package struct ConformerParts: Sendable {
  package let feedForward: FeedForward
  package let feedForwardNorms: SublayerNorms
  package let convolution: ConvolutionModule
  package let convolutionNorms: SublayerNorms

  package init(
    feedForward: FeedForward, feedForwardNorms: SublayerNorms, convolution: ConvolutionModule,
    convolutionNorms: SublayerNorms
  ) {
    self.feedForward = feedForward
    self.feedForwardNorms = feedForwardNorms
    self.convolution = convolution
    self.convolutionNorms = convolutionNorms
  }
}

/// The convolution of a Conformer: a product with a gate (Dauphin et al. 2016, arXiv:1612.08083), a convolution over
/// time in which each channel sees only itself, a norm, an activation, and a product. A frame sees itself, those before
/// it and `lookahead` behind it; what lies beyond the sequence is zero.
package struct ConvolutionModule: Sendable {
  /// Gated, `[2 * width, width]`.
  package let input: Linear
  /// `[taps, width]`
  package let factors: AlignedBuffer
  package let taps: Int
  /// `[width]`, added to the sums; nil: nothing.
  package let bias: AlignedBuffer?
  package let lookahead: Int
  package let norm: Norm?
  package let activation: Activation
  package let output: Linear

  package init(
    input: Linear, factors: AlignedBuffer, taps: Int, bias: AlignedBuffer? = nil, lookahead: Int = 0, norm: Norm?,
    activation: Activation, output: Linear
  ) {
    self.input = input
    self.factors = factors
    self.taps = taps
    (self.bias, self.lookahead) = (bias, lookahead)
    self.norm = norm
    self.activation = activation
    self.output = output
  }

  /// Adds the module of the input, `[tokens, width]`, which lies sequence after sequence.
  func apply(
    _ sum: ResidualSum, _ sequences: UnsafeBufferPointer<AttentionSequence>, _ pass: Pass
  ) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let gated = try pass.workspace.matrix(sum.input.rows, output.inputs)
      try input.apply(sum.input, activation: .sigmoid, into: gated, pass)
      let mixed = try pass.workspace.matrix(gated.rows, gated.columns)
      let work = DepthwiseWork(self, gated, sequences, into: mixed, parts: pass.engine.threads)
      pass.engine.share(work, parts: work.parts)
      norm?.apply(mixed, into: mixed, pass)
      pass.engine.activate(mixed, activation, into: mixed)
      try output.apply(mixed, residual: sum.residual, into: sum.output, pass)
    }
  }
}

/// The convolution of each channel by itself, of which threads take some frames of every sequence each. A frame's sum
/// runs from the earliest tap to the last.
private final class DepthwiseWork: SharedWork {
  let parts: Int
  private let module: ConvolutionModule
  private let x: Matrix
  private let y: Matrix
  private let sequences: UnsafeBufferPointer<AttentionSequence>

  init(
    _ module: ConvolutionModule, _ x: Matrix, _ sequences: UnsafeBufferPointer<AttentionSequence>, into y: Matrix,
    parts: Int
  ) {
    (self.module, self.x, self.sequences, self.y) = (module, x, sequences, y)
    self.parts = min(parts, max(x.rows, 1))
  }

  func run(_ part: Int) {
    let factors = module.factors.pointer(to: Float.self), taps = module.taps, width = x.columns
    for sequence in sequences {
      for frame in sequence.count * part / parts..<sequence.count * (part + 1) / parts {
        let sums = y[sequence.row + frame]
        if let bias = module.bias {
          sums.update(from: bias.pointer(), count: width)
        } else {
          sums.update(repeating: 0, count: width)
        }
        let start = frame + module.lookahead + 1 - taps  // the frame of the earliest tap
        for tap in max(-start, 0)..<max(min(taps, sequence.count - start), max(-start, 0)) {
          let from = x[sequence.row + start + tap], own = factors + tap * width
          for channel in 0..<width { sums[channel] += own[channel] * from[channel] }
        }
      }
    }
  }
}

import AttendBase
import AttendDispatch
import AttendKernelInterface

/// Convolutions over time and frequency that make one frame of several of a spectrogram (FastConformer; Rekesh et al.
/// 2023, arXiv:2305.05084, section 3): a plain one over the spectrogram, then some in which each channel sees only
/// itself, each before a product over the channels; an activation behind each product.
///
/// They are taken piece by piece, so that memory does not grow with the length of the sound. A frame has the same bits
/// in whatever piece.
package struct Subsampling: Sendable {
  /// A convolution of each channel by itself, and the product behind it.
  package struct Stage: Sendable {
    /// `[taps, taps, channels]`
    let factors: AlignedBuffer
    /// `[channels]`
    let bias: AlignedBuffer
    let product: Linear

    package init(factors: AlignedBuffer, bias: AlignedBuffer, product: Linear) {
      (self.factors, self.bias, self.product) = (factors, bias, product)
    }
  }

  /// `[channels, taps * taps]`
  let first: Linear
  let stages: [Stage]
  let taps: Int
  let stride: Int
  let bins: Int

  /// Frames that are made at once.
  private static let framesAtOnce = 64

  /// Of spectrograms with `bins`; `taps` is odd.
  package init(first: Linear, stages: [Stage], taps: Int, stride: Int, bins: Int) {
    (self.first, self.stages, self.taps, self.stride, self.bins) = (first, stages, taps, stride, bins)
  }

  private var padding: Int { (taps - 1) / 2 }
  private var channels: Int { first.outputs }
  private var depth: Int { stages.count + 1 }

  /// Frames or bins behind `levels` of the convolutions.
  private func length(of count: Int, behind levels: Int) -> Int {
    (0..<levels).reduce(count) { (count, _) in
      count + 2 * padding < taps ? 0 : (count + 2 * padding - taps) / stride + 1
    }
  }

  /// The frames that they make of so many.
  func length(of frames: Int) -> Int { length(of: frames, behind: depth) }

  /// The frames of the spectrogram from one that they make to the next.
  package var hop: Int { (0..<depth).reduce(1) { (hop, _) in hop.saturatingMultiply(stride) } }

  /// Numbers of a frame that they make.
  package var outputs: Int { channels * length(of: bins, behind: depth) }

  /// y, `[frames, outputs]`, of a spectrogram, the bins of a channel together.
  func apply(_ sound: SoundFrames, into y: Matrix, _ pass: Pass) throws(Failure) {
    let (channels, bins) = (self.channels, length(of: self.bins, behind: depth))
    for start in Swift.stride(from: 0, to: y.rows, by: Subsampling.framesAtOnce) {
      let frames = start..<min(start + Subsampling.framesAtOnce, y.rows)
      try pass.scoped { () throws(Failure) in
        let made = try make(frames, behind: depth, sound, pass)
        for (row, frame) in frames.enumerated() {
          for bin in 0..<bins {
            let from = made[row * bins + bin]
            for channel in 0..<channels { y[frame][channel * bins + bin] = from[channel] }
          }
        }
      }
      try pass.checkCancellation()
    }
  }

  /// Frames behind `level` convolutions, all of which there are, `[frames * bins, channels]`, in scratch memory.
  private func make(
    _ frames: Range<Int>, behind level: Int, _ sound: SoundFrames, _ pass: Pass
  ) throws(Failure) -> Matrix {
    let bins = length(of: self.bins, behind: level)
    let y = try pass.workspace.matrix(frames.count * bins, channels)
    try pass.scoped { () throws(Failure) in
      if level == 1 {
        try first.apply(try patches(frames, bins, sound, pass), activation: .relu, into: y, pass)
        return
      }
      let wanted = frames.lowerBound * stride - padding..<(frames.upperBound - 1) * stride - padding + taps
      let real = wanted.clamped(to: 0..<length(of: sound.count, behind: level - 1))
      let x = try make(real, behind: level - 1, sound, pass)
      let stage = stages[level - 2]
      let mixed = try pass.workspace.matrix(y.rows, y.columns)
      let work = PlaneWork(
        stage, x, real, bins: length(of: self.bins, behind: level - 1), into: mixed, frames, outputBins: bins,
        (taps, stride, padding), parts: pass.engine.threads)
      pass.engine.share(work, parts: work.parts)
      try stage.product.apply(mixed, activation: .relu, into: y, pass)
    }
    return y
  }

  /// What the first convolution reads for frames, `[frames * bins, taps * taps]`, with zeros around the spectrogram.
  private func patches(
    _ frames: Range<Int>, _ outputBins: Int, _ sound: SoundFrames, _ pass: Pass
  ) throws(Failure) -> Matrix {
    let patches = try pass.workspace.matrix(frames.count * outputBins, taps * taps)
    let row = try pass.workspace.take(bins, of: Float.self)
    patches.base.update(repeating: 0, count: patches.rows * patches.columns)
    for (place, frame) in frames.enumerated() {
      for tap in 0..<taps {
        let time = frame * stride - padding + tap
        guard time >= 0, time < sound.count else { continue }
        sound.copy(time..<time + 1, to: row)
        for bin in 0..<outputBins {
          let target = patches[place * outputBins + bin] + tap * taps
          for other in 0..<taps {
            let from = bin * stride - padding + other
            if from >= 0, from < bins { target[other] = row[from] }
          }
        }
      }
    }
    return patches
  }
}

/// The convolution of each channel by itself over time and frequency, of which threads take some frames each. A sum
/// begins with the bias and runs from the earliest tap to the last, and there from the lowest bin to the highest.
private final class PlaneWork: SharedWork {
  let parts: Int
  private let stage: Subsampling.Stage
  private let x: Matrix
  private let real: Range<Int>
  private let bins: Int
  private let y: Matrix
  private let frames: Range<Int>
  private let outputBins: Int
  private let shape: (taps: Int, stride: Int, padding: Int)

  /// x are the frames `real`, with `bins` rows each.
  init(
    _ stage: Subsampling.Stage, _ x: Matrix, _ real: Range<Int>, bins: Int, into y: Matrix, _ frames: Range<Int>,
    outputBins: Int, _ shape: (taps: Int, stride: Int, padding: Int), parts: Int
  ) {
    (self.stage, self.x, self.real, self.bins, self.y) = (stage, x, real, bins, y)
    (self.frames, self.outputBins, self.shape) = (frames, outputBins, shape)
    self.parts = min(parts, max(frames.count, 1))
  }

  func run(_ part: Int) {
    let (taps, stride, padding) = shape, channels = x.columns
    let factors = stage.factors.pointer(to: Float.self), bias = stage.bias.pointer(to: Float.self)
    for place in frames.count * part / parts..<frames.count * (part + 1) / parts {
      for bin in 0..<outputBins {
        let sums = y[place * outputBins + bin]
        sums.update(from: bias, count: channels)
        for tap in 0..<taps {
          let time = (frames.lowerBound + place) * stride - padding + tap
          guard real.contains(time) else { continue }
          for other in 0..<taps {
            let from = bin * stride - padding + other
            guard from >= 0, from < bins else { continue }
            let values = x[(time - real.lowerBound) * bins + from], own = factors + (tap * taps + other) * channels
            for channel in 0..<channels { sums[channel] += own[channel] * values[channel] }
          }
        }
      }
    }
  }
}

import AttendBase
import AttendDispatch

/// Convolutions one behind the other over a sound, taken piece by piece, so that memory does not grow with the length
/// of the sound and what one leaves is found in the cache by the next. A frame has the same bits in whatever piece.
package struct ConvolutionChain: Sendable {
  package let convolutions: [TimeConvolution]
  /// Of what the first makes, before its last activation; nil: none. It needs the whole sound, so that the first
  /// convolution is computed twice: it is the cheapest by far.
  package let timeNorm: TimeNorm?
  /// Frames of the last convolution in a piece.
  private let framesAtOnce: Int
  /// Frames of the first convolution at once where its mean and variance are measured.
  private let framesMeasuredAtOnce: Int

  /// A convolution reads at most `numbersAtOnce` numbers for a piece, which stay in the third cache.
  package init(_ convolutions: [TimeConvolution], timeNorm: TimeNorm?, numbersAtOnce: Int = 1 << 22) {
    self.convolutions = convolutions
    self.timeNorm = timeNorm
    var frames = 1 << 20
    while frames > 1, ConvolutionChain.numbers(frames, convolutions) > numbersAtOnce { frames /= 2 }
    framesAtOnce = frames
    // Whole blocks, so that sums are the same whatever is measured at once.
    let blocks = numbersAtOnce / (convolutions.first?.linear.outputs ?? 1) / TimeMoments.blockFrames
    framesMeasuredAtOnce = max(blocks, 1) * TimeMoments.blockFrames
  }

  /// The most numbers that one of the convolutions reads for so many frames of the last.
  private static func numbers(_ frames: Int, _ convolutions: [TimeConvolution]) -> Int {
    var (frames, most) = (frames, 0)
    for convolution in convolutions.reversed() {
      frames = (frames - 1).saturatingMultiply(convolution.stride).saturatingAdd(convolution.taps)
      most = max(most, frames.saturatingMultiply(convolution.channels))
    }
    return most
  }

  /// The channels of what it makes; nil: there are no convolutions.
  var outputs: Int? { convolutions.last?.linear.outputs }

  /// The frames of the sound from one that it makes to the next.
  package var hop: Int { convolutions.reduce(1) { $0.saturatingMultiply($1.stride) } }

  /// The frames that it makes of so many.
  package func length(of frames: Int) -> Int { length(of: frames, before: convolutions.count) }

  /// The frames that convolution `index` reads.
  private func length(of frames: Int, before index: Int) -> Int {
    convolutions[..<index].reduce(frames) { $1.length(of: $0) }
  }

  /// The least frames of which it makes one.
  var leastFrames: Int {
    convolutions.reversed().reduce(1) {
      max(($0 - 1).saturatingMultiply($1.stride).saturatingAdd($1.taps) - 2 * $1.padding, 1)
    }
  }

  /// y, `[frames, outputs]`, of a sound. y gains `residual`, where the last convolution has no norm.
  package func apply(_ sound: SoundFrames, residual: Matrix?, into y: Matrix, _ pass: Pass) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let moments = try moments(of: sound, pass)
      for first in stride(from: 0, to: y.rows, by: framesAtOnce) {
        let count = min(framesAtOnce, y.rows - first)
        let piece = Piece(sound: sound, moments: moments, pass: pass)
        try make(
          first..<first + count, by: convolutions.count - 1, piece, residual: residual?.rows(first, count),
          into: y.rows(first, count))
        try pass.checkCancellation()
      }
    }
  }

  private struct Piece {
    let sound: SoundFrames
    let moments: TimeMoments?
    let pass: Pass
  }

  /// Some of the frames that convolution `index` makes.
  private func make(
    _ frames: Range<Int>, by index: Int, _ piece: Piece, residual: Matrix? = nil, into y: Matrix
  ) throws(Failure) {
    let (convolution, pass) = (convolutions[index], piece.pass)
    try pass.scoped { () throws(Failure) in
      let x = try inputs(convolution.inputs(of: frames), of: index, piece)
      try convolution.multiply(x, residual: residual, into: y, pass)
    }
    if index == 0, let moments = piece.moments { moments.normalise(y, pass.engine) }
    convolution.finish(y, pass)
  }

  /// Some of the frames that convolution `index` reads, with the zeros around them, where they lie or in scratch
  /// memory.
  private func inputs(_ frames: Range<Int>, of index: Int, _ piece: Piece) throws(Failure) -> UnsafePointer<Float> {
    let real = frames.clamped(to: 0..<length(of: piece.sound.count, before: index))
    if index == 0, real == frames, let base = piece.sound.base(of: real) { return base }
    let channels = convolutions[index].channels
    let buffer = try piece.pass.workspace.take(frames.count.saturatingMultiply(channels), of: Float.self)
    buffer.update(repeating: 0, count: (real.lowerBound - frames.lowerBound) * channels)
    let own = Matrix(
      buffer + (real.lowerBound - frames.lowerBound) * channels, rows: real.count, columns: channels)
    own[real.count].update(repeating: 0, count: (frames.upperBound - real.upperBound) * channels)
    if index == 0 {
      piece.sound.copy(real, to: own.base)
    } else if !real.isEmpty {
      try make(real, by: index - 1, piece, into: own)
    }
    return UnsafePointer(buffer)
  }

  /// Mean and variance of what the first convolution makes.
  private func moments(of sound: SoundFrames, _ pass: Pass) throws(Failure) -> TimeMoments? {
    guard let timeNorm, let first = convolutions.first else { return nil }
    let moments = try TimeMoments(timeNorm, channels: first.linear.outputs, pass)
    let (frames, piece) = (first.length(of: sound.count), Piece(sound: sound, moments: nil, pass: pass))
    for start in stride(from: 0, to: frames, by: framesMeasuredAtOnce) {
      try pass.scoped { () throws(Failure) in
        let range = start..<min(start + framesMeasuredAtOnce, frames)
        let y = try pass.workspace.matrix(range.count, first.linear.outputs)
        let x = try inputs(first.inputs(of: range), of: 0, piece)
        try first.multiply(x, into: y, pass)
        moments.add(y, pass.engine)
      }
      try pass.checkCancellation()
    }
    moments.finish()
    return moments
  }
}

/// A sound as frames one after another, `[count, channels]`: the samples, or what a spectrogram has at a time.
package struct SoundFrames {
  let base: UnsafePointer<Float>
  let channels: Int
  let count: Int
  /// The numbers lie `[channels, count]`.
  let isTransposed: Bool

  package init(_ base: UnsafePointer<Float>, channels: Int, count: Int, isTransposed: Bool) {
    self.base = base
    self.channels = channels
    self.count = count
    self.isTransposed = isTransposed
  }

  /// Where some frames lie without gaps; nil: nowhere.
  func base(of frames: Range<Int>) -> UnsafePointer<Float>? {
    isTransposed ? nil : base + frames.lowerBound * channels
  }

  /// Copies some frames to memory without gaps.
  func copy(_ frames: Range<Int>, to target: UnsafeMutablePointer<Float>) {
    if let base = base(of: frames) { return target.update(from: base, count: frames.count * channels) }
    for channel in 0..<channels {
      let from = base + channel * count
      for (place, frame) in frames.enumerated() { target[place * channels + channel] = from[frame] }
    }
  }
}

import AttendBase
import AttendDispatch
import AttendKernelInterface

/// From a sound to the first hidden states: convolutions over its samples (wav2vec 2.0; Baevski et al. 2020,
/// arXiv:2006.11477, section 2) or over the frames of its spectrogram (Whisper; Radford et al. 2022, arXiv:2212.04356,
/// section 2.2), a norm and a product, and what tells frames their places.
package struct SoundEmbedding: Sendable {
  package enum Form: Sendable {
    /// `[samples]`
    case samples
    /// A spectrogram, `[bins, frames]`.
    case binsByFrames(bins: Int)
    /// A spectrogram, `[frames, bins]`.
    case framesByBins(bins: Int)
  }

  package let form: Form
  /// The frames that a spectrogram must have; nil: as many as it likes.
  package let frames: Int?
  package let convolutions: [TimeConvolution]
  package let norm: Norm?
  package let projection: Linear?
  /// `[frames, width]`, added to the states of a sound from its first on; nil: none. Behind convolutions the last of
  /// which has no norm, and without a projection.
  package let positions: AlignedBuffer?
  /// What they make of the states one after the other is added to these.
  package let positional: [PositionalConvolution]
  package let lastNorm: Norm?

  package init(
    form: Form, frames: Int?, convolutions: [TimeConvolution], norm: Norm?, projection: Linear?,
    positions: AlignedBuffer?, positional: [PositionalConvolution], lastNorm: Norm?
  ) {
    self.form = form
    self.frames = frames
    self.convolutions = convolutions
    self.norm = norm
    self.projection = projection
    self.positions = positions
    self.positional = positional
    self.lastNorm = lastNorm
  }

  // MARK: Lengths

  /// Channels of what the convolutions read.
  private var channels: Int {
    switch form {
    case .samples: 1
    case .binsByFrames(let bins), .framesByBins(let bins): bins
    }
  }

  /// Samples or frames of an array.
  private func count(of array: FeatureArray) -> Int {
    if case .framesByBins = form { array.channels } else { array.width }
  }

  /// The number of hidden states that stand for a sound. Throws `invalidArgument` where it has another shape than the
  /// model reads, or is too short for one.
  func length(of array: FeatureArray) throws(Failure) -> Int {
    try checkShape(array)
    let read = count(of: array)
    var count = read
    for convolution in convolutions { count = convolution.length(of: count) }
    guard count > 0 else {
      throw Failure(
        .invalidArgument,
        "a sound of \(read) \(unit) is too short: the model makes one state of at least \(least)")
    }
    return count
  }

  private func checkShape(_ array: FeatureArray) throws(Failure) {
    let bins = if case .framesByBins = form { array.width } else { array.channels }
    guard array.height == 1, bins == channels else {
      let wanted =
        switch form {
        case .samples: "the samples of one channel, [samples]"
        case .binsByFrames(let bins): "spectrograms of \(bins) bins, [\(bins), frames]"
        case .framesByBins(let bins): "spectrograms of \(bins) bins, [frames, \(bins)]"
        }
      throw Failure(.invalidArgument, "a sound has shape \(array.soundShape); the model reads \(wanted)")
    }
    if let frames, count(of: array) != frames {
      throw Failure(
        .invalidArgument, "a spectrogram has \(count(of: array)) frames; the model reads just \(frames)")
    }
  }

  private var unit: String { if case .samples = form { "samples" } else { "frames" } }

  /// The samples or frames that one hidden state takes.
  private var least: Int {
    convolutions.reversed().reduce(1) { ($0 - 1) * $1.stride + $1.taps - 2 * $1.padding }
  }

  // MARK: Computing

  /// Fills x, `[tokens, width]`, with the states of a sound for each sequence.
  func apply(
    _ arrays: UnsafeBufferPointer<FeatureArray>, _ sequences: UnsafeBufferPointer<AttentionSequence>, into x: Matrix,
    _ pass: Pass
  ) throws(Failure) {
    for (array, sequence) in zip(arrays, sequences) {
      let own = x.rows(sequence.row, sequence.count)
      try pass.scoped { () throws(Failure) in try convolve(array, into: own, pass) }
      try pass.scoped { () throws(Failure) in try addPlaces(own, pass) }
      try pass.checkCancellation()
    }
    lastNorm?.apply(x, into: x, pass)
  }

  /// Takes a sound through the convolutions, the norm and the product.
  private func convolve(_ array: FeatureArray, into y: Matrix, _ pass: Pass) throws(Failure) {
    let places = positions.map { Matrix($0.pointer(), rows: y.rows, columns: y.columns) }
    var frames = count(of: array)
    var x = try rows(array, padding: convolutions.first?.padding ?? 0, pass)
    var buffers = try FrameBuffers(self, frames: frames, pass.workspace)
    for (index, convolution) in convolutions.enumerated() {
      frames = convolution.length(of: frames)
      if index == convolutions.count - 1, projection == nil {
        return try convolution.apply(x, residual: places, into: y, pass)
      }
      let padding = index + 1 < convolutions.count ? convolutions[index + 1].padding : 0
      let next = buffers.next(frames: frames, channels: convolution.linear.outputs, padding: padding)
      try convolution.apply(x, into: next.frames, pass)
      x = UnsafePointer(next.base)
      try pass.checkCancellation()
    }
    let columns = convolutions.last?.linear.outputs ?? channels
    var states = Matrix(UnsafeMutablePointer(mutating: x), rows: frames, columns: columns)
    if let norm {
      // Into other memory: what lies at x may be the caller's.
      let normed = try pass.workspace.matrix(frames, columns)
      norm.apply(states, into: normed, pass)
      states = normed
    }
    try projection?.apply(states, into: y, pass)
  }

  /// A sound as the first convolution reads it, `[padding + frames + padding, channels]` without gaps: where it lies,
  /// or in scratch memory.
  private func rows(_ array: FeatureArray, padding: Int, _ pass: Pass) throws(Failure) -> UnsafePointer<Float> {
    let frames = count(of: array)
    var isTransposed = false
    if case .binsByFrames = form { isTransposed = true }
    guard padding > 0 || isTransposed else { return array.base }
    let size = try FrameBuffers.size(frames: frames + 2 * padding, channels: channels)
    let padded = try pass.workspace.take(size, of: Float.self)
    let target = FrameBuffers.padded(padded, frames: frames, channels: channels, padding: padding)
    guard isTransposed else {
      target.base.update(from: array.base, count: frames * channels)
      return UnsafePointer(padded)
    }
    for bin in 0..<channels {
      let from = array.base + bin * frames
      for frame in 0..<frames { target.base[frame * channels + bin] = from[frame] }
    }
    return UnsafePointer(padded)
  }

  /// Adds to the states of one sound what the positional convolutions make of them.
  private func addPlaces(_ x: Matrix, _ pass: Pass) throws(Failure) {
    guard let last = positional.last else { return }
    var input = x
    for convolution in positional.dropLast() {
      let output = try pass.workspace.matrix(x.rows, x.columns)
      try convolution.apply(input, residual: nil, into: output, pass)
      input = output
    }
    guard last.norm != nil else { return try last.apply(input, residual: x, into: x, pass) }
    let output = try pass.workspace.matrix(x.rows, x.columns)
    try last.apply(input, residual: nil, into: output, pass)
    pass.engine.add(output, to: x)
  }
}

/// Two pieces of scratch memory in which convolutions leave frames by turns.
private struct FrameBuffers {
  private let buffers: InlineArray<2, UnsafeMutablePointer<Float>>
  private var turn = 0

  /// Room for all that the convolutions of an embedding leave there of a sound of so many samples or frames.
  init(_ embedding: SoundEmbedding, frames: Int, _ workspace: Workspace) throws(Failure) {
    var sizes = InlineArray<2, Int>(repeating: 0), frames = frames
    for (index, convolution) in embedding.convolutions.enumerated() {
      frames = convolution.length(of: frames)
      let padding = index + 1 < embedding.convolutions.count ? embedding.convolutions[index + 1].padding : 0
      let size = try FrameBuffers.size(frames: frames + 2 * padding, channels: convolution.linear.outputs)
      sizes[index % 2] = max(sizes[index % 2], size)
    }
    let first = try workspace.take(sizes[0], of: Float.self)
    buffers = [first, try workspace.take(sizes[1], of: Float.self)]
  }

  /// The memory of the next convolution: from the zeros before its frames on, and the frames.
  mutating func next(
    frames: Int, channels: Int, padding: Int
  ) -> (base: UnsafeMutablePointer<Float>, frames: Matrix) {
    defer { turn = 1 - turn }
    let frames = FrameBuffers.padded(buffers[turn], frames: frames, channels: channels, padding: padding)
    return (buffers[turn], frames)
  }

  static func size(frames: Int, channels: Int) throws(Failure) -> Int {
    let (size, overflow) = frames.multipliedReportingOverflow(by: channels)
    guard !overflow else { throw .outOfMemory(Int.max, for: "the frames of a sound") }
    return size
  }

  /// The frames between as many zeros before and behind them, which are written here.
  static func padded(
    _ base: UnsafeMutablePointer<Float>, frames: Int, channels: Int, padding: Int
  ) -> Matrix {
    base.update(repeating: 0, count: padding * channels)
    (base + (padding + frames) * channels).update(repeating: 0, count: padding * channels)
    return Matrix(base + padding * channels, rows: frames, columns: channels)
  }
}

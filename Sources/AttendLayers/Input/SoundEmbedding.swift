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
  package let convolutions: ConvolutionChain
  /// Convolutions over time and frequency in place of those over time; nil: there are none.
  package let subsampling: Subsampling?
  /// The factor on what the projection makes.
  package let scale: Float
  package let norm: Norm?
  /// nil: there are convolutions, and no norm.
  package let projection: Linear?
  /// `[frames, width]`, added to the states of a sound from its first on; nil: none. There is no projection then, and
  /// the last convolution has no norm.
  package let positions: AlignedBuffer?
  /// What they make of the states one after the other is added to these.
  package let positional: [PositionalConvolution]
  package let lastNorm: Norm?

  package init(
    form: Form, frames: Int?, convolutions: ConvolutionChain, subsampling: Subsampling? = nil, norm: Norm?,
    projection: Linear?, scale: Float = 1, positions: AlignedBuffer?, positional: [PositionalConvolution],
    lastNorm: Norm?
  ) {
    self.form = form
    self.frames = frames
    self.convolutions = convolutions
    (self.subsampling, self.scale) = (subsampling, scale)
    self.norm = norm
    self.projection = projection
    self.positions = positions
    self.positional = positional
    self.lastNorm = lastNorm
  }

  // MARK: Lengths

  /// Samples or frames of a sound from one state to the next.
  package var hop: Int { subsampling?.hop ?? convolutions.hop }

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
    let frames = self.count(of: array)
    let count = subsampling?.length(of: frames) ?? convolutions.length(of: frames)
    guard count > 0 else {
      let unit = if case .samples = form { "samples" } else { "frames" }
      throw Failure(
        .invalidArgument,
        "a sound of \(self.count(of: array)) \(unit) is too short: the model makes one state of at least "
          + "\(convolutions.leastFrames)")
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

  // MARK: Computing

  /// Fills x, `[tokens, width]`, with the states of a sound for each sequence.
  func apply(
    _ arrays: UnsafeBufferPointer<FeatureArray>, _ sequences: UnsafeBufferPointer<AttentionSequence>, into x: Matrix,
    _ pass: Pass
  ) throws(Failure) {
    for (array, sequence) in zip(arrays, sequences) {
      let own = x.rows(sequence.row, sequence.count)
      try pass.scoped { () throws(Failure) in try read(array, into: own, pass) }
      try pass.scoped { () throws(Failure) in try addPlaces(own, pass) }
      try pass.checkCancellation()
    }
    lastNorm?.apply(x, into: x, pass)
  }

  /// Takes a sound through the convolutions, the norm and the product.
  private func read(_ array: FeatureArray, into y: Matrix, _ pass: Pass) throws(Failure) {
    let isTransposed = if case .binsByFrames = form { true } else { false }
    let sound = SoundFrames(array.base, channels: channels, count: count(of: array), isTransposed: isTransposed)
    guard let projection else {
      let places = positions.map { Matrix($0.pointer(), rows: y.rows, columns: y.columns) }
      return try convolutions.apply(sound, residual: places, into: y, pass)
    }
    let features = try pass.workspace.matrix(y.rows, subsampling?.outputs ?? convolutions.outputs ?? channels)
    if let subsampling {
      try subsampling.apply(sound, into: features, pass)
    } else if convolutions.outputs != nil {
      try convolutions.apply(sound, residual: nil, into: features, pass)
    } else {
      for row in 0..<features.rows { sound.copy(row..<row + 1, to: features[row]) }
    }
    norm?.apply(features, into: features, pass)
    try projection.apply(features, into: y, pass)
    if scale != 1 { pass.engine.scale(y, by: scale) }
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

import AttendBase
import AttendCheckpoints

/// Log-mel bands in Kaldi's manner, as the Audio Spectrogram Transformer (Gong et al. 2021) and SeamlessM4T with
/// wav2vec2-BERT (Barrault et al. 2023) take them: whole frames of 25 ms every 10 ms, each without its mean and with
/// preemphasis; a transform of 512 samples; bands from 20 Hz to half the rate. Immutable: any number of threads may use
/// it at once.
package final class FilterBank: Sendable {
  /// What follows the logarithms.
  enum Finish {
    /// `length` frames, zeros behind the sound's or the first ones of it; then (x - mean) / (2 deviation) where given.
    case fixed(length: Int, mean: Double, deviation: Double?)
    /// Mean and deviation of each band taken out, then `stride` frames side by side; a last group that is not full is
    /// filled with `padding`.
    case stacked(stride: Int, padding: Float)
    /// The same without groups, of frames in whose middle each hop begins, and preemphasis of the whole sound before.
    case centred(preemphasis: Float)
  }

  package let rate: Int
  let spectrogram: Spectrogram
  private let finish: Finish

  /// Numbers of a row of the features.
  package var width: Int {
    if case .stacked(let stride, _) = finish { return stride * spectrogram.bands }
    return spectrogram.bands
  }

  /// Samples from the beginning of one row to that of the next.
  var rowHop: Int { if case .stacked(let stride, _) = finish { stride * FilterBank.hop } else { FilterBank.hop } }

  private static let frameLength = 400
  private static let hop = 160
  private static let transform = 512

  init(
    rate: Int, bands: Int, preparation: Spectrogram.Preparation, finish: Finish, scale: MelFilters.Scale = .kaldi,
    logarithm: Spectrogram.Logarithm = .natural(floor: 0x1p-23), window: (_ hann: Double) -> Double
  ) throws(Failure) {
    self.rate = rate
    self.finish = finish
    let filters = try MelFilters(
      bands, scale, bins: FilterBank.transform / 2 + 1, rate: rate, from: scale == .kaldi ? 20 : 0,
      to: Double(rate / 2))
    spectrogram = try Spectrogram(
      frameLength: FilterBank.frameLength, hop: FilterBank.hop, transform: FilterBank.transform, filters: filters,
      preparation: preparation, logarithm: logarithm
    ) { n in
      let turn = 2 * .pi * Double(n) / Double(FilterBank.frameLength - 1)
      return window(0.5 - 0.5 * Trigonometry.sineAndCosine(turn).cosine)
    }
  }

  /// ASTFeatureExtractor of preprocessor_config.json.
  static func audioSpectrogramTransformer(_ configuration: Configuration) throws(Failure) -> FilterBank {
    let rate = try FrontEnd.rate(configuration), bands = try FrontEnd.bands(configuration, default: 128)
    let length = try configuration.size("max_length", default: 1024)
    let mean = try configuration.number("mean", default: -4.2677393)
    let deviation = try configuration.number("std", default: 4.5689974)
    let normalizes = try configuration.boolean("do_normalize", default: true)
    configuration.understand("feature_size")
    guard deviation != 0 else { throw configuration.invalid("std", "is 0") }
    guard length <= 1 << 20 else { throw configuration.invalid("max_length", "is \(length), expected at most 2^20") }
    return try FilterBank(
      rate: rate, bands: bands, preparation: .init(removesMean: true, preemphasis: 0.97),
      finish: .fixed(length: length, mean: normalizes ? mean : 0, deviation: normalizes ? deviation : nil)
    ) { $0 }
  }

  /// SeamlessM4TFeatureExtractor of preprocessor_config.json. Its window is Povey's: Hann's to the power of 0.85.
  static func seamless(_ configuration: Configuration) throws(Failure) -> FilterBank {
    let rate = try FrontEnd.rate(configuration), bands = try FrontEnd.bands(configuration, default: 80)
    let stride = try configuration.size("stride", default: 2)
    let padding = try configuration.number("padding_value", default: 0)
    configuration.understand("feature_size")
    guard stride <= 64 else { throw configuration.invalid("stride", "is \(stride), expected at most 64") }
    return try FilterBank(
      rate: rate, bands: bands, preparation: .init(scale: 0x1p15, removesMean: true, preemphasis: 0.97),
      finish: .stacked(stride: stride, padding: Float(padding))
    ) { $0 > 0 ? Exponential.exp(0.85 * Exponential.log($0)) : 0 }
  }

  /// ParakeetFeatureExtractor of preprocessor_config.json: NeMo's features, with Slaney's filters.
  static func parakeet(_ configuration: Configuration) throws(Failure) -> FilterBank {
    let rate = try FrontEnd.rate(configuration), bands = try configuration.size("feature_size", default: 80)
    for (key, value) in [("hop_length", hop), ("n_fft", transform), ("win_length", frameLength)] {
      let stated = try configuration.size(key, default: value)
      guard stated == value else {
        throw Failure(.unsupported, "\(configuration.path): \(key) is \(stated); \(value) is what is implemented")
      }
    }
    guard bands <= MelFilters.maximalCount else {
      throw configuration.invalid("feature_size", "is \(bands), expected at most \(MelFilters.maximalCount)")
    }
    let preemphasis = Float(try configuration.number("preemphasis", default: 0.97))
    return try FilterBank(
      rate: rate, bands: bands, preparation: Spectrogram.Preparation(), finish: .centred(preemphasis: preemphasis),
      scale: .slaney, logarithm: .naturalOfSum(with: 0x1p-24)
    ) { $0 }
  }

  /// Whole frames of `count` samples; of centred ones as many as there are whole hops.
  private func frames(of count: Int) -> Int {
    if case .centred = finish { return count / FilterBank.hop }
    return count < FilterBank.frameLength ? 0 : (count - FilterBank.frameLength) / FilterBank.hop + 1
  }

  /// The features of a sound, [frames, width]. Throws `invalidArgument` for another rate and for a sound that is
  /// shorter than a frame, `outOfMemory`.
  package func features(_ sound: Sound, threads: Int = 1) throws(Failure) -> Features {
    try FrontEnd.check(sound, rate: rate)
    let frames = frames(of: sound.count)
    guard frames > 0 else {
      let least = FilterBank.frameLength
      throw Failure(.invalidArgument, "a sound of \(sound.count) samples is too short: a frame has \(least)")
    }
    defer { withExtendedLifetime(sound) {} }
    let signal = Signal(samples: sound.samples, first: 0, length: sound.count)
    switch finish {
    case .fixed(let length, let mean, let deviation):
      let real = min(frames, length)
      let features = try Features(rows: length, width: width, realRows: real)
      let values = features.values.baseAddress!
      try FrameWork.run(spectrogram, signal, 0..<real, margin: 0, threads: threads, into: values)
      (values + real * width).update(repeating: 0, count: (length - real) * width)
      if let deviation {
        for index in 0..<length * width { values[index] = Float((Double(values[index]) - mean) / (2 * deviation)) }
      }
      return features
    case .stacked(let stride, let padding):
      let rows = (frames + stride - 1) / stride
      let features = try Features(rows: rows, width: width, realRows: frames / stride)
      let values = features.values.baseAddress!
      try FrameWork.run(spectrogram, signal, 0..<frames, margin: 0, threads: threads, into: values)
      standardize(values, frames) { 1 / ($0 + 1e-7).squareRoot() }
      let filled = frames * spectrogram.bands
      (values + filled).update(repeating: padding, count: rows * width - filled)
      return features
    case .centred(let preemphasis):
      let features = try Features(rows: frames, width: width, realRows: frames)
      let values = features.values.baseAddress!
      let emphasised = try emphasised(sound, preemphasis)
      let samples = UnsafeBufferPointer<Float>(
        start: emphasised.pointer(), count: sound.count + 2 * FilterBank.frameLength)
      try FrameWork.run(
        spectrogram, Signal(samples: samples, first: 0, length: samples.count), 0..<frames, margin: 0, threads: threads,
        into: values)
      withExtendedLifetime(emphasised) {}
      standardize(values, frames) { 1 / ($0.squareRoot() + 1e-5) }
      return features
    }
  }

  /// The samples x[n] - c x[n - 1] of a sound behind half a frame of zeros, and zeros behind.
  private func emphasised(_ sound: Sound, _ factor: Float) throws(Failure) -> AlignedBuffer {
    let count = sound.count.saturatingAdd(2 * FilterBank.frameLength), margin = FilterBank.frameLength / 2
    let memory = try AlignedBuffer(count, of: Float.self, for: "the samples of a sound")
    let target = memory.pointer(to: Float.self), samples = sound.samples
    target.update(repeating: 0, count: count)
    var before: Float = 0
    for (index, sample) in samples.enumerated() {
      target[margin + index] = sample - factor * before
      before = sample
    }
    return memory
  }

  /// Takes mean and deviation out of each band; the variance is that of a sample, divided by one less than the frames.
  /// `factor` is made of it.
  private func standardize(
    _ values: UnsafeMutablePointer<Float>, _ frames: Int, factor: (_ variance: Double) -> Double
  ) {
    let bands = spectrogram.bands
    for band in 0..<bands {
      var (sum, squares) = (0.0, 0.0)
      for frame in 0..<frames { sum += Double(values[frame * bands + band]) }
      let mean = sum / Double(frames)
      for frame in 0..<frames {
        let x = Double(values[frame * bands + band]) - mean
        squares += x * x
      }
      // Of a single frame the reference's variance is 0 / 0; here nothing is left of it but zeros.
      let factor = factor(squares / Double(max(frames - 1, 1)))
      for frame in 0..<frames {
        let index = frame * bands + band
        values[index] = Float((Double(values[index]) - mean) * factor)
      }
    }
  }
}

import AttendBase
import AttendCheckpoints

/// The front end of Whisper (Radford et al. 2022): logarithms of mel bands every hundredth of a second, cut 8 powers of
/// ten below the loudest of the whole sound. Immutable: any number of threads may use it at once.
package final class LogMel: Sendable {
  /// Samples in a second.
  package let rate: Int
  /// Bands of a frame: 80 or 128.
  package let bands: Int
  /// Samples between frames.
  package let hop: Int
  /// Samples of the window that a model reads at once, 30 s; shorter sounds are filled with zeros to it.
  package let windowSamples: Int
  /// Frames of that window.
  package var windowFrames: Int { windowSamples / hop }
  /// Whether mean and deviation are taken out of the real samples first.
  package let normalizes: Bool

  let spectrogram: Spectrogram
  /// Samples that are mirrored at either end.
  var margin: Int { spectrogram.frameLength / 2 }

  /// From preprocessor_config.json, `feature_extractor_type` WhisperFeatureExtractor. Throws `invalidFile`,
  /// `unsupported`, `outOfMemory`.
  init(_ configuration: Configuration) throws(Failure) {
    rate = try FrontEnd.rate(configuration)
    bands = try configuration.size("feature_size", default: 80)
    hop = try configuration.size("hop_length", default: 160)
    let frameLength = try configuration.size("n_fft", default: 400)
    let seconds = try configuration.size("chunk_length", default: 30)
    normalizes = try configuration.boolean("do_normalize", default: false)
    try FrontEnd.refuseNoise(configuration)
    configuration.understand("n_samples", "nb_max_frames")  // they follow from the others
    guard bands <= MelFilters.maximalCount else {
      throw configuration.invalid("feature_size", "is \(bands), expected at most \(MelFilters.maximalCount)")
    }
    guard seconds <= 3600, hop <= frameLength, seconds * rate > frameLength else {
      throw configuration.invalid(
        "chunk_length",
        "is \(seconds) s with frames of \(frameLength) samples every \(hop); at most 3600 s, and a frame")
    }
    windowSamples = seconds * rate
    let filters = try MelFilters(bands, .slaney, bins: frameLength / 2 + 1, rate: rate, from: 0, to: 8000)
    spectrogram = try Spectrogram(
      frameLength: frameLength, hop: hop, transform: frameLength, filters: filters,
      preparation: Spectrogram.Preparation(), logarithm: .base10(floor: 1e-10)
    ) { 0.5 - 0.5 * Trigonometry.sineAndCosine(2 * .pi * Double($0) / Double(frameLength)).cosine }  // Hann
  }

  /// The features of a whole sound, [frames, bands]. One that is shorter than the window is filled with zeros to it; of
  /// a longer one all whole hops become frames, unless it `truncates`. Throws `invalidArgument` for another rate,
  /// `outOfMemory`.
  package func features(_ sound: Sound, truncates: Bool = false, threads: Int = 1) throws(Failure) -> Features {
    try FrontEnd.check(sound, rate: rate)
    let real = truncates ? min(sound.count, windowSamples) : sound.count
    defer { withExtendedLifetime(sound) {} }
    var samples = UnsafeBufferPointer(rebasing: sound.samples[..<real])
    var normalized: AlignedBuffer?
    defer { withExtendedLifetime(normalized) {} }
    if normalizes {
      let memory = try AlignedBuffer(real, of: Float.self, for: "the features of a sound")
      normalized = memory
      var statistics = Standardization()
      if let start = samples.baseAddress {
        statistics.add(start, real)
        statistics.apply(start, real, into: memory.pointer())
      }
      samples = UnsafeBufferPointer(start: memory.pointer(), count: real)
    }
    let signal = Signal(samples: samples, first: 0, length: max(real, windowSamples))
    let frames = signal.length / hop
    let features = try Features(rows: frames, width: bands, realRows: min((real + hop - 1) / hop, frames))
    let start = features.values.baseAddress!
    let peak = try logarithms(signal, 0..<frames, threads: threads, into: start)
    finish(start, frames * bands, peak: peak)
    return features
  }

  /// Writes the logarithms of frames to `target`, [frames, bands], and gives the largest.
  func logarithms(
    _ signal: Signal, _ frames: Range<Int>, threads: Int, into target: UnsafeMutablePointer<Float>
  ) throws(Failure) -> Float {
    try FrameWork.run(spectrogram, signal, frames, margin: margin, threads: threads, into: target)
    var peak = -Float.infinity
    for index in 0..<frames.count * bands { peak = max(peak, target[index]) }
    return peak
  }

  /// Cuts logarithms 8 below the peak of the whole sound, and brings them near -1 to 1.
  func finish(_ values: UnsafeMutablePointer<Float>, _ count: Int, peak: Float) {
    let floor = peak - 8
    for index in 0..<count { values[index] = (max(values[index], floor) + 4) * 0.25 }
  }

  /// Writes `count` frames of features, [count, bands], as the model reads a window of them, [bands, windowFrames]; the
  /// frames behind them are zeros, as the reference fills a window up.
  package func transpose(
    _ rows: UnsafePointer<Float>, _ count: Int, into target: UnsafeMutablePointer<Float>
  ) {
    let real = min(count, windowFrames)
    for band in 0..<bands {
      let line = target + band * windowFrames
      for frame in 0..<real { line[frame] = rows[frame * bands + band] }
      (line + real).update(repeating: 0, count: windowFrames - real)
    }
  }
}

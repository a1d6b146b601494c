import AttendBase
import AttendCheckpoints

/// The front end of models that read samples themselves: wav2vec2 and its line, with mean and deviation taken out where
/// the file says so (Baevski et al. 2020), and Moonshine, without. Immutable.
package final class Waveform: Sendable {
  package let rate: Int
  /// Whether mean 0 and variance 1 are made of each sound.
  package let normalizes: Bool

  init(_ configuration: Configuration) throws(Failure) {
    rate = try FrontEnd.rate(configuration)
    normalizes = try configuration.boolean("do_normalize", default: true)
    let width = try configuration.integer("feature_size", default: 1)
    guard width == 1 else { throw configuration.invalid("feature_size", "is \(width), expected 1") }
  }

  /// The samples of a sound as the model reads them, [samples, 1]. Throws `invalidArgument` for another rate,
  /// `outOfMemory`.
  package func features(_ sound: Sound) throws(Failure) -> Features {
    try features(sound, rows: sound.count)
  }

  /// The sounds of a batch, each filled to the longest with zeros after it was normalised; `realRows` of each are its
  /// own samples.
  package func features(batch sounds: [Sound]) throws(Failure) -> FixedArray<Features> {
    let longest = sounds.reduce(0) { max($0, $1.count) }
    return try FixedArray(sounds.count, for: "the features of sounds") { (index) throws(Failure) in
      try features(sounds[index], rows: longest)
    }
  }

  private func features(_ sound: Sound, rows: Int) throws(Failure) -> Features {
    try FrontEnd.check(sound, rate: rate)
    let features = try Features(rows: rows, width: 1, realRows: sound.count)
    let values = features.values.baseAddress!
    defer { withExtendedLifetime(sound) {} }
    guard let samples = sound.samples.baseAddress else { return features }
    if normalizes {
      var statistics = Standardization()
      statistics.add(samples, sound.count)
      statistics.apply(samples, sound.count, into: values)
    } else {
      values.update(from: samples, count: sound.count)
    }
    (values + sound.count).update(repeating: 0, count: rows - sound.count)
    return features
  }
}

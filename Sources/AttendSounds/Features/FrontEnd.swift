import AttendBase
import AttendCheckpoints

/// What stands between a sound and a model, as preprocessor_config.json names it. Immutable: any number of threads may
/// use it at once.
package enum FrontEnd: Sendable {
  /// Log-mel bands of Whisper.
  case logMel(LogMel)
  /// Samples themselves: wav2vec2, HuBERT, WavLM, Moonshine.
  case waveform(Waveform)
  /// Mel bands in Kaldi's manner: AST, SeamlessM4T, wav2vec2-BERT; and in NeMo's: Parakeet.
  case filterBank(FilterBank)

  /// Reads `feature_extractor_type` and its options. Throws `unsupported` for one that is not known and for an option
  /// with a meaning that is not, `invalidFile`, `outOfMemory`.
  package init(_ configuration: Configuration) throws(Failure) {
    let type = try configuration.string("feature_extractor_type")
    switch type {
    case "WhisperFeatureExtractor": self = .logMel(try LogMel(configuration))
    case "Wav2Vec2FeatureExtractor": self = .waveform(try Waveform(configuration))
    case "ASTFeatureExtractor": self = .filterBank(try FilterBank.audioSpectrogramTransformer(configuration))
    case "ParakeetFeatureExtractor": self = .filterBank(try FilterBank.parakeet(configuration))
    case "SeamlessM4TFeatureExtractor": self = .filterBank(try FilterBank.seamless(configuration))
    default:
      throw Failure(.unsupported, "\(configuration.path): the feature_extractor_type \(type) is not implemented")
    }
    try FrontEnd.refuseUnknown(configuration)
  }

  /// Samples in a second of the sounds that the model was trained on.
  package var rate: Int {
    switch self {
    case .logMel(let frontEnd): frontEnd.rate
    case .waveform(let frontEnd): frontEnd.rate
    case .filterBank(let frontEnd): frontEnd.rate
    }
  }

  /// Samples from the beginning of one row of the features to that of the next.
  package var hop: Int {
    switch self {
    case .logMel(let frontEnd): frontEnd.hop
    case .waveform: 1
    case .filterBank(let frontEnd): frontEnd.rowHop
    }
  }

  /// The features of a sound at that rate, [rows, width].
  package func features(_ sound: Sound, threads: Int = 1) throws(Failure) -> Features {
    switch self {
    case .logMel(let frontEnd): try frontEnd.features(sound, threads: threads)
    case .waveform(let frontEnd): try frontEnd.features(sound)
    case .filterBank(let frontEnd): try frontEnd.features(sound, threads: threads)
    }
  }

  /// Throws `invalidArgument` for a sound at another rate than a model's.
  static func check(_ sound: Sound, rate: Int) throws(Failure) {
    guard sound.rate == rate else {
      throw Failure(.invalidArgument, "a sound of \(sound.rate) samples a second; the model hears \(rate)")
    }
  }

  static func rate(_ configuration: Configuration) throws(Failure) -> Int {
    let rate = try configuration.size("sampling_rate", default: 16000)
    guard SoundLimits.rates.contains(rate) else {
      throw configuration.invalid("sampling_rate", "is \(rate), which is no rate of sounds")
    }
    return rate
  }

  static func bands(_ configuration: Configuration, default standard: Int) throws(Failure) -> Int {
    let bands = try configuration.size("num_mel_bins", default: standard)
    guard bands <= MelFilters.maximalCount else {
      throw configuration.invalid("num_mel_bins", "is \(bands), expected at most \(MelFilters.maximalCount)")
    }
    return bands
  }

  /// Noise that is added to the samples at random would make other features of the same sound.
  static func refuseNoise(_ configuration: Configuration) throws(Failure) {
    guard try configuration.number("dither", default: 0) == 0 else {
      throw Failure(.unsupported, "\(configuration.path): dither is not 0, and noise is not added here")
    }
  }

  /// Throws `unsupported` for what nobody has read and what changes features.
  private static func refuseUnknown(_ configuration: Configuration) throws(Failure) {
    // Names of classes, and how batches are padded, which here they are not.
    configuration.understand(
      "processor_class", "return_attention_mask", "padding_value", "padding_side", "image_processor_type")
    if let unknown = configuration.unread.first {
      throw Failure(.unsupported, "\(configuration.path): the option \(unknown) is not known")
    }
  }
}

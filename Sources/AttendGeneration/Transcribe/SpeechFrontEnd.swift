import AttendBase
import AttendCheckpoints
import AttendLayers
import AttendModels
import AttendSounds

extension Model {
  /// The front end by which a Whisper hears, of preprocessor_config.json or processor_config.json in its folder, or
  /// that of all checkpoints where there is neither. Throws `unsupported` for another front end.
  package func speechFrontEnd() throws(Failure) -> LogMel {
    guard case .logMel(let logMel) = try FrontEnd(try frontEndConfiguration()) else {
      throw Failure(.unsupported, "\(checkpoint.folder): the front end of a Whisper is a WhisperFeatureExtractor")
    }
    return logMel
  }

  private func frontEndConfiguration() throws(Failure) -> Configuration {
    let folder = try HuggingFaceFolder(checkpoint.place)
    if let found = try folder.configuration("preprocessor_config.json") { return found }
    if let found = try folder.configuration("processor_config.json")?.child("feature_extractor") { return found }
    let config = try Configuration(try JSON.parse(configText.bytes, file: configText.path, owner: configText))
    let bands = try config.size("num_mel_bins", default: 80)
    let text = "{\"feature_extractor_type\": \"WhisperFeatureExtractor\", \"feature_size\": \(bands)}"
    let memory = try AlignedBuffer(bytes: text.utf8.count, for: "a front end")
    for (place, byte) in text.utf8.enumerated() { memory.pointer(to: UInt8.self)[place] = byte }
    return try Configuration(
      try JSON.parse(
        UnsafeRawBufferPointer(start: memory.base, count: memory.bytes), file: configText.path, owner: memory))
  }

  /// median_filter_width of config.json, by which times of tokens are smoothed.
  func medianFilterWidth() throws(Failure) -> Int {
    let config = try Configuration(try JSON.parse(configText.bytes, file: configText.path, owner: configText))
    let width = try config.size("median_filter_width", default: 7)
    guard width % 2 == 1, width <= 1 << 10 else {
      throw config.invalid("median_filter_width", "is \(width), expected an odd number below 1024")
    }
    return width
  }
}

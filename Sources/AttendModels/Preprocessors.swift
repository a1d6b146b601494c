import AttendBase
import AttendCheckpoints
import AttendPictures
import AttendSounds

extension PictureProcessor {
  /// As the files of a folder say. Throws `notFound` where there are none.
  init(_ folder: HuggingFaceFolder, modelType: String) throws(Failure) {
    self = try PictureProcessor(
      try folder.preprocessor(of: "pictures", inside: "image_processor"), modelType: modelType)
  }
}

extension FrontEnd {
  /// As the files of a folder say. Throws `notFound` where there are none.
  init(_ folder: HuggingFaceFolder) throws(Failure) {
    self = try FrontEnd(try folder.preprocessor(of: "sounds", inside: "feature_extractor"))
  }
}

extension HuggingFaceFolder {
  /// preprocessor_config.json or, in its absence, the object `key` in processor_config.json.
  fileprivate func preprocessor(of things: String, inside key: String) throws(Failure) -> Configuration {
    if let file = try configuration("preprocessor_config.json") { return file }
    if let file = try configuration("processor_config.json"), let part = try file.child(key) { return part }
    throw Failure(
      .notFound,
      "\(path) has no preprocessor_config.json, which says how \(things) are prepared; features are read without it")
  }
}

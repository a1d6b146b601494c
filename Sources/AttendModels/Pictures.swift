import AttendBase
import AttendCheckpoints
import AttendPictures

extension PictureProcessor {
  /// As preprocessor_config.json or, in its absence, processor_config.json of a folder says. Throws `notFound` where
  /// there is neither.
  init(_ folder: HuggingFaceFolder, modelType: String) throws(Failure) {
    for name in ["preprocessor_config.json", "processor_config.json"] {
      guard let file = try folder.configuration(name) else { continue }
      if name == "processor_config.json", try file.child("image_processor") == nil { continue }
      self = try PictureProcessor(file, modelType: modelType)
      return
    }
    throw Failure(
      .notFound,
      "\(folder.path) has no preprocessor_config.json, which says how pictures are prepared; features are read without it"
    )
  }
}

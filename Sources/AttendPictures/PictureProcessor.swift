import AttendBase
import AttendCheckpoints

/// What stands between a picture and a vision tower, as `preprocessor_config.json` or `processor_config.json` says:
/// resize, crop, rescale and normalise, in this order.
///
/// Results are those of the processors of transformers 5.24 with Pillow up to 12: to the bit before the rescale, and
/// within rounding after it. Immutable: any number of threads may use one at once.
package struct PictureProcessor: Sendable {
  let steps: [PictureStep]
  let scale: PixelScale
  /// The pixels that a picture may have on its way.
  let maximalPixels: Int

  /// Reads a processor's file. One that names no class is of the usual one for `modelType`, of config.json. Throws
  /// `invalidFile`, and `unsupported` for a class or an option that is not known, which it names.
  package init(
    _ configuration: Configuration, modelType: String? = nil, maximalPixels: Int = PictureOptions().maximalPixels
  ) throws(Failure) {
    // Files of whole processors have that of pictures inside.
    let options = try configuration.child("image_processor") ?? configuration
    let kind = try PictureProcessor.kind(options, modelType)
    let reader = ProcessorReader(options, kind)
    steps = try reader.steps()
    scale = try reader.scale()
    self.maximalPixels = maximalPixels
    try reader.refuseUnknown()
  }

  private static func kind(_ options: Configuration, _ modelType: String?) throws(Failure) -> ProcessorClass {
    guard let name = try options.optionalString("image_processor_type", "feature_extractor_type") else {
      guard let modelType, let kind = ProcessorClass.usual(for: modelType) else {
        throw options.invalid("image_processor_type", "is missing, and the model has no usual processor of pictures")
      }
      return kind
    }
    guard let kind = ProcessorClass(named: name) else {
      let known = ProcessorClass.allCases.map(\.rawValue).joined(separator: ", ")
      throw Failure(
        .unsupported, "\(options.path): \(name) is not known as a processor of pictures; known are \(known)")
    }
    return kind
  }

  /// Prepares pictures for a tower. `threads` share the work, 0: one for each processor; neither they nor the other
  /// pictures change a bit. Messages count the pictures from 0. Throws `invalidArgument` for pictures that come out in
  /// different sizes or too large, `outOfMemory`.
  package func process<Pictures: RandomAccessCollection<Picture>>(
    _ pictures: Pictures, threads: Int = 0
  ) throws(Failure) -> PixelValues where Pictures.Index == Int {
    let prepared = try FixedArray(pictures.count, for: "prepared pictures") { index throws(Failure) in
      try pictures[pictures.startIndex + index].changed(
        by: steps, named: "picture \(index)", most: maximalPixels, threads: threads)
    }
    let size = prepared.first?.size ?? PictureSize(height: 0, width: 0)
    for index in 0..<prepared.count where prepared[index].size != size {
      throw Failure(
        .invalidArgument,
        "pictures of one batch must come out in one size, but picture 0 comes out as \(size.width) x \(size.height), "
          + "and picture \(index) as \(prepared[index].width) x \(prepared[index].height)")
    }
    let places = try FixedArray(prepared.count, for: "places of pictures") { index throws(Failure) in
      PixelValues.Place(first: index, count: 1, original: pictures[pictures.startIndex + index].size)
    }
    let values = try PixelValues(places, height: size.height, width: size.width)
    Parallel.run(prepared.count, atLeast: 1, threads: threads) { range in
      for index in range {
        scale.write(
          prepared[index], to: values.values + index * values.tileCount, rowStride: values.width,
          planeStride: values.width * values.height)
      }
    }
    return values
  }

  /// The bytes that a picture has after all steps but the last two, [height, width, 3].
  package func pixels(of picture: Picture, threads: Int = 0) throws(Failure) -> Picture {
    try picture.changed(by: steps, named: "the picture", most: maximalPixels, threads: threads)
  }
}

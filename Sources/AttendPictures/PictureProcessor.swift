import AttendBase
import AttendCheckpoints

/// What stands between a picture and a vision tower, as `preprocessor_config.json` or `processor_config.json` says:
/// resize, crop, cut into tiles, rescale and normalise.
///
/// Results are those of the processors of transformers 5.24 with Pillow up to 12: to the bit before the rescale, and
/// within rounding after it. Immutable: any number of threads may use one at once.
package struct PictureProcessor: Sendable {
  /// What happens to a picture before it is cut, and to each tile after.
  let before: [PictureStep]
  let cutting: PictureCutting
  let after: [PictureStep]
  let scale: PixelScale
  /// Tiles of different sizes lie in frames of the largest.
  let framesTiles: Bool
  /// Numbers are resized in place of bytes.
  let numbers: NumberResizing?
  /// Patches instead of tiles.
  let patches: PatchLayout?
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
    (before, cutting, after) = try reader.steps()
    patches = kind == .qwen2VL || kind == .siglip2 ? try reader.patches() : nil
    numbers = try reader.numberResizing()
    scale = try reader.scale()
    framesTiles = kind == .idefics2
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
    let prepared = try Parallel.map(pictures.count, threads: threads, for: "prepared pictures") {
      index throws(Failure) in
      try prepare(pictures[pictures.startIndex + index], named: "picture \(index)", threads: threads)
    }
    var first = 0
    let places = try FixedArray(prepared.count, for: "places of pictures") { index throws(Failure) in
      let cut = prepared[index]
      let count = patches == nil ? cut.tiles.count : cut.rows * cut.columns
      defer { first += count }
      return PixelValues.Place(
        first: first, count: count, rows: cut.rows, columns: cut.columns,
        original: pictures[pictures.startIndex + index].wholeSize)
    }
    if let patches { return try write(patches, of: prepared, places, threads: threads) }
    return try write(prepared, places, threads: threads)
  }

  /// The sides to which a picture is resized first, where that makes it half as large or smaller: a decoder may do a
  /// part of it. nil: the whole picture is wanted, as it is where pictures are cut, squared or laid along the paper.
  func draft(of size: PictureSize) -> PictureSize? {
    guard case .none = cutting, patches == nil else { return nil }
    var target: PictureSize?
    switch (before + after).first {
    case nil: target = numbers?.size
    case .resize(let rule, _)?: target = rule.size(of: size)
    default: break
    }
    guard let target, target.height > 0, target.width > 0, target.height <= size.height / 2,
      target.width <= size.width / 2
    else { return nil }
    return target
  }

  /// The tiles of a picture as bytes, before they become numbers.
  package func tiles(of picture: Picture, threads: Int = 0) throws(Failure) -> [Picture] {
    try prepare(picture, named: "the picture", threads: threads).tiles
  }

  private func prepare(_ picture: Picture, named name: String, threads: Int) throws(Failure) -> CutPicture {
    if let patches { return try patches.prepare(picture, named: name, most: maximalPixels, threads: threads) }
    let whole = try picture.changed(by: before, named: name, most: maximalPixels, threads: threads)
    var cut = try whole.cut(cutting, named: name, most: maximalPixels, threads: threads)
    for index in 0..<cut.tiles.count where !after.isEmpty {
      cut.tiles[index] = try cut.tiles[index].changed(by: after, named: name, most: maximalPixels, threads: threads)
    }
    return cut
  }

  /// The numbers of tiles.
  private func write(
    _ pictures: FixedArray<CutPicture>, _ places: FixedArray<PixelValues.Place>, threads: Int
  ) throws(Failure) -> PixelValues {
    if let numbers { return try write(numbers, of: pictures, places, threads: threads) }
    let size = try commonSize(pictures)
    var picture = 0
    let values = try PixelValues(places, channels: 3, height: size.height, width: size.width) { tile in
      while tile >= places[picture].first + places[picture].count { picture += 1 }
      return pictures[picture].tiles[tile - places[picture].first].size
    }
    Parallel.run(pictures.count, atLeast: 1, threads: threads) { range in
      for index in range {
        for (offset, tile) in pictures[index].tiles.enumerated() {
          let target = values.values + (places[index].first + offset) * values.tileCount
          if tile.size != size { target.update(repeating: 0, count: values.tileCount) }
          scale.write(tile, to: target, rowStride: size.width, planeStride: size.area)
        }
      }
    }
    return values
  }

  /// The numbers of pictures that are resized as numbers.
  private func write(
    _ resizing: NumberResizing, of pictures: FixedArray<CutPicture>, _ places: FixedArray<PixelValues.Place>,
    threads: Int
  ) throws(Failure) -> PixelValues {
    let size = resizing.size
    let values = try PixelValues(places, channels: 3, height: size.height, width: size.width) { _ in size }
    for index in 0..<pictures.count {
      try resizing.write(
        pictures[index].tiles[0], scale, to: values.values + places[index].first * values.tileCount, threads: threads)
    }
    return values
  }

  /// The size of all tiles, or of the frames around them.
  private func commonSize(_ pictures: FixedArray<CutPicture>) throws(Failure) -> PictureSize {
    guard var size = pictures.first?.tiles.first?.size else { return PictureSize(height: 0, width: 0) }
    for (index, picture) in pictures.enumerated() {
      for tile in picture.tiles where tile.size != size {
        guard framesTiles else {
          throw Failure(
            .invalidArgument,
            "pictures of one batch must come out in one size, but picture 0 comes out as \(size.width) x "
              + "\(size.height), and picture \(index) as \(tile.width) x \(tile.height)")
        }
        size = PictureSize(height: max(size.height, tile.height), width: max(size.width, tile.width))
      }
    }
    return size
  }

  /// The numbers of patches.
  private func write(
    _ layout: PatchLayout, of pictures: FixedArray<CutPicture>, _ places: FixedArray<PixelValues.Place>, threads: Int
  ) throws(Failure) -> PixelValues {
    let side = PictureSize(height: layout.side, width: layout.side)
    let values = try PixelValues(
      places, channels: 3 * layout.frames, height: layout.side, width: layout.side
    ) { _ in side }
    for index in 0..<pictures.count {
      let target = values.values + places[index].first * values.tileCount
      Parallel.run(places[index].count, atLeast: 64, threads: threads) { range in
        for patch in range {
          layout.write(pictures[index], patch, scale, to: target + patch * values.tileCount)
        }
      }
    }
    return values
  }
}

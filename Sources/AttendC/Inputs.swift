import AttendBase
import AttendDispatch
import AttendGeneration
import AttendLayers
import AttendModels
import AttendPictures
import AttendSounds
import CAttend

/// Calls `body` with a batch of the caller's, of tokens or of arrays, checked as far as that is possible without a
/// model.
func withBatch<Result>(
  _ pointer: UnsafePointer<attend_batch>?, _ session: Session, takesStates: Bool = false,
  _ body: (Batch) throws(Failure) -> Result
) throws(Failure) -> Result {
  let batch = try copy(try require(pointer, "batch"), "batch")
  guard batch.states == nil || batch.inputs == nil else {
    throw Failure(.invalidArgument, "batch.states is set, and so is batch.inputs: states come alone")
  }
  guard let inputs = batch.inputs else {
    guard batch.input_count == 0 else {
      throw Failure(.invalidArgument, "batch.inputs is NULL, and input_count is not 0")
    }
    return try body(try read(pointer, takesStates: takesStates).batch)
  }
  guard batch.tokens != nil else {
    guard batch.lengths == nil, batch.token_types == nil, [0, batch.count].contains(batch.input_count) else {
      throw Failure(
        .invalidArgument,
        "batch.tokens is NULL: each input is a sequence, lengths and token_types must be NULL, and "
          + "input_count 0 or count")
    }
    let arrays = try InputList(inputs, count: batch.count, "batch.count", session) { "batch.inputs[\($0)]" }
    defer { withExtendedLifetime(arrays) {} }
    return try body(try session.batch(UnsafeBufferPointer(arrays.elements)))
  }
  let arrays = try InputList(inputs, count: batch.input_count, "batch.input_count", session) { "batch.inputs[\($0)]" }
  defer { withExtendedLifetime(arrays) {} }
  var texts = try read(pointer, takesInputs: true).batch
  texts.pictures = UnsafeBufferPointer(arrays.elements)
  texts.seenPictures = batch.seen_pictures
  return try body(texts)
}

/// The inputs of the caller's, each as his version of the header knows it. `field` and `name` are what messages call
/// their count and each of them.
func copies(
  of inputs: UnsafePointer<attend_input>, _ count: Int, _ field: String, name: (Int) -> String
) throws(Failure) -> FixedArray<attend_input> {
  guard count > 0, count <= Session.mostSequences else {
    throw Failure(
      .invalidArgument, "\(field) is \(UInt(bitPattern: count)); from 1 to \(Session.mostSequences) inputs are taken")
  }
  // Each lies as far from the next as the caller's version of the struct is long.
  let step = inputs.pointee.struct_size
  return try FixedArray(count, for: "the inputs of a call") { (index) throws(Failure) in
    let place = (UnsafeRawPointer(inputs) + index * step).assumingMemoryBound(to: attend_input.self)
    let input = try copy(place, name(index))
    guard input.struct_size == step else {
      throw Failure(
        .invalidArgument, "\(name(index)).struct_size is \(input.struct_size), and that of the first is \(step)")
    }
    return input
  }
}

/// The inputs of a call as arrays: pictures and sounds are decoded and prepared, on the session's threads.
final class InputList {
  private var arrays = GrowingList<FeatureArray>(for: "the inputs of a batch")
  private let pixels: PixelValues?
  private let crops: TileCrops?
  private var sounds: [SoundArray] = []

  /// Alive as long as this object.
  var elements: UnsafeMutableBufferPointer<FeatureArray> { arrays.elements }

  /// `field` and `name` are what messages call their count and each of them.
  init(
    _ inputs: UnsafePointer<attend_input>, count: Int, _ field: String, _ session: Session, name: (Int) -> String
  ) throws(Failure) {
    let known = try copies(of: inputs, count, field, name: name)
    try arrays.reserve(count)
    let files = known.indices.filter { known[$0].kind != ATTEND_INPUT_FEATURES }
    let reads = session.model.arrayReader?.input.reads
    pixels = try files.isEmpty || reads == "sounds" ? nil : InputList.pixels(known, files, session, name)
    crops = try pixels.flatMap { (pixels) throws(Failure) in try TileCrops(pixels) }
    var picture = 0
    for index in 0..<count {
      let name = name(index)
      if known[index].kind == ATTEND_INPUT_FEATURES {
        try arrays.append(try InputList.features(known[index], name))
      } else if let pixels {
        if session.model.arrayReader?.input.readsPatchLists == true {
          try arrays.append(pixels.list(picture))
        } else if session.model.arrayReader?.input.readsTiles == true {
          try arrays.append(pixels.tiles(picture))
        } else {
          for tile in 0..<pixels[picture].count {
            let array = pixels.array(tile, of: picture)
            try arrays.append(crops?.crop(array, pixels[picture].first + tile, pixels) ?? array)
          }
        }
        picture += 1
      } else {
        sounds.append(
          try SoundArray(try InputList.sound(known[index], name), session.model, threads: session.engine.threads))
        try arrays.append(sounds[sounds.count - 1].array)
      }
    }
  }

  // MARK: Pictures

  /// The pictures among the inputs, which are those of these numbers, as the model reads them.
  private static func pixels(
    _ inputs: FixedArray<attend_input>, _ numbers: [Int], _ session: Session, _ name: (Int) -> String
  ) throws(Failure) -> PixelValues {
    guard let reader = session.model.arrayReader else {
      throw Failure(
        .unsupported,
        "this checkpoint is of a \(session.model.blueprint.family) model, which reads tokens and no pictures")
    }
    guard reader.input.reads == "pictures" else {
      throw Failure(.unsupported, "this model reads \(reader.input.reads) and no pictures")
    }
    let processor = try session.model.pictureProcessor.get(), threads = session.engine.threads
    let pictures = try Picture.load(numbers.count, threads: threads) { (index) throws(Failure) in
      try picture(inputs[numbers[index]], name(numbers[index]), processor)
    }
    return try processor.process(pictures, threads: threads)
  }

  private static func picture(
    _ input: attend_input, _ name: String, _ processor: PictureProcessor
  ) throws(Failure) -> Picture {
    let data = try require(input.data, "\(name).data")
    var options = PictureOptions()
    if input.draft { options.drafts = processor }
    switch input.kind {
    case ATTEND_INPUT_BYTES:
      guard input.size > 0 else { throw Failure(.invalidArgument, "\(name).size is 0: a file has bytes") }
      return try Picture(UnsafeRawBufferPointer(start: data, count: input.size), named: name, options: options)
    case ATTEND_INPUT_FILE:
      return try Picture(file: String(cString: data.assumingMemoryBound(to: CChar.self)), options: options)
    case ATTEND_INPUT_PIXELS: return try Picture(try pixels(input, data, name), named: name)
    case ATTEND_INPUT_SAMPLES: throw Failure(.invalidArgument, "\(name) is a sound; this model reads pictures")
    default: throw Failure(.invalidArgument, "\(name).kind is \(input.kind.rawValue), which is no attend_input_kind")
    }
  }

  private static func pixels(
    _ input: attend_input, _ data: UnsafeRawPointer, _ name: String
  ) throws(Failure) -> PixelArray {
    guard input.rank == 3 else {
      throw Failure(.invalidArgument, "\(name).rank is \(input.rank); pixels have 3 dimensions")
    }
    let element: PixelArray.Element
    switch input.type {
    case ATTEND_TYPE_UINT8: element = .uint8
    case ATTEND_TYPE_FLOAT32: element = .float32(white: 1)
    default: throw Failure(.invalidArgument, "\(name).type is \(input.type.rawValue); pixels are uint8 or float32")
    }
    for (dimension, size) in [input.shape.0, input.shape.1, input.shape.2].enumerated() where size <= 0 {
      throw Failure(.invalidArgument, "\(name).shape[\(dimension)] is \(UInt(bitPattern: size))")
    }
    var array = PixelArray(
      data, element, height: input.shape.0, width: input.shape.1, channels: input.shape.2)
    if input.strides != (0, 0, 0) {
      (array.rowStride, array.pixelStride, array.channelStride) = input.strides
    }
    return array
  }

  // MARK: Sounds

  static func sound(_ input: attend_input, _ name: String) throws(Failure) -> any SampleSource {
    let data = try require(input.data, "\(name).data")
    switch input.kind {
    case ATTEND_INPUT_BYTES:
      return try Sound.reader(SoundBytes(UnsafeRawBufferPointer(start: data, count: input.size), name: name))
    case ATTEND_INPUT_FILE:
      return try Sound.reader(try SoundBytes(path: String(cString: data.assumingMemoryBound(to: CChar.self))))
    case ATTEND_INPUT_SAMPLES: return try samples(input, data, name)
    case ATTEND_INPUT_PIXELS: throw Failure(.invalidArgument, "\(name) is a picture; this model reads sounds")
    case ATTEND_INPUT_FEATURES: throw Failure(.invalidArgument, "\(name) is an array of features, not a sound")
    default: throw Failure(.invalidArgument, "\(name).kind is \(input.kind.rawValue), which is no attend_input_kind")
    }
  }

  private static func samples(
    _ input: attend_input, _ data: UnsafeRawPointer, _ name: String
  ) throws(Failure) -> CallerSamples {
    guard (1...2).contains(input.rank) else {
      throw Failure(.invalidArgument, "\(name).rank is \(input.rank); samples have 1 or 2 dimensions")
    }
    let values: CallerSamples.Values
    switch input.type {
    case ATTEND_TYPE_INT16: values = .int16(data.assumingMemoryBound(to: Int16.self))
    case ATTEND_TYPE_FLOAT32: values = .float32(data.assumingMemoryBound(to: Float.self))
    default: throw Failure(.invalidArgument, "\(name).type is \(input.type.rawValue); samples are int16 or float32")
    }
    return try CallerSamples(
      values, frames: input.shape.0, channels: input.rank == 2 ? input.shape.1 : 1, rate: Int(input.sample_rate),
      name: name)
  }

  // MARK: Features

  private static func features(_ input: attend_input, _ name: String) throws(Failure) -> FeatureArray {
    guard input.type == ATTEND_TYPE_FLOAT32 else {
      throw Failure(.invalidArgument, "\(name).type is \(input.type.rawValue); features are float32")
    }
    guard (1...3).contains(input.rank) else {
      throw Failure(.invalidArgument, "\(name).rank is \(input.rank); features have 1 to 3 dimensions")
    }
    let sizes = [input.shape.0, input.shape.1, input.shape.2].prefix(input.rank)
    var numbers = 1
    for (dimension, size) in sizes.enumerated() {
      let (product, overflow) = numbers.multipliedReportingOverflow(by: size)
      guard size > 0, !overflow, product <= mostNumbers else {
        throw Failure(
          .invalidArgument,
          "\(name).shape[\(dimension)] is \(UInt(bitPattern: size)); features have from 1 to \(mostNumbers) numbers")
      }
      numbers = product
    }
    let data = try require(input.data, "\(name).data").assumingMemoryBound(to: Float.self)
    return switch input.rank {
    case 1: FeatureArray(data, channels: 1, height: 1, width: sizes[0])
    case 2: FeatureArray(data, channels: sizes[0], height: 1, width: sizes[1])
    default: FeatureArray(data, channels: sizes[0], height: sizes[1], width: sizes[2])
    }
  }

  /// Of one array: so that no product with a width of a model overflows.
  private static let mostNumbers = 1 << 40
}

/// The tiles of pictures that do not fill the frame of all, each by itself and without gaps.
private final class TileCrops {
  private let memory: AlignedBuffer
  private let starts: FixedArray<Int>  // of each tile in the memory; -1: it fills its frame

  /// nil: all fill their frames.
  init?(_ pixels: PixelValues) throws(Failure) {
    let purpose = "pictures of different sizes"
    var sum = 0
    starts = try FixedArray(pixels.count, for: purpose) { (tile) in
      let content = pixels.content(of: tile)
      if content.height == pixels.height, content.width == pixels.width { return -1 }
      defer { sum += pixels.channels * content.height * content.width }
      return sum
    }
    guard sum > 0 else { return nil }
    memory = try AlignedBuffer(sum, of: Float.self, for: purpose)
    for tile in 0..<pixels.count where starts[tile] >= 0 {
      let content = pixels.content(of: tile)
      var target = memory.pointer(to: Float.self) + starts[tile]
      for line in 0..<pixels.channels * content.height {
        let (channel, row) = line.quotientAndRemainder(dividingBy: content.height)
        let from = tile * pixels.tileCount + (channel * pixels.height + row) * pixels.width
        target.update(from: pixels.values + from, count: content.width)
        target += content.width
      }
    }
  }

  /// The array of a tile, by itself; nil where it fills its frame.
  func crop(_ array: FeatureArray, _ tile: Int, _ pixels: PixelValues) -> FeatureArray? {
    guard starts[tile] >= 0 else { return nil }
    let content = pixels.content(of: tile)
    var crop = FeatureArray(
      UnsafePointer(memory.pointer(to: Float.self) + starts[tile]), channels: array.channels, height: content.height,
      width: content.width)
    crop.tile = array.tile
    return crop
  }
}

extension PixelValues {
  /// A tile of a picture as a model reads it.
  fileprivate func array(_ tile: Int, of picture: Int) -> FeatureArray {
    let place = self[picture]
    var array = FeatureArray(
      values + (place.first + tile) * tileCount, channels: channels, height: height, width: width)
    array.tile = PictureTile(
      index: tile, count: place.count, grid: PatchGrid(rows: place.rows, columns: place.columns))
    (array.tile.height, array.tile.width) = (place.original.height, place.original.width)
    return array
  }

  /// The tiles of a picture as a model reads them together.
  fileprivate func tiles(_ picture: Int) -> FeatureArray {
    let place = self[picture], first = array(0, of: picture)
    return FeatureArray(
      first.base, channels: channels, height: height, width: width,
      tiles: PatchGrid(rows: place.rows, columns: place.columns))
  }

  /// A picture that was cut into patches as a model reads their list.
  fileprivate func list(_ picture: Int) -> FeatureArray {
    let place = self[picture]
    return FeatureArray(
      values + place.first * tileCount, channels: place.rows, height: place.columns, width: tileCount)
  }
}

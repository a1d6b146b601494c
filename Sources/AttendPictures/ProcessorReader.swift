import AttendBase
import AttendCheckpoints

/// Reads the options of a processor's file, in the spellings of all versions of transformers.
struct ProcessorReader {
  let options: Configuration
  let kind: ProcessorClass
  let defaults: ProcessorClass.Defaults

  init(_ options: Configuration, _ kind: ProcessorClass) {
    self.options = options
    self.kind = kind
    defaults = kind.defaults
  }

  /// What happens to a picture, how it is cut, and what happens to its tiles.
  func steps() throws(Failure) -> (before: [PictureStep], PictureCutting, after: [PictureStep]) {
    let filter = try filter(), resizes = try options.boolean("do_resize", default: true)
    switch kind {
    case .qwen2VL, .siglip2: return ([], .none, [])
    case .dinoV3 where resizes: return (try crop(), .none, [])
    case .llavaNext: return try anyResolution(filter, resizes)
    case .idefics2:
      _ = try options.optionalBoolean("do_pad")
      let splits = try options.boolean("do_image_splitting", default: false)
      return ([], splits ? .quarters : .none, try resizes ? [.resize(idefics2Size(), filter)] : [])
    case .idefics3, .smolVLM: return try grid(filter, resizes)
    case .mllama: return try canvas(filter, resizes)
    case .gemma3: return try panAndScan(filter, resizes)
    default: return (try wholeSteps(filter, resizes), .none, [])
    }
  }

  /// The steps of a processor that does not cut.
  private func wholeSteps(_ filter: ResamplingFilter, _ resizes: Bool) throws(Failure) -> [PictureStep] {
    let size = try size(), crop = try crop()
    let pads = try options.boolean("do_pad", default: defaults.pads)
    switch kind {
    case .convNext: return try (resizes ? convNext(size, filter) : []) + crop
    case .donut: return try donut(size, filter, resizes, pads) + crop
    case .janus: return try janus(size, filter, resizes, pads) + crop
    case .llava where pads: return try [background()] + (resizes ? [.resize(size, filter)] : []) + crop
    default:
      guard !pads || kind == .llava else {
        throw Failure(.unsupported, "\(options.path): do_pad is true, which \(kind.rawValue) is not known to do")
      }
      return (resizes ? [.resize(size, filter)] : []) + crop
    }
  }

  /// The resize of numbers; nil: bytes are resized.
  func numberResizing() throws(Failure) -> NumberResizing? {
    guard kind == .dinoV3, try options.boolean("do_resize", default: true) else { return nil }
    let filter = try filter()
    guard case .exact(let size) = try size(), filter != .nearest else {
      throw Failure(
        .unsupported, "\(options.path): \(kind.rawValue) resizes to a height and a width, and by no nearest pixel")
    }
    guard try options.boolean("do_center_crop", default: false) == false else {
      throw Failure(.unsupported, "\(options.path): do_center_crop is true, which \(kind.rawValue) is not known to do")
    }
    try Picture.check(size, named: "\(options.path): size", most: PictureOptions().maximalPixels)
    return NumberResizing(size: size, filter: filter)
  }

  /// What makes numbers of bytes.
  func scale() throws(Failure) -> PixelScale {
    let factor = try options.number("rescale_factor", default: defaults.factor)
    let rescales = try options.boolean("do_rescale", default: true)
    let normalizes = try options.boolean("do_normalize", default: true)
    let mean = try triple("image_mean", defaults.mean), deviation = try triple("image_std", defaults.deviation)
    guard !deviation.contains(0) else { throw options.invalid("image_std", "is 0 for a channel") }
    return try PixelScale(
      factor: rescales ? factor : nil, mean: normalizes ? mean : nil, deviation: normalizes ? deviation : nil)
  }

  /// Throws where the file has a key that may change the result and that nobody has read.
  func refuseUnknown() throws(Failure) {
    options.understand(
      // Pictures are RGB already, also where a processor would leave that to the model.
      "do_convert_rgb", "processor_class", "auto_map", "_valid_processor_keys", "model_input_names", "data_format",
      "input_data_format", "return_tensors", "device", "disable_grouping", "image_seq_length", "image_num_channels",
      // Of labels, not of pictures.
      "do_reduce_labels", "reduce_labels",
      // Without a part in what transformers computes.
      "default_to_square", "num_additional_image_tokens", "patch_size", "vision_feature_select_strategy",
      "aspect_ratio_setting", "return_row_col_info", "video_sampling")
    for key in options.unread {
      let value = options.json[key]
      guard let value, !value.isNull, value.bool != false else { continue }
      throw Failure(
        .unsupported, "\(options.path): \(key) is not known as an option of \(kind.rawValue), and might change pixels")
    }
  }

  // MARK: Options

  func size() throws(Failure) -> SizeRule {
    if kind == .idefics, let side = try options.optionalSize("image_size") {
      return .exact(PictureSize(height: side, width: side))
    }
    let numberIsSquare = try options.optionalBoolean("default_to_square") ?? defaults.numberIsSquare
    let rule = try SizeRule.read(
      options, "size", numberIsSquare: numberIsSquare, listIsReversed: kind == .donut)
    // Only CLIP reads it: a square of the default's size.
    if kind == .clip, try options.boolean("use_square_size", default: false) {
      return .exact(PictureSize(height: 224, width: 224))
    }
    return rule ?? defaults.size
  }

  func filter() throws(Failure) -> ResamplingFilter {
    guard let number = try options.optionalInteger("resample") else { return defaults.filter }
    guard let filter = ResamplingFilter(rawValue: number) else {
      throw options.invalid("resample", "is \(number), which is no filter of Pillow")
    }
    return filter
  }

  func crop() throws(Failure) -> [PictureStep] {
    let rule = try SizeRule.read(options, "crop_size", numberIsSquare: true)
    guard try options.boolean("do_center_crop", default: defaults.crops) else { return [] }
    guard case .exact(let size) = rule ?? .exact(defaults.cropSize) else {
      throw options.invalid("crop_size", "names edges, expected a height and a width")
    }
    return [.crop(size)]
  }

  /// Three numbers, one for each channel; a single one is that of all.
  private func triple(_ key: String, _ standard: [Double]) throws(Failure) -> [Double] {
    if options.json[key]?.kind == .number {
      let value = try options.number(key)
      return [value, value, value]
    }
    guard let values = try options.optionalNumbers(key) else { return standard }
    guard values.count == 3 else { throw options.invalid(key, "has \(values.count) numbers, expected 3") }
    return values
  }

  // MARK: Classes with steps of their own

  /// The square of LLaVA 1.5's training: bars in the colour of the mean.
  private func background() throws(Failure) -> PictureStep {
    let colour = try triple("image_mean", defaults.mean).map { UInt8(max(0, min(255, $0 * 255))) }
    return .padToSquare(red: colour[0], green: colour[1], blue: colour[2])
  }

  /// Janus: the longer side becomes that of a square, and bars in the colour of the mean fill it up.
  private func janus(
    _ size: SizeRule, _ filter: ResamplingFilter, _ resizes: Bool, _ pads: Bool
  ) throws(Failure) -> [PictureStep] {
    let least = try options.size("min_size", default: 14)
    guard case .exact(let square) = size, square.height == square.width else {
      throw options.invalid("size", "has no equal height and width")
    }
    let resize = PictureStep.resize(.longest(square.height, least: least), filter)
    return (resizes ? [resize] : []) + (pads ? [try background()] : [])
  }

  /// ConvNeXt: small pictures are resized by a part more than they are cropped to, large ones without a crop.
  private func convNext(_ size: SizeRule, _ filter: ResamplingFilter) throws(Failure) -> [PictureStep] {
    let share = try options.number("crop_pct", default: 224.0 / 256)
    guard case .shortest(let edge) = size else { throw options.invalid("size", "has no shortest_edge") }
    let square = PictureSize(height: edge, width: edge)
    guard edge < 384 else { return [.resize(.exact(square), filter)] }
    guard share > 0, Double(edge) / share < Double(Configuration.maximalInteger) else {
      throw options.invalid("crop_pct", "is \(share), expected a number above 0")
    }
    return [.resize(.shortest(Int(Double(edge) / share)), filter), .crop(square)]
  }

  /// Donut: the page is laid along the paper, its shorter side made the paper's, shrunk into it, and centred.
  private func donut(
    _ size: SizeRule, _ filter: ResamplingFilter, _ resizes: Bool, _ pads: Bool
  ) throws(Failure) -> [PictureStep] {
    guard case .exact(let paper) = size else { throw options.invalid("size", "has no height and width") }
    var steps: [PictureStep] = []
    if try options.boolean("do_align_long_axis", "do_align_axis", default: false) {
      steps.append(.alignLongAxis(paper))
    }
    if resizes { steps.append(.resize(.shortest(paper.shortest), filter)) }
    if try options.boolean("do_thumbnail", default: true) { steps.append(.thumbnail(paper, filter)) }
    if pads { steps.append(.pad(paper)) }
    return steps
  }
}

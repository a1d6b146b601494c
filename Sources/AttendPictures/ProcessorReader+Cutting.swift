// Options of the processors that cut pictures.
import AttendBase
import AttendCheckpoints

extension ProcessorReader {
  /// Tiles that one picture may have. The largest known number is 145, of a picture of 4,096 pixels in Idefics 3.
  private static let maximalTiles = 4096

  /// LLaVA 1.6.
  func anyResolution(
    _ filter: ResamplingFilter, _ resizes: Bool
  ) throws(Failure) -> ([PictureStep], PictureCutting, [PictureStep]) {
    let size = try size(), crop = try crop()
    _ = try options.optionalBoolean("do_pad")  // of tiles among pictures, which lie end to end here
    let whole: PictureSize
    switch size {
    case .exact(let sides): whole = sides
    case .shortest(let edge): whole = PictureSize(height: edge, width: edge)
    default: throw options.invalid("size", "has neither height and width nor shortest_edge alone")
    }
    // transformers asks for the height of crop_size even where nothing is cropped.
    let side = try SizeRule.read(options, "crop_size", numberIsSquare: true) ?? .exact(defaults.cropSize)
    guard case .exact(let square) = side else { throw options.invalid("crop_size", "has no height") }
    let tile = square.height
    let sizes = try pinpoints() ?? [(336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008)].map(PictureSize.init)
    for size in sizes where size.height % tile != 0 || size.width % tile != 0 {
      throw options.invalid(
        "image_grid_pinpoints", "has \(size.height) x \(size.width), which are no multiples of \(tile)")
    }
    return (
      [], .anyResolution(sizes, tile: tile, whole: whole, filter), (resizes ? [.resize(size, filter)] : []) + crop
    )
  }

  /// Heights and widths that pictures may be fitted into.
  private func pinpoints() throws(Failure) -> [PictureSize]? {
    let key = "image_grid_pinpoints", most = 1024
    return try options.optional([key], "a list of at most \(most) heights and widths above 0") { json in
      guard json.count > 0, json.count <= most else { return nil }
      return Configuration.list(json) { pair in
        guard let sides = Configuration.list(pair, \.int), sides.count == 2,
          sides.allSatisfy({ (1...Configuration.maximalInteger).contains($0) })
        else { return nil }
        return PictureSize(height: sides[0], width: sides[1])
      }
    }
  }

  /// The bounds of Idefics 2.
  func idefics2Size() throws(Failure) -> SizeRule {
    switch try SizeRule.read(options, "size", numberIsSquare: false) ?? defaults.size {
    case .exact(let size): return .exact(size)
    case .shortestUpTo(let least, let most), .between(let least, let most): return .between(least, most)
    default: throw options.invalid("size", "has neither height and width nor shortest_edge and longest_edge")
    }
  }

  /// Idefics 3 and SmolVLM.
  func grid(
    _ filter: ResamplingFilter, _ resizes: Bool
  ) throws(Failure) -> ([PictureStep], PictureCutting, [PictureStep]) {
    _ = try options.optionalBoolean("do_pad")  // of tiles among pictures
    let longest = try options.child("size")?.size("longest_edge") ?? 4 * 364
    let tile = try options.child("max_image_size")?.size("longest_edge") ?? 364
    let before: [PictureStep] = resizes ? [.resize(.evenly(longest: longest), filter)] : []
    guard try options.boolean("do_image_splitting", default: true) else {
      return (before + [.resize(.exact(PictureSize(height: tile, width: tile)), filter)], .none, [])
    }
    return (before, .grid(tile: tile, filter), [])
  }

  /// Llama 3.2.
  func canvas(
    _ filter: ResamplingFilter, _ resizes: Bool
  ) throws(Failure) -> ([PictureStep], PictureCutting, [PictureStep]) {
    let pads = try options.boolean("do_pad", default: true)
    guard resizes, pads else {
      throw options.invalid(resizes ? "do_pad" : "do_resize", "is false, which has no meaning")
    }
    guard case .exact(let size) = try size(), size.height == size.width else {
      throw options.invalid("size", "has no height and width that are equal")
    }
    let most = try options.size("max_image_tiles", default: 4)
    guard most <= ProcessorReader.maximalTiles else {
      throw options.invalid("max_image_tiles", "is \(most), more than \(ProcessorReader.maximalTiles)")
    }
    return ([], .canvas(tile: size.height, most: most, filter), [])
  }

  /// Gemma 3.
  func panAndScan(
    _ filter: ResamplingFilter, _ resizes: Bool
  ) throws(Failure) -> ([PictureStep], PictureCutting, [PictureStep]) {
    let resize: [PictureStep] = try resizes ? [.resize(size(), filter)] : []
    let least = try options.optionalSize("pan_and_scan_min_crop_size")
    let most = try options.optionalSize("pan_and_scan_max_num_crops")
    let ratio = try options.optionalNumber("pan_and_scan_min_ratio_to_activate")
    guard try options.boolean("do_pan_and_scan", default: false) else { return ([], .none, resize) }
    guard let least, let most, most <= ProcessorReader.maximalTiles, let ratio else {
      throw options.invalid(
        "do_pan_and_scan",
        "is true, which needs pan_and_scan_min_crop_size, pan_and_scan_max_num_crops (at most "
          + "\(ProcessorReader.maximalTiles)) and pan_and_scan_min_ratio_to_activate")
    }
    return ([], .panAndScan(least: least, most: most, ratio: ratio), resize)
  }

  /// Qwen2-VL. The edges of its size are numbers of pixels.
  func patches() throws(Failure) -> PatchLayout {
    if kind == .siglip2 { return try flexiblePatches() }
    let sizes = try options.child("size")
    // A key of its own goes before the one in `size`.
    let edges = (
      try sizes?.optionalSize("shortest_edge", "min_pixels"), try sizes?.optionalSize("longest_edge", "max_pixels")
    )
    let least = try options.optionalSize("min_pixels") ?? edges.0 ?? 56 * 56
    let most = try options.optionalSize("max_pixels") ?? edges.1 ?? 28 * 28 * 1280
    guard least <= most else { throw options.invalid("min_pixels", "is \(least), above max_pixels, \(most)") }
    let side = try options.size("patch_size", default: 14), merged = try options.size("merge_size", default: 2)
    let frames = try options.size("temporal_patch_size", default: 2)
    guard side <= 1024, merged <= 64, frames <= 64 else {
      throw options.invalid(
        "patch_size", "is \(side), with merge_size \(merged) and temporal_patch_size \(frames), more than 1024, 64, 64")
    }
    let resizes = try options.boolean("do_resize", default: true)
    return PatchLayout(
      side: side, merged: merged, frames: frames, sizing: resizes ? .pixels(least...most) : .kept, filter: try filter())
  }

  /// The patches of SigLIP 2.
  private func flexiblePatches() throws(Failure) -> PatchLayout {
    let side = try options.size("patch_size", default: 16), most = try options.size("max_num_patches", default: 256)
    guard side <= 1024, most <= 1 << 20 else {
      throw options.invalid("patch_size", "is \(side), with max_num_patches \(most), more than 1024 and \(1 << 20)")
    }
    let resizes = try options.boolean("do_resize", default: true)
    return PatchLayout(
      side: side, merged: 1, frames: 1, sizing: resizes ? .patches(most) : .kept, filter: try filter(),
      channelsLast: true)
  }
}

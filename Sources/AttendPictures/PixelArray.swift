import AttendBase

/// Pixels in the memory of a caller, in whatever order they lie there.
package struct PixelArray {
  /// What a channel of a pixel is stored as.
  package enum Element: Sendable {
    case uint8
    /// From 0 to `white`, usually 1 or 255. Rounded to the nearest of 256 levels, halves to the even one.
    case float32(white: Float)

    fileprivate var bytes: Int {
      switch self {
      case .uint8: 1
      case .float32: 4
      }
    }
  }

  /// The first channel of the first pixel.
  package var base: UnsafeRawPointer
  package var element: Element
  package var height: Int, width: Int
  /// 1: gray. 2: gray and alpha. 3: red, green, blue. 4: these and alpha.
  package var channels: Int
  /// Bytes from a row, a pixel or a channel to the next; they may be negative.
  package var rowStride: Int, pixelStride: Int, channelStride: Int

  /// An array without gaps, [height, width, channels], or [channels, height, width] where `channelsFirst`.
  package init(
    _ base: UnsafeRawPointer, _ element: Element, height: Int, width: Int, channels: Int, channelsFirst: Bool = false
  ) {
    self.base = base
    self.element = element
    (self.height, self.width, self.channels) = (height, width, channels)
    let bytes = element.bytes
    if channelsFirst {
      (pixelStride, rowStride) = (bytes, width.saturatingMultiply(bytes))
      channelStride = height.saturatingMultiply(rowStride)
    } else {
      (channelStride, pixelStride) = (bytes, channels.saturatingMultiply(bytes))
      rowStride = width.saturatingMultiply(pixelStride)
    }
  }

  /// A channel as one of 256 levels.
  fileprivate func level(_ row: Int, _ column: Int, _ channel: Int, _ name: String) throws(Failure) -> UInt8 {
    let place = base + (row * rowStride + column * pixelStride + channel * channelStride)
    switch element {
    case .uint8: return place.load(as: UInt8.self)
    case .float32(let white):
      let value = place.loadUnaligned(as: Float.self)
      guard value >= 0, value <= white else {
        throw Failure(
          .invalidArgument,
          "\(name) holds \(value) in row \(row), column \(column), channel \(channel); expected is 0 to \(white)")
      }
      return UInt8((Double(value) * 255 / Double(white)).rounded(.toNearestOrEven))
    }
  }
}

extension Picture {
  /// Copies the pixels of a caller, with alpha composed over white. `name` is what messages call them. Throws
  /// `invalidArgument` for sizes that cannot be and for numbers outside the range, NaN among them; `outOfMemory`.
  package init(
    _ array: PixelArray, named name: String, maximalPixels: Int = PictureOptions().maximalPixels
  ) throws(Failure) {
    guard (1...4).contains(array.channels) else {
      throw Failure(.invalidArgument, "\(name) has \(array.channels) channels, expected 1 to 4")
    }
    guard array.width > 0, array.height > 0, array.width.saturatingMultiply(array.height) <= maximalPixels else {
      throw Failure(
        .invalidArgument,
        "\(name) has \(array.width) x \(array.height) pixels; from 1 to \(maximalPixels) are allowed")
    }
    if case .float32(let white) = array.element, !(white > 0 && white.isFinite) {
      throw Failure(.invalidArgument, "\(name) has \(white) as its white, expected a number above 0")
    }
    try self.init(width: array.width, height: array.height, for: "the pixels of \(name)")
    let hasColour = array.channels > 2, hasAlpha = array.channels & 1 == 0
    for row in 0..<height {
      for column in 0..<width {
        let pixel = pixels + row * stride + column * 3
        for channel in 0..<3 { pixel[channel] = try array.level(row, column, hasColour ? channel : 0, name) }
        guard hasAlpha else { continue }
        let alpha = UInt32(try array.level(row, column, array.channels - 1, name))
        for channel in 0..<3 { pixel[channel] = Picture.by255(UInt32(pixel[channel]) * alpha + 255 * (255 - alpha)) }
      }
    }
  }
}

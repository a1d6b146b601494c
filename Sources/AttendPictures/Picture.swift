import AttendBase
import AttendCheckpoints

/// A picture in memory: red, green and blue of 8 bits each, [height, width, 3], without gaps. Immutable once made.
package struct Picture: Sendable {
  package let width: Int
  package let height: Int
  let memory: AlignedBuffer
  /// The sides of the whole picture, of which this is one at a smaller scale; nil: it is whole.
  var drafted: PictureSize?

  /// Bytes behind the last pixel, which vectors may read.
  private static let slack = 16

  /// The bytes of a row.
  var stride: Int { width * 3 }

  /// The number of bytes, height x width x 3.
  package var count: Int { stride * height }

  /// The pixels, alive as long as the picture or a copy of it.
  var pixels: UnsafeMutablePointer<UInt8> { memory.pointer() }

  /// Decodes a file in memory. Its format is told by its first bytes, never by a name; `name` is what messages call it.
  /// Throws `invalidFile` for a damaged, cut or too large picture, `unsupported` where the system lacks the library
  /// that reads its format, `outOfMemory`.
  package init(
    _ bytes: UnsafeRawBufferPointer, named name: String, options: PictureOptions = PictureOptions()
  ) throws(Failure) { self = try PictureFile(bytes, named: name, options: options).decode() }

  /// Decodes the file at `path`. Throws also `notFound` and `inputOutput`.
  package init(file path: String, options: PictureOptions = PictureOptions()) throws(Failure) {
    let file = try LoadedFile(path)
    defer { withExtendedLifetime(file) {} }
    self = try Picture(file.bytes, named: path, options: options)
  }

  /// Room for `width` x `height` pixels, not initialised. The caller has checked the sizes.
  package init(width: Int, height: Int, for purpose: @autoclosure () -> String) throws(Failure) {
    self.width = width
    self.height = height
    let (bytes, overflow) = width.saturatingMultiply(height).multipliedReportingOverflow(by: 3)
    guard !overflow, bytes < Int.max - Picture.slack else { throw .outOfMemory(Int.max, for: purpose()) }
    memory = try AlignedBuffer(bytes: bytes + Picture.slack, for: purpose())
  }

  /// Lets `body` fill a line, [width, 3]. Whoever made the picture does so before anybody else has it.
  package func fill(line: Int, _ body: (UnsafeMutableBufferPointer<UInt8>) -> Void) {
    body(UnsafeMutableBufferPointer(start: pixels + line * stride, count: stride))
    withExtendedLifetime(memory) {}
  }

  /// Calls `body` with the pixels, [height, width, 3].
  package func withPixels<Result>(
    _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
  ) throws(Failure)
    -> Result
  {
    defer { withExtendedLifetime(memory) {} }
    return try body(UnsafeBufferPointer(start: pixels, count: count))
  }
}

extension Picture {
  /// Makes `count` pictures, each by a call of `make` with its number, on up to `threads` threads; 0: one for each
  /// processor. Throws the failure of the lowest number.
  package static func load(
    _ count: Int, threads: Int = 0, _ make: (Int) throws(Failure) -> Picture
  ) throws(Failure) -> FixedArray<Picture> {
    try Parallel.map(count, threads: threads, for: "\(count) pictures", make)
  }
}

/// The choices of whoever has a picture decoded.
package struct PictureOptions: Sendable {
  /// Pixels that a picture may have; more is an error before any memory is asked for. The default is that of Pillow:
  /// 178,956,970, half a gigabyte of RGB.
  package var maximalPixels = 178_956_970
  /// Whether the picture is turned as its EXIF orientation says: what a camera means to be up comes to lie up.
  package var appliesOrientation = true
  /// A size that is enough: a JPEG may be decoded at a smaller scale, in eighths, of which no side is below these.
  /// Fast, and not the pixels that a full decode and a resize give. Of the picture as it is stored, before any turn.
  package var enough: (width: Int, height: Int)?
  /// The processor for which a JPEG may be decoded at a smaller scale, if it then makes it half as large or smaller;
  /// nil: none. Not the pixels that it makes of a whole picture.
  package var drafts: PictureProcessor?

  package init() {}
}

extension Picture {
  /// The rounded quotient by 255 of a number from 0 to 255 x 255.
  @inline(__always) static func by255(_ value: UInt32) -> UInt8 {
    let rounded = value + 128
    return UInt8(truncatingIfNeeded: (rounded + rounded >> 8) >> 8)
  }

  /// Pixels of four channels composed over white, the background that the processors of transformers take; the colour
  /// of a pixel that is wholly transparent does not show.
  static func composeOverWhite(_ source: UnsafePointer<UInt8>, _ target: UnsafeMutablePointer<UInt8>, count: Int) {
    for pixel in 0..<count {
      let from = source + pixel * 4, to = target + pixel * 3
      let alpha = UInt32(from[3])
      for channel in 0..<3 { to[channel] = by255(UInt32(from[channel]) * alpha + 255 * (255 - alpha)) }
    }
  }

  /// Gray pixels as red, green and blue.
  static func spreadGray(_ source: UnsafePointer<UInt8>, _ target: UnsafeMutablePointer<UInt8>, count: Int) {
    for pixel in 0..<count { for channel in 0..<3 { target[pixel * 3 + channel] = source[pixel] } }
  }

  /// Pixels of the four inks of a print, as JPEG stores them: 255 is no ink. Each ink takes away its share of the light
  /// that black leaves: (255 - k) - c (255 - k) / 255, as Pillow does it.
  static func mixInks(_ source: UnsafePointer<UInt8>, _ target: UnsafeMutablePointer<UInt8>, count: Int) {
    for pixel in 0..<count {
      let from = source + pixel * 4, to = target + pixel * 3
      let light = UInt32(from[3])
      for channel in 0..<3 { to[channel] = UInt8(light) - by255((255 - UInt32(from[channel])) * light) }
    }
  }
}

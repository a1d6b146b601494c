// WebP, by libwebp.
import AttendBase
import CPictures
import Glibc

/// The functions of libwebp (its decoder's interface, version 2).
private struct WebPLibrary {
  typealias Decode =
    @convention(c) (UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<UInt8>, Int, Int32) -> UnsafeMutablePointer<UInt8>?
  typealias Examine =
    @convention(c) (UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<attend_webp_features>, Int32) -> Int32

  let decodeRGB: Decode
  let decodeRGBA: Decode
  let examine: Examine

  private static let names: [StaticString] = ["WebPDecodeRGBInto", "WebPDecodeRGBAInto", "WebPGetFeaturesInternal"]

  init() throws(Failure) {
    var found: [UnsafeMutableRawPointer] = []
    try CodecLibrary.webp.open { library in
      for name in WebPLibrary.names {
        let name = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
        guard let symbol = dlsym(library, name) else { return name }
        found.append(symbol)
      }
      return nil
    }
    decodeRGB = unsafeBitCast(found[0], to: Decode.self)
    decodeRGBA = unsafeBitCast(found[1], to: Decode.self)
    examine = unsafeBitCast(found[2], to: Examine.self)
  }
}

/// The first picture of an animation, on its canvas.
private struct WebPFrame {
  let left: Int, top: Int
  /// Chunks of the frame: its transparency, where it has any, and its pixels.
  let chunks: PictureBytes
}

extension PictureFile {
  /// Pixels of any WebP; of an animation the first picture, on a canvas that is transparent or, without transparency,
  /// black.
  func decodeWebP() throws(Failure) -> Picture {
    let library = try WebPLibrary()
    let features = try examine(bytes, library)
    let (width, height) = (Int(features.width), Int(features.height))
    try check(width: width, height: height)
    let picture = try room(width, height)
    let frame = features.has_animation != 0 ? try firstFrame() : nil
    if features.has_alpha == 0, frame == nil {
      try accept(library.decodeRGB(bytes.start, bytes.count, picture.pixels, picture.count, Int32(picture.stride)))
      return picture
    }
    let canvas = try AlignedBuffer(width * height, of: UInt32.self, for: "the transparent pixels of \(name)")
    defer { withExtendedLifetime(canvas) {} }
    if let frame {
      try decode(frame, on: canvas, width, height, library)
    } else {
      try accept(library.decodeRGBA(bytes.start, bytes.count, canvas.pointer(), canvas.bytes, Int32(width * 4)))
    }
    if features.has_alpha != 0 {
      Picture.composeOverWhite(canvas.pointer(), picture.pixels, count: width * height)
    } else {
      let source = canvas.pointer(to: UInt8.self)
      for pixel in 0..<width * height { (picture.pixels + pixel * 3).update(from: source + pixel * 4, count: 3) }
    }
    return picture
  }

  private func examine(_ bytes: PictureBytes, _ library: WebPLibrary) throws(Failure) -> attend_webp_features {
    let interfaceVersion: Int32 = 0x0209
    var features = attend_webp_features()
    let status = library.examine(bytes.start, bytes.count, &features, interfaceVersion)
    let reasons = [
      1: "out of memory", 2: "another version of libwebp is needed", 4: "it uses a feature that libwebp does not know",
      7: "the file ends before its picture does",
    ]
    guard status == 0 else { throw failure(reasons[Int(status)] ?? "it is damaged") }
    return features
  }

  private func accept(_ pixels: UnsafeMutablePointer<UInt8>?) throws(Failure) {
    guard pixels != nil else { throw failure("it is damaged, or the file ends before its picture does") }
  }

  private func decode(
    _ frame: WebPFrame, on canvas: AlignedBuffer, _ width: Int, _ height: Int, _ library: WebPLibrary
  ) throws(Failure) {
    let features = try examine(frame.chunks, library)
    guard frame.left + Int(features.width) <= width, frame.top + Int(features.height) <= height else {
      throw invalid(
        "has a first frame of \(features.width) x \(features.height) at (\(frame.left), \(frame.top)), outside its "
          + "\(width) x \(height)")
    }
    canvas.base.initializeMemory(as: UInt8.self, repeating: 0, count: canvas.bytes)
    let offset = (frame.top * width + frame.left) * 4
    try accept(
      library.decodeRGBA(
        frame.chunks.start, frame.chunks.count, canvas.pointer() + offset, canvas.bytes - offset, Int32(width * 4)))
  }

  private func firstFrame() throws(Failure) -> WebPFrame {
    guard let chunk = webpChunk("ANMF") else { throw invalid("is an animation without a frame") }
    let headerSize = 16
    guard let left = chunk.little(0, 3), let top = chunk.little(3, 3),
      let chunks = chunk.part(headerSize, chunk.count - headerSize), chunks.count > 0
    else { throw invalid("is an animation whose first frame is cut") }
    return WebPFrame(left: left * 2, top: top * 2, chunks: chunks)
  }

  /// The content of the first chunk of a kind, nil where there is none that is whole.
  func webpChunk(_ kind: StaticString) -> PictureBytes? {
    var place = 12  // after "RIFF", a size and "WEBP"
    while let size = bytes.little(place + 4, 4) {
      if bytes.has(kind, at: place) { return bytes.part(place + 8, size) }
      place += 8 + size + size & 1
    }
    return nil
  }
}

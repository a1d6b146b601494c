// Portable Network Graphics, by libpng.
import AttendBase
import CPictures

extension PictureFile {
  /// Pixels of any PNG: palettes and grays spread, of 16 bits the high byte, transparency composed over white.
  func decodePNG() throws(Failure) -> Picture {
    // The size stands where every PNG has it, and is checked before the library reads anything.
    if bytes.has("IHDR", at: 12), let width = bytes.big(16, 4), let height = bytes.big(20, 4) {
      try check(width: width, height: height)
    }
    try CodecLibrary.png.open { picture_png_bind($0) }
    guard let reader = picture_png_open(bytes.start, bytes.count) else {
      throw Failure(.outOfMemory, "out of memory: a reader for \(name)")
    }
    defer { picture_png_close(reader) }
    var header = attend_picture_header()
    guard picture_png_header(reader, &header) == 0 else { throw failure(String(cString: picture_png_message(reader))) }
    let (width, height) = (Int(header.width), Int(header.height))
    let picture = try room(width, height)
    if header.channels == 3 {
      try read(reader, picture.pixels, picture.stride)
    } else {
      // An interlaced picture comes in seven passes over all rows, so that it must be whole before it is composed.
      let translucent = try AlignedBuffer(width * height, of: UInt32.self, for: "the transparent pixels of \(name)")
      defer { withExtendedLifetime(translucent) {} }
      try read(reader, translucent.pointer(), width * 4)
      Picture.composeOverWhite(translucent.pointer(), picture.pixels, count: width * height)
    }
    return picture
  }

  private func read(
    _ reader: OpaquePointer, _ pixels: UnsafeMutablePointer<UInt8>, _ stride: Int
  ) throws(Failure) {
    guard picture_png_read(reader, pixels, stride) == 0 else {
      throw failure(String(cString: picture_png_message(reader)))
    }
  }
}

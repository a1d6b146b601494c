// Portable Network Graphics, by libpng.
import AttendBase
import AttendCheckpoints
import CPictures

extension Picture {
  /// Writes the picture as a PNG of 8 bits at `path`, which comes to be all at once. Throws `unsupported` where the
  /// system lacks libpng, `notFound`, `inputOutput`, `outOfMemory`.
  package func writePNG(_ path: String) throws(Failure) {
    try CodecLibrary.png.open { picture_png_bind_writer($0) }
    guard let file = picture_png_file() else { throw Failure(.outOfMemory, "out of memory: a writer for \(path)") }
    defer { picture_png_file_free(file) }
    guard let width = UInt32(exactly: width), let height = UInt32(exactly: height) else {
      throw Failure(.invalidArgument, "\(path): a PNG of \(width) x \(height) pixels is too large")
    }
    guard picture_png_write(file, pixels, width, height) == 0 else {
      throw Failure(.inputOutput, "\(path) cannot be written: \(String(cString: picture_png_file_message(file)))")
    }
    withExtendedLifetime(memory) {}
    var count = 0
    let bytes = picture_png_file_bytes(file, &count)
    let target = try NewFile(path)
    try target.write(UnsafeRawBufferPointer(start: bytes, count: count))
    try target.finish()
  }
}

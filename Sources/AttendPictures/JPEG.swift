// JPEG, by libjpeg-turbo with its defaults: the accurate integer inverse cosine transform, fancy upsampling.
import AttendBase
import CPictures

extension PictureFile {
  /// Rows that are converted together where the library does not give RGB itself.
  private static let rowsAtOnce = 16

  /// Pixels of any JPEG of 8 bits: gray, RGB, YCbCr, CMYK and YCCK.
  func decodeJPEG() throws(Failure) -> Picture {
    try CodecLibrary.jpeg.open { picture_jpeg_bind($0) }
    guard let reader = picture_jpeg_open(bytes.start, bytes.count) else {
      throw Failure(.outOfMemory, "out of memory: a reader for \(name)")
    }
    defer { picture_jpeg_close(reader) }
    var header = attend_picture_header()
    try done(reader, picture_jpeg_header(reader, &header))
    try check(width: Int(header.width), height: Int(header.height))
    let whole = PictureSize(height: Int(header.height), width: Int(header.width))
    try done(reader, picture_jpeg_start(reader, eighths(of: whole), &header))
    var picture = try room(Int(header.width), Int(header.height))
    picture.drafted = picture.size == whole ? nil : whole
    switch header.channels {
    case 1: try read(reader, into: picture, channels: 1, Picture.spreadGray)
    case 4: try read(reader, into: picture, channels: 4, Picture.mixInks)
    default: try done(reader, picture_jpeg_read(reader, picture.pixels, picture.stride, header.height))
    }
    try done(reader, picture_jpeg_finish(reader))
    return picture
  }

  /// The smallest scale, in eighths, at which the picture still has the sides that are enough.
  private func eighths(of whole: PictureSize) -> UInt32 {
    guard let enough = enough(of: whole) else { return 8 }
    func scaled(_ side: Int, _ eighths: Int) -> Int { (side * eighths + 7) / 8 }
    let fitting = (1..<8).first {
      scaled(whole.width, $0) >= enough.width && scaled(whole.height, $0) >= enough.height
    }
    return UInt32(fitting ?? 8)
  }

  /// The sides that are enough of a picture as it is stored; nil: it is decoded whole.
  private func enough(of whole: PictureSize) -> PictureSize? {
    if let enough = options.enough { return PictureSize(height: enough.height, width: enough.width) }
    guard let processor = options.drafts else { return nil }
    guard options.appliesOrientation, orientation >= 5 else { return processor.draft(of: whole) }
    let turned = PictureSize(height: whole.width, width: whole.height)
    return processor.draft(of: turned).map { PictureSize(height: $0.width, width: $0.height) }
  }

  private func read(
    _ reader: OpaquePointer, into picture: Picture, channels: Int,
    _ convert: (UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>, _ count: Int) -> Void
  ) throws(Failure) {
    let stride = picture.width * channels
    let rows = try AlignedBuffer(bytes: stride * PictureFile.rowsAtOnce, for: "rows of \(name)")
    defer { withExtendedLifetime(rows) {} }
    for first in Swift.stride(from: 0, to: picture.height, by: PictureFile.rowsAtOnce) {
      let count = min(PictureFile.rowsAtOnce, picture.height - first)
      try done(reader, picture_jpeg_read(reader, rows.pointer(), stride, UInt32(count)))
      convert(rows.pointer(), picture.pixels + first * picture.stride, count * picture.width)
    }
  }

  private func done(_ reader: OpaquePointer, _ status: Int32) throws(Failure) {
    guard status == 0 else { throw failure(String(cString: picture_jpeg_message(reader))) }
  }
}
